"""Downloads that wait in a line, each at its place: who is first leaves at once.

For the scheduler, which has a line for each host: of 100,000 that wait for one, a list that loses
its first entry would move all others.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

_FEW = 100
"""Entries that have left and are not worth moving the others for."""


class Entry(NamedTuple):
    """A download that waits or runs, sorted by what comes first; there may be very many."""

    rank: int
    order: float
    id: str
    host: str
    lane: int


class Line:
    """Entries, sorted."""

    __slots__ = ("_entries", "_gone")

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._gone = 0
        """How many at the beginning have left."""

    def __len__(self) -> int:
        return len(self._entries) - self._gone

    def __iter__(self) -> Iterator[Entry]:
        return islice(self._entries, self._gone, None)

    @property
    def first(self) -> Entry:
        """Who comes first of those that are there."""
        return self._entries[self._gone]

    def head(self, count: int) -> list[Entry]:
        """Return the first ones."""
        return self._entries[self._gone : self._gone + count]

    def add(self, entry: Entry) -> None:
        """Take in one that is not there yet."""
        insort(self._entries, entry, self._gone)

    def remove(self, entry: Entry) -> None:
        """Let one leave that is there."""
        at = bisect_left(self._entries, entry, self._gone)
        if at > self._gone:
            del self._entries[at]
            return
        self._gone += 1
        if self._gone > _FEW and 2 * self._gone > len(self._entries):
            del self._entries[: self._gone]
            self._gone = 0
