"""The line at the top: what moves, how fast, and how much of everything is here.

Pure: sums and surroundings go in, cells come out. Where the window is narrow, the least important
parts are dropped first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len

from core.domain.models import Status, WaitReason
from tui.text import fmt
from tui.text.cells import Cell, Line, Role
from tui.text.charts import sparkline
from tui.text.sums import Sums
from tui.text.vocabulary import STATES, WAITS

_COUNTS = (
    (Status.FAILED, Role.FAILED, 1),
    (Status.ACTIVE, Role.ACTIVE, 2),
    (Status.PENDING, Role.PLAIN, 4),
)
_GAP = 2


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is around the downloads: limit in bytes/s, free bytes, what keeps all of them waiting.

    What is None or empty is not known, or not so. `is_held` tells that the queue as a whole waits,
    `as_of` when all of it was so, where that was before now.
    """

    limit: int | None = None
    free: int | None = None
    trouble: WaitReason | None = None
    is_held: bool = False
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the line; of two, the one with the greater rank is given up first."""

    rank: int
    pieces: tuple[tuple[str, Role], ...]

    @property
    def width(self) -> int:
        return sum(cell_len(text) for text, _ in self.pieces)


def header(
    host: str,
    sums: Sums,
    around: Surroundings,
    rates: Sequence[float],
    width: int,
    *,
    is_remote: bool = False,
    ascii_only: bool = False,
) -> Line:
    """Return as much as fits, what is said of everything at the right edge.

    `rates` are bytes/s as they were lately; a line of them is drawn where any is more than 0. The
    name of another machine than this one is never left out.
    """
    left = _left(sums, around, rates, ascii_only=ascii_only)
    if host:
        name = fmt.clean(host)
        shown = f"@{fmt.cut_middle(name, max(width // 3, 8), ascii_only=ascii_only)}"
        rank = 0 if is_remote else 10
        left.insert(0, _Part(rank, ((shown if is_remote else name, Role.TITLE),)))
    right = _right(sums, around)
    while _needed(left) + _needed(right) - _GAP + 2 > width:
        last = max((*left, *right), key=lambda part: part.rank)
        if last.rank == 0:
            break
        (left if last in left else right).remove(last)
    cells: list[Cell] = []
    x = 1
    for part in left:
        x = _append(cells, part, x) + _GAP
    x = max(x, width - 1 - _needed(right) + _GAP)
    for part in right:
        x = _append(cells, part, x) + _GAP
    return tuple(cells)


def _left(
    sums: Sums, around: Surroundings, rates: Sequence[float], *, ascii_only: bool
) -> list[_Part]:
    arrow = "" if ascii_only else "↓ "
    # Of one width, so that what follows need not be drawn again with each figure.
    now = (f"{arrow}{fmt.rate(sums.rate):{10 if sums.rate else 0}}", Role.ACTIVE)
    if around.as_of is not None:
        now = (f"as of {around.as_of.astimezone():%H:%M:%S}", Role.WAITING)
    parts = [_Part(0, (now,))]
    if any(rates) and around.as_of is None:
        parts.append(_Part(9, ((sparkline(rates, ascii_only=ascii_only), Role.ACTIVE),)))
    if around.is_held:
        parts.append(_Part(0, (("queue held", Role.WAITING),)))
    elif around.trouble is not None:
        parts.append(_Part(0, ((WAITS[around.trouble], Role.WAITING),)))
    for status, role, rank in _COUNTS:
        if count := sums.counts.get(status):
            parts.append(_Part(rank, ((f"{count:,}", role), (f" {STATES[status]}", Role.MUTED))))
    return parts


def _right(sums: Sums, around: Surroundings) -> list[_Part]:
    """Return what is said of everything together."""
    parts: list[_Part] = []
    if around.limit is not None:
        limit = (("limit ", Role.MUTED), (fmt.rate(around.limit), Role.WAITING))
        parts.append(_Part(6, limit))
    if around.free is not None:
        parts.append(_Part(7, ((f"{fmt.size(around.free)} free", Role.MUTED),)))
    if sums.bytes_total:
        more = "" if sums.known else "+"
        amount = f"{fmt.size(sums.bytes_done)} of {fmt.size(sums.bytes_total)}{more}"
        parts.append(_Part(8, ((amount, Role.MUTED),)))
        if sums.known:
            percent = fmt.percent(sums.bytes_done, sums.bytes_total)
            parts.append(_Part(5, ((percent, Role.PLAIN),)))
    if sums.eta is not None:
        left = ((fmt.duration(sums.eta), Role.PLAIN), (" left", Role.MUTED))
        parts.append(_Part(3, left))
    return parts


def _needed(parts: list[_Part]) -> int:
    return sum(part.width + _GAP for part in parts)


def _append(cells: list[Cell], part: _Part, x: int) -> int:
    for text, role in part.pieces:
        cells.append(Cell(x, text, role))
        x += cell_len(text)
    return x
