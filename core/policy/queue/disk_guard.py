"""Whether a download still fits on its file system, beside all the others that are under way.

What active downloads have yet to write counts as taken, as far as their servers are believed: a
length is soon said, and bytes that do not come take no room. Two marks keep it calm: a download may
start where it leaves `low` bytes free, and one that had to wait goes on where it leaves `high`.
"""

from __future__ import annotations

from collections import Counter

from core.policy.transfer.rate import RateWindow

HORIZON_SECONDS = 24 * 3600.0
"""Seconds ahead for which room is kept free, at the rate at which bytes come."""


class LengthTrust:
    """How far one server's word on the length of its file is taken, over all attempts.

    In full for `grace` seconds, in which the first bytes have to come; from then on for as much as
    a day brings at the rate of the last `grace` seconds. `now` is monotonic seconds.
    """

    def __init__(self, now: float, *, grace: float) -> None:
        self._until = now + grace
        self._rate = RateWindow(now, window=grace)
        self._done: int | None = None

    def note(self, done: int, now: float) -> None:
        """Take in how many bytes of the file are there."""
        if self._done is not None and done > self._done:
            self._rate.add(now, done - self._done)
        self._done = done

    def of(self, needed: int, now: float) -> int:
        """Return how many of the bytes that are to come have their room kept free."""
        if now < self._until:
            return needed
        return min(needed, int(self._rate.rate(now) * HORIZON_SECONDS))


class DiskGuard:
    """The bytes that active downloads have yet to write, per device; sizes are bytes."""

    def __init__(self, *, low: int, high: int) -> None:
        self.set_marks(low=low, high=high)
        self._reserved: dict[str, tuple[int, int]] = {}
        self._sums: Counter[int] = Counter()

    def set_marks(self, *, low: int, high: int) -> None:
        self._low = low
        self._high = high

    def reserve(self, download_id: str, device: int, needed: int) -> None:
        """Set what a download has yet to write; a length that nobody knows counts as 0."""
        self.release(download_id)
        self._reserved[download_id] = (device, needed)
        self._sums[device] += needed

    def release(self, download_id: str) -> None:
        """Forget a download that writes no more."""
        if (reserved := self._reserved.pop(download_id, None)) is not None:
            device, needed = reserved
            self._sums[device] -= needed

    def missing(self, download_id: str, device: int, *, needed: int, free: int) -> int:
        """Return how many bytes of room a download lacks to start; 0 where it may."""
        return max(0, self._low + needed - self._room(download_id, device, free))

    def may_go_on(self, download_id: str, device: int, *, needed: int, free: int) -> bool:
        """Tell whether a download that waited for room has enough of it."""
        return self._room(download_id, device, free) - needed >= self._high

    def is_low(self, free: int) -> bool:
        """Tell whether a file system has so little left that nothing may be written to it."""
        return free < self._low

    def _room(self, id_: str, device: int, free: int) -> int:
        own_device, own = self._reserved.get(id_, (device, 0))
        return free - self._sums[device] + (own if own_device == device else 0)
