"""What winch keeps for itself: what may go, and how the last start found it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LeftoverKind(StrEnum):
    RESUME_DATA = "resume data"
    PART_FILE = "part file"
    DAMAGED = "set aside"
    TEMPORARY = "temporary file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A file that nothing needs any more: where, how many bytes, and why in a few words.

    Of one that is kept, `reason` says why that is so.
    """

    kind: LeftoverKind
    path: str
    size: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleanup:
    """What was removed, or with a dry run would be; `refused` says why nothing may be."""

    removed: tuple[Leftover, ...] = ()
    kept: tuple[Leftover, ...] = ()
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryStep:
    """One step of the last start, in a sentence; `level` is `ok`, `notice` or `problem`."""

    at: datetime
    step: str
    text: str
    level: str = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUsage:
    """How many files there are of a kind, and the bytes that they take on the disk."""

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """How the last start went, what lies around, and what this machine cannot do, in sentences.

    `resume_data` are all records of what is proved to be there, `part_files` what is there of the
    unfinished downloads of the list; what is left over comes on top of it.
    """

    steps: tuple[RecoveryStep, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    platform: tuple[str, ...] = ()
    resume_data: DiskUsage = DiskUsage()
    part_files: DiskUsage = DiskUsage()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at; `level` is `ok`, `notice` or `problem`, `hint` what to do."""

    subject: str
    text: str
    level: str = "ok"
    hint: str = ""
