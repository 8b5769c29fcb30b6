"""The connections of one download: who fetches what, and who is replaced.

A failure of one connection is a value here and not an exception: the others go on, and what it had
not fetched is taken over. Only when nobody is left, or when the file itself is in doubt, does the
download hear of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from core.adapters.net.response import Response
from core.domain.errors import (
    IncompleteBodyError,
    WinchError,
    without_frames,
)
from core.domain.inspection import ConnectionState
from core.engine.transfer.body import Body, StateTimer
from core.engine.transfer.connection import (
    ConnectionFailed,
    ConnectionResult,
    NothingLeft,
    PoolConnection,
    PoolStatus,
    straggler,
)
from core.engine.transfer.context import TransferContext
from core.engine.transfer.opening import Contradicted, Opened, open_connection
from core.engine.transfer.overlap import OverlapCheck, pass_silent_neighbours
from core.engine.transfer.pool_ends import PoolEnds
from core.engine.transfer.pool_size import PoolSize
from core.engine.transfer.receiving import receive_body
from core.engine.transfer.resume import UnfinishedFile
from core.engine.transfer.source import Source, Sources
from core.policy.transfer.host_memory import ServedBest
from core.policy.transfer.ranges import OVERLAP_BEHIND
from core.policy.transfer.replacement import Replacement
from core.policy.transfer.segments import Claim
from core.policy.transfer.slowness import BestRate
from core.policy.transfer.throttle import TokenBucket

ENOUGH = 64 * 1024
"""Bytes that a server must send of what it was asked for, if it sends less than that."""
REVIEW = 1.0
"""Seconds between two looks at whether the present rate is the best."""
PARTIAL_CONTENT = 206


class ConnectionPool:
    """Fetches what is missing of a file over as many connections as help.

    `limits` are all that the download has to keep to, `setup` is how many seconds the first answer
    took. `most` returns how many connections the request or the settings allow, `written` hears of
    every block that is on disk and `came` of where it is and who sent it, `note` gets sentences for
    the timeline, `known` is what served best the last time.
    """

    def __init__(
        self,
        file: UnfinishedFile,
        sources: Sources,
        context: TransferContext,
        *,
        limits: Sequence[TokenBucket],
        most: Callable[[], int],
        setup: float,
        written: Callable[[int], None],
        came: Callable[[int, int, Source], None] | None,
        note: Callable[[str], None],
        known: ServedBest | None = None,
    ) -> None:
        self._file = file
        self._sources = sources
        self._context = context
        self._clock = clock = context.clock
        self._limits = limits
        self._most = most
        self._min_split = context.limits.min_split_bytes
        self._written = written
        self._came = came
        self._connections: set[PoolConnection] = set()
        self._size = PoolSize(
            clock.monotonic(),
            computed=clock.computed(),
            limits=self._limits,
            setup=setup,
            known=known,
            note=note,
        )
        self._most_served = 0
        self._best = BestRate()
        self._overlaps = OverlapCheck()
        self._ends = PoolEnds(file, sources, clock, note)
        self.grew = False
        """Whether the file was seen to have become longer than it was at the first answer."""
        self.mixed_sources = False
        """Whether parts came from addresses that only their overlaps prove to hold one file."""
        self._replacement = Replacement()
        self._reviewed = clock.monotonic()

    @property
    def connection_count(self) -> int:
        return len(self._connections)

    def status(self, now: float) -> PoolStatus:
        """Return what its connections do right now."""
        return PoolStatus(
            tuple(self._connections),
            self._size.spent(self._connections, now),
            self._ends.single,
            self._size.enough,
            self._best.rate(now),
            self._sources.share(now),
            self._ends.mixed,
        )

    def served_best(self) -> int | None:
        """Return how many connections were served best, None where there was no time to tell."""
        if self._ends.single or self._ends.on_trial:
            return None
        if self._size.enough is not None:
            return self._size.enough
        has_all = self._most_served > 1 and self._most_served >= self._budget()
        has_borne = self._most_served and self._sources.has_refused(self._clock.monotonic())
        return self._most_served if has_all or has_borne else None

    async def run(self, source: Source, claim: Claim, opened: Opened) -> NothingLeft | Contradicted:
        """Fetch everything, beginning with a connection that is open.

        Returns NothingLeft when the file is complete, Contradicted when it has to begin anew. It
        raises the error of the last connection when none is left, DiskError and StateError at once.
        """
        if not self._ends.single:
            self._file.segments.divide(self._budget(), self._min_split)
            self._ends.on_trial = opened.response.status != PARTIAL_CONTENT
        self._ends.primary = source
        self._start(source, claim, opened)
        try:
            while True:
                self._balance()
                if not self._connections:
                    if self._file.segments.is_complete and self._file.segments.reopen():
                        self._ends.error = None  # what went wrong before did not keep it from this
                        continue
                    return self._ends.result()
                await asyncio.wait(
                    [c.task for c in self._connections],
                    timeout=self._seconds_to_next_look(),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for connection in [c for c in self._connections if c.task.done()]:
                    self._connections.discard(connection)
                    others = len(self._connections)
                    if (contradiction := self._ends.take_in(connection, others)) is not None:
                        return contradiction
                fits = await self._overlaps.compare(self._file)
                if not fits and self._file.segments.compares:
                    return Contradicted("answers to different ranges do not fit together", True)
        finally:
            await self._stop()

    # -- how many ---------------------------------------------------------------------------------

    def _allowed(self) -> int:
        if self._ends.single:
            return 1
        return min(2, self._budget()) if self._ends.on_trial else self._budget()

    def _budget(self) -> int:
        return max(1, min(self._most(), self._sources.share(self._clock.monotonic())))

    def _seconds_to_next_look(self) -> float | None:
        """Return for how long the balance may be left as it is, None: until a connection ends."""
        if self._ends.single:
            return None
        refused = self._sources.has_refused(self._clock.monotonic())
        return self._size.seconds_to_next_look(self._allowed(), refused=refused)

    def _balance(self) -> None:
        """Open and close connections, and hand stretches from the slow to the fast."""
        now = self._clock.monotonic()
        for connection in self._connections:
            connection.claim.rate = rate = connection.rate(now, self._size.setup)
            if rate:
                connection.source.note_rate(rate)
        self._give_up_unserved(now)
        cap = self._allowed()
        # It only says whether one more would help, and a thousand of one each would all ask.
        computed = self._clock.computed() if cap > 1 else None
        self._size.update(now, self._connections, self._file.segments, cap=cap, computed=computed)
        slow = straggler(self._connections, now, self._size.setup)
        if slow is not None and self._replacement.is_due(now):
            self._replacement.made(now)
            slow.abandon()
        while len(self._connections) < self._size.target:
            source = self._sources.choose(now)
            if source is None or (claim := self._take_stretch()) is None:
                break
            self._start(source, claim, None)
        latest_first = sorted(self._connections, key=lambda c: -c.asked_at)
        excess = latest_first[: max(0, len(self._connections) - self._size.target)]
        useless = [c for c in self._connections if c.claim.taken_over or c.source.lies]
        for connection in [*excess, *useless]:
            connection.abandon()
        if now - self._reviewed >= REVIEW:
            self._reviewed = now
            self._best.note(self._size.total.rate(now), now)
            self._context.best_total_rate.note(self._context.total_rate.rate(now), now)

    def _give_up_unserved(self, now: float) -> None:
        """Give up connections that nobody serves, and let the hosts' budgets know what is borne."""
        served = Counter(c.source.host for c in self._connections if c.is_served)
        self._sources.note_served(served, now)
        self._most_served = max(self._most_served, served.total())
        for connection in self._connections:
            host, is_new = connection.source.host, not connection.abandoned
            if served[host] and is_new and connection.is_unserved(now, self._size.setup):
                self._sources.unserved(connection.source, now, served=served[host])
                connection.abandon()

    def _take_stretch(self) -> Claim | None:
        segments = self._file.segments
        if (claim := segments.claim()) is not None:
            return claim
        rate = self._size.usual_rate(self._connections)
        return segments.split(self._min_split, rate=rate, setup=self._size.setup)

    # -- one connection ---------------------------------------------------------------------------

    def _start(self, source: Source, claim: Claim, opened: Opened | None) -> None:
        now = self._clock.monotonic()
        connection = PoolConnection(source, claim, now, StateTimer(self._clock, self._size.ended))
        if opened is not None:
            self._begin_body(connection, opened.response, opened.body)
        self._connections.add(connection)
        self._context.open_connections += 1
        connection.task = asyncio.create_task(self._work(connection, opened))

    def _begin_body(self, connection: PoolConnection, response: Response, body: Body) -> None:
        connection.begin_body(response, body)
        body.limit_parts = self._limit_parts
        body.connections = lambda: max(1, len(self._connections))

    async def _work(self, connection: PoolConnection, opened: Opened | None) -> ConnectionResult:
        """Fetch stretch after stretch until there is none left, or something is wrong."""
        try:
            while True:
                try:
                    if opened is None:
                        result = await self._fetch_stretch(connection)
                    else:
                        result = await self._receive(connection, opened.body)
                except WinchError as error:
                    result = ConnectionFailed(without_frames(error))
                finally:
                    if opened is not None:
                        opened.response.close()
                        opened = None
                    if connection.claim in self._file.segments.claims:
                        self._file.segments.release(connection.claim)
                    connection.answered.set()
                is_excess = len(self._connections) > self._size.target
                if not isinstance(result, NothingLeft) or is_excess:
                    return result
                if (claim := self._take_stretch()) is None:
                    return result
                connection.take_on(claim, self._clock.monotonic())
        except asyncio.CancelledError:
            if not connection.abandoned:
                raise
            return NothingLeft()
        finally:
            connection.timer.enter(ConnectionState.CONNECTING)
            self._context.open_connections -= 1

    async def _fetch_stretch(self, connection: PoolConnection) -> ConnectionResult:
        """Open a connection for its stretch and use the answer."""
        is_primary = connection.source is self._ends.primary
        async with open_connection(
            connection.source,
            self._file,
            connection.claim,
            clock=self._clock,
            limits=self._limits,
            on_accept=partial(self._begin_body, connection),
            on_bytes=partial(self._count_proof, connection),
        ) as opened:
            if isinstance(opened, Contradicted):
                self.grew = self.grew or (opened.grew and is_primary)
                return opened
            connection.answered.set()
            self._ends.on_trial = False
            is_same = opened.accepted.same_version or is_primary
            self.mixed_sources = self.mixed_sources or not is_same
            return await self._receive(connection, opened.body)

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
                written=self._written if self._came is None else partial(self._wrote, connection),
            )
            self._size.answer_ended(connection, self._clock.monotonic())
            if claim.end is None:
                # A part of a file of unknown length ends without the file: what follows is asked
                # for, until there is nothing more.
                if not (body.is_part and claim.position > begun):
                    segments.end_at(claim.position)
                return NothingLeft()
            if claim.position < claim.end:
                if claim.position - begun >= ENOUGH:
                    return NothingLeft()
                error = IncompleteBodyError("the server sends less than it is asked for")
                return ConnectionFailed(error)
            # An answer that goes on is used on: no other request is as cheap.
            if not body.goes_on:
                break
            await pass_silent_neighbours(
                connection, self._connections, segments, self._clock, setup=self._size.setup
            )
            if claim.position == claim.end and not segments.extend(claim):
                break
        if segments.compares and claim.end < (segments.total or 0) and body.goes_on:
            seen = await body.take(OVERLAP_BEHIND)
            self._context.counters.came_twice("seam", len(seen))
            self._overlaps.expect(claim.end, seen)
        return NothingLeft()

    def _limit_parts(self) -> int:
        """Return how many connections take one download's turn at a limit, beside other ones."""
        own = len(self._connections)
        return own if self._context.open_connections > own else 1

    def _wrote(self, connection: PoolConnection, count: int) -> None:
        """Take in that a block is on disk, up to where its claim is now."""
        if self._came is not None and count:
            at = connection.claim.position
            self._came(at - count, at, connection.source)
            if connection.source.lies:
                connection.abandon()
        self._written(count)

    def _count_proof(self, connection: PoolConnection, count: int) -> None:
        self._context.counters.came_twice("resume", count)
        self._count(connection, count)

    def _count(self, connection: PoolConnection, count: int) -> None:
        self._size.took(connection, count, self._clock.monotonic())

    async def _stop(self) -> None:
        tasks = [connection.task for connection in self._connections]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._connections.clear()
