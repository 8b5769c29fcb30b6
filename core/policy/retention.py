"""How long a finished download stays in the list, and a file that no download of the list needs.

For the engine's upkeep. What goes by itself is worth nothing to anybody, whatever its age: ages
come from the wall clock, and that may have jumped.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from core.domain.models import Download, Status
from core.domain.value import Value

RESUME_DATA_AGE = timedelta(days=7)
DAMAGED_AGE = timedelta(days=30)
UNREACHABLE_AGE = timedelta(days=30)
TEMPORARY_AGE = timedelta(days=1)


class Fate(StrEnum):
    """What upkeep does with a file."""

    GOES = "goes"
    ON_REQUEST = "on request"
    STAYS = "stays"


class PartState(StrEnum):
    """What became of the part file that a record speaks of."""

    THERE = "there"
    GONE = "gone"
    UNREACHABLE = "unreachable"
    """Its directory is not there or on another disk, or the record does not name it."""


class Disposal(Value, frozen=True):
    """What is to become of a file, and why in a few words."""

    fate: Fate
    reason: str


def is_forgettable(download: Download, after: float, now: datetime) -> bool:
    """Tell whether a download was done `after` seconds ago or earlier, and is well."""
    return (
        download.status is Status.COMPLETED
        and download.error is None
        and download.completed_at is not None
        and (now - download.completed_at).total_seconds() >= after
    )


def judge_record(part: PartState, age: timedelta) -> Disposal:
    """Decide on a resume record whose download is not in the list, and on its part file."""
    if part is PartState.THERE:
        return Disposal(Fate.ON_REQUEST, "no download of the list continues it")
    if part is PartState.GONE:
        fate = Fate.GOES if age >= RESUME_DATA_AGE else Fate.ON_REQUEST
        return Disposal(fate, "its download and its part file are gone")
    if age >= UNREACHABLE_AGE:
        return Disposal(Fate.ON_REQUEST, "its download is gone, its part file out of reach")
    # Without it nobody would know the part file again, on a disk that comes back.
    return Disposal(
        Fate.STAYS, f"its part file is out of reach; kept for {UNREACHABLE_AGE.days} days"
    )


def judge_damaged(age: timedelta) -> Disposal:
    """Decide on a file that was set aside because it could not be believed."""
    if age >= DAMAGED_AGE:
        return Disposal(Fate.ON_REQUEST, f"set aside more than {DAMAGED_AGE.days} days ago")
    return Disposal(Fate.STAYS, f"set aside to be looked at; kept for {DAMAGED_AGE.days} days")


def judge_temporary(age: timedelta) -> Disposal | None:
    """Decide on a file that was to become another one; None while it may still be written."""
    if age >= TEMPORARY_AGE:
        return Disposal(Fate.GOES, "left by a write that never came to its end")
    return None
