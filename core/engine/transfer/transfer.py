"""One download, from its URL to its final name: what happens in which order.

The body of the first GET is used; once its answer is accepted, more connections may join. Every
continuation is proved before bytes are mixed (`opening`). A file gets its final name only when it
is whole, verified and synced.
"""

from __future__ import annotations

from functools import cached_property, partial

from core.domain.errors import FileChangedError, IncompleteBodyError, TransferError
from core.domain.models import Phase, Progress
from core.domain.value import replace
from core.engine.transfer.already_fetched import check_already_fetched
from core.engine.transfer.already_there import check_left
from core.engine.transfer.connection import PoolStatus
from core.engine.transfer.context import DownloadHandle, TransferContext, Whole
from core.engine.transfer.file_keeper import FileKeeper
from core.engine.transfer.gains import Gains
from core.engine.transfer.member import check_size, kept_of
from core.engine.transfer.naming import Skipped, check_conflict, wanted_name
from core.engine.transfer.opening import (
    Contradicted,
    Opened,
    continue_file,
    continue_longer_file,
    open_connection,
)
from core.engine.transfer.pool import ConnectionPool
from core.engine.transfer.proof import Proof
from core.engine.transfer.resume import AlreadyPublishedError, UnfinishedFile
from core.engine.transfer.small import SmallFile, is_small
from core.engine.transfer.small import commit as commit_small
from core.engine.transfer.small import receive as receive_small
from core.engine.transfer.source import Source, Sources
from core.policy.transfer.segments import Claim, SegmentMap
from core.policy.transfer.throttle import TokenBucket, read_ahead

_MOST_CONTRADICTIONS = 3
_GREW = "verified: it grew on the server meanwhile; these are its first {} bytes, as at first told"
_MIXED_SOURCES = (
    "unverified: it came from several addresses, and only its seams tell that they hold one file"
)
ANEW = "it begins anew when it goes on: its server cannot continue a file"


