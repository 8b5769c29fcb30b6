"""An unfinished file: what an earlier attempt left of it, and whether that may be continued.

A record is believed as far as the disk bears it out: the part file must be the very one it speaks
of, and hold what it claims.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.adapters.files.destination import identity_of, look, stamp_of, take_back
from core.adapters.files.part_file import PartFile
from core.adapters.state.resume_data import ResumeStore
from core.domain.errors import CannotResumeError
from core.domain.models import Download, Resource, ResumeRecord, Validator
from core.domain.value import replace
from core.engine.transfer.member import kept_of
from core.policy.transfer.record_check import FileOnDisk, RecordCheck, compare
from core.policy.transfer.segments import SegmentMap


@dataclass(slots=True)
class UnfinishedFile:
    """An unfinished file: the server's side, the disk's and the plan between them."""

    resource: Resource
    part: PartFile
    segments: SegmentMap

    def end_at(self, total: int) -> None:
        """Learn how many bytes it has; raises ValueError when one behind them is there already."""
        self.segments.end_at(total)
        self.resource = replace(self.resource, total=total)

    def keep_front(self, total: int) -> None:
        """Lay it out anew, with nothing but what is there without a gap from byte 0 on."""
        done = [segment for segment in self.segments.done[:1] if segment.start == 0]
        self.segments = SegmentMap.plan(total, done)

    def release_claims(self) -> None:
        """Give back every stretch that a connection has taken and not fetched."""
        for claim in self.segments.claims:
            self.segments.release(claim)


class AlreadyPublishedError(Exception):
    """The file has its final name already: the crash came between the rename and the list.

    `fields` are what is known of it besides.
    """

    def __init__(self, name: str, fields: Mapping[str, object]) -> None:
        super().__init__(name)
        self.name = name
        self.fields = fields


async def recover(
    download: Download, resume_data: ResumeStore, note: Callable[[str], None]
) -> UnfinishedFile | None:
    """Return the unfinished file to go on with, open and locked, or None to begin anew.

    Raises AlreadyPublishedError; PartInUseError where another process writes the part file;
    CannotResumeError where it has to begin anew and that is not wanted; DiskError.
    """
    record = await resume_data.load(download.id)
    if record is None:
        return await _without_record(download, note)
    directory = download.request.directory
    part = await PartFile.reopen(directory, record.name, record.part)
    found = None if part is not None else await look(directory, record.name)
    if found is not None and is_published(record, found):
        if nothing_to_verify(download, record):
            raise AlreadyPublishedError(record.name, as_published(download, record, found))
        # Who gave it that name, and whether it was verified before, is not known.
        await take_back(directory, record.name)
        part = await PartFile.reopen(directory, record.name, record.part)
    if part is None:
        note("the part file is gone; starting anew")
        await resume_data.delete(download.id)
        return None
    if part.distrust is not None:
        await _leave(download, part, note)
        await resume_data.delete(download.id)
        return None
    finding = compare(record, FileOnDisk(part.identity, part.size), None)
    if finding is RecordCheck.AS_RECORDED:
        return UnfinishedFile(record.resource, part, _plan(record))
    return await _anew(download, record.resource, part, f"the part file is {finding}", note)


def is_published(record: ResumeRecord, found: os.stat_result) -> bool:
    """Tell whether what has the final name is the whole file that a record speaks of."""
    return compare(record, None, as_file_on_disk(found)) is RecordCheck.PUBLISHED


def as_published(
    download: Download, record: ResumeRecord, found: os.stat_result
) -> dict[str, object]:
    """Return what is known of a file that a crash found under its final name."""
    return {"left": stamp_of(found)} | kept_of(download, record.resource)


def nothing_to_verify(download: Download, record: ResumeRecord) -> bool:
    """Tell whether no digest is known that the file has to have, as a whole or piece by piece."""
    request = download.request
    has_pieces = request.origin is not None and request.origin.pieces is not None
    return request.checksum is None and record.resource.digest is None and not has_pieces


def as_file_on_disk(found: os.stat_result | None) -> FileOnDisk | None:
    """Return what was found on disk as the policy wants it."""
    return None if found is None else FileOnDisk(identity_of(found), found.st_size)


async def forget(download: Download, resume_data: ResumeStore) -> None:
    """Drop the record and the bytes of a download; its part file stays, empty.

    The record goes first: bytes that no record claims are fetched anew, the other way round a
    record would claim bytes that are gone. Raises, before anything has changed, PartInUseError and
    DestinationError; StateError, DiskError.
    """
    part = None
    if download.part is not None:
        part = await PartFile.reopen(download.request.directory, download.name, download.part)
    try:
        await resume_data.delete(download.id)
        if part is not None:
            await part.truncate()
    finally:
        if part is not None:
            await part.close()


async def _without_record(download: Download, note: Callable[[str], None]) -> UnfinishedFile | None:
    """Return the download's own part file, emptied: without a record its bytes prove nothing."""
    if download.part is None:
        return None
    part = await PartFile.reopen(download.request.directory, download.name, download.part)
    if part is None:
        return None
    if part.distrust is not None:
        await _leave(download, part, note)
        return None
    unknown = Resource(url=download.request.url, total=None, validator=Validator(), ranges=False)
    return await _anew(download, unknown, part, "its resume data is lost", note)


async def _leave(download: Download, part: PartFile, note: Callable[[str], None]) -> None:
    """Let go of a part file that others could have written; raises CannotResumeError."""
    await part.close()
    if part.size and not download.request.restart:
        raise no_restart_error(part.distrust or "")
    note(f"{part.distrust}; starting anew")


async def _anew(
    download: Download, resource: Resource, part: PartFile, reason: str, note: Callable[[str], None]
) -> UnfinishedFile:
    """Empty a part file whose bytes cannot be trusted; raises CannotResumeError."""
    try:
        if part.size and not download.request.restart:
            raise no_restart_error(reason)
        if part.size:
            note(f"{reason}; starting anew")
            await part.truncate()
    except BaseException:
        await part.close()
        raise
    return UnfinishedFile(resource, part, SegmentMap.plan(resource.total))


def no_restart_error(reason: str) -> CannotResumeError:
    """Return the error for a file that would have to begin anew, where that is not wanted."""
    return CannotResumeError(
        f"{reason}, and a restart is not wanted",
        hint="what is here is kept; the same command without --no-restart fetches it anew",
    )


def _plan(record: ResumeRecord) -> SegmentMap:
    try:
        return SegmentMap.plan(record.resource.total, record.done)
    except ValueError:
        return SegmentMap.plan(record.resource.total)
