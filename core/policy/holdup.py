"""Whether a limit that was set here is what holds a download up, and not its server."""

from __future__ import annotations

from collections.abc import Mapping

from core.domain.inspection import ConnectionState

WINDOW = 0.25
"""Seconds over which the connections' time is looked at."""
SPARE = 0.1
"""Fraction of it spent on waiting for bytes from which on the server could not give more."""


class Holdup:
    """Follows what connections wait for; `now` is monotonic seconds, given by the caller.

    At any one moment a connection may just be reading or writing between two waits: only a while
    tells, and until the first is over the limit counts as what holds them up.
    """

    def __init__(self, now: float) -> None:
        self._at = now
        self._limited = self._receiving = 0.0
        self.was_seen = True
        """What was found last."""

    def lasts(self, spent: Mapping[ConnectionState, float], now: float) -> bool:
        """Tell whether they wait for the limit alone; `spent` are their seconds by state so far."""
        if now - self._at >= WINDOW:
            limited = spent.get(ConnectionState.LIMITED, 0.0)
            receiving = spent.get(ConnectionState.RECEIVING, 0.0)
            waited, served = limited - self._limited, receiving - self._receiving
            if waited + served > 0:
                self.was_seen = served < SPARE * (waited + served)
            self._at, self._limited, self._receiving = now, limited, receiving
        return self.was_seen
