"""Tables to read, as lines of cells: a narrow one gives up its least important columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tui.text import format as fmt
from tui.text.columns import Cell, Role

Line = tuple[Cell, ...]
Content = tuple[str | Callable[[int], str], Role]
"""Text and what it means; what depends on the width of its column is a function of it."""

_GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A width of 0 takes what is left; shown in tables of `start` cells or more."""

    title: str = ""
    width: int = 0
    right: bool = True
    start: int = 0


def table(
    columns: Sequence[Column],
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
