"""What the connections hold of the daemon's memory, who has to go first, and whose turn it is.

All clients are the same user's, and one that misbehaves is a mistake: it is to cost the others
nothing. So who holds most goes first, counted by process: a script that has lost count of its
connections is found out by that, and a screen with its two is not.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

MOST_HELD = 32 * 1024 * 1024
"""Bytes of all connections together: lines that are not whole or not answered, answers not sent."""


class Holder(Protocol):
    """A connection. `owner` is the process at its other end, or a number that is its own alone."""

    owner: int

    def drop(self, reason: str) -> None:
        """Let it go at once; `reason` is a sentence for the log."""


class Ledger:
    """How much each connection holds; whoever makes it too much in all is not who has to go."""

    def __init__(self, most: int = MOST_HELD) -> None:
        self._most = most
        self._held: dict[Holder, int] = {}
        self.total = 0

    def note(self, holder: Holder, held: int) -> None:
        """Take down how many bytes a connection holds by now, and let others go if need be."""
        self.total += held - self._held.pop(holder, 0)
        if held:
            self._held[holder] = held
        while self.total > self._most and (heaviest := self._heaviest()) is not None:
            self.total -= self._held.pop(heaviest)
            heaviest.drop("all clients together held too much, and it held most")

    def _heaviest(self) -> Holder | None:
        owners: Counter[int] = Counter()
        for holder, held in self._held.items():
            owners[holder.owner] += held
        return max(
            self._held, key=lambda each: (owners[each.owner], self._held[each]), default=None
        )


class Account:
    """What one connection holds, by what it is for; told to the ledger."""

    def __init__(self, ledger: Ledger, holder: Holder) -> None:
        self._ledger = ledger
        self._holder: Holder | None = holder
        self._parts: dict[str, int] = {}

    def put(self, part: str, held: int) -> None:
        """Take down the bytes that a part holds by now."""
        if self._holder is not None and self._parts.get(part, 0) != held:
            self._parts[part] = held
            self._ledger.note(self._holder, sum(self._parts.values()))

    def close(self) -> None:
        """Take down that it holds nothing any more, for good."""
        if self._holder is not None:
            self._ledger.note(self._holder, 0)
            self._holder = None


class Turns:
    """Lets few at a time do what takes much memory; no process has all of the places."""

    def __init__(self, most: int, of_one: int) -> None:
        self._most = most
        self._of_one = of_one
        self._taken: Counter[int] = Counter()
        self._changed = asyncio.Condition()
        self._waiting: Counter[int] = Counter()

    def is_wanted(self) -> bool:
        """Tell whether somebody waits whom only the end of another's turn lets in."""
        free = self._taken.total() < self._most
        return not free and any(
            waiting and self._taken[owner] < self._of_one
            for owner, waiting in self._waiting.items()
        )

    @asynccontextmanager
    async def turn(self, owner: int) -> AsyncIterator[None]:
        """Wait for a place for a process, and have it while the context lasts."""
        self._waiting[owner] += 1
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self._is_free(owner))
                self._taken[owner] += 1
        finally:
            self._waiting[owner] -= 1
            self._waiting += Counter()
        try:
            yield
        finally:
            self._taken[owner] -= 1
            self._taken += Counter()
            async with self._changed:
                self._changed.notify_all()

    def _is_free(self, owner: int) -> bool:
        return self._taken.total() < self._most and self._taken[owner] < self._of_one
