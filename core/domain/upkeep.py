"""What winch keeps for itself: what may go, and how the last start found it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from core.domain.value import Value


class LeftoverKind(StrEnum):
    RESUME_DATA = "resume data"
    PART_FILE = "part file"
    DAMAGED = "set aside"
    TEMPORARY = "temporary file"


class Leftover(Value, frozen=True, kw_only=True):
    """A file that nothing needs any more: where, how many bytes, and why in a few words.

    Of one that is kept, `reason` says why that is so.
    """

    kind: LeftoverKind
    path: str
    size: int
    reason: str


class Cleanup(Value, frozen=True, kw_only=True):
    """What was removed, or with a dry run would be; `refused` says why nothing may be."""

    removed: tuple[Leftover, ...] = ()
    kept: tuple[Leftover, ...] = ()
    refused: str | None = None


class RecoveryStep(Value, frozen=True, kw_only=True):
    """One step of the last start, in a sentence; `level` is `ok`, `notice` or `problem`."""

    at: datetime
    step: str
    text: str
    level: str = "ok"


class DiskUsage(Value, frozen=True, kw_only=True):
    """How many files there are of a kind, and the bytes that they take on the disk."""

    files: int = 0
    bytes: int = 0


class Checkup(Value, frozen=True, kw_only=True):
    """How the last start went, what lies around, and what this machine cannot do, in sentences.

    `resume_data` are all records of what is proved to be there, `part_files` what is there of the
    unfinished downloads of the list; what is left over comes on top of it.
    """

    steps: tuple[RecoveryStep, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    platform: tuple[str, ...] = ()
    resume_data: DiskUsage = DiskUsage()
    part_files: DiskUsage = DiskUsage()


class Finding(Value, frozen=True, kw_only=True):
    """One thing that was looked at; `level` is `ok`, `notice` or `problem`, `hint` what to do."""

    subject: str
    text: str
    level: str = "ok"
    hint: str = ""
