"""What stands in the row of a group: its name, and the sums over its members in the same columns.

Pure, like tui.text.columns, whose columns and roles it fills.
"""

from __future__ import annotations

from core.domain.models import Status
from tui.text import charts, fmt
from tui.text.cells import Cell, Role
from tui.text.columns import SIGN_X, Column, Slot, filled
from tui.text.sums import Sums
from tui.text.vocabulary import STATES

_GRAVEST_FIRST = (
    Status.FAILED,
    Status.ACTIVE,
    Status.PENDING,
    Status.PAUSED,
    Status.COMPLETED,
    Status.CANCELLED,
)

_LEAST = 4
"""Cells of a name, below that nothing is said beside it."""
_ROOMY = 12
"""Cells in which it can be said how many failed."""


def group_row(
    slots: tuple[Slot, ...],
    name: str,
    sums: Sums,
    *,
    is_folded: bool,
    ascii_only: bool = False,
) -> tuple[Cell, ...]:
    """Return the cells of a group's row, without overlap and from left to right."""
    is_moving = bool(sums.rate)
    # Where something flows, the states may have no room of their own.
    status = next(slot for slot in slots if slot.column is Column.STATUS)
    tells = is_moving and status.width < _ROOMY

    def content(column: Column, width: int) -> tuple[str, Role]:
        match column:
            case Column.NAME:
                text = _name(name, sums, width, tells_failed=tells, ascii_only=ascii_only)
                return text, Role.TITLE
            case Column.BAR:
                return _bar(sums, width, ascii_only=ascii_only)
            case Column.STATUS:
                return _status(sums, width), _role(sums)
        return _figure(column, sums), Role.PLAIN if is_moving else Role.MUTED

    sign = ("+" if is_folded else "-") if ascii_only else ("▶" if is_folded else "▼")
    cells = filled(slots, content, is_moving=is_moving, ascii_only=ascii_only)
    return (Cell(SIGN_X, sign, Role.MUTED), *cells)


def _name(name: str, sums: Sums, width: int, *, tells_failed: bool, ascii_only: bool) -> str:
    count = f"{sum(sums.counts.values()):,}"
    failed = sums.counts.get(Status.FAILED) if tells_failed else None
    counts = [f" ({count}, {failed:,} {STATES[Status.FAILED]})"] if failed else []
    for said in (*counts, f" ({count})"):
        if (room := width - len(said)) >= _LEAST:
            return fmt.cut_middle(fmt.clean(name), room, ascii_only=ascii_only) + said
    return fmt.cut_middle(fmt.clean(name), width, ascii_only=ascii_only)


def _status(sums: Sums, width: int) -> str:
    """Return how many members are in which state, those first that matter; as many as fit."""
    words = [f"{sums.counts[s]:,} {STATES[s]}" for s in _GRAVEST_FIRST if s in sums.counts]
    while len(words) > 1 and len(", ".join(words)) > width:
        words.pop()
    return ", ".join(words)


def _role(sums: Sums) -> Role:
    counts = sums.counts
    if Status.FAILED in counts:
        return Role.FAILED
    if Status.ACTIVE in counts:
        return Role.ACTIVE
    return Role.DONE if counts.keys() == {Status.COMPLETED} else Role.MUTED


def _figure(column: Column, sums: Sums) -> str:
    more = "" if sums.known else "+"
    match column:
        case Column.SIZE:
            return f"{fmt.size(sums.bytes_total)}{more}" if sums.bytes_total else "-"
        case Column.PERCENT:
            return fmt.percent(sums.bytes_done, sums.bytes_total) if sums.known else "-"
        case Column.RATE:
            return fmt.rate(sums.rate)
        case _:
            left = sums.bytes_total - sums.bytes_done
            return fmt.duration(left / sums.rate) if sums.known and sums.rate else "-"


def _bar(sums: Sums, width: int, *, ascii_only: bool) -> tuple[str, Role]:
    if not sums.known or not sums.bytes_done:
        return "", Role.PLAIN
    role = Role.BAR if sums.rate else Role.BAR_IDLE
    if sums.bytes_done == sums.bytes_total:
        role = Role.BAR_DONE
    return charts.progress_bar(
        sums.bytes_done, sums.bytes_total, width, ascii_only=ascii_only
    ), role
