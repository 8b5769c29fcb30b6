"""Which downloads hold a place among the running ones without using it.

A server that sends a byte now and then is never given up for that. But where others wait, its
download lets them pass.
"""

from __future__ import annotations

from core.policy.transfer.rate import RateWindow

USELESS_RATE = 512.0
"""Bytes/s below which a download brings nothing to speak of."""
MEASURED_SECONDS = 60.0
"""Seconds over which that is measured."""
BEHIND_SECONDS = 600.0
"""Seconds for which those that wait do not count for one that let others pass; see `Scheduler`."""
_NEARLY = 600.0
"""Seconds within which the rest comes even so."""
_ROOM = 4.0


class TrickleDetector:
    """Follows what a server sends for one download; `now` is monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._begin(now)
        self._received: int | None = None

    def observe(self, now: float, *, received: int, left: int | None, limit: float | None) -> bool:
        """Take in what came, and return whether that was next to nothing for a while.

        `received` counts all that came in this attempt, `left` what is to come (None: unknown), in
        bytes. A `limit` of ours in bytes/s that allows little more is no fault of the server.
        """
        if limit is not None and limit < _ROOM * USELESS_RATE:
            self._begin(now)
            return False
        self._window.add(now, received - (self._received or 0))
        self._received = received
        rate = self._window.rate(now)
        if now - self._since < MEASURED_SECONDS or rate >= USELESS_RATE:
            return False
        return left is None or left > rate * _NEARLY

    def _begin(self, now: float) -> None:
        self._since = now
        self._window = RateWindow(now, window=MEASURED_SECONDS)
