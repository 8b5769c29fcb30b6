"""Which bytes of a file a server has sent, and between which two kills it sent them last.

A byte that is sent again was lost by the kill that ended the life in which it was sent before: so
every byte that is fetched twice has exactly one kill to answer for it.
"""

from __future__ import annotations

from bisect import bisect_right


class Served:
    """The bytes of one file, each with the number of the life in which it was sent last."""

    def __init__(self) -> None:
        # Sorted, disjoint stretches: start, end (exclusive), life.
        self._sent: list[tuple[int, int, int]] = []

    @property
    def covered(self) -> int:
        """How many different bytes have been sent."""
        return sum(end - start for start, end, _ in self._sent)

    def send(self, start: int, end: int, life: int) -> dict[int, int]:
        """Take in that a stretch was sent; returns how much of it each life had sent before."""
        again: dict[int, int] = {}
        kept: list[tuple[int, int, int]] = []
        first = max(0, bisect_right(self._sent, (start,)) - 1)
        last = first
        for old_start, old_end, old_life in self._sent[first:]:
            if old_start >= end:
                break
            last += 1
            common = min(end, old_end) - max(start, old_start)
            if common <= 0:
                kept.append((old_start, old_end, old_life))
                continue
            again[old_life] = again.get(old_life, 0) + common
            if old_start < start:
                kept.append((old_start, start, old_life))
            if old_end > end:
                kept.append((end, old_end, old_life))
        self._sent[first:last] = _merged([*kept, (start, end, life)])
        return again


def _merged(stretches: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    merged: list[tuple[int, int, int]] = []
    for start, end, life in sorted(stretches):
        if merged and merged[-1][1] == start and merged[-1][2] == life:
            merged[-1] = (merged[-1][0], end, life)
        else:
            merged.append((start, end, life))
    return merged
