"""What an earlier attempt left of a file, and whether it may be continued.

A record is believed as far as the disk bears it out: the part file must be the very one it speaks
of, and hold what it claims.
"""

from __future__ import annotations

from collections.abc import Callable

from core.adapters.destination import is_published, take_back
from core.adapters.part_file import PartFile
from core.adapters.resume_data import ResumeStore
from core.domain.models import Download, ResumeRecord
from core.engine.connection import Partial
from core.policy.segments import SegmentMap


class AlreadyPublishedError(Exception):
    """The file has its final name already: the crash came between the rename and the list."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


async def recover(
    download: Download, resume_data: ResumeStore, note: Callable[[str], None]
) -> Partial | None:
    """Return the unfinished file to go on with, open and locked, or None to begin anew.

    Raises AlreadyPublishedError; LockedError where another process writes the part file; DiskError.
    """
    record = await resume_data.load(download.id)
    if record is None:
        return None
    directory = download.request.directory
    part = await PartFile.reopen(directory, record.name, record.part)
    if part is None and await is_published(directory, record):
        if download.request.checksum is None and record.resource.digest is None:
            raise AlreadyPublishedError(record.name)
        # Who gave it that name, and whether it was verified before, is not known.
        await take_back(directory, record.name)
        part = await PartFile.reopen(directory, record.name, record.part)
    if part is None:
        note("the part file is gone; starting anew")
        await resume_data.delete(download.id)
        return None
    if record.done and part.size < (record.done[-1].end or 0):
        note("the part file is shorter than its record; starting anew")
        return Partial(record.resource, part, SegmentMap.plan(record.resource.total))
    return Partial(record.resource, part, _plan(record))


def _plan(record: ResumeRecord) -> SegmentMap:
    try:
        return SegmentMap.plan(record.resource.total, record.done)
    except ValueError:
        return SegmentMap.plan(record.resource.total)
