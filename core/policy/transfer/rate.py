"""How fast bytes come, from a window of the recent past.

Samples fall into short slots, so that a gigabyte a second costs no more to follow than a trickle.
"""

from __future__ import annotations

from collections import deque

SLOT = 0.25
WINDOW = 8.0


class RateWindow:
    """Bytes over the last seconds; `now` is monotonic seconds, given by the caller."""

    def __init__(self, started_at: float, *, window: float = WINDOW) -> None:
        self._started_at = started_at
        self._window = window
        self._slots: deque[tuple[float, int]] = deque()
        self._sum = 0

    def add(self, now: float, count: int) -> None:
        self._sum += count
        if self._slots and now - self._slots[-1][0] < SLOT:
            at, counted = self._slots[-1]
            self._slots[-1] = (at, counted + count)
        else:
            self._slots.append((now, count))
        self._forget(now)

    def rate(self, now: float) -> float:
        """Return bytes/s over the window, or since the start where that is shorter."""
        self._forget(now)
        elapsed = min(now - self._started_at, self._window)
        return self._sum / max(elapsed, SLOT)

    def _forget(self, now: float) -> None:
        while self._slots and now - self._slots[0][0] > self._window:
            self._sum -= self._slots.popleft()[1]
