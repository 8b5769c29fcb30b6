"""Sizes as people write them: `500k`, `2.5M`, `1G` (1024-based), plain bytes."""

from __future__ import annotations

import re

from core.domain.errors import UsageError

_FACTORS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return the number of bytes a person wrote; raises UsageError when it is none."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"'{text}' is not a size", hint="write bytes, or 500k, 2.5M, 1G")
    return int(float(match[1]) * _FACTORS[match[2].lower()])


def parse_rate(text: str) -> int | None:
    """Return the bytes/s a person wrote, None for `off`; raises UsageError when it is none."""
    if text.strip().lower() in ("off", "none", ""):
        return None
    rate = parse_size(text.strip().removesuffix("/s"))
    if rate < 1:
        raise UsageError("a limit of 0 would stop everything", hint="write `off` for no limit")
    return rate
