"""Notices that the wall clock was set, or that the machine slept: no timer tells either.

Durations go by the monotonic clock, so neither can lose anything. But what was said in wall time
(when the next attempt comes) is wrong afterwards, and what fell due during a sleep is overdue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from core.adapters.system.clock import Clock
from core.engine.running.background import Background

log = logging.getLogger(__name__)

LOOK = 30.0
"""Seconds between two looks at the clocks."""
_TOLERATED = 2.0


class WallClock(Background):
    """Compares the clocks; `on_jump` hears of every jump and how many seconds of it were sleep."""

    name = "wall clock"

    def __init__(self, clock: Clock, on_jump: Callable[[float], None]) -> None:
        self._clock = clock
        self._on_jump = on_jump
        self._set, self._slept = self._offsets()

    def look(self) -> None:
        """Compare the clocks with how they stood at the last jump, and tell of the next one."""
        wall, sleep = self._offsets()
        jumped, slept = wall - self._set, sleep - self._slept
        was_set, was_asleep = abs(jumped) > _TOLERATED, slept > _TOLERATED
        if was_set:
            self._set = wall
            log.warning("the wall clock was set by %+.0f s", jumped)
        if was_asleep:
            self._slept = sleep
            log.info("the machine slept for %.0f s", slept)
        if was_set or was_asleep:
            self._on_jump(slept if was_asleep else 0.0)

    def _offsets(self) -> tuple[float, float]:
        """Return how far the wall clock is ahead of the machine's, and that of its waking time."""
        boottime = self._clock.boottime()
        wall = self._clock.now().timestamp()
        return wall - boottime, boottime - self._clock.monotonic()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            self.look()
