"""How fast bytes come, from a window of the recent past.

Samples fall into short slots, so that a gigabyte a second costs no more to follow than a trickle.
"""

from __future__ import annotations

from array import array

SLOT = 0.25
WINDOW = 8.0
_SLOTS = 32
"""Slots of a window at the most: a long one has longer ones."""


class RateWindow:
    """Bytes over the last seconds; `now` is monotonic seconds, given by the caller."""

    __slots__ = ("_slot", "_slots", "_started_at", "_sum", "_window")

    def __init__(self, started_at: float, *, window: float = WINDOW) -> None:
        self._started_at = started_at
        self._window = window
        self._slot = max(SLOT, window / _SLOTS)
        # When each one began, and its bytes, in turn: every download has several of these.
        self._slots = array("d")
        self._sum = 0.0

    def add(self, now: float, count: int) -> None:
        self._sum += count
        slots = self._slots
        if slots and now - slots[-2] < self._slot:
            slots[-1] += count
        else:
            slots.extend((now, count))
        self._forget(now)

    def rate(self, now: float) -> float:
        """Return bytes/s over the window, or since the start where that is shorter."""
        self._forget(now)
        elapsed = min(now - self._started_at, self._window)
        return self._sum / max(elapsed, SLOT)

    def _forget(self, now: float) -> None:
        slots, gone = self._slots, 0
        while gone < len(slots) and now - slots[gone] > self._window:
            self._sum -= slots[gone + 1]
            gone += 2
        if gone:
            del slots[:gone]
