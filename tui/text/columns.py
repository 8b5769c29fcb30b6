"""Which columns the list has at a width, and what stands in them: decided here, for the table.

Pure: a download, its progress and the time go in, cells of exact width come out. A cell names the
role of its text, never a colour, so that the theme decides how it looks.

The rate and the ETA follow the status because only a moving download has them: where they would be
empty, the status runs on into their place and has room for the reason to wait. On all but a wide
screen that is the only place it has, since what has a rate is downloading; the name gains by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache

from rich.cells import cell_len

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.models import TELLING, Download, Phase, Progress, Status, WaitReason
from tui.text import fmt
from tui.text.cells import Cell, Role
from tui.text.vocabulary import PHASES, STATES, WAITS


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
RIGHT = {Column.SIZE, Column.PERCENT, Column.RATE, Column.ETA}

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

_FAILED = f"{STATES[Status.FAILED]}: "
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
            fmt.fit(_TITLES[slot.column], slot.width, right=slot.column in RIGHT),
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
    indent: int = 0,
    ascii_only: bool = False,
) -> tuple[Cell, ...]:
    """Return the cells of one download, without overlap and from left to right."""
    moving = is_moving(download)
    indent = min(indent, slots[0].width - 1)
    cells = [Cell(SIGN_X + indent, _SIGNS[download.status][ascii_only], status_role(download))]
    for slot in slots:
        x, width, is_last = slot.x, slot.width, slot.column is Column.STATUS and not moving
        if is_last:
            width = slots[-1].x + slots[-1].width - slot.x
        if not width:
            continue
        match slot.column:
            case Column.NAME:
                x, width = x + indent, width - indent
                text = fmt.cut_middle(fmt.clean(download.name), width, ascii_only=ascii_only)
                role = Role.MUTED if download.status is Status.CANCELLED else Role.PLAIN
            case Column.STATUS:
                text, role = status_text(download, progress, now), status_role(download)
                if cell_len(text) > width:
                    # The sign before the name says that it failed; why is what needs the room.
                    text = text.removeprefix(_FAILED)
            case Column.BAR:
                text, role = _bar(download, progress, width, ascii_only=ascii_only)
            case _:
                text = _figure(slot.column, download, progress)
                role = Role.PLAIN if moving and slot.column in _LIVE else Role.MUTED
        text = fmt.fit(text, width, right=slot.column in RIGHT, ascii_only=ascii_only)
        cells.append(Cell(x, text, role))
        if is_last:
            break
    return tuple(cells)


def status_text(download: Download, progress: Progress, now: datetime) -> str:
    """Return the state in words, with the reason where something does not move."""
    match download.status:
        case Status.ACTIVE if progress.verified is not None and download.total_bytes:
            share = fmt.percent(progress.verified, download.total_bytes)
            return f"{PHASES[Phase.VERIFYING]} {share}"
        case Status.PENDING:
            return _waiting_text(download, now)
        case Status.ACTIVE:
            return PHASES[download.phase or Phase.CONNECTING]
        case Status.COMPLETED:
            verdict = download.resume_verdict or ""
            word = verdict.partition(":")[0]
            done = STATES[Status.COMPLETED]
            return f"{done}, {word}" if word in ("unverified", "skipped") else done
        case Status.FAILED if download.error is not None:
            return f"{_FAILED}{_cause(download.error)}"
        case _:
            return STATES[download.status]


def status_role(download: Download) -> Role:
    match download.status:
        case Status.ACTIVE:
            return Role.ACTIVE
        case Status.COMPLETED:
            return Role.DONE
        case Status.FAILED:
            return Role.FAILED
        case Status.PENDING if download.wait_reason in TELLING:
            return Role.WAITING
        case _:
            return Role.MUTED


def is_moving(download: Download) -> bool:
    """Tell whether a rate and a remaining time can be said of this download."""
    return download.status is Status.ACTIVE and download.phase is Phase.DOWNLOADING


def updated_at(download: Download, progress: Progress) -> datetime:
    """Return when anything about a download changed last: its state, or how much of it is here."""
    changed = (
        download.updated_at or download.completed_at or download.started_at or download.created_at
    )
    return changed if progress.updated_at is None else max(changed, progress.updated_at)


def bytes_done(download: Download, progress: Progress) -> int:
    """Return how much of the file is here; a completed file is whole whatever was last reported."""
    if download.status is Status.COMPLETED and download.total_bytes is not None:
        return download.total_bytes
    return progress.bytes_downloaded


def _cause(error: ErrorInfo) -> str:
    """Return an error so that its telling part comes first: the field is narrow."""
    if error.code is ErrorCode.CHECKSUM:
        return "wrong checksum"
    return fmt.clean((error.message or error.code).removeprefix("the server answered "))


def _waiting_text(download: Download, now: datetime) -> str:
    waits = download.wait_reason or WaitReason.QUEUED
    if waits is WaitReason.IN_USE:
        return WAITS[waits]
    # Of "503 (service unavailable)" the number says enough here.
    reason = f" ({_cause(download.error).partition(' (')[0]})" if download.error else ""
    if waits is WaitReason.RETRY and download.retry_at is not None:
        left = (download.retry_at - now).total_seconds()
        # One that is due waits for its turn like any other.
        if left > 0:
            return f"{WAITS[waits]} in {fmt.duration(left)}{reason}"
        waits = WaitReason.QUEUED
    return WAITS[waits] + reason


def _figure(column: Column, download: Download, progress: Progress) -> str:
    done = bytes_done(download, progress)
    match column:
        case Column.PERCENT:
            return fmt.percent(done, download.total_bytes)
        case Column.RATE:
            return fmt.rate(progress.rate)
        case Column.ETA:
            return fmt.duration(progress.eta)
        case _:
            so_far = f"{fmt.size(done)}+" if done else "-"
            return so_far if download.total_bytes is None else fmt.size(download.total_bytes)


def _bar(
    download: Download, progress: Progress, width: int, *, ascii_only: bool
) -> tuple[str, Role]:
    done = bytes_done(download, progress)
    if download.total_bytes is None or (not done and download.status is not Status.ACTIVE):
        # No track either: a column of empty bars would be the loudest thing on a long queue.
        return "", Role.PLAIN
    role = Role.BAR if download.status is Status.ACTIVE else Role.BAR_IDLE
    if download.status is Status.COMPLETED:
        role = Role.BAR_DONE
    return fmt.bar(done, download.total_bytes, width, ascii_only=ascii_only), role
