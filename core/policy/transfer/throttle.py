"""How long to wait so that a stream of bytes keeps to a rate: a token bucket without a clock.

Bytes are charged after they were read, and the debt is waited off: so any block size works, and
the average is exact however coarse the timers are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.domain.inspection import ConnectionState

BURST = 0.1
"""Seconds of unused rate that may be saved up."""
PORTION = 0.005
"""Seconds of the rate that are taken at a time: many may share it, and none is to starve."""
AHEAD = 0.125
"""Seconds of the rate that may lie ready to be read: what is stopped then throws them away."""
MOST_OWED = 5.0
"""Seconds of the rate that may be owed: whoever comes next waits behind that."""
LOOK = 0.25
"""Seconds over which is looked at what connections wait for."""
SPARE = 0.1
"""Fraction of them spent on waiting for bytes from which on the server could not give more."""
_LEAST_AHEAD = 32 * 1024
_UNDIVIDED = 256 * 1024
_LEAST = 1024
_LEAST_PART = 128


class TokenBucket:
    """A limit in bytes/s, None for no limit; `now` is monotonic seconds, given by the caller.

    Everything that shares the limit shares the bucket: whoever charges waits behind those who
    charged before, so each gets a portion in turn, and who wants less than its turn gets all that
    it wants. What is waited for is a mark in the stream of bytes and not a time, so that a new rate
    holds for those who wait already.
    """

    def __init__(self, rate: float | None, now: float) -> None:
        self._rate = rate
        self._charged = 0.0
        self._passed = 0.0
        self._at = now

    @property
    def rate(self) -> float | None:
        """The limit in bytes/s."""
        return self._rate

    def set_rate(self, rate: float | None, now: float) -> None:
        """Change the limit; what is owed is waited off at the new rate, up to `MOST_OWED`."""
        self._pass(now)
        # Nothing is saved up under a rate that was not there.
        self._passed = min(self._passed, self._charged)
        self._rate = rate
        self._bound_debt()

    def charge(self, count: int, now: float) -> float:
        """Take `count` bytes and return the mark to `wait` for before the next are read."""
        self._pass(now)
        self._charged += count
        return self._charged

    def owe(self, count: int, now: float) -> None:
        """Take `count` bytes that have come already: whoever charges next waits them off."""
        self.charge(count, now)
        self._bound_debt()

    def wait(self, mark: float, now: float) -> float:
        """Return the seconds until the rate has let everything up to a mark through."""
        if self._rate is None:
            return 0.0
        self._pass(now)
        return max(0.0, (mark - self._passed) / self._rate)

    def portion(self, parts: int = 1) -> int | None:
        """Return how many bytes to take at a time, so that no wait is long; None: any number.

        Where `parts` connections serve one download, each takes a part of its turn: many of them
        get it no more than one.
        """
        if self._rate is None:
            return None
        return max(_LEAST_PART, max(_LEAST, int(self._rate * PORTION)) // parts)

    def _bound_debt(self) -> None:
        """Let through what would take too long: a low limit is to hold nobody up for minutes."""
        if self._rate is not None:
            self._passed = max(self._passed, self._charged - self._rate * MOST_OWED)

    def _pass(self, now: float) -> None:
        """Let through what the rate allows up to now."""
        elapsed, self._at = max(0.0, now - self._at), max(self._at, now)
        if self._rate is None:
            self._passed = self._charged
        else:
            most = self._charged + self._rate * BURST
            self._passed = min(most, self._passed + elapsed * self._rate)


def read_ahead(limits: Iterable[TokenBucket], parts: int = 1) -> int | None:
    """Return how many bytes a connection may receive before they are read; None: any number.

    Nobody waits for more where a limit holds, and what lies in buffers is lost at a kill. `parts`
    connections share it, beyond the little that none of them has to share: each may be the one
    that gets on.
    """
    rates = [limit.rate for limit in limits if limit.rate is not None]
    if not rates:
        return None
    ahead = int(min(rates) * AHEAD)
    return max(_LEAST_AHEAD, min(ahead, _UNDIVIDED), ahead // parts)


class LimitHoldup:
    """Whether a limit that was set here is what holds connections up, and not their server.

    At any one moment a connection may just be reading or writing between two waits: only a while
    tells, and until the first is over the limit counts as what holds them up. `now` is monotonic
    seconds, given by the caller.
    """

    def __init__(self, now: float) -> None:
        self._at = now
        self._limited = self._receiving = 0.0
        self.lasts = True
        """What was found last."""

    def update(self, spent: Mapping[ConnectionState, float], now: float) -> None:
        """Take in what the connections have `spent` so far, in seconds by state."""
        if now - self._at < LOOK:
            return
        limited = spent.get(ConnectionState.LIMITED, 0.0)
        receiving = spent.get(ConnectionState.RECEIVING, 0.0)
        waited, served = limited - self._limited, receiving - self._receiving
        if waited + served > 0:
            self.lasts = served < SPARE * (waited + served)
        self._at, self._limited, self._receiving = now, limited, receiving
