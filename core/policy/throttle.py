"""How long to wait so that a stream of bytes keeps to a rate: a token bucket without a clock.

Bytes are charged after they were read, and the debt is waited off: so any block size works, and
the average is exact however coarse the timers are.
"""

from __future__ import annotations

BURST = 0.1
"""Seconds of unused rate that may be saved up."""


class TokenBucket:
    """A limit in bytes/s, None for no limit; `now` is monotonic seconds, given by the caller.

    Everything that shares the limit shares the bucket: whoever charges waits behind those who
    charged before, which is fair to each read.
    """

    def __init__(self, rate: float | None, now: float) -> None:
        self._rate = rate
        self._paid_until = now

    @property
    def rate(self) -> float | None:
        """The limit in bytes/s."""
        return self._rate

    def set_rate(self, rate: float | None, now: float) -> None:
        """Change the limit; what is owed is owed at the new rate."""
        debt = max(0.0, self._paid_until - now)
        if self._rate is not None and rate is not None:
            debt *= self._rate / rate
        self._rate = rate
        self._paid_until = now + (debt if rate is not None else 0.0)

    def charge(self, count: int, now: float) -> float:
        """Take `count` bytes and return the seconds to wait before the next are read."""
        if self._rate is None:
            return 0.0
        self._paid_until = max(self._paid_until, now - BURST) + count / self._rate
        return max(0.0, self._paid_until - now)

    def portion(self) -> int | None:
        """Return how many bytes to take at a time, so that no wait is long; None: any number."""
        return None if self._rate is None else max(1024, int(self._rate * BURST))
