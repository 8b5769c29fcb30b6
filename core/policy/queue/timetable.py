"""Which rate the timetable allows at a time of the week, and when that changes next.

For the engine, which asks at every boundary and, because the wall clock may jump, in between. The
first entry that fits decides; where none does, the rate of the settings holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta

from core.domain.settings import ScheduleEntry

_DAY = timedelta(days=1)


def rate_at(
    schedule: Sequence[ScheduleEntry], default: int | None, now: datetime
) -> tuple[int | None, datetime | None]:
    """Return the rate in bytes/s (None: no limit) at `now` and when another one holds.

    `now` and the answer are local times without a zone, as a person reads them off the wall. The
    second part is None where the rate never changes.
    """
    rate = _rate(schedule, default, now)
    # Everything repeats after a week; a stretch of the day before may still end in it.
    times = {
        moment
        for entry in schedule
        for stretch in _stretches(entry, now, days=8)
        for moment in stretch
        if moment > now
    }
    changes = (moment for moment in sorted(times) if _rate(schedule, default, moment) != rate)
    return rate, next(changes, None)


def entry_at(schedule: Sequence[ScheduleEntry], now: datetime) -> ScheduleEntry | None:
    """Return the entry that decides at a local time, None where none does."""
    for entry in schedule:
        if any(start <= now < end for start, end in _stretches(entry, now, days=1)):
            return entry
    return None


def _rate(schedule: Sequence[ScheduleEntry], default: int | None, now: datetime) -> int | None:
    entry = entry_at(schedule, now)
    return default if entry is None else entry.rate_bytes


def _stretches(
    entry: ScheduleEntry, now: datetime, *, days: int
) -> Iterator[tuple[datetime, datetime]]:
    """Give the stretches of an entry that begin yesterday or within `days` from today."""
    first, last = entry.minutes
    midnight = datetime.combine(now.date(), time())
    for offset in range(-1, days):
        day = midnight + offset * _DAY
        if day.weekday() in entry.weekdays:
            yield day + timedelta(minutes=first), day + timedelta(minutes=last)
