"""Sizes, times and days as people write them: `500k` (1024-based), `18:30`, `mon-fri`, `90m`."""

from __future__ import annotations

import re

from core.domain.bounds import MAX_DIGITS, cut
from core.domain.errors import UsageError

_FACTORS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FIGURE = rf"(\d{{1,{MAX_DIGITS}}}(?:\.\d{{1,{MAX_DIGITS}}})?)"
_TIME = re.compile(r"(\d{1,2}):(\d{2})")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(rf"{_FIGURE}\s*([smhdw])", re.IGNORECASE)
_SIZE = re.compile(rf"{_FIGURE}\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return the number of bytes a person wrote; raises UsageError when it is none."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"'{cut(text, 80)}' is not a size", hint="write bytes, or 500k, 2.5M, 1G")
    return int(float(match[1]) * _FACTORS[match[2].lower()])


def parse_rate(text: str) -> int | None:
    """Return the bytes/s a person wrote, None for `off`; raises UsageError when it is none."""
    if text.strip().lower() in ("off", "none", ""):
        return None
    rate = parse_size(text.strip().removesuffix("/s"))
    if rate < 1:
        raise UsageError("a limit of 0 would stop everything", hint="write `off` for no limit")
    return rate


def rate_text(rate: int | None) -> str:
    """Return bytes/s as a person would write them, exactly: `off`, `500k`, `2M`, `1234`."""
    if rate is None:
        return "off"
    for sign, factor in (("G", 1024**3), ("M", 1024**2), ("k", 1024)):
        if rate and rate % factor == 0:
            return f"{rate // factor}{sign}"
    return str(rate)


def parse_time(text: str) -> int:
    """Return the minutes after midnight of an `HH:MM` up to 24:00; raises UsageError."""
    match = _TIME.fullmatch(text.strip())
    minutes = int(match[1]) * 60 + int(match[2]) if match and int(match[2]) < 60 else -1
    if not 0 <= minutes <= 24 * 60:
        raise UsageError(f"'{cut(text, 80)}' is no time of day", hint="write HH:MM, such as 18:30")
    return minutes


def parse_days(text: str) -> frozenset[int]:
    """Return the days of the week (Monday is 0) of `mon-fri` or `sat,sun`; raises UsageError."""
    days: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        last = last if dash else first
        if first not in _DAYS or last not in _DAYS:
            raise UsageError(
                f"'{cut(text, 80)}' are no days",
                hint=f"write {', '.join(_DAYS)}, or a range: mon-fri",
            )
        start = _DAYS.index(first)
        count = (_DAYS.index(last) - start) % 7 + 1
        days.update((start + offset) % 7 for offset in range(count))
    return frozenset(days)


def parse_duration(text: str) -> float:
    """Return the seconds of `90m`, `24h` or `3d`; raises UsageError when it is none."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"'{cut(text, 80)}' is no length of time", hint="write 90m, 24h, 3d or 2w")
    return float(match[1]) * _SECONDS[match[2].lower()]


def parse_duration_or_off(text: str) -> float | None:
    """Return the seconds of a duration, None for `off`; raises UsageError."""
    if text.strip().lower() == "off":
        return None
    try:
        return parse_duration(text)
    except UsageError as error:
        raise UsageError(error.message, hint=f"{error.hint}, or off") from None


def rough_size(count: float) -> str:
    """Return bytes as a person would put them in a sentence: `900 B`, `1.5 MiB`, `240 GiB`."""
    for unit, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.{0 if count >= 100 * size else 1}f} {unit}"
    return f"{count:.0f} B"


def rough_duration(seconds: float) -> str:
    """Return seconds as a person would put them in a sentence: `40 s`, `12 min`, `5 h`, `3 d`."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        # Up to two of a unit the next smaller one says more: 36 h, not 1 d.
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"
