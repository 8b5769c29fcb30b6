"""What the screen draws, before it is drawn: cells of exact width with a role, in lines.

A cell names the role of its text, never a colour, so that the theme decides how it looks. Here
lines are made of tables, where a narrow one gives up its least important columns, and of facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from rich.cells import cell_len, chop_cells

from core.domain.bounds import MAX_SHOWN
from tui.text import fmt


class Role(StrEnum):
    """What a piece of a line means; every widget of lines has a style for each."""

    PLAIN = "plain"
    TITLE = "title"
    MUTED = "muted"
    ACTIVE = "active"
    DONE = "done"
    WAITING = "waiting"
    FAILED = "failed"
    BAR = "bar"
    BAR_IDLE = "bar-idle"
    BAR_DONE = "bar-done"


@dataclass(frozen=True, slots=True)
class Cell:
    """Text of exact width at a place in the row."""

    x: int
    text: str
    role: Role


Line = tuple[Cell, ...]
Content = tuple[str | Callable[[int], str], Role]
"""Text and what it means; what depends on the width of its column is a function of it."""

Fact = tuple[str, str, Role]
"""A label, its text and what the text means."""

_GAP = 2
_LABEL = 14
_MOST_LINES = 3


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A width of 0 takes what is left; shown in tables of `start` cells or more."""

    title: str = ""
    width: int = 0
    right: bool = True
    start: int = 0


def table(
    columns: Sequence[ColumnSpec],
    rows: Sequence[Sequence[Content]],
    width: int,
    *,
    ascii_only: bool = False,
) -> list[Line]:
    """Return the heading and a line for each row, which has a content for every column."""
    shown = [index for index, column in enumerate(columns) if width >= column.start]
    taken = sum(columns[index].width + _GAP for index in shown) - _GAP
    heading: list[Content] = [(column.title, Role.MUTED) for column in columns]
    lines: list[Line] = []
    for row in (heading, *rows):
        cells: list[Cell] = []
        x = 0
        for index in shown:
            column, (content, role) = columns[index], row[index]
            room = column.width or max(width - taken, 1)
            text = content if isinstance(content, str) else content(room)
            text = fmt.fit(text, room, right=column.right, ascii_only=ascii_only)
            cells.append(Cell(x, text, role))
            x += room + _GAP
        lines.append(tuple(cells))
    return lines


def titled(
    columns: Sequence[ColumnSpec],
    rows: Sequence[Sequence[Content]],
    width: int,
    *,
    ascii_only: bool = False,
) -> list[Line]:
    """Return a table whose title is the heading of its first column; nothing without rows."""
    if not rows:
        return []
    (title, *rest), *lines = table(columns, rows, width, ascii_only=ascii_only)
    return [(replace(title, role=Role.TITLE), *rest), *lines]


def shifted(lines: Iterable[Line], x: int) -> list[Line]:
    """Return lines that begin so many cells further to the right."""
    return [tuple(replace(cell, x=cell.x + x) for cell in line) for line in lines]


def folded(text: str, width: int, *, ascii_only: bool = False) -> list[str]:
    """Return text in at most three lines, broken between words where that is possible."""
    lines: list[str] = []
    width = max(width, 1)
    text = text[: _MOST_LINES * MAX_SHOWN]
    while cell_len(text) > width and len(lines) < _MOST_LINES - 1:
        head = chop_cells(text, width)[0] or text[:1]
        cut = len(head) if text[len(head) :].startswith(" ") else head.rfind(" ")
        # A break that leaves the line half empty is worse than a broken word.
        cut = cut if cut > len(head) // 2 else len(head)
        lines.append(text[:cut])
        text = text[cut:].lstrip(" ")
    return [*lines, fmt.fit(text, width, ascii_only=ascii_only).rstrip(" ")]


def labelled(facts: Iterable[Fact], width: int, *, ascii_only: bool = False) -> list[Line]:
    """Return a line or more for each fact that says something, the texts below each other."""
    lines: list[Line] = []
    told = [fact for fact in facts if fact[1]]
    longest = max((cell_len(name) for name, _, _ in told), default=0)
    x = min(max(_LABEL, longest + 2), max(width // 3, _LABEL))
    for name, text, role in told:
        label = fmt.fit(name, min(cell_len(name), x - 1), ascii_only=ascii_only)
        head: Line = (Cell(0, label, Role.MUTED),)
        for part in folded(text, width - x, ascii_only=ascii_only):
            lines.append((*head, Cell(x, part, role)))
            head = ()
    return lines
