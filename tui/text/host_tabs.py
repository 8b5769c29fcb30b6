"""The line of machines: each with how fast it is, how much runs and what has failed there.

Pure. Where the window is narrow, words go first, then figures, then the machines that are furthest
from the one that is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.cells import cell_len

from tui.text import fmt
from tui.text.cells import Cell, Line, Role

_STYLES = 4
_LONGEST = 24
"""Cells of a name."""


class Reach(StrEnum):
    """What is known of the way to a machine."""

    UNASKED = "not asked"
    IDLE = "no daemon runs"
    TRYING = "connecting"
    THERE = "connected"
    LOST = "no connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostTab:
    """A machine in the line; `rate` is in bytes/s."""

    name: str
    reach: Reach
    rate: float = 0.0
    active: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class HostTabs:
    """The line as it is drawn, and where each machine is in it: first cell, end, its number."""

    line: Line
    places: tuple[tuple[int, int, int], ...]


def host_tabs(
    tabs: Sequence[HostTab], shown: int, width: int, *, ascii_only: bool = False
) -> HostTabs:
    """Return as much as fits; the machine that is `shown` is always there."""
    for style in range(_STYLES):
        labels = [
            _label(tab, style, is_shown=number == shown, ascii_only=ascii_only)
            for number, tab in enumerate(tabs)
        ]
        if sum(map(_length, labels)) <= width:
            return _placed(labels, range(len(labels)), width, ascii_only=ascii_only)
    # One after the other on both sides of the one that is shown, for as long as there is room.
    first, end = shown, shown + 1
    room = width - 2 - _length(labels[shown])
    while True:
        after = _length(labels[end]) if end < len(labels) else width
        before = _length(labels[first - 1]) if first else width
        if after <= room:
            end, room = end + 1, room - after
        elif before <= room:
            first, room = first - 1, room - before
        else:
            return _placed(labels, range(first, end), width, ascii_only=ascii_only)


_Label = list[tuple[str, Role]]


def words_of(tab: HostTab, *, ascii_only: bool = False) -> list[tuple[str, Role]]:
    """Return what is said of a machine where there is room for it."""
    found = []
    if tab.reach is not Reach.THERE:
        found.append((str(tab.reach), Role.WAITING if tab.reach is Reach.LOST else Role.MUTED))
    elif tab.rate:
        found.append((f"{'' if ascii_only else '↓ '}{fmt.rate(tab.rate)}", Role.ACTIVE))
    if tab.active and tab.reach is Reach.THERE:
        found.append((f"{tab.active:,} active", Role.ACTIVE))
    if tab.failed:
        found.append((f"{tab.failed:,} failed", Role.FAILED))
    return found


def _label(tab: HostTab, style: int, *, is_shown: bool, ascii_only: bool) -> _Label:
    """Return a machine in pieces, with fewer words the higher the style is."""
    name = fmt.cut_middle(fmt.clean(tab.name), _LONGEST, ascii_only=ascii_only)
    left, right = "[]" if is_shown else "  "
    pieces: _Label = [(f"{left}{name}", Role.TITLE if is_shown else Role.MUTED)]
    if style == 0:
        # Where nothing is known it is only a name; the window that chooses says why.
        is_known = tab.reach not in (Reach.UNASKED, Reach.IDLE)
        words = words_of(tab, ascii_only=ascii_only) if is_known else []
        pieces += [(f" {text}", role) for text, role in words]
    else:
        pieces += _signs(tab, style, ascii_only=ascii_only)
    pieces.append((right, Role.TITLE if is_shown else Role.MUTED))
    return pieces


def _signs(tab: HostTab, style: int, *, ascii_only: bool) -> _Label:
    pieces: _Label = []
    if tab.reach is Reach.LOST:
        pieces.append((" x" if ascii_only else " ✗", Role.WAITING))
    elif tab.reach is Reach.TRYING:
        pieces.append((" ..", Role.MUTED))
    elif tab.reach is Reach.THERE:
        if tab.rate and style < _STYLES - 1:
            rate = fmt.rate(tab.rate)
            pieces.append((f" {rate if style == 1 else _in_short(rate)}", Role.ACTIVE))
        if tab.active and (style == 1 or style == _STYLES - 1 or not tab.rate):
            pieces.append((f" {tab.active:,}", Role.ACTIVE))
    if tab.failed:
        pieces.append((f" {tab.failed:,}!", Role.FAILED))
    return pieces


def _in_short(rate: str) -> str:
    """Return `24.2M` for `24.2 MiB/s`."""
    number, _, unit = rate.partition(" ")
    return number + unit[:1]


def _length(label: _Label) -> int:
    return sum(cell_len(text) for text, _ in label)


def _placed(labels: Sequence[_Label], numbers: range, width: int, *, ascii_only: bool) -> HostTabs:
    cells: list[Cell] = []
    places = []
    x = 0
    if numbers.start > 0:
        cells.append(Cell(0, "<", Role.MUTED))
        x = 1
    for number in numbers:
        begin = x
        for text, role in labels[number]:
            if (room := width - x) <= 0:
                break
            text = fmt.fit(text, min(cell_len(text), room), ascii_only=ascii_only)  # noqa: PLW2901
            cells.append(Cell(x, text, role))
            x += cell_len(text)
        places.append((begin, x, number))
    if numbers.stop < len(labels) and x < width:
        cells.append(Cell(x, ">", Role.MUTED))
    return HostTabs(tuple(cells), tuple(places))
