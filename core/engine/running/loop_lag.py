"""How late the loop comes to what is due: whatever holds it up holds up every connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from core.domain.figures import DurationCounter

BUSY = 0.1
"""Seconds between looks while there is work: what takes longer than this is seen in any case."""
IDLE = 2.0
"""Seconds between looks while there is none: an idle machine is to sleep."""


class LoopLag:
    """Counts how late a timer comes, again and again; with its loop only."""

    def __init__(self, lag: DurationCounter, *, is_busy: Callable[[], bool]) -> None:
        self._lag = lag
        self._is_busy = is_busy
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to look."""
        wait = BUSY if self._is_busy() else IDLE
        # Not the loop's own time: that stands still while it is held up.
        due = time.monotonic() + wait
        self._timer = asyncio.get_running_loop().call_later(wait, self._look, due)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, due: float) -> None:
        self._lag.add(max(0.0, time.monotonic() - due))
        self.start()
