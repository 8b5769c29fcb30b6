"""A clock that stands still until a test lets time pass."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from core.adapters.system.clock import Clock


class Hourglass(Clock):
    """Time for the engine under test; `passed` is how many seconds a test has let pass."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._sleepers: set[tuple[float, asyncio.Future[None]]] = set()
        self._changed = asyncio.Event()
        self.passed = 0.0
        self.slept = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.passed + self.slept)

    def monotonic(self) -> float:
        return self.passed

    def boottime(self) -> float:
        return self.passed + self.slept

    def computed(self) -> tuple[float, float]:
        return 0.0, 0.0

    async def sleep(self, seconds: float) -> None:
        entry = (self.passed + seconds, asyncio.get_running_loop().create_future())
        self._sleepers.add(entry)
        self._changed.set()
        try:
            await entry[1]
        finally:
            self._sleepers.discard(entry)

    def jump(self, by: timedelta) -> None:
        """Set the wall clock; what is measured in durations does not notice."""
        self._start += by

    def suspend(self, seconds: float) -> None:
        """Let the machine sleep: the wall clock goes on, what runs does not notice."""
        self.slept += seconds

    async def asleep(self, count: int) -> None:
        """Return once that many sleep."""
        while sum(not done.done() for _, done in self._sleepers) < count:
            self._changed.clear()
            await self._changed.wait()

    def advance(self) -> None:
        """Let time pass until the first of those who sleep wakes up."""
        self.passed = max(self.passed, min(due for due, done in self._sleepers if not done.done()))
        for due, done in self._sleepers:
            if due <= self.passed and not done.done():
                done.set_result(None)