class Transfer:
    """One attempt at one download."""

    def __init__(self, download: DownloadHandle, context: TransferContext) -> None:
        request, now = download.get().request, context.clock.monotonic()
        self._download = download
        self._context = context
        self._keeper = FileKeeper(download, context)
        self._pool: ConnectionPool | None = None
        self._gains = Gains(context)
        self._limit = TokenBucket(request.limit, now)
        self._limits = (self._limit, *context.limits_beside(request.group))
        ahead = partial(read_ahead, self._limits)
        self._sources = Sources.of(download.get(), context, download.note, ahead=ahead)
        self._most = request.connections
        self._trusts_ranges = True
        self._has_grown = False
        self._contradictions = 0
        self._small: SmallFile | None = None
        self._served_best: int | None = None

    @cached_property
    def _proof(self) -> Proof:
        """Made where there is a part file: it holds this one, in a circle."""
        return Proof(
            self._download,
            self._context,
            self._sources,
            self._keeper,
            limits=self._limits,
            written=self._written,
        )

    @property
    def received(self) -> int:
        """Bytes that came in this attempt, those included that were here already."""
        return self._gains.received

    @property
    def gained(self) -> int:
        """Bytes that this attempt has added."""
        return self._gains.gained

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that it may have connections to."""
        return self._sources.hosts

    @property
    def can_continue(self) -> bool:
        """Whether nothing that it has is lost if it stops."""
        file = self._keeper.file
        is_whole_or_empty = self._keeper.is_empty or self._keeper.is_complete
        return file is None or is_whole_or_empty or file.resource.ranges

    @property
    def _has_arrived(self) -> bool:
        """Whether every byte is here, in memory or in the part file."""
        return self._small is not None or self._keeper.is_complete

    @property
    def served_best(self) -> int | None:
        """How many connections its host served best; None where that was not found out.

        A number wished for or a limit set here tell nothing.
        """
        pool = self._pool
        if pool is not None and not self._most and not any(limit.rate for limit in self._limits):
            self._served_best = pool.served_best() or self._served_best
        return self._served_best

    @property
    def rate(self) -> float:
        """Bytes/s at present; a small file comes all at once, and has none."""
        if self._keeper.file is None:
            return 0.0
        return self._gains.rate

    @property
    def connections(self) -> int:
        """How many connections are open that fetch the file."""
        return self._pool.connection_count if self._pool is not None else 0

    def progress(self) -> Progress | None:
        """Return how far the download is right now, None before it has looked at what is there."""
        segments = self.segments
        verified = None if segments is None else self._proof.verified
        return self._gains.progress(segments, connections=self.connections, verified=verified)

    @property
    def cpu_seconds(self) -> float:
        """What writing and hashing its part file has cost, in threads of their own."""
        return 0.0 if self._keeper.file is None else self._keeper.file.part.cpu_seconds

    @property
    def is_recording(self) -> bool:
        """Whether a checkpoint is on its way to the disk."""
        return self._keeper.is_recording

    @property
    def segments(self) -> SegmentMap | None:
        """The file's stretches, None before they are known."""
        return None if self._keeper.file is None else self._keeper.file.segments

    def pool_status(self) -> PoolStatus | None:
        """Return what its connections do right now, None while there are none."""
        return self._pool.status(self._context.clock.monotonic()) if self._pool else None

    def set_limits(self, *, rate: float | None, connections: int | None) -> None:
        """Change how fast (bytes/s) and over how many connections this download may run."""
        self._limit.set_rate(rate, self._context.clock.monotonic())
        self._most = connections

    async def run(self) -> Whole:
        """Fetch the file and return it under the name it got.

        Raises WinchError; whatever happens, what arrived is on disk and recorded on return.
        """
        try:
            await self._keeper.recover()
            while True:
                await self._fetch_all()
                if self._small is not None and (whole := await self._commit(self._small)):
                    return whole
                if (whole := await self._publish()) is not None:
                    return whole
        except AlreadyPublishedError as whole:
            return Whole(whole.name, whole.fields)
        except Skipped as existing:
            return await self._left(existing)
        finally:
            if "_proof" in vars(self):
                await self._proof.stop()
            await self._keeper.close()

    async def _left(self, existing: Skipped) -> Whole:
        """Return a file that stays as it is; raises ChecksumError where a source means another."""
        if not existing.is_proved:
            try:
                await check_left(self._download, existing)
            except Skipped as proved:
                existing = proved
        fields = {"resume_verdict": existing.verdict, "total_bytes": existing.size}
        return Whole(existing.name, fields | existing.fields, (existing.verdict,))

    async def _fetch_all(self) -> None:
        """Fetch until every byte is here; raises what `run` does."""
        while not self._has_arrived:
            gained = self.gained
            try:
                contradiction = await self._fetch()
            except TransferError as error:
                first = self._sources.usable[0]
                if self.gained > gained or not self._sources.drop(first, error.message):
                    raise
                continue
            if contradiction is not None:
                await self._resolve(contradiction, gained=self.gained > gained)
            elif self.gained == gained and not self._has_arrived:
                raise IncompleteBodyError("the server sent nothing new")

    async def _commit(self, small: SmallFile) -> Whole | None:
        """Give a small file its name together with others; None where that takes a part file."""
        self._download.observe(Phase.FINALIZING)
        context, count = self._context, small.accepted.length or 0
        if context.committer.has_room:
            self._download.landed()
        now = context.clock.now().timestamp()
        download, rule = self._download.get(), self._keeper.conflict
        whole = await commit_small(download, small, rule, context.committer, now=now)
        if whole is None:
            await self._keeper.fill(small.accepted, small.pieces)
            self._written(count)
            return None
        self._gains.landed(count)
        return whole

    async def _publish(self) -> Whole | None:
        """Give a file its name that is whole in its part file; None where it has to begin anew."""
        file = self._keeper.file
        assert file is not None
        if (results := await self._proof.results(file)) is None:
            return None
        self._download.report(phase=Phase.FINALIZING)
        digest = results[0].expected if results else None
        kept = kept_of(self._download.get(), file.resource, digest)
        return Whole(await self._keeper.publish(file), kept)

    async def _resolve(self, contradiction: Contradicted, *, gained: bool) -> None:
        """Begin anew for this reason, or compare next; raises FileChangedError after some times.

        A file that only grows may do so as often as it likes, as long as something is `gained`.
        """
        if not (contradiction.grew and gained):
            self._contradictions += 1
        if self._contradictions > _MOST_CONTRADICTIONS:
            raise FileChangedError("the file keeps changing on the server", hint="try again later")
        self._has_grown = contradiction.grew
        if not contradiction.grew:
            self._trusts_ranges = self._trusts_ranges and not contradiction.bytes_differ
            await self._keeper.begin_anew(contradiction.reason)

    async def _fetch(self) -> Contradicted | None:
        """Fetch what is missing; returns why the file has to begin anew, if it has to."""
        self._report_connecting()
        file = self._keeper.file
        # A file that grew is asked for from byte 0: all of it has to be compared.
        continues = file is not None and not self._keeper.is_empty and not self._has_grown
        claim = file.segments.claim() if file is not None and continues else None
        source = self._sources.usable[0]
        if file is not None:
            self._proof.begin(file)
        try:
            async with open_connection(
                source,
                file,
                claim,
                clock=self._context.clock,
                limits=self._limits,
                on_bytes=partial(self._context.counters.came_twice, "resume"),
            ) as answer:
                if not isinstance(answer, Contradicted):
                    opened = answer
                elif answer.whole is not None:
                    await self._make_way(answer)
                    opened, claim = answer.whole, None
                else:
                    return answer
                check_size(self._download.get(), opened.accepted.resource)
                if file is None:
                    other = await self._receive_fresh(source, opened)
                    if other is not None or self._small is not None:
                        return other
                if file is not None and self._has_grown and not self._keeper.is_empty:
                    claim = await continue_longer_file(file, opened, self._gains.compared)
                    if claim is None:
                        return Contradicted("the file changed on the server")
                    self._download.report(resume_verdict=_GREW.format(file.segments.total))
                elif file is None or claim is None:
                    file, claim = await self._keeper.lay_out(opened.accepted)
                else:
                    self._download.report(resume_verdict=continue_file(file, opened.accepted))
                return await self._receive(file, claim, source, opened)
        finally:
            if self._keeper.file is not None:
                self._keeper.file.release_claims()

    def _report_connecting(self) -> None:
        if self._download.get().phase is not Phase.CONNECTING:
            self._download.report(phase=Phase.CONNECTING)

    async def _receive_fresh(self, source: Source, opened: Opened) -> Contradicted | None:
        """Fetch a small file of which nothing is here, in one go; others go the long way.

        Returns that it is another one than the file that another winch has fetched meanwhile.
        """
        download, accepted = self._download.get(), opened.accepted
        if download.awaited is not None:
            other = await check_already_fetched(
                self._download,
                self._keeper.conflict,
                source,
                opened,
                now=self._context.clock.now().timestamp(),
                compared=self._gains.note_compared,
            )
            if other is not None:
                return other
        if download.request.mirrors or not is_small(accepted):
            return None
        wanted = wanted_name(download.request, accepted.resource)
        await check_conflict(download.request.directory, wanted, self._keeper.conflict)
        self._download.claim_room(accepted.length, tell=False)
        self._download.observe(Phase.DOWNLOADING)
        self._small = await receive_small(download, accepted, wanted, opened.body)
        return None

    async def _make_way(self, contradiction: Contradicted) -> None:
        """Make way for an answer that is the whole file; raises CannotResumeError."""
        if contradiction.grew and not self._keeper.is_empty:
            self._has_grown = True
        else:
            await self._keeper.begin_anew(contradiction.reason)

    async def _receive(
        self, file: UnfinishedFile, claim: Claim, source: Source, opened: Opened
    ) -> Contradicted | None:
        """Fetch over as many connections as help, the first of which is open."""
        self._download.report(phase=Phase.DOWNLOADING)
        if claim.end == claim.position:
            return None
        self._proof.begin(file, opened.response)
        self._pool = ConnectionPool(
            file,
            self._sources,
            self._context,
            limits=self._limits,
            most=self._most_connections,
            setup=opened.setup_seconds,
            written=self._written,
            came=partial(self._proof.came, file),
            note=self._download.note,
            known=self._context.host_memory.get(source.host, self._context.clock.now()),
        )
        is_open_ended = file.segments.total is None
        pool = self._pool
        try:
            result = await pool.run(source, claim, opened)
        finally:
            self._served_best = self.served_best
            self._pool = None
        if isinstance(result, Contradicted):
            return result
        if pool.mixed_sources:
            self._download.report(resume_verdict=_MIXED_SOURCES)
        if pool.grew:
            self._download.report(resume_verdict=_GREW.format(file.segments.total))
        if is_open_ended:
            file.resource = replace(file.resource, total=file.segments.total)
            self._keeper.note_whole()
            self._download.report(
                total_bytes=file.segments.total,
                resume_verdict="unverified: the server did not say how long the file is",
            )
        return None

    def _most_connections(self) -> int:
        if not self._trusts_ranges or self._has_grown:
            return 1
        return self._most or self._context.limits.connections

    def _written(self, count: int) -> None:
        self._gains.written(count)
        self._keeper.note_written(count)
        if self._keeper.file is not None:
            self._proof.follow(self._keeper.file)
