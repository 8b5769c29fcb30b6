"""One download, from its URL to its final name.

The first GET is the probe and its body is used. Every continuation is proved before bytes are
mixed: the answer's headers are judged, then the last bytes before the resume point are fetched
again and compared. A file gets its final name only when it is whole, verified and synced.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from core.adapters.checksum import hexdigest
from core.adapters.clock import Clock
from core.adapters.http import HttpClient, Response
from core.adapters.part_file import PartFile, is_published
from core.adapters.resume_data import ResumeStore
from core.domain.errors import ChecksumError, FileChangedError
from core.domain.models import Download, Phase, Progress, ResumeRecord
from core.engine.checkpoint import Checkpointer
from core.engine.connection import Body, Partial, haul
from core.engine.probe import create_part, publish
from core.policy.ranges import (
    OVERLAP,
    Accept,
    Judgement,
    RangeRequest,
    Reject,
    RestartWhole,
    build,
    judge,
)
from core.policy.rate import RateWindow
from core.policy.segments import Claim, SegmentMap

MAX_RESTARTS = 3


@dataclass(frozen=True, slots=True)
class Tools:
    """What every transfer works with."""

    http: HttpClient
    resume_data: ResumeStore
    clock: Clock


class Transfer:
    """One attempt at one download.

    `report` is called with the fields of the Download that change on the way; `note` with a
    sentence for its timeline.
    """

    def __init__(
        self,
        download: Download,
        tools: Tools,
        *,
        report: Callable[..., object],
        note: Callable[[str], None],
    ) -> None:
        self._download = download
        self._tools = tools
        self._report = report
        self._note = note
        self._file: Partial | None = None
        self._rate = RateWindow(tools.clock.monotonic())
        self._checkpoint = Checkpointer(self._save, tools.clock)
        self._connections = 0
        self._verdict: str | None = None
        self.gained = 0
        """Bytes that this attempt has added."""

    @property
    def knows_progress(self) -> bool:
        """Whether it has looked yet at what is there."""
        return self._file is not None

    def progress(self) -> Progress:
        """Return how far the download is right now."""
        if self._file is None:
            return Progress(connections=self._connections)
        now = self._tools.clock.monotonic()
        segments = self._file.segments
        left = None if segments.total is None else segments.total - segments.bytes_done
        return Progress(
            bytes_downloaded=segments.bytes_done,
            rate=self._rate.rate(now),
            eta=self._rate.eta(now, left),
            connections=self._connections,
        )

    async def run(self) -> str:
        """Fetch the file and return the name it got.

        Raises WinchError; whatever happens, what arrived is on disk and recorded on return.
        """
        try:
            if (name := await self._restore()) is not None:
                return name
            restarts = 0
            while self._file is None or not self._file.segments.is_complete:
                if await self._exchange():
                    continue
                restarts += 1
                if restarts > MAX_RESTARTS:
                    raise FileChangedError(
                        "the file keeps changing on the server", hint="try again later"
                    )
            await self._verify(self._file)
            return await self._finalize(self._file)
        finally:
            await self._settle()

    async def _restore(self) -> str | None:
        """Pick up what an earlier attempt left; returns the name of a file that is whole."""
        download = self._download
        record = await self._tools.resume_data.load(download.id)
        if record is None:
            return None
        directory = download.request.directory
        part = await PartFile.reopen(directory, record.name, record.part)
        if part is None:
            if await is_published(directory, record.name, record.part):
                return record.name
            self._note("the part file is gone; starting anew")
            await self._tools.resume_data.delete(download.id)
            return None
        try:
            segments = SegmentMap.plan(record.resource.total, record.done)
        except ValueError:
            segments = SegmentMap.plan(record.resource.total)
        if record.done and part.size < (record.done[-1].end or 0):
            self._note("the part file is shorter than its record; starting anew")
            segments = SegmentMap.plan(record.resource.total)
        self._file = Partial(record.resource, part, segments)
        return None

    async def _exchange(self) -> bool:
        """Send one request and use its answer; False means that the file has to begin anew."""
        self._report(phase=Phase.CONNECTING)
        file = self._file
        claim = file.segments.claim() if file is not None else None
        try:
            overlap = 0
            request = build(first=0)
            if file is not None and claim is not None:
                overlap = min(OVERLAP, file.segments.done_before(claim.position))
                known = file.resource if file.segments.bytes_done else None
                request = build(first=claim.position - overlap, end=claim.end, known=known)
            async with self._request(request) as (response, judgement):
                match judgement:
                    case Reject(error=error):
                        raise error
                    case RestartWhole(reason=reason, usable=usable):
                        await self._restart(reason)
                        if usable is None:
                            return False
                        file, claim = await self._begin(usable)
                        await self._haul(file, claim, Body(response, usable.length))
                    case Accept() as accepted:
                        body = Body(response, accepted.length)
                        if file is None or claim is None or not file.segments.bytes_done:
                            file, claim = await self._begin(accepted)
                        elif not await self._proved(file, claim, body, overlap):
                            await self._restart("the bytes on the server are other ones")
                            return False
                        else:
                            self._judge_continuation(accepted)
                        await self._haul(file, claim, body)
            return True
        finally:
            if self._file is not None:
                for held in self._file.segments.claims:
                    self._file.segments.release(held)

    @asynccontextmanager
    async def _request(self, request: RangeRequest) -> AsyncIterator[tuple[Response, Judgement]]:
        wanted = self._download.request
        known = None
        if self._file is not None and self._file.segments.bytes_done:
            known = self._file.resource
        self._connections = 1
        try:
            async with self._tools.http.get(
                wanted.url, {**wanted.headers, **request.headers()}
            ) as response:
                yield (
                    response,
                    judge(
                        request,
                        response.status,
                        response.headers,
                        url=response.url,
                        now=self._tools.clock.now().timestamp(),
                        known=known,
                    ),
                )
        finally:
            self._connections = 0

    async def _begin(self, accepted: Accept) -> tuple[Partial, Claim]:
        """Lay out a file whose first answer was accepted from byte 0."""
        resource = accepted.resource
        segments = SegmentMap.plan(resource.total)
        await self._checkpoint.flush()
        if self._file is None:
            part = await create_part(self._download.request, resource)
        else:
            part = self._file.part
            await part.truncate()
        self._file = file = Partial(resource, part, segments)
        self._report(name=part.name, name_settled=True, total_bytes=resource.total)
        await self._checkpoint.start()
        claim = segments.claim()
        return file, claim if claim is not None else Claim(0, 0)

    async def _proved(self, file: Partial, claim: Claim, body: Body, overlap: int) -> bool:
        """Compare the bytes before the resume point with those on disk."""
        fetched = await body.take(overlap)
        return fetched == await file.part.read(claim.position - overlap, overlap)

    def _judge_continuation(self, accepted: Accept) -> None:
        if accepted.same_version:
            self._verdict = "verified: same validator, same bytes at the seam"
        else:
            self._verdict = "verified: same bytes at the seam, no strong validator"
        self._report(resume_verdict=self._verdict)

    async def _restart(self, reason: str) -> None:
        """Forget what is here: it cannot be continued. The part file stays, its bytes go."""
        file = self._file
        if file is None:
            return
        self._verdict = f"restarted: {reason}"
        self._note(self._verdict)
        self._report(resume_verdict=self._verdict)
        for claim in file.segments.claims:
            file.segments.release(claim)
        await self._checkpoint.flush()
        self._file = replace(file, segments=SegmentMap.plan(None))
        await file.part.truncate()
        await self._checkpoint.start()

    async def _haul(self, file: Partial, claim: Claim, body: Body) -> None:
        self._report(phase=Phase.DOWNLOADING)
        await haul(body, claim, file, self._tools.clock, self._written)
        if file.segments.total is None:
            file.segments.end_at(claim.position)
            file.resource = replace(file.resource, total=claim.position)
            self._verdict = "unverified: the server did not say how long the file is"
            self._report(total_bytes=claim.position, resume_verdict=self._verdict)

    def _written(self, count: int) -> None:
        self.gained += count
        self._rate.add(self._tools.clock.monotonic(), count)
        self._checkpoint.note()

    async def _verify(self, file: Partial) -> None:
        checksum = self._download.request.checksum
        if checksum is None:
            return
        self._report(phase=Phase.VERIFYING)
        found = await file.part.digest(checksum.algorithm, hexdigest)
        if found == checksum.hexdigest:
            self._note(f"{checksum.algorithm} is right")
            return
        aside = f"{file.part.name}.mismatch"
        await file.part.set_aside(aside)
        await self._tools.resume_data.delete(self._download.id)
        raise ChecksumError(
            f"{checksum.algorithm} is {found}, not {checksum.hexdigest}; the file was set aside as"
            f" {aside}",
            hint="check the checksum and the address; `winch retry` fetches the file again",
        )

    async def _finalize(self, file: Partial) -> str:
        self._report(phase=Phase.FINALIZING)
        await self._checkpoint.flush()
        return await publish(file.part)

    async def _save(self) -> None:
        file = self._file
        if file is None:
            return
        done = file.segments.done
        await file.part.sync()
        await self._tools.resume_data.save(
            ResumeRecord(
                id=self._download.id,
                name=file.part.name,
                resource=file.resource,
                part=file.part.identity,
                done=done,
            )
        )

    async def _settle(self) -> None:
        """Leave nothing under way: the last bytes recorded, the lock given up."""
        if self._file is None:
            return
        try:
            await self._checkpoint.flush()
        finally:
            await self._file.part.close()
