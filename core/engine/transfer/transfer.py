"""One download, from its URL to its final name.

The first GET is the probe and its body is used; once its answer is accepted, more connections may
join. Every continuation is proved before bytes are mixed: the answer's headers are judged, then the
last bytes before the resume point are fetched again and compared. A file gets its final name only
when it is whole, verified and synced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import NoReturn

from core.adapters.files.threads import past_recall
from core.domain.errors import (
    CannotResumeError,
    FileChangedError,
    IncompleteBodyError,
    TransferError,
)
from core.domain.history import AttemptFigures
from core.domain.models import Conflict, DownloadRecord, Phase, Progress
from core.engine.transfer.already_fetched import Answer, check_already_fetched
from core.engine.transfer.body import UnfinishedFile
from core.engine.transfer.checkpoint import Checkpointer
from core.engine.transfer.connection import PoolStatus
from core.engine.transfer.context import TransferContext
from core.engine.transfer.naming import Skipped, check_conflict, create_part, publish
from core.engine.transfer.opening import (
    Contradicted,
    Opened,
    continue_file,
    continue_longer_file,
    open_connection,
)
from core.engine.transfer.pool import ConnectionPool
from core.engine.transfer.resume import AlreadyPublishedError, record_of, recover
from core.engine.transfer.source import Source, Sources
from core.engine.transfer.verify import Verdict, Verifier, reject
from core.policy.eta import EtaEstimator
from core.policy.http_dates import modified_at
from core.policy.ranges import Accept, coding_error
from core.policy.segments import Claim, SegmentMap
from core.policy.throttle import TokenBucket, read_ahead

MAX_RESTARTS = 3
_GREW = "verified: it grew on the server meanwhile; these are its first {} bytes, as at first told"
_MIXED_SOURCES = (
    "unverified: it came from several addresses, and only its seams tell that they hold one file"
)
ANEW = "it begins anew when it goes on: its server cannot continue a file"


class Transfer:
    """One attempt at one download.

    `look` returns the download as it is now (a checksum may join it under way), `report` is called
    with the fields of it that change, `note` with a sentence for its timeline,
    `claim_room` with the length once it is known; it raises DiskFullError where that does not fit.
    `figures` returns what is measured of the attempt, for the resume record.
    """

    def __init__(
        self,
        look: Callable[[], DownloadRecord],
        context: TransferContext,
        *,
        report: Callable[..., object],
        note: Callable[[str], None],
        claim_room: Callable[[int | None], None],
        figures: Callable[[], AttemptFigures | None],
    ) -> None:
        request = look().request
        now = context.clock.monotonic()
        self._look = look
        self._context = context
        self._report = report
        self._note = note
        self._claim_room = claim_room
        self._figures = figures
        self._file: UnfinishedFile | None = None
        self._pool: ConnectionPool | None = None
        self._pace = EtaEstimator(now)
        self._moved_at: datetime | None = None
        self._limit = TokenBucket(request.limit, now)
        self._limits = (self._limit, context.rate_limit)
        ahead = partial(read_ahead, self._limits)
        self._sources = Sources.of(look(), context.http, context.clock, context, note, ahead=ahead)
        self._most = request.connections
        self._checkpoint = Checkpointer(self._save, context.clock)
        self._verifier = Verifier()
        self._trusts_ranges = True
        self._has_grown = False
        self._restarts = 0
        self._served_best: int | None = None
        self._compared: int | None = None
        self.received = 0
        """Bytes that came in this attempt, those included that were here already."""
        self.gained = 0
        """Bytes that this attempt has added."""

    @property
    def _is_empty(self) -> bool:
        return self._file is None or not self._file.segments.bytes_done

    @property
    def _file_is_complete(self) -> bool:
        return self._file is not None and self._file.segments.is_complete

    @property
    def _download(self) -> DownloadRecord:
        return self._look()

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that it may have connections to."""
        return self._sources.hosts

    @property
    def can_continue(self) -> bool:
        """Whether nothing that it has is lost if it stops."""
        file = self._file
        return file is None or self._is_empty or file.resource.ranges or self._file_is_complete

    @property
    def knows_progress(self) -> bool:
        """Whether it has looked yet at what is there."""
        return self._file is not None or self._compared is not None

    @property
    def rate(self) -> float:
        """Bytes/s at present."""
        return self._pace.rate(self._context.clock.monotonic())

    @property
    def connections(self) -> int:
        """How many connections are open that fetch the file."""
        return self._pool.connection_count if self._pool is not None else 0

    @property
    def served_best(self) -> int | None:
        """How many connections its host served best; None where that was not found out.

        Fewer that were wished for, or a limit set here, say nothing of the host.
        """
        return self._served_best

    def _note_served_best(self) -> None:
        is_limited = any(limit.rate for limit in self._limits)
        if self._pool is not None and not self._most and not is_limited:
            self._served_best = self._pool.served_best() or self._served_best

    def progress(self) -> Progress:
        """Return how far the download is right now."""
        if self._file is None:
            return Progress(verified=self._compared)
        now = self._context.clock.monotonic()
        segments = self._file.segments
        left = None if segments.total is None else segments.total - segments.bytes_done
        return Progress(
            bytes_downloaded=segments.bytes_done,
            rate=self._pace.rate(now),
            eta=self._pace.eta(now, left),
            connections=self.connections,
            verified=self._verifier.verified,
            updated_at=self._moved_at,
        )

    @property
    def segments(self) -> SegmentMap | None:
        """The file's stretches, None before they are known."""
        return None if self._file is None else self._file.segments

    def pool_status(self) -> PoolStatus | None:
        """Return what its connections do right now, None while there are none."""
        return self._pool.status(self._context.clock.monotonic()) if self._pool else None

    def set_limits(self, *, rate: float | None, connections: int | None) -> None:
        """Change how fast (bytes/s) and over how many connections this download may run."""
        self._limit.set_rate(rate, self._context.clock.monotonic())
        self._most = connections

    async def run(self) -> str:
        """Fetch the file and return the name it got.

        Raises WinchError; whatever happens, what arrived is on disk and recorded on return.
        """
        try:
            self._file = await recover(self._download, self._context.resume_data, self._note)
            if self._file is None and (name := self._download.request.name) is not None:
                await check_conflict(self._download.request.directory, name, self._conflict)
            while self._file is None or not self._file.segments.is_complete:
                gained = self.gained
                try:
                    doubt = await self._fetch()
                except TransferError as error:
                    first = self._sources.usable[0]
                    if self.gained > gained or not self._sources.drop(first, error.message):
                        raise
                    continue
                if doubt is None and self.gained == gained and not self._file_is_complete:
                    raise IncompleteBodyError("the server sent nothing new")
                if doubt is not None:
                    await self._heed(doubt, gained=self.gained > gained)
            await self._verify(self._file)
            return await self._finalize(self._file)
        except AlreadyPublishedError as whole:
            return whole.name
        except Skipped as existing:
            self._note(existing.verdict)
            self._report(resume_verdict=existing.verdict, total_bytes=existing.size)
            return existing.name
        finally:
            await self._settle()

    async def _heed(self, doubt: Contradicted, *, gained: bool) -> None:
        """Begin anew for this reason, or compare next; raises FileChangedError after some times.

        A file that only grows may do so as often as it likes, as long as something is `gained`.
        """
        if not (doubt.grew and gained):
            self._restarts += 1
        if self._restarts > MAX_RESTARTS:
            raise FileChangedError("the file keeps changing on the server", hint="try again later")
        self._has_grown = doubt.grew
        if not doubt.grew:
            self._trusts_ranges = self._trusts_ranges and not doubt.bytes_differ
            await self._restart(doubt.reason)

    async def _fetch(self) -> Contradicted | None:
        """Fetch what is missing; returns why the file has to begin anew, if it has to."""
        self._report(phase=Phase.CONNECTING)
        file = self._file
        # A file that grew is asked for from byte 0: all of it has to be compared.
        continues = file is not None and not self._is_empty and not self._has_grown
        claim = file.segments.claim() if file is not None and continues else None
        source = self._sources.usable[0]
        try:
            async with open_connection(
                source, file, claim, clock=self._context.clock, limits=self._limits
            ) as answer:
                if not isinstance(answer, Contradicted):
                    opened = answer
                elif answer.whole is not None:
                    await self._make_way(answer)
                    opened, claim = answer.whole, None
                else:
                    return answer
                if file is None and (other := await self._compare_already_fetched(source, opened)):
                    return other
                if file is not None and self._has_grown and not self._is_empty:
                    claim = await continue_longer_file(file, opened, self._count_compared)
                    if claim is None:
                        return Contradicted("the file changed on the server")
                    self._report(resume_verdict=_GREW.format(file.segments.total))
                elif file is None or claim is None:
                    file, claim = await self._begin(opened.accepted)
                else:
                    self._report(resume_verdict=continue_file(file, opened.accepted))
                return await self._receive(file, claim, source, opened)
        finally:
            self._release_claims()

    async def _make_way(self, doubt: Contradicted) -> None:
        """Make way for an answer that is the whole file; raises CannotResumeError."""
        if doubt.grew and not self._is_empty:
            self._has_grown = True
        else:
            await self._restart(doubt.reason)

    async def _compare_already_fetched(self, source: Source, opened: Opened) -> Contradicted | None:
        """Compare with what another winch has fetched meanwhile; raises Skipped if that is it."""
        if self._download.awaited is None:
            return None
        now = self._context.clock.now().timestamp()
        answer = Answer(source, opened.accepted, opened.body, now, self._has_compared)
        return await check_already_fetched(self._download, self._conflict, answer, self._report)

    def _has_compared(self, count: int) -> None:
        self._compared = count

    def _count_compared(self, count: int) -> None:
        self.received += count

    async def _begin(self, accepted: Accept) -> tuple[UnfinishedFile, Claim]:
        """Lay out a file whose first answer was accepted from byte 0."""
        resource = accepted.resource
        if self._file is not None and (error := coding_error(self._file.resource, resource)):
            raise error
        segments = SegmentMap.plan(resource.total)
        await self._checkpoint.flush()
        self._claim_room(resource.total)
        if self._file is None:
            part = await create_part(self._download.request, resource, self._conflict, self._note)
        else:
            part = self._file.part
            await part.truncate()
        self._file = file = UnfinishedFile(resource, part, segments)
        self._report(
            name=part.name,
            name_settled=True,
            part=part.identity,
            left=await part.stamp(),
            total_bytes=resource.total,
        )
        if resource.coding is not None:
            self._note(
                f"the server sends it coded as {resource.coding}, though plain was asked for"
            )
        await self._checkpoint.start()
        if self._context.downloads.preallocate and resource.total:
            await file.part.preallocate(resource.total)
        claim = segments.claim()
        return file, claim if claim is not None else Claim(0, 0)

    async def _restart(self, reason: str) -> None:
        """Forget what is here: it cannot be continued. The part file stays, its bytes go."""
        file = self._file
        if file is None:
            return
        if file.segments.bytes_done and not self._download.request.restart:
            raise CannotResumeError(
                f"{reason}, and a restart is not wanted",
                hint="what is here is kept; the same command without --no-restart fetches it anew",
            )
        self._note(f"restarted: {reason}")
        self._report(resume_verdict=f"restarted: {reason}")
        self._release_claims()
        await self._checkpoint.flush()
        self._file = replace(file, segments=SegmentMap.plan(None))
        await file.part.truncate()
        await self._checkpoint.start()

    def _release_claims(self) -> None:
        if self._file is not None:
            for claim in self._file.segments.claims:
                self._file.segments.release(claim)

    async def _receive(
        self, file: UnfinishedFile, claim: Claim, source: Source, opened: Opened
    ) -> Contradicted | None:
        """Fetch over as many connections as help, the first of which is open."""
        self._report(phase=Phase.DOWNLOADING)
        if claim.end == claim.position:
            return None
        self._pool = ConnectionPool(
            file,
            self._sources,
            self._context,
            limit=self._limit,
            most=self._most_connections,
            setup=opened.setup_seconds,
            written=self._written,
            note=self._note,
            known=self._context.host_memory.get(source.host, self._context.clock.now()),
        )
        is_open_ended = file.segments.total is None
        pool = self._pool
        try:
            result = await pool.run(source, claim, opened)
        finally:
            self._note_served_best()
            self._pool = None
        if isinstance(result, Contradicted):
            return result
        if pool.mixed_sources:
            self._report(resume_verdict=_MIXED_SOURCES)
        if pool.grew:
            self._report(resume_verdict=_GREW.format(file.segments.total))
        if is_open_ended:
            file.resource = replace(file.resource, total=file.segments.total)
            self._report(
                total_bytes=file.segments.total,
                resume_verdict="unverified: the server did not say how long the file is",
            )
        return None

    def _most_connections(self) -> int:
        if not self._trusts_ranges or self._has_grown:
            return 1
        return self._most or self._context.limits.connections

    def _written(self, count: int) -> None:
        self.gained += count
        self.received += count
        self._moved_at, now = self._context.clock.now(), self._context.clock.monotonic()
        self._pace.add(now, count)
        self._context.total_rate.add(now, count)
        self._checkpoint.note()
        if self._file is not None:
            self._verifier.follow(self._file, self._download.request.checksum)

    async def _verify(self, file: UnfinishedFile) -> None:
        """Check every digest that is known; a file that has another one is set aside."""
        request = self._download.request
        if request.checksum is None and file.resource.digest is None:
            return
        self._report(phase=Phase.VERIFYING)
        verdicts = await self._verifier.judge(file, request.checksum)
        for verdict in verdicts:
            if not verdict.holds:
                await self._set_aside(file, verdict)
            self._note(f"{verdict.expected.algorithm} is right ({verdict.authority})")
        self._report(resume_verdict=f"verified: {verdicts[0].expected.algorithm} is right")

    async def _set_aside(self, file: UnfinishedFile, verdict: Verdict) -> NoReturn:
        await self._checkpoint.flush()
        error = await reject(file, verdict)
        self._file = None
        await self._context.resume_data.delete(self._download.id)
        raise error

    async def _finalize(self, file: UnfinishedFile) -> str:
        self._report(phase=Phase.FINALIZING)
        await self._checkpoint.flush()
        now = self._context.clock.now().timestamp()
        modified = modified_at(file.resource.validator.last_modified, now=now)
        download = self._download
        # Stopped halfway, the file would have a name that nobody knows.
        name = await past_recall(
            publish(
                file.part,
                download.request,
                file.resource,
                self._conflict,
                modified,
                asked_at=download.asked_at or download.created_at,
                note=self._note,
            )
        )
        self._report(left=await file.part.stamp())
        return name

    @property
    def _conflict(self) -> Conflict:
        return self._download.request.conflict or self._context.downloads.conflict

    async def _save(self) -> None:
        file = self._file
        if file is None:
            return
        self._note_served_best()
        done = file.segments.proved
        await file.part.sync()
        record = record_of(
            self._download, file, done, saved_at=self._context.clock.now(), attempt=self._figures()
        )
        await self._context.resume_data.save(record)

    async def _settle(self) -> None:
        """Leave nothing under way: the last bytes recorded, the lock given up."""
        await self._verifier.stop()
        if self._file is None:
            return
        try:
            await self._checkpoint.flush()
            if self._context.downloads.preallocate and not self._file.segments.is_complete:
                await self._file.part.give_back()
        finally:
            await self._file.part.close()
