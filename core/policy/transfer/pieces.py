"""The pieces of a file that have a digest each: where they lie, and whose bytes are in them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Generic, TypeVar

from core.domain.origins import PieceHashes

Who = TypeVar("Who")


def stretch_of(pieces: PieceHashes, index: int, total: int) -> tuple[int, int]:
    """Return where a piece begins and ends; the last one ends with the file."""
    start = index * pieces.length
    return start, min(start + pieces.length, total)


def touched(pieces: PieceHashes, start: int, end: int) -> range:
    """Return the pieces that have bytes between two offsets."""
    last = min(-(-end // pieces.length), len(pieces.hexdigests))
    return range(start // pieces.length, last)


def mismatch(pieces: PieceHashes, total: int) -> str | None:
    """Return in a sentence that pieces do not make up a file of `total` bytes, None if they do."""
    count = -(-total // pieces.length)
    if count == len(pieces.hexdigests):
        return None
    return (
        f"the file has {total:,} bytes, which is not what {len(pieces.hexdigests):,} pieces"
        f" of {pieces.length:,} make up"
    )


class Origins(Generic[Who]):
    """Who sent which bytes; the latest counts. Memory goes with the stretches, not the bytes."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._who: list[Who] = []

    def came(self, start: int, end: int, who: Who) -> None:
        """Take in who sent the bytes from `start` up to `end`."""
        if start >= end:
            return
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, end)
        kept: list[tuple[int, int, Who]] = []
        for index in range(first, last):
            old_start, old_end, old = self._starts[index], self._ends[index], self._who[index]
            kept += [(a, b, old) for a, b in ((old_start, start), (end, old_end)) if a < b]
        kept = sorted([*kept, (start, end, who)], key=lambda each: each[0])
        # One answer comes in blocks that follow each other: they are one stretch.
        if first and self._ends[first - 1] == kept[0][0] and self._who[first - 1] == kept[0][2]:
            first -= 1
            kept[0] = (self._starts[first], kept[0][1], kept[0][2])
        self._starts[first:last] = [each[0] for each in kept]
        self._ends[first:last] = [each[1] for each in kept]
        self._who[first:last] = [each[2] for each in kept]

    def sole(self, start: int, end: int) -> Who | None:
        """Return who sent all bytes between two offsets; None for several, or if not all did."""
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, end)
        senders = self._who[first:last]
        at = start
        for index in range(first, last):
            if self._starts[index] > at:
                return None
            at = self._ends[index]
        same = bool(senders) and all(who == senders[0] for who in senders)
        return senders[0] if same and at >= end else None
