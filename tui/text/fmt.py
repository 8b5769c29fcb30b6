"""How bytes, rates, times and foreign text look to a person; shared by the screen and the commands.

No I/O, no textual: a pure function each, so that the two front ends never disagree.
"""

from __future__ import annotations

import re

from rich.cells import cell_len, chop_cells, split_graphemes

from core.domain.bounds import MAX_SHOWN
from core.domain.errors import ErrorInfo, WinchError

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")

# C0, DEL, C1, the bidi controls and marks, line and paragraph separators, lone surrogates, and
# what is invisible or of a width that terminals disagree on (soft hyphen, zero-width space, tags).
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def clean(text: str) -> str:
    """Return text from outside with every control replaced by a mark one cell wide.

    What a server or a URL says may hold escapes that move the cursor, write the clipboard or turn
    the line around; after this it can change nothing but its own cell.
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def sentence(error: WinchError | ErrorInfo, *, brackets: bool = True) -> str:
    """Return what went wrong, cleaned, and what to do about it where that is known.

    The latter stands in brackets on the screen, after a semicolon in the shell.
    """
    hint = f" ({error.hint})" if brackets else f"; {error.hint}"
    return clean(error.message + (hint if error.hint else ""))


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


def seconds(value: float | None) -> str:
    """Return seconds with the digits that tell: `0.21 s`, `12.5 s`, `3:07`; `-` when unknown."""
    if value is None or value >= 60:
        return duration(value)
    return f"{value:.2f} s" if value < 9.995 else f"{value:.1f} s"


def ago(seconds: float) -> str:
    """Return how long something is past: `just now`, `12 min ago`, `5 h ago`, `3 d ago`."""
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    # Up to two days in hours: "1 d ago" would be anything between.
    hours = int(seconds // 3600)
    return f"{hours} h ago" if hours < 48 else f"{hours // 24} d ago"


def percent(done: int, total: int | None) -> str:
    """Return how much is there, cut and never rounded up: 100% means whole. `-` when unknown."""
    if total is None:
        return "-"
    return f"{100 * done // total}%" if total else "100%"


def counted(count: int, noun: str = "download") -> str:
    """Return `1 download`, `2 downloads`, `1,000 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def short_id(download_id: str) -> str:
    """Return the part of an id that people type; the engine keeps these eight unique."""
    return download_id[:8]


def fit(text: str, width: int, *, right: bool = False, ascii_only: bool = False) -> str:
    """Return text in exactly `width` cells: padded, or cut at its end with an ellipsis."""
    text = text[:MAX_SHOWN]
    excess = width - cell_len(text)
    if excess < 0:
        text = _head(text, width - 1) + _ellipsis(width, ascii_only=ascii_only)
        excess = width - cell_len(text)
    padding = " " * excess
    return padding + text if right else text + padding


def cut_middle(name: str, width: int, *, ascii_only: bool = False) -> str:
    """Return a file name in at most `width` cells, cut in the middle so that its ending stays.

    What tells two files of a dataset apart is mostly the start and the extension.
    """
    if len(name) > MAX_SHOWN:
        name = name[: MAX_SHOWN // 2] + name[-MAX_SHOWN // 2 :]
    if cell_len(name) <= width:
        return name
    stem, dot, extension = name.rpartition(".")
    ending = cell_len(dot + extension) if stem and len(extension) <= 8 else 0
    room = width - 1
    tail = _tail(name, min(max(ending, room * 2 // 5), room - 1))
    head = _head(name, room - cell_len(tail))
    return head + _ellipsis(width, ascii_only=ascii_only) + tail


def wrap(text: str, first: int, further: int) -> list[str]:
    """Return all of a text in lines: one of at most `first` cells, the others of `further`.

    A line ends at a space where there is one in its last third. Widths are 2 or more.
    """
    lines = [piece := _line(text, 0, first)]
    at = len(piece)
    while at < len(text):
        at += text[at] == " "
        if piece := _line(text, at, further):
            lines.append(piece)
        at += len(piece)
    return lines


def _ellipsis(width: int, *, ascii_only: bool) -> str:
    if width < 1:
        return ""
    return "~" if ascii_only else "…"


def _line(text: str, start: int, width: int) -> str:
    """Return the text from `start` on that fits in a line."""
    # Never all that is left: for each line again, that is the square of the length.
    seen = width * 2
    while True:
        window = text[start : start + seen]
        pieces = chop_cells(window, width)
        if len(pieces) > 1 or len(window) < seen:
            break
        seen *= 2
    if len(pieces) < 2:
        return window
    piece = pieces[0] or window[0]
    space = piece.rfind(" ", len(piece) * 2 // 3)
    return piece[:space] if space > 0 else piece


def _head(text: str, width: int) -> str:
    """Return the longest start of text that takes at most `width` cells, by whole graphemes."""
    used = end = 0
    for _, stop, cells in split_graphemes(text)[0]:
        if used + cells > width:
            break
        used, end = used + cells, stop
    return text[:end]


def _tail(text: str, width: int) -> str:
    """Return the longest end of text that takes at most `width` cells, by whole graphemes."""
    used, begin = 0, len(text)
    for start, _, cells in reversed(split_graphemes(text)[0]):
        if used + cells > width:
            break
        used, begin = used + cells, start
    return text[begin:]
