"""Which parts of a file are here, as a strip of cells: done, being fetched, or missing.

Pure. What differs in meaning differs in shape, so that the strip reads without colours. A cell is
drawn full only when all of its bytes are on disk, and empty only when none of them is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from core.domain.models import Segment
from tui.text import fmt
from tui.text.cells import Cell, Role

_WORDY = 64
"""Cells from which on the legend tells in how many places something is fetched."""


@dataclass(frozen=True, slots=True)
class Signs:
    """How the pieces are drawn; `shares` rise from a little to nearly all of a cell.

    `key` stands for `done` in the legend, where it must not run into the strip.
    """

    key: str
    done: str
    shares: str
    position: str
    claimed: str
    missing: str


BLOCKS = Signs(key="■", done="█", shares="▁▂▃▄▅▆▇", position="▸", claimed="─", missing="·")
PLAIN = Signs(key="#", done="#", shares=":+", position=">", claimed="-", missing=".")


class _Coverage:
    """How many bytes of any stretch lie in disjoint, sorted segments."""

    def __init__(self, segments: Sequence[Segment], total: int) -> None:
        ends = [min(total if s.end is None else s.end, total) for s in segments]
        self._starts = [segment.start for segment in segments]
        self._ends = ends
        sizes = (max(end - start, 0) for start, end in zip(self._starts, ends, strict=True))
        self._before = [0, *accumulate(sizes)]

    @property
    def whole(self) -> int:
        return self._before[-1]

    def within(self, start: int, end: int) -> int:
        """Return how many lie from `start` to before `end`."""
        return self._below(end) - self._below(start)

    def _below(self, offset: int) -> int:
        index = bisect_right(self._starts, offset) - 1
        if index < 0:
            return 0
        return self._before[index] + max(min(offset, self._ends[index]) - self._starts[index], 0)


def strip(
    total: int,
    done: Sequence[Segment],
    claimed: Sequence[Segment],
    width: int,
    *,
    ascii_only: bool = False,
) -> tuple[Cell, ...]:
    """Return `width` cells of text; `claimed` is being fetched, its first byte next."""
    signs = PLAIN if ascii_only else BLOCKS
    here, fetched = _Coverage(done, total), _Coverage(claimed, total)
    positions = sorted(segment.start for segment in claimed)
    drawn: list[tuple[str, Role]] = []
    for number in range(max(width, 0)):
        start = total * number // width
        # A file of fewer bytes than cells has its bytes in several.
        end = max(total * (number + 1) // width, start + 1)
        count = here.within(start, end)
        if _first_from(positions, start) < end:
            drawn.append((signs.position, Role.ACTIVE))
        elif count == end - start:
            drawn.append((signs.done, Role.BAR))
        elif count:
            share = len(signs.shares) * count // (end - start)
            drawn.append((signs.shares[share], Role.BAR))
        elif fetched.within(start, end):
            drawn.append((signs.claimed, Role.ACTIVE))
        else:
            drawn.append((signs.missing, Role.MUTED))
    return _joined(drawn)


def legend(
    total: int,
    done: Sequence[Segment],
    claimed: Sequence[Segment],
    width: int,
    *,
    ascii_only: bool = False,
) -> tuple[Cell, ...]:
    """Return in words what the strip shows, as much of it as fits."""
    signs = PLAIN if ascii_only else BLOCKS
    here, fetched = _Coverage(done, total).whole, _Coverage(claimed, total).whole
    missing = max(total - here - fetched, 0)
    places = "1 place" if len(claimed) == 1 else f"{len(claimed)} places"
    where = f" in {places}" if width >= _WORDY else ""
    entries = [(signs.key, Role.BAR, "done")] if here else []
    if claimed:
        text = f"{fmt.size(fetched)} being fetched{where}"
        entries.append((signs.position + signs.claimed, Role.ACTIVE, text))
    if missing:
        entries.append((signs.missing, Role.MUTED, f"{fmt.size(missing)} missing"))
    cells: list[Cell] = []
    x = 0
    for sign, role, text in entries:
        if x + len(sign) + 1 + len(text) > width:
            break
        cells += [Cell(x, sign, role), Cell(x + len(sign) + 1, text, Role.MUTED)]
        x += len(sign) + 1 + len(text) + 3
    return tuple(cells)


def _first_from(positions: Sequence[int], start: int) -> float:
    index = bisect_right(positions, start - 1)
    return positions[index] if index < len(positions) else float("inf")


def _joined(drawn: Sequence[tuple[str, Role]]) -> tuple[Cell, ...]:
    """Make one cell of what has the same role, beside each other."""
    cells: list[Cell] = []
    x = 0
    for role, run in groupby(drawn, key=lambda piece: piece[1]):
        text = "".join(sign for sign, _ in run)
        cells.append(Cell(x, text, role))
        x += len(text)
    return tuple(cells)
