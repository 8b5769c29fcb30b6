"""How bytes, rates, times and foreign text look to a person; shared by the screen and the commands.

No I/O, no textual: a pure function each, so that the two front ends never disagree.
"""

from __future__ import annotations

import re

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")

# C0, DEL, C1, the bidi controls and marks, line and paragraph separators, lone surrogates.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


def clean(text: str) -> str:
    """Return text from outside with every control replaced by a mark one cell wide.

    What a server or a URL says may hold escapes that move the cursor, write the clipboard or turn
    the line around; after this it can change nothing but its own cell.
    """
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def size(count: int | float | None) -> str:
    """Return bytes in three significant digits: `512 B`, `1.50 MiB`; `-` when unknown."""
    if count is None:
        return "-"
    value = float(count)
    for unit in _UNITS:
        if value < 1023.5 or unit == _UNITS[-1]:
            break
        value /= 1024
    if unit == "B":
        return f"{int(value)} B"
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {unit}"


def rate(bytes_per_second: float | None) -> str:
    """Return a rate as `1.50 MiB/s`; `-` when nothing moves or nothing is known."""
    return f"{size(bytes_per_second)}/s" if bytes_per_second else "-"


def duration(seconds: float | None) -> str:
    """Return seconds as `0:42`, `12:05`, `3:07:09` or `5d 03h`; `-` when unknown."""
    if seconds is None:
        return "-"
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    if hours >= 100:
        return f"{hours // 24}d {hours % 24:02}h"
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"


def percent(done: int, total: int | None) -> str:
    """Return how much is there, cut and never rounded up: 100% means whole. `-` when unknown."""
    if total is None:
        return "-"
    return f"{100 * done // total}%" if total else "100%"


def short_id(download_id: str) -> str:
    """Return the part of an id that people type; the engine keeps these eight unique."""
    return download_id[:8]
