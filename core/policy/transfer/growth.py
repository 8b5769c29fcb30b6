"""How many connections a download should have at a moment: more while they help, fewer when not.

Decides for the connection pool. It multiplies quickly at the start, because a server that gives
each connection a share gives more connections more; later it tries with half, and stays there if
the total rate does not suffer. A trial goes through these states:

    Holding ─► MeasuringPresent ─► SettlingOnFewer ─► MeasuringFewer ─► Holding
"""

from __future__ import annotations

from core.domain.value import Value

RAMP = 0.05
"""Seconds between the steps at the start."""
STEP = 4
"""By how much the number grows in a step."""
WORTHWHILE = 0.3
"""Seconds that must remain, beside the time to a first byte, for others to be worth it."""
WINDOW = 2.0
"""Seconds over which rates are compared."""
LONG = 30.0
"""Seconds that must remain before a trial with fewer connections is worth its risk."""
LASTING = 60.0
"""Seconds after which what was found out is put to the test again."""
GENTLE = 0.5
"""Seconds between the steps under a limit: as many as fill it are enough, and take a while to tell.
"""
BUSY = 0.7
"""Fraction of its time that the loop may compute: beyond, it bounds the rate, and no server."""
FAST = 64 * 1024 * 1024
"""Bytes/s below which a loop that is busy is so with something else."""
LOSS = 0.95
"""Fraction of the rate that fewer connections must keep."""


class Holding(Value, frozen=True):
    """No trial is under way."""


class MeasuringPresent(Value, frozen=True):
    """What the connections bring that are there; more may still be opened meanwhile."""

    since: float
    received: int


class SettlingOnFewer(Value, frozen=True):
    """Half of them were given up, and the rest take over; `rate` in bytes/s is what all brought."""

    connections: int
    rate: float


class MeasuringFewer(Value, frozen=True):
    """What half of them bring, to be compared with what all brought before."""

    before: SettlingOnFewer
    since: float
    received: int


State = Holding | MeasuringPresent | SettlingOnFewer | MeasuringFewer


class Growth:
    """The number of connections to have; `now` is monotonic seconds, given by the caller.

    `start` is what served best the last time: the first step leads there, and whether more would
    be better now is looked at later.
    """

    def __init__(self, now: float, *, start: int | None = None) -> None:
        self._target = 1
        self._start = start
        self.has_begun_there = False
        """Whether it has taken the first step to `start`."""
        self._state: State = Holding()
        self._enough: tuple[int, float] | None = None
        """So many brought as much as more, which holds until then."""
        self._last_cap = 0
        self._next_step = now + RAMP
        self._next_state = now + WINDOW + 1.0
        self._rest = LASTING
        """Seconds until the next trial after one that failed."""

    @property
    def enough(self) -> int | None:
        """The number that was found to bring as much as more, None where that is not known."""
        return None if self._enough is None else self._enough[0]

    def update(
        self,
        now: float,
        *,
        cap: int,
        connections: int,
        served: int,
        received: int,
        left: int | None,
        rate: float,
        setup: float,
        limited: bool,
        held_up: bool,
        busy: float = 0.0,
    ) -> int:
        """Take in how it goes, and return how many connections to have, `cap` at the most.

        `connections` are there now: fewer than the target where the file has no more stretches to
        share out. `served` of them were answered: while it is less than half, no more are opened,
        which may all wait for the same few workers of a server.
        `received` counts all bytes of this download since the start, `left` those that are missing
        (None: unknown), `rate` is the present total in bytes/s, `setup` the seconds that a new
        connection takes to its first byte. While the rate is `limited` here, it says nothing about
        the server, and nothing is concluded from it; and while that limit has `held_up` all that
        there are, no more are opened, which would have to share the same. Nor more than the loop
        has time for, if each keeps it `busy` for as large a fraction as each of those does: what
        counts is how much of its time it computes, beside that for which it is kept from it.
        """
        cap = self._update_ceiling(cap, now, limited=limited)
        seconds = left / rate if left is not None and rate > 0 else None
        waits = 2 * served < connections
        with_all = isinstance(self._state, Holding | MeasuringPresent)
        most = cap
        if rate >= FAST and busy > 0:
            most = min(cap, int(connections * BUSY / busy))
        may_grow = self._target < most and with_all and not held_up and not waits
        if may_grow and now >= self._next_step:
            if seconds is None or seconds > WORTHWHILE + 2 * setup:
                self._grow(most, now, limited=limited)
            pause = RAMP if self._start is None else WINDOW
            self._next_step = now + (GENTLE if limited else pause)
        elif limited:
            self._go(Holding(), at=now + WINDOW)
        elif seconds is not None and seconds > LONG and now >= self._next_state:
            self._advance_trial(now, received, min(connections, self._target))
        self._target = max(1, min(self._target, cap))
        return self._target

    def _update_ceiling(self, cap: int, now: float, *, limited: bool) -> int:
        """Return the cap, or what was found to be enough, until that is to be looked at again."""
        grew, self._last_cap = cap > self._last_cap, cap
        if self._enough is not None and (grew or limited or now >= self._enough[1]):
            self._enough = None
        return cap if self._enough is None else min(cap, self._enough[0])

    def _grow(self, cap: int, now: float, *, limited: bool) -> None:
        """Multiply, or begin with what served best the last time."""
        begins = self._start is not None and not self.has_begun_there and not limited
        step = 2 if limited else STEP
        self._target = min(cap, self._start or 1 if begins else self._target * step)
        self._next_state = now + WINDOW
        self.has_begun_there |= begins

    def _go(self, state: State, *, at: float) -> None:
        """Enter a state, which is to be left `at` that time at the earliest."""
        self._state, self._next_state = state, at

    def _advance_trial(self, now: float, received: int, present: int) -> None:
        """Measure a window, halve, measure again, and keep what is better."""
        match self._state:
            case Holding():
                if present > 1:
                    self._go(MeasuringPresent(now, received), at=now + WINDOW)
            case SettlingOnFewer() as before:
                self._go(MeasuringFewer(before, now, received), at=now + WINDOW)
            case (
                MeasuringPresent(since=since, received=count)
                | MeasuringFewer(since=since, received=count)
            ) if (received - count) / (now - since) < 1:
                # Nothing came: that tells nothing of what fewer or more would bring.
                self._go(Holding(), at=now + WINDOW)
            case MeasuringPresent(since=since, received=count):
                rate = (received - count) / (now - since)
                self._go(SettlingOnFewer(self._target, rate), at=now + WINDOW / 2)
                self._target = max(1, present // 2)
            case MeasuringFewer(before=before, since=since, received=count):
                if (received - count) / (now - since) < LOSS * before.rate:
                    self._target = before.connections
                    self._go(Holding(), at=now + self._rest)
                    # A trial costs a new request for each connection that it gives up.
                    self._rest *= 2
                else:
                    # What fewer bring as well, more need not be opened for, for a while.
                    self._enough = (self._target, now + LASTING)
                    self._rest = LASTING
                    self._go(Holding(), at=now + WINDOW)
