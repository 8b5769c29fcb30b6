"""How long the rest of a download will take, as a number that people can trust.

Rates swing. What is far off is judged by a long memory, which the swings leave unmoved, and what is
about to happen by the last second: the present rate holds for a moment and then gives way to the
mean. A link that has become another one for good is noticed and the old memory is dropped.
"""

from __future__ import annotations

from core.policy.transfer.rate import SLOT, WINDOW, RateWindow

_MEMORY_SECONDS = 30.0
"""Seconds that the mean looks back at least; on long downloads it is a share of what is left."""
_SHARE = 0.05
_PERSISTENCE_SECONDS = 1.0
"""Seconds for which the present rate is taken to last."""
_LATEST = round(_PERSISTENCE_SECONDS / SLOT)
STALL_SECONDS = 5.0
"""Seconds without a byte after which nothing is promised, and which belong to no mean."""
_FIRST = 1.0
_SLOWER, _FASTER = 0.45, 2.0


class EtaEstimator:
    """The rate of one download, or of all together; `now` is monotonic seconds."""

    def __init__(self, started_at: float) -> None:
        self._recent = RateWindow(started_at)
        self._last = -STALL_SECONDS
        """When bytes came."""
        self._slot = started_at
        """Since when `_gathered` bytes came, which are in no mean yet."""
        self._gathered = 0
        self._latest: list[tuple[float, int]] = []
        self._mean = 0.0
        self._known = 0.0
        """Seconds that the mean speaks of, at most the memory."""
        self._memory = _MEMORY_SECONDS

    def add(self, now: float, count: int) -> None:
        self._recent.add(now, count)
        if now - self._last >= STALL_SECONDS:
            # What comes first took a time that nobody measured.
            self._slot, self._gathered = now, 0
        else:
            self._gathered += count
        self._last = now
        if now - self._slot >= SLOT:
            self._close_slot(now)

    def rate(self, now: float) -> float:
        """Return bytes/s over the last seconds."""
        return self._recent.rate(now)

    def estimate(self, now: float, remaining: int | None) -> float | None:
        """Return seconds until `remaining` bytes have come, None while nothing can be said."""
        if remaining == 0:
            return 0.0
        is_known = self._known >= _FIRST and self._mean > 0 and now - self._last < STALL_SECONDS
        if remaining is None or not is_known:
            return None
        present = sum(count for _, count in self._latest) / sum(time for time, _ in self._latest)
        soon = present * _PERSISTENCE_SECONDS
        if remaining <= soon:
            return remaining / present
        seconds = _PERSISTENCE_SECONDS + (remaining - soon) / self._mean
        self._memory = max(_MEMORY_SECONDS, _SHARE * seconds)
        return seconds

    def _close_slot(self, now: float) -> None:
        seconds, count = now - self._slot, self._gathered
        self._slot, self._gathered = now, 0
        self._latest.append((seconds, count))
        del self._latest[:-_LATEST]
        self._known = min(self._known + seconds, self._memory)
        self._mean += (count / seconds - self._mean) * min(1.0, seconds / self._known)
        recent = self._recent.rate(now)
        if self._known >= WINDOW and not self._mean * _SLOWER < recent < self._mean * _FASTER:
            self._mean, self._known = recent, WINDOW
