"""What a resume record is worth, beside the part file and the final name as the disk has them.

For the engine's start, and for each download that goes on with what an earlier attempt left.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from core.domain.models import PartIdentity, ResumeRecord, Segment
from core.domain.value import Value


class FileOnDisk(Value, frozen=True):
    """A file as it was found on disk; `size` in bytes."""

    identity: PartIdentity
    size: int


class RecordCheck(StrEnum):
    """How the disk bears a record out, as a sentence about the part file has it."""

    AS_RECORDED = "as recorded"
    MISSING = "missing"
    SHORTER = "shorter than recorded"
    LONGER = "longer than the whole file"
    REPLACED = "another file by now"
    PUBLISHED = "under its final name already"


def compare(record: ResumeRecord, part: FileOnDisk | None, final: FileOnDisk | None) -> RecordCheck:
    """Return what is left of an unfinished download, by its part file and its final name."""
    total = record.resource.total
    if part is not None and part.identity == record.part:
        if part.size < _end(record.done):
            return RecordCheck.SHORTER
        is_longer = total is not None and part.size > total
        return RecordCheck.LONGER if is_longer else RecordCheck.AS_RECORDED
    claimed = record.bytes_done
    if total == claimed and final == FileOnDisk(record.part, claimed):
        # A crash came between the rename and the record of it.
        return RecordCheck.PUBLISHED
    return RecordCheck.MISSING if part is None else RecordCheck.REPLACED


def _end(done: Sequence[Segment]) -> int:
    return done[-1].end or done[-1].start if done else 0
