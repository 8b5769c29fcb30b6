"""How many connections a pool should have, from what those that it has bring.

Feeds the policies (growth, limits that hold up) with what is measured of one download, and keeps
what the pool's other decisions need of it: the rates, and the seconds until a first byte.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from statistics import median

from core.domain.inspection import ConnectionState
from core.engine.transfer.connection import PoolConnection
from core.policy.transfer.growth import Growth
from core.policy.transfer.host_memory import ServedBest
from core.policy.transfer.rate import RateWindow
from core.policy.transfer.segments import SegmentMap
from core.policy.transfer.throttle import LimitHoldup, TokenBucket

TICK = 0.05
"""Seconds between two looks while more connections may help."""
SLOW_TICK = 0.25
"""Seconds between two looks while nothing but a replacement may be due."""
IDLE_TICK = 2.0
"""Seconds between two looks at a connection that may not be joined."""
_SAMPLES = 16


class PoolSize:
    """The number of connections to have; `now` is monotonic seconds, given by the caller.

    `computed` is for how many seconds the loop has computed until then, and was kept from it.
    `limits` are those that were set here, `setup` is how many seconds the first answer took,
    `known` what served best the last time; `note` gets a sentence for the timeline.
    """

    def __init__(
        self,
        now: float,
        *,
        computed: tuple[float, float],
        limits: Sequence[TokenBucket],
        setup: float,
        known: ServedBest | None,
        note: Callable[[str], None],
    ) -> None:
        self.target = 1
        self.setup = setup
        """Seconds that a connection takes to its first byte, a moving average."""
        self.ended: dict[ConnectionState, float] = {}
        """Seconds of all connections in the states that they have left."""
        self._limits = limits
        self._known = known
        self._note = note
        self._growth = Growth(now, start=known.connections if known else None)
        self._holdup = LimitHoldup(now)
        self.total = RateWindow(now, window=2.0)
        self._received = 0
        self._began = now
        self._looked, self._load = (now, computed), 0.0
        self._averages: list[float] = []

    @property
    def enough(self) -> int | None:
        """How many were found to bring as much as more, None where that is not known."""
        return self._growth.enough

    @property
    def _is_limited(self) -> bool:
        return any(limit.rate is not None for limit in self._limits)

    def spent(
        self, connections: Collection[PoolConnection], now: float
    ) -> Mapping[ConnectionState, float]:
        """Return the seconds of all connections by state, up to now."""
        spent = dict(self.ended)
        for timer in (connection.timer for connection in connections):
            spent[timer.state] = spent.get(timer.state, 0.0) + now - timer.since
        return spent

    def took(self, connection: PoolConnection, count: int, now: float) -> None:
        """Take in that a connection has brought bytes."""
        if connection.first_byte_at is None:
            self.setup += 0.3 * (now - connection.asked_at - self.setup)
        connection.took(count, now)
        self._received += count
        self.total.add(now, count)

    def answer_ended(self, connection: PoolConnection, now: float) -> None:
        """Remember what an answer brought on average, for the connections that come after it."""
        if (average := connection.average_rate(now)) is not None:
            self._averages.append(average)
            del self._averages[:-_SAMPLES]
            connection.source.note_rate(average)

    def usual_rate(self, connections: Collection[PoolConnection]) -> float | None:
        """Return the median of what connections bring in bytes/s, None where nobody knows.

        Those that have ended count as well: where one straggler is left, it is no measure.
        """
        rates = [*self._averages, *(c.claim.rate for c in connections if c.claim.rate)]
        return median(rates) if rates else None

    def update(
        self,
        now: float,
        connections: Collection[PoolConnection],
        segments: SegmentMap,
        *,
        cap: int,
        computed: tuple[float, float] | None,
    ) -> None:
        """Set the target, `cap` at the most; `computed` is as at its start, None: not asked for."""
        if limited := self._is_limited:
            self._holdup.update(self.spent(connections, now), now)
        self.target = self._growth.update(
            now,
            cap=cap,
            connections=len(connections),
            served=sum(connection.is_served for connection in connections),
            received=self._received,
            left=None if segments.total is None else segments.total - segments.bytes_done,
            rate=self._present_rate(now),
            setup=self.setup,
            limited=limited,
            held_up=limited and self._holdup.lasts,
            busy=self._busy(now, computed),
        )
        self._tell_beginning()

    def seconds_to_next_look(self, cap: int, *, refused: bool) -> float:
        """Return for how long the target may be left as it is.

        `refused` tells that a host gets fewer connections at present than it may have.
        """
        if cap == 1:
            return SLOW_TICK if refused else IDLE_TICK
        is_held_up = self._is_limited and self._holdup.lasts
        return TICK if self.target < cap and not is_held_up else SLOW_TICK

    def _busy(self, now: float, computed: tuple[float, float] | None) -> float:
        """Return for which fraction of the time that it had the loop has computed lately."""
        then, before = self._looked
        if computed is not None and now - then >= TICK / 2:
            used, waited = computed[0] - before[0], computed[1] - before[1]
            self._looked = now, computed
            self._load = used / max(used, now - then - waited) if used else 0.0
        return self._load

    def _present_rate(self, now: float) -> float:
        """Return the total in bytes/s; in the first moments, from those moments alone."""
        elapsed = now - self._began
        if elapsed > SLOW_TICK:
            return self.total.rate(now)
        return self._received / max(elapsed, TICK / 2)

    def _tell_beginning(self) -> None:
        known = self._known
        if known is not None and self._growth.has_begun_there:
            self._known = None
            if 1 < self.target == known.connections:
                day = f"{known.at.astimezone():%-d %b}"
                self._note(f"began with {self.target} connections, as served best on {day}")
