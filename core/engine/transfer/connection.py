"""One connection of a pool: what it is on, what it brings, how it may end, and which one lags."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from statistics import median

from core.adapters.net.response import Response
from core.domain.errors import WinchError
from core.domain.inspection import ConnectionState
from core.domain.value import Value
from core.engine.transfer.body import Body, StateTimer
from core.engine.transfer.opening import Contradicted
from core.engine.transfer.source import Source
from core.policy.transfer.rate import RateWindow
from core.policy.transfer.segments import Claim


class NothingLeft(Value, frozen=True):
    """There is nothing left for this connection to do."""


class ConnectionFailed(Value, frozen=True):
    """The connection failed; what it had is kept."""

    error: WinchError


ConnectionResult = NothingLeft | ConnectionFailed | Contradicted

SETTLING = 0.25
"""Seconds after the first byte before which a rate says nothing."""
SHORTEST = 0.05
"""Seconds that an answer counts for at the least."""
STRAGGLER = 6.0
"""How many times slower than usual a connection is before it is replaced."""
WINDOW = 3.0
"""Seconds over which the rate of a connection is measured."""
TRUSTED_AFTER = 0.6
"""Seconds without a byte after which a connection counts as stopped, at the least."""

UNSERVED = 1.0
"""Seconds without an answer after which a connection counts against its host, at the least."""


@dataclass(slots=True, eq=False)
class PoolConnection:
    """One connection and what it is on."""

    source: Source
    claim: Claim
    asked_at: float
    timer: StateTimer
    meter: RateWindow = field(init=False)
    first_byte_at: float | None = None
    received: int = 0
    abandoned: bool = False
    peer: str | None = None
    start: int = field(init=False)
    """Where its stretch begins."""
    answered: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set once its request was accepted, or it ended."""
    task: asyncio.Task[ConnectionResult] = field(init=False, repr=False)
    """Its work, set at once by the pool."""

    def __post_init__(self) -> None:
        self.start = self.claim.position
        self.meter = RateWindow(self.asked_at, window=WINDOW)

    def take_on(self, claim: Claim, now: float) -> None:
        """Ask for another stretch next."""
        self.claim, self.start = claim, claim.position
        self.asked_at, self.first_byte_at, self.received = now, None, 0
        self.timer.enter(ConnectionState.CONNECTING)

    def begin_body(self, response: Response, body: Body) -> None:
        """Begin with an answer that was accepted."""
        self.peer = response.peer
        body.timer = self.timer
        self.timer.enter(ConnectionState.RECEIVING)

    def rate(self, now: float, setup: float) -> float | None:
        """Return its bytes/s, None where they cannot be known yet.

        `setup` is how many seconds a first byte takes.
        """
        if self.first_byte_at is None:
            # Mute for so long: as good as stopped.
            return 0.0 if self.is_overdue(now, setup) and not self.is_held_up else None
        if now - self.first_byte_at < SETTLING:
            return None
        return self.meter.rate(now)

    def is_overdue(self, now: float, setup: float) -> bool:
        """Tell whether its first byte should have come by now."""
        return now - self.asked_at > max(TRUSTED_AFTER, 5 * setup)

    @property
    def is_held_up(self) -> bool:
        """Whether it waits for a limit that was set here, which says nothing of its server."""
        return self.timer.state is ConnectionState.LIMITED

    @property
    def is_served(self) -> bool:
        return self.timer.state is not ConnectionState.CONNECTING

    def is_unserved(self, now: float, setup: float) -> bool:
        """Tell whether its server took the connection and does nothing with it.

        A few workers at the other end serve one after the other: who waits for the next of them
        only stands in the way of others. `setup` is how many seconds a first byte takes.
        """
        return not self.is_served and now - self.asked_at > max(UNSERVED, 3 * setup)

    def took(self, count: int, now: float) -> None:
        """Take in that bytes have come, those of its proof included."""
        if self.first_byte_at is None:
            self.first_byte_at, self.meter = now, RateWindow(now, window=WINDOW)
        self.received += count
        self.meter.add(now, count)
        self.source.failures = 0

    def average_rate(self, now: float) -> float | None:
        """Return what its answer brought on average, in bytes/s; None where no byte has come."""
        if self.first_byte_at is None:
            return None
        return self.received / max(SHORTEST, now - self.first_byte_at)

    def abandon(self) -> None:
        """Give it up; what it has fetched is kept."""
        if not self.abandoned:
            self.abandoned = True
            self.task.cancel()


class PoolStatus(Value, frozen=True):
    """What the connections of a download do at a moment.

    `spent` are their seconds by state since it began to run, those that have ended included;
    `single`, `enough`, `best`, `share` and `mixed` are as in `policy.transfer.slowness.Situation`.
    """

    connections: tuple[PoolConnection, ...]
    spent: Mapping[ConnectionState, float]
    single: bool
    enough: int | None
    best: float
    share: int
    mixed: str | None


def straggler(
    connections: Collection[PoolConnection], now: float, setup: float
) -> PoolConnection | None:
    """Return a connection that is far slower than the others, if one is: the next may do better.

    `setup` is how many seconds that takes to its first byte.
    """
    judged = [c for c in connections if c.is_overdue(now, setup) and not c.is_held_up]
    if len(judged) < 3:
        return None
    rates = {c: c.meter.rate(now) for c in judged}
    slowest = min(judged, key=lambda connection: rates[connection])
    usual = median(rates.values())
    left = (slowest.claim.end or 0) - slowest.claim.reserved
    is_slow = rates[slowest] * STRAGGLER < usual
    return slowest if is_slow and left > usual * (setup + SHORTEST) else None
