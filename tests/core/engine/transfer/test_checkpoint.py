"""When progress is recorded: often where much moves, and not each moment where little does."""

from __future__ import annotations

import asyncio

import pytest

from core.adapters.system.clock import Clock
from core.domain.errors import StateError
from core.engine.transfer.checkpoint import FEW, INTERVAL, LATEST, Checkpointer


class _Clock(Clock):
    time = 1000.0

    def monotonic(self) -> float:
        return self.time


class _Saves:
    def __init__(self) -> None:
        self.count = 0
        self.error: Exception | None = None
        self.clock = _Clock()
        self.checkpoint = Checkpointer(self._save, self.clock)

    async def _save(self) -> None:
        self.count += 1
        if self.error is not None:
            raise self.error

    async def after(self, seconds: float, count: int) -> int:
        """Write bytes after a while, and return how often was saved until then."""
        self.clock.time += seconds
        self.checkpoint.note(count)
        await asyncio.sleep(0)
        return self.count


async def test_many_bytes_are_recorded_at_short_intervals() -> None:
    saves = _Saves()
    await saves.checkpoint.start()
    assert await saves.after(INTERVAL / 2, 10 * FEW) == 1
    assert await saves.after(INTERVAL / 2, 1) == 2
    assert await saves.after(INTERVAL, FEW) == 3


async def test_few_bytes_are_recorded_once_they_took_long_or_became_many() -> None:
    saves = _Saves()
    await saves.checkpoint.start()
    assert await saves.after(INTERVAL, 1) == 1
    assert await saves.after(LATEST - INTERVAL, 1) == 2
    assert await saves.after(INTERVAL, FEW - 1) == 2
    assert await saves.after(0, 1) == 3


async def test_the_end_records_all_and_nothing_twice() -> None:
    saves = _Saves()
    await saves.checkpoint.start()
    await saves.after(0, 1)
    await saves.checkpoint.flush()
    await saves.checkpoint.flush()
    assert saves.count == 2


async def test_who_writes_on_hears_that_it_could_not_be_recorded() -> None:
    saves = _Saves()
    saves.error = StateError("no room")
    await saves.after(LATEST, FEW)
    with pytest.raises(StateError):
        await saves.after(0, 1)
