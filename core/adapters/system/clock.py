"""The time: wall time for showing, monotonic time for every duration."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

# Python's monotonic clock stands still while the machine sleeps, on Linux and on macOS.
_AWAKE_AND_ASLEEP: int | None = (
    time.CLOCK_MONOTONIC if sys.platform == "darwin" else getattr(time, "CLOCK_BOOTTIME", None)
)
_SCHEDULED = Path("/proc/thread-self/schedstat")
KNOWS_SLEEP = _AWAKE_AND_ASLEEP is not None
"""Whether this system can tell that it slept from that somebody set its clock."""


class Clock:
    """The system's clocks; tests pass another one."""

    def now(self) -> datetime:
        """Return the wall time in UTC; it may jump."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return time.monotonic()

    def boottime(self) -> float:
        """Return seconds that only ever grow, also while the machine sleeps.

        Where the system has no such clock they stand still then.
        """
        if _AWAKE_AND_ASLEEP is None:
            return self.monotonic()
        return time.clock_gettime(_AWAKE_AND_ASLEEP)

    def computed(self) -> tuple[float, float]:
        """Return for how many seconds the thread which asks has computed, and was kept from it.

        Only Linux counts for how long a thread waited for a processor.
        """
        try:
            used, waited, *_ = _SCHEDULED.read_bytes().split()
        except (OSError, ValueError):
            return time.thread_time(), 0.0
        return int(used) / 1e9, int(waited) / 1e9

    async def sleep(self, seconds: float) -> None:
        """Return once that many seconds have passed."""
        await asyncio.sleep(seconds)
