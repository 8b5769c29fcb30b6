"""The connections of one download: how many, who fetches what, and who is replaced.

A failure of one connection is a value here and not an exception: the others go on, and what it had
not fetched is taken over. Only when nobody is left, or when the file itself is in doubt, does the
download hear of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from statistics import median

from core.adapters.net.http import Response
from core.adapters.system.clock import Clock
from core.domain.errors import (
    DiskError,
    HttpStatusError,
    IncompleteBodyError,
    ProtocolError,
    StateError,
    WinchError,
)
from core.domain.inspection import ConnectionState
from core.engine.transfer.body import Body, StateTimer, UnfinishedFile, receive_body
from core.engine.transfer.connection import (
    ConnectionFailed,
    ConnectionResult,
    Contradicted,
    NothingLeft,
    PoolConnection,
    PoolStatus,
    proved,
    slowest_straggler,
)
from core.engine.transfer.context import TransferContext
from core.engine.transfer.overlap import (
    OVERLAP_BYTES,
    OverlapCheck,
    end_with_overlap,
    pass_silent_neighbours,
)
from core.engine.transfer.source import Source, Sources
from core.policy.growth import Growth
from core.policy.holdup import Holdup
from core.policy.host_memory import ServedBest
from core.policy.ranges import (
    CHANGED,
    OVERLAP,
    Accept,
    Reject,
    RestartWhole,
    build,
)
from core.policy.rate import RateWindow
from core.policy.replacement import Replacement
from core.policy.segments import Claim
from core.policy.slowness import BestRate
from core.policy.throttle import TokenBucket

TICK = 0.05
SLOW_TICK = 0.25
IDLE_TICK = 2.0
ENOUGH = 64 * 1024
"""Bytes that a server must send of what it was asked for, if it sends less than that."""
_REVIEW = 1.0
PARTIAL_CONTENT = 206


class ConnectionPool:
    """Fetches what is missing of a file over as many connections as help.

    `setup` is how many seconds the first answer took. `written` hears of every block that is on
    disk, `note` gets sentences for the timeline, `known` is what served best the last time.
    """

    def __init__(
        self,
        file: UnfinishedFile,
        sources: Sources,
        context: TransferContext,
        clock: Clock,
        *,
        limit: TokenBucket,
        most: Callable[[], int],
        min_split: int,
        setup: float,
        written: Callable[[int], None],
        note: Callable[[str], None],
        known: ServedBest | None = None,
    ) -> None:
        self._file = file
        self._sources = sources
        self._context = context
        self._clock = clock
        self._limits = (limit, context.rate_limit)
        self._most = most
        self._min_split = min_split
        self._written = written
        self._note = note
        self._connections: set[PoolConnection] = set()
        self._known = known
        self._growth = Growth(clock.monotonic(), start=known.connections if known else None)
        self._most_served = 0
        self._total = RateWindow(clock.monotonic(), window=2.0)
        self._received = 0
        self._setup = setup
        self._began = clock.monotonic()
        self._seams = OverlapCheck()
        self._primary = sources.usable[0]
        self._single = not file.resource.ranges or file.resource.total is None
        self._mixed: str | None = None
        self._on_trial = False
        """Whether the server has still to show that it serves ranges, by one connection more."""
        self._error: WinchError | None = None
        self.grew = False
        """Whether the file was seen to have become longer than it was at the first answer."""
        self.mixed_sources = False
        """Whether parts came from addresses that only their seams prove to hold one file."""
        self._paces: deque[float] = deque(maxlen=16)
        self._replacement = Replacement()
        self._target = 1
        self._spent: dict[ConnectionState, float] = {}
        self._reviewed = self._began
        self._best = BestRate()
        self._holdup = Holdup(self._began)

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    def pool_status(self, now: float) -> PoolStatus:
        """Return what its connections do right now."""
        spent = self._spent_by(now)
        best, share = self._best.rate(now), self._sources.share(now)
        return PoolStatus(
            tuple(self._connections),
            spent,
            self._single,
            self._growth.enough,
            best,
            share,
            self._mixed,
        )

    def _spent_by(self, now: float) -> dict[ConnectionState, float]:
        """Return the seconds of all connections by state, up to now."""
        spent = dict(self._spent)
        for timer in (connection.timer for connection in self._connections):
            spent[timer.state] = spent.get(timer.state, 0.0) + now - timer.since
        return spent

    def served_best(self) -> int | None:
        """Return how many connections were served best, None where there was no time to tell."""
        if self._single or self._on_trial:
            return None
        if self._growth.enough is not None:
            return self._growth.enough
        has_all = self._most_served > 1 and self._most_served >= self._budget()
        has_borne = self._most_served and self._sources.has_refused(self._clock.monotonic())
        return self._most_served if has_all or has_borne else None

    async def run(
        self, source: Source, claim: Claim, response: Response, body: Body
    ) -> ConnectionResult:
        """Fetch everything, beginning with an answer that was accepted.

        Returns NothingLeft when the file is complete, Contradicted when it has to begin anew. It
        raises the error of the last connection when none is left, DiskError and StateError at once.
        """
        if not self._single:
            self._file.segments.divide(self._budget(), self._min_split)
            self._on_trial = response.status != PARTIAL_CONTENT
        self._primary = source
        self._start(source, claim, (response, body))
        try:
            while True:
                self._balance()
                if not self._connections:
                    if self._file.segments.is_complete and self._file.segments.reopen():
                        self._error = None  # what went wrong before did not keep it from this
                        continue
                    return self._finish()
                tasks = [
                    connection.task
                    for connection in self._connections
                    if connection.task is not None
                ]
                await asyncio.wait(
                    tasks, timeout=self._patience(), return_when=asyncio.FIRST_COMPLETED
                )
                for connection in [
                    w for w in self._connections if w.task is not None and w.task.done()
                ]:
                    self._connections.discard(connection)
                    if (ending := self._ended(connection)) is not None:
                        return ending
                if not await self._seams.fit(self._file):
                    return Contradicted("answers to different ranges do not fit together", True)
        finally:
            await self._stop()

    # -- how many ---------------------------------------------------------------------------------

    def _allowed(self) -> int:
        if self._single:
            return 1
        return min(2, self._budget()) if self._on_trial else self._budget()

    def _budget(self) -> int:
        return max(1, min(self._most(), self._sources.share(self._clock.monotonic())))

    @property
    def _is_limited(self) -> bool:
        return any(limit.rate is not None for limit in self._limits)

    def _balance(self) -> None:
        """Open and close connections, and hand stretches from the slow to the fast."""
        now = self._clock.monotonic()
        for connection in self._connections:
            connection.claim.rate = connection.rate(now, self._setup)
        self._tell_served(now)
        segments = self._file.segments
        left = None if segments.total is None else segments.total - segments.bytes_done
        self._target = self._growth.update(
            now,
            cap=self._allowed(),
            connections=len(self._connections),
            served=sum(connection.is_served for connection in self._connections),
            received=self._received,
            left=left,
            rate=self._present_rate(now),
            setup=self._setup,
            limited=self._is_limited,
            held_up=self._is_limited and self._holdup.lasts(self._spent_by(now), now),
        )
        self._tell_beginning()
        slow = slowest_straggler(self._connections, now, self._setup)
        if slow is not None and self._replacement.is_due(now):
            self._replacement.made(now)
            slow.abandon()
        while len(self._connections) < self._target:
            source = self._sources.choose(now)
            if source is None or (claim := self._take(now)) is None:
                break
            self._start(source, claim, None)
        latest_first = sorted(self._connections, key=lambda connection: -connection.asked_at)
        excess = latest_first[: max(0, len(self._connections) - self._target)]
        for connection in [*excess, *(w for w in self._connections if w.claim.taken_over)]:
            connection.abandon()
        if now - self._reviewed >= _REVIEW:
            self._reviewed = now
            self._best.note(self._total.rate(now), now)
            self._context.best_total_rate.note(self._context.total_rate.rate(now), now)

    def _tell_beginning(self) -> None:
        known = self._known
        if known is not None and self._growth.has_begun_there:
            self._known = None
            if 1 < self._target == known.connections:
                day = f"{known.at.astimezone():%-d %b}"
                self._note(f"began with {self._target} connections, as served best on {day}")

    def _tell_served(self, now: float) -> None:
        """Give up connections that nobody serves, and let the hosts' budgets know what is borne."""
        served = Counter(w.source.host for w in self._connections if w.is_served)
        self._sources.note_served(served, now)
        self._most_served = max(self._most_served, served.total())
        for connection in self._connections:
            host = connection.source.host
            if (
                served[host]
                and not connection.abandoned
                and connection.is_unserved(now, self._setup)
            ):
                self._sources.unserved(connection.source, now, served=served[host])
                connection.abandon()

    def _present_rate(self, now: float) -> float:
        """Return the total in bytes/s; in the first moments, from those moments alone."""
        elapsed = now - self._began
        if elapsed > SLOW_TICK:
            return self._total.rate(now)
        return self._received / max(elapsed, TICK / 2)

    def _patience(self) -> float | None:
        """Return for how many seconds the balance may be left as it is, None: until a change."""
        if self._single:
            return None
        allowed = self._allowed()
        if allowed == 1:
            return SLOW_TICK if self._sources.has_refused(self._clock.monotonic()) else IDLE_TICK
        is_held_up = self._is_limited and self._holdup.was_seen
        return TICK if self._target < allowed and not is_held_up else SLOW_TICK

    def _take(self, now: float) -> Claim | None:
        segments = self._file.segments
        if (claim := segments.claim()) is not None:
            return claim
        # Those that have ended count as well: where one straggler is left, it is no measure.
        rates = [*self._paces, *(w.claim.rate for w in self._connections if w.claim.rate)]
        pace = median(rates) if rates else None
        return segments.split(self._min_split, rate=pace, setup=self._setup)

    # -- one connection ---------------------------------------------------------------------------

    def _start(self, source: Source, claim: Claim, opened: tuple[Response, Body] | None) -> None:
        now = self._clock.monotonic()
        connection = PoolConnection(source, claim, now, StateTimer(self._clock, self._spent))
        if opened is not None:
            self._listen(connection, *opened)
        self._connections.add(connection)
        self._context.open_connections += 1
        connection.task = asyncio.create_task(self._work(connection, opened))

    def _listen(self, connection: PoolConnection, response: Response, body: Body) -> None:
        connection.listen(response, body)
        body.limit_parts, body.connections = (
            self._limit_parts,
            lambda: max(1, len(self._connections)),
        )

    async def _work(
        self, connection: PoolConnection, opened: tuple[Response, Body] | None
    ) -> ConnectionResult:
        """Fetch stretch after stretch until there is none left, or something is wrong."""
        try:
            while True:
                try:
                    ending = await (
                        self._ask(connection)
                        if opened is None
                        else self._receive(connection, opened[1])
                    )
                except WinchError as error:
                    ending = ConnectionFailed(error)
                finally:
                    if opened is not None:
                        opened[0].close()
                        opened = None
                    if connection.claim in self._file.segments.claims:
                        self._file.segments.release(connection.claim)
                    connection.answered.set()
                if not isinstance(ending, NothingLeft) or len(self._connections) > self._target:
                    return ending
                now = self._clock.monotonic()
                if (claim := self._take(now)) is None:
                    return ending
                connection.take_on(claim, now)
        except asyncio.CancelledError:
            if not connection.abandoned:
                raise
            return NothingLeft()
        finally:
            connection.timer.enter(ConnectionState.CONNECTING)
            self._context.open_connections -= 1

    async def _ask(self, connection: PoolConnection) -> ConnectionResult:
        """Send a request for the connection's stretch and use its answer."""
        file, claim = self._file, connection.claim
        known = file.resource
        overlap = min(OVERLAP, file.segments.done_before(claim.position))
        first = claim.position - overlap
        end = end_with_overlap(claim, file.segments.total)
        request = build(first=first, end=end, known=known, overlap=overlap)
        async with connection.source.ask(request, known=known) as (response, judgement):
            match judgement:
                case Reject(error=error):
                    return ConnectionFailed(error)
                case RestartWhole(reason=reason, grew=grew):
                    self.grew = self.grew or (grew and connection.source is self._primary)
                    return Contradicted(reason, grew=grew)
                case Accept():
                    body = Body(response, judgement.length, self._clock, self._limits)
                    self._listen(connection, response, body)
                    received = partial(self._count, connection)
                    if not await proved(file, claim, body, judgement, received):
                        return Contradicted("the bytes on the server are other ones", True)
                    connection.answered.set()
                    self._on_trial = False
                    is_same = judgement.same_version or connection.source is self._primary
                    self.mixed_sources = self.mixed_sources or not is_same
                    return await self._receive(connection, body)

    async def _receive(self, connection: PoolConnection, body: Body) -> ConnectionResult:
        claim, segments = connection.claim, self._file.segments
        begun = claim.position
        while True:
            await receive_body(
                body,
                claim,
                self._file,
                self._clock,
                received=partial(self._count, connection),
                written=self._written,
            )
            self._learn(connection)
            if claim.end is None:
                # A part of a file of unknown length ends without the file: what follows is asked
                # for, until there is nothing more.
                if not (body.is_part and claim.position > begun):
                    segments.end_at(claim.position)
                return NothingLeft()
            if claim.position < claim.end:
                if claim.position - begun >= ENOUGH:
                    return NothingLeft()
                return ConnectionFailed(
                    IncompleteBodyError("the server sends less than it is asked for")
                )
            # An answer that goes on is used on: no other request is as cheap.
            if not body.goes_on:
                break
            await pass_silent_neighbours(
                connection, self._connections, segments, self._clock, setup=self._setup
            )
            if claim.position == claim.end and not segments.extend(claim):
                break
        if claim.end < (segments.total or 0) and body.goes_on:
            self._seams.add(claim.end, await body.take(OVERLAP_BYTES))
        return NothingLeft()

    def _limit_parts(self) -> int:
        """Return how many connections take one download's turn at a limit, beside other ones."""
        own = len(self._connections)
        return own if self._context.open_connections > own else 1

    def _count(self, connection: PoolConnection, count: int) -> None:
        """Take in that bytes have come."""
        now = self._clock.monotonic()
        if connection.first_byte_at is None:
            self._setup += 0.3 * (now - connection.asked_at - self._setup)
        connection.took(count, now)
        self._received += count
        self._total.add(now, count)

    def _learn(self, connection: PoolConnection) -> None:
        """Remember what a connection is worth, for those that come after it."""
        if (pace := connection.pace(self._clock.monotonic())) is not None:
            self._paces.append(pace)

    # -- how it ends ------------------------------------------------------------------------------

    def _ended(self, connection: PoolConnection) -> ConnectionResult | None:
        """Take in how a connection ended; returns an ending of the whole, if it is one."""
        assert connection.task is not None
        now = self._clock.monotonic()
        ending = connection.task.result()
        others = len(self._connections)
        if isinstance(ending, Contradicted):
            return self._contradicted(connection, ending, others)
        if not isinstance(ending, ConnectionFailed):
            return None
        error, source = ending.error, connection.source
        if isinstance(error, DiskError | StateError):
            raise error
        self._error = error
        if self._on_trial and isinstance(error, HttpStatusError | ProtocolError):
            self._stay_single(error.message)
        self._sources.failed(source, error, now, others=others)
        return None

    def _contradicted(
        self, connection: PoolConnection, ending: Contradicted, others: int
    ) -> Contradicted | None:
        if connection.source is not self._primary:
            self._sources.drop(connection.source, ending.reason)
            return None
        if ending.bytes_differ or not others:
            return ending
        # Different servers behind one name: what the others fetch belongs together.
        if ending.reason.startswith(CHANGED) and not self._single:
            self._mixed = ending.reason.removeprefix(f"{CHANGED}: ")
        self._stay_single(ending.reason)
        return None

    def _stay_single(self, reason: str) -> None:
        if self._single:
            return
        self._single = True
        self._note(f"one connection only: {reason}")
        if self._on_trial:
            self._on_trial = False
            self._file.resource = replace(self._file.resource, ranges=False)

    def _finish(self) -> ConnectionResult:
        segments = self._file.segments
        if segments.is_complete and segments.doubts:
            return Contradicted("answers to different ranges cannot be compared", True)
        if self._error is not None and not segments.is_complete:
            raise self._error
        return NothingLeft()

    async def _stop(self) -> None:
        tasks = [connection.task for connection in self._connections if connection.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._connections.clear()
