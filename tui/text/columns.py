"""Which columns the list has at a width, and what stands in them: decided here, for the table.

Pure: a download, its progress and the time go in, cells of exact width come out. A cell names the
role of its text, never a colour, so that the theme decides how it looks.

The rate and the ETA follow the status because only a moving download has them: where they would be
empty, the status runs on into their place and has room for the reason to wait. On all but a wide
screen that is the only place it has, since what has a rate is downloading; the name gains by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache

from rich.cells import cell_len

from core.domain.models import Download, Progress, Status
from tui.text import charts, fmt
from tui.text.cells import Cell, Role
from tui.text.download_state import FAILED, bytes_done, is_moving, status_role, status_text


class Column(StrEnum):
    """The columns, in the order in which they stand."""

    NAME = "name"
    SIZE = "size"
    BAR = "bar"
    PERCENT = "percent"
    STATUS = "status"
    RATE = "rate"
    ETA = "eta"


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a column stands: its first cell and its width."""

    column: Column
    x: int
    width: int


_TITLES = {
    Column.NAME: "Name",
    Column.SIZE: "Size",
    Column.BAR: "Progress",
    Column.PERCENT: "",
    Column.STATUS: "Status",
    Column.RATE: "Rate",
    Column.ETA: "ETA",
}
_LIVE = {Column.PERCENT, Column.RATE}
_RIGHT = {Column.SIZE, Column.PERCENT, Column.RATE, Column.ETA}

_WIDTHS = {
    Column.SIZE: 9,
    Column.BAR: 8,
    Column.PERCENT: 4,
    Column.STATUS: 0,
    Column.RATE: 10,
    Column.ETA: 8,
}
_WITHOUT_BAR: dict[Column, int] = {c: w for c, w in _WIDTHS.items() if c is not Column.BAR}
_NARROWEST: dict[Column, int] = {Column.PERCENT: 4, Column.STATUS: 11}

# From which width of the window on a gap and a set of columns hold; the name takes the rest. What
# has no cells of its own has no heading either.
_LAYOUTS: tuple[tuple[int, int, dict[Column, int]], ...] = (
    (140, 3, _WIDTHS | {Column.BAR: 20, Column.STATUS: 18}),
    (100, 2, _WIDTHS | {Column.BAR: 14}),
    (80, 1, _WIDTHS),
    (60, 1, _WITHOUT_BAR),
    (0, 1, _NARROWEST),
)

# Before the name: the cursor, the mark, the sign of the state, a space.
MARK_X = 1
SIGN_X = 2
NAME_X = 4
INDENT = 2
"""By how much the members of a group stand to the right of its name."""

_SIGNS = {
    Status.PENDING: ("·", "."),
    Status.ACTIVE: ("▸", ">"),
    Status.PAUSED: ("‖", "="),
    Status.COMPLETED: ("✓", "+"),
    Status.FAILED: ("✗", "x"),
    Status.CANCELLED: ("-", "-"),
}


@cache
def layout(width: int) -> tuple[Slot, ...]:
    """Return the columns for a list of `width` cells; the last one is the scroll bar's."""
    gap, widths = next((gap, widths) for start, gap, widths in _LAYOUTS if width >= start)
    rest = sum(cells + gap for cells in widths.values() if cells)
    name_width = max(width - NAME_X - rest - 1, 1)
    slots = [Slot(Column.NAME, NAME_X, name_width)]
    x = NAME_X + name_width + gap
    for column, cells in widths.items():
        slots.append(Slot(column, x, cells))
        x += cells + gap if cells else 0
    return tuple(slots)


def titles(slots: tuple[Slot, ...]) -> tuple[Cell, ...]:
    return tuple(
        Cell(
            slot.x,
            fmt.fit(_TITLES[slot.column], slot.width, right=slot.column in _RIGHT),
            Role.MUTED,
        )
        for slot in slots
        if slot.width
    )


def row(
    slots: tuple[Slot, ...],
    download: Download,
    progress: Progress,
    now: datetime,
    *,
    name: str | None = None,
    indent: int = 0,
    ascii_only: bool = False,
) -> tuple[Cell, ...]:
    """Return the cells of one download, without overlap and from left to right.

    `name` is what it is called among others, where that is not its own.
    """
    called = fmt.clean(download.name if name is None else name)
    moving, state = is_moving(download), status_role(download)

    def content(column: Column, width: int) -> tuple[str, Role]:
        match column:
            case Column.NAME:
                role = Role.MUTED if download.status is Status.CANCELLED else Role.PLAIN
                return fmt.cut_middle(called, width, ascii_only=ascii_only), role
            case Column.STATUS:
                text = status_text(download, progress, now)
                # The sign before the name says that it failed; why is what needs the room.
                return text.removeprefix(FAILED) if cell_len(text) > width else text, state
            case Column.BAR:
                return _bar(download, progress, width, ascii_only=ascii_only)
        role = Role.PLAIN if moving and column in _LIVE else Role.MUTED
        return _figure(column, download, progress), role

    first = slots[0]
    indent = min(indent, first.width - 1)
    slots = (Slot(first.column, first.x + indent, first.width - indent), *slots[1:])
    sign = Cell(SIGN_X + indent, _SIGNS[download.status][ascii_only], state)
    return (sign, *filled(slots, content, is_moving=moving, ascii_only=ascii_only))


def filled(
    slots: tuple[Slot, ...],
    content: Callable[[Column, int], tuple[str, Role]],
    *,
    is_moving: bool,
    ascii_only: bool,
) -> list[Cell]:
    """Return a cell for each column; where nothing moves, the status runs on to the end."""
    cells = []
    for slot in slots:
        is_last = slot.column is Column.STATUS and not is_moving
        width = slots[-1].x + slots[-1].width - slot.x if is_last else slot.width
        if not width:
            continue
        text, role = content(slot.column, width)
        text = fmt.fit(text, width, right=slot.column in _RIGHT, ascii_only=ascii_only)
        cells.append(Cell(slot.x, text, role))
        if is_last:
            break
    return cells


def _figure(column: Column, download: Download, progress: Progress) -> str:
    done = bytes_done(download, progress)
    match column:
        case Column.PERCENT:
            return fmt.percent(done, download.expected_bytes)
        case Column.RATE:
            return fmt.rate(progress.rate)
        case Column.ETA:
            return fmt.duration(progress.eta)
        case _:
            so_far = f"{fmt.size(done)}+" if done else "-"
            return so_far if download.expected_bytes is None else fmt.size(download.expected_bytes)


def _bar(
    download: Download, progress: Progress, width: int, *, ascii_only: bool
) -> tuple[str, Role]:
    done = bytes_done(download, progress)
    if download.expected_bytes is None or (not done and download.status is not Status.ACTIVE):
        # No track either: a column of empty bars would be the loudest thing on a long queue.
        return "", Role.PLAIN
    role = Role.BAR if download.status is Status.ACTIVE else Role.BAR_IDLE
    if download.status is Status.COMPLETED:
        role = Role.BAR_DONE
    return charts.progress_bar(done, download.expected_bytes, width, ascii_only=ascii_only), role
