"""Bars and histograms as text of exact width: eighth blocks, or plain characters.

Pure. What is not nothing is never drawn as nothing: the smallest value still shows a sliver. Of
progress alone the other end matters more: full means whole.
"""

from __future__ import annotations

from collections.abc import Sequence

_RIGHTWARDS = " ▏▎▍▌▋▊▉█"
_UPWARDS = " ▁▂▃▄▅▆▇█"
_PLAIN = " ..::::##"
_TRACE, _PLAIN_TRACE = "▁▂▃▄▅▆▇█", "_.:-=+*#"
_SHADES, _PLAIN_SHADES = " ░▒▓█", " .:+#"


def bar(value: float, largest: float, width: int, *, ascii_only: bool = False) -> str:
    """Return a bar of `width` cells that is full for the largest value."""
    if ascii_only:
        return ("#" * _steps(value, largest, width)).ljust(width)
    full, eighth = divmod(_steps(value, largest, width * 8), 8)
    return ("█" * full + _RIGHTWARDS[eighth].strip()).ljust(width)


def progress_bar(done: int, total: int | None, width: int, *, ascii_only: bool = False) -> str:
    """Return a progress bar of `width` cells in eighths of a cell; blank when the end is unknown.

    Rounded down like a percentage: a full bar means a whole file.
    """
    if total is None or width <= 0:
        return " " * max(width, 0)
    ratio_done = min(done, total) if total else 1
    if ascii_only:
        return ("#" * (width * ratio_done // (total or 1))).ljust(width, "-")
    full, eighth = divmod(width * 8 * ratio_done // (total or 1), 8)
    partial = _RIGHTWARDS[eighth].strip()
    return ("█" * full + partial).ljust(width)


def histogram(
    values: Sequence[float], height: int, *, width: int = 1, gap: int = 0, ascii_only: bool = False
) -> list[str]:
    """Return `height` lines, the top first, with a column of `width` cells for each value.

    Every line is `len(values) * (width + gap)` cells long: a gap follows each column.
    """
    blocks = _PLAIN if ascii_only else _UPWARDS
    largest = max(values, default=0)
    steps = [_steps(value, largest, height * 8) for value in values]
    return [
        "".join(blocks[min(max(step - floor * 8, 0), 8)] * width + " " * gap for step in steps)
        for floor in reversed(range(height))
    ]


def heat(
    values: Sequence[float], largest: float, *, width: int = 1, ascii_only: bool = False
) -> str:
    """Return a cell of `width` characters for each value, the darker the more of the largest."""
    shades = _PLAIN_SHADES if ascii_only else _SHADES
    return "".join(shades[_steps(value, largest, 4)] * width for value in values)


def sparkline(values: Sequence[float], *, ascii_only: bool = False) -> str:
    """Return a character for each value on a line that is never empty; the largest is highest."""
    marks = _PLAIN_TRACE if ascii_only else _TRACE
    largest = max(values) or 1.0
    return "".join(marks[round(value / largest * (len(marks) - 1))] for value in values)


def _steps(value: float, largest: float, count: int) -> int:
    """Return how many of `count` steps a value takes: at least one for more than nothing."""
    if value <= 0 or largest <= 0 or count <= 0:
        return 0
    return min(max(round(count * (min(value, largest) / largest)), 1), count)
