"""What stands in the row of a group: its name, and the sums over its members in the same columns.

Pure, like tui.text.columns, whose columns and roles it fills.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

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
_LEGIBLE = 12
"""Cells in which most of a long name can be told from others."""
_ROOMY = 12
"""Cells in which it can be said how many failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is said of a group beside its figures: `words`, those first that matter, in a role.

    `urgent` are those of them that are said beside the name where they have no room of their own;
    `count` is how many it has, `is_open` that there may be more of them; `share` is how much of how
    much is there, None where nobody knows.
    """

    words: tuple[str, ...]
    urgent: tuple[str, ...]
    role: Role
    sign: Role = Role.MUTED
    count: int
    is_open: bool = False
    share: tuple[int, int] | None


def group_row(
    slots: tuple[Slot, ...],
    name: str,
    sums: Sums,
    *,
    is_folded: bool,
    ascii_only: bool = False,
) -> tuple[Cell, ...]:
    """Return the cells of a group's row, without overlap and from left to right."""
    counts = sums.counts
    words = {s: f"{counts[s]:,} {STATES[s]}" for s in _GRAVEST_FIRST if s in counts}
    told = Told(
        words=tuple(words.values()),
        urgent=tuple(word for status, word in words.items() if status is Status.FAILED),
        role=_role(sums),
        count=sum(counts.values()),
        share=(sums.bytes_done, sums.bytes_total) if sums.known else None,
    )
    return summed_row(slots, name, told, sums, is_folded=is_folded, ascii_only=ascii_only)


def summed_row(
    slots: tuple[Slot, ...],
    name: str,
    told: Told,
    sums: Sums,
    *,
    is_folded: bool,
    ascii_only: bool = False,
) -> tuple[Cell, ...]:
    """Return the cells of a row over others: its name, sums, and what is told of it."""
    is_moving = bool(sums.rate)
    # Where something flows, the states may have no room of their own.
    status = next(slot for slot in slots if slot.column is Column.STATUS)
    urgent = told.urgent if is_moving and status.width < _ROOMY else ()

    def content(column: Column, width: int) -> tuple[str, Role]:
        match column:
            case Column.NAME:
                return _name(name, told, urgent, width, ascii_only=ascii_only), Role.TITLE
            case Column.BAR:
                return _bar(told.share, width, is_moving=is_moving, ascii_only=ascii_only)
            case Column.STATUS:
                return _as_many_as_fit(told.words, width), told.role
            case Column.PERCENT:
                text = fmt.percent(*told.share) if told.share else "-"
                return text, Role.PLAIN if is_moving else Role.MUTED
        return _figure(column, sums), Role.PLAIN if is_moving else Role.MUTED

    sign = ("+" if is_folded else "-") if ascii_only else ("▶" if is_folded else "▼")
    cells = filled(slots, content, is_moving=is_moving, ascii_only=ascii_only)
    return (Cell(SIGN_X, sign, told.sign), *cells)


def _name(name: str, told: Told, urgent: Sequence[str], width: int, *, ascii_only: bool) -> str:
    """Return the name with as much beside it as leaves it whole, or else legible."""
    name = fmt.clean(name)
    count = [f"{told.count:,}{'+' if told.is_open else ''}"] if told.count else []
    most = [list(urgent[:end]) for end in range(len(urgent), 0, -1)]
    beside = [words for each in most for words in ([*count, *each], each)]
    said = [f" ({', '.join(words)})" for words in (*beside, count) if words]
    for least in (cell_len(name), _LEGIBLE, _LEAST):
        for text in said:
            if (room := width - len(text)) >= least:
                return fmt.cut_middle(name, room, ascii_only=ascii_only) + text
    return fmt.cut_middle(name, width, ascii_only=ascii_only)


def _as_many_as_fit(words: Sequence[str], width: int) -> str:
    end = len(words)
    while end > 1 and len(", ".join(words[:end])) > width:
        end -= 1
    return ", ".join(words[:end])


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
        case Column.RATE:
            return fmt.rate(sums.rate)
        case _:
            left = sums.bytes_total - sums.bytes_done
            return fmt.duration(left / sums.rate) if sums.known and sums.rate else "-"


def _bar(
    share: tuple[int, int] | None, width: int, *, is_moving: bool, ascii_only: bool
) -> tuple[str, Role]:
    if share is None or not share[0]:
        return "", Role.PLAIN
    role = Role.BAR if is_moving else Role.BAR_IDLE
    if share[0] == share[1]:
        role = Role.BAR_DONE
    return charts.progress_bar(*share, width, ascii_only=ascii_only), role
