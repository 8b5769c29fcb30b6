"""One download's file while it is unfinished: laid out, recorded, begun anew, set aside, published.

For the transfer, which decides when. Whatever happens, the record in the state directory claims
only bytes that are synced, and the part file is given up with its lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from core.adapters.files.threads import past_recall
from core.domain.errors import ChecksumError
from core.domain.models import Conflict, DownloadRequest, ResumeRecord
from core.domain.value import replace as struct_replace
from core.engine.transfer.already_there import check_already_there
from core.engine.transfer.checkpoint import Checkpointer
from core.engine.transfer.context import DownloadHandle, TransferContext
from core.engine.transfer.naming import (
    check_conflict,
    coding_note,
    create_part,
    publish,
    set_aside,
)
from core.engine.transfer.resume import UnfinishedFile, no_restart_error, recover
from core.policy.transfer.http_dates import modified_at
from core.policy.transfer.ranges import Accept, coding_error
from core.policy.transfer.segments import Claim, SegmentMap

_MOST_PIECES = 1000
"""Pieces whose digests each record repeats; those of more go with the list alone."""
TIMELINE_TAIL = 5
"""Entries of the timeline that a resume record keeps, for a list that has to be rebuilt."""


class FileKeeper:
    """Keeps the file of one download, and its record."""

    def __init__(self, download: DownloadHandle, context: TransferContext) -> None:
        self._download = download
        self._context = context
        self.file: UnfinishedFile | None = None
        """None as long as nothing is known of it."""

    @cached_property
    def _checkpoint(self) -> Checkpointer:
        """Made where there is a part file: it holds this one, in a circle."""
        return Checkpointer(self._save, self._context.clock)

    @property
    def is_empty(self) -> bool:
        """Whether not a byte is there."""
        return self.file is None or not self.file.segments.bytes_done

    @property
    def is_complete(self) -> bool:
        """Whether every byte is there."""
        return self.file is not None and self.file.segments.is_complete

    @property
    def conflict(self) -> Conflict:
        """The rule for a file that exists: the download's own, or that of the settings."""
        return self._download.get().request.conflict or self._context.downloads.conflict

    @property
    def is_recording(self) -> bool:
        """Whether a checkpoint is on its way to the disk."""
        return "_checkpoint" in vars(self) and self._checkpoint.is_running

    async def recover(self) -> None:
        """Go on with what an earlier attempt left; raises what `resume.recover` does and Skipped.

        Where there is nothing, a file that exists is noticed as early as its name is known.
        """
        download = self._download.get()
        self.file = await recover(download, self._context.resume_data, self._download.note)
        if self.file is None and (name := download.request.name) is not None:
            await check_already_there(self._download)
            await check_conflict(download.request.directory, name, self.conflict)

    async def lay_out(self, accepted: Accept) -> tuple[UnfinishedFile, Claim]:
        """Begin a file whose first answer was accepted from byte 0; raises DiskFullError too."""
        resource = accepted.resource
        if self.file is not None and (error := coding_error(self.file.resource, resource)):
            raise error
        await self._checkpoint.flush()
        self._download.claim_room(resource.total)
        if self.file is None:
            part = await create_part(
                self._download.get().request, resource, self.conflict, self._download.note
            )
        else:
            part = self.file.part
            await part.truncate()
        self.file = file = UnfinishedFile(resource, part, SegmentMap.plan(resource.total))
        self._download.report(
            name=part.name,
            name_settled=True,
            part=part.identity,
            left=await part.stamp(),
            total_bytes=resource.total,
        )
        if resource.coding is not None:
            self._download.note(coding_note(resource.coding))
        await self._checkpoint.start()
        if self._context.downloads.preallocate and resource.total:
            await part.preallocate(resource.total)
        return file, file.segments.claim() or Claim(0, 0)

    async def fill(self, accepted: Accept, pieces: Sequence[bytes]) -> UnfinishedFile:
        """Lay out a file that is whole in memory, and write it; raises what `lay_out` does."""
        file, claim = await self.lay_out(accepted)
        if size := sum(map(len, pieces)):
            file.segments.reserve(claim, size)
            await file.part.write(claim.position, pieces)
            file.segments.advance(claim, size)
        file.release_claims()
        return file

    async def begin_anew(self, reason: str) -> None:
        """Forget what is here: it cannot be continued. The part file stays, its bytes go.

        Raises CannotResumeError where that is not wanted.
        """
        if (file := self.file) is None:
            return
        if file.segments.bytes_done and not self._download.get().request.restart:
            raise no_restart_error(reason)
        counters = self._context.counters
        counters.restarts += 1
        counters.fetched_twice["restart"] += file.segments.bytes_done
        self._download.note(f"restarted: {reason}")
        self._download.report(resume_verdict=f"restarted: {reason}")
        file.release_claims()
        await self._checkpoint.flush()
        self.file = replace(file, segments=SegmentMap.plan(None))
        await file.part.truncate()
        await self._checkpoint.start()

    def note_written(self, count: int) -> None:
        """Say that so many bytes were written; raises what the last checkpoint failed with."""
        self._checkpoint.note(count)

    def note_whole(self) -> None:
        """Say that it is known by now how long the file is: before its name, its record has to say.

        Else a start after a kill does not know that name as this file's. Raises as `note_written`.
        """
        self._checkpoint.note(0)

    async def set_aside(self, file: UnfinishedFile, wrong: str) -> ChecksumError:
        """Set a file aside that is another one, and return the error: the sentence, and where."""
        self._context.counters.fetched_twice["damaged"] += file.segments.bytes_done
        await self._checkpoint.flush()
        aside = await set_aside(file.part)
        await file.part.close()
        self.file = None
        await self._context.resume_data.delete(self._download.get().id)
        return ChecksumError(
            f"{wrong}; the file was set aside as {aside}",
            hint="check the checksum and the address; `winch retry` fetches the file again",
        )

    async def publish(self, file: UnfinishedFile) -> str:
        """Give a whole file its final name and return it; raises what `naming.publish` does."""
        await self._checkpoint.flush()
        download = self._download.get()
        now = self._context.clock.now().timestamp()
        # Stopped halfway, the file would have a name that nobody knows.
        name = await past_recall(
            publish(
                file.part,
                download.request,
                file.resource,
                self.conflict,
                modified_at(file.resource.validator.last_modified, now=now),
                asked_at=download.asked_at or download.created_at,
                note=self._download.note,
            )
        )
        self._download.report(left=await file.part.stamp())
        return name

    async def close(self) -> None:
        """Leave nothing under way: the last bytes recorded, the lock given up."""
        if self.file is None:
            return
        try:
            await self._checkpoint.flush()
            if self._context.downloads.preallocate and not self.is_complete:
                await self.file.part.give_back()
        finally:
            await self.file.part.close()

    async def _save(self) -> None:
        if (file := self.file) is None:
            return
        done = file.segments.proved
        await file.part.sync()
        download = self._download.get()
        record = ResumeRecord(
            id=download.id,
            name=file.part.name,
            resource=file.resource,
            part=file.part.identity,
            done=done,
            attempt=self._download.figures(),
            request=_as_recorded(download.request),
            timeline=download.timeline[-TIMELINE_TAIL:],
            created_at=download.created_at,
            saved_at=self._context.clock.now(),
        )
        await self._context.resume_data.save(record)


def _as_recorded(request: DownloadRequest) -> DownloadRequest:
    """Return a request as it is written with each record, for a list that has to be rebuilt.

    Where the whole file has a digest, those of very many pieces are not worth a megabyte of it.
    """
    origin = request.origin
    if request.checksum is None or origin is None or origin.pieces is None:
        return request
    if len(origin.pieces.hexdigests) <= _MOST_PIECES:
        return request
    return struct_replace(request, origin=struct_replace(origin, pieces=None))
