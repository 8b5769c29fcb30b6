"""What the attempts of the history add up to: a period's figures beside those of the one before.

For `winch stats` and the screen of statistics, which ask the service for it.

An attempt belongs to the local day on which it ended. One that ended in the future, by a clock that
was set back since, belongs to today: it did happen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from operator import itemgetter

from core.domain.errors import ErrorCode, UsageError
from core.domain.history import (
    FAILURES,
    AttemptEnd,
    Busiest,
    DayFigures,
    FailureCount,
    HistoryEntry,
    HostFigures,
    PhaseTrends,
    Statistics,
    Trend,
)

MAX_DAYS = 3660
RECENT = 10
"""Attempts that are shown one by one."""

_TELLING = 0.25
"""Seconds from which on a rate is one of the link, and not of what lay ready."""
_NANO = 1e9
_LONGEST = 1e10
"""Seconds; what is longer was never measured."""
_HOUR, _WEEK = timedelta(hours=1), timedelta(days=7)


def period_start(now: datetime, days: int) -> datetime:
    """Return the local midnight at which the period before the last `days` days begins.

    No older attempt changes any figure. Raises UsageError for a number of days that no one means.
    """
    if not 1 <= days <= MAX_DAYS:
        raise UsageError(f"a period has 1 to {MAX_DAYS} days, not {days}")
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=2 * days - 1)


def statistics(
    entries: Iterable[HistoryEntry],
    usage: Mapping[str, tuple[float, int]],
    *,
    now: datetime,
    days: int,
) -> Statistics:
    """Return the figures of the `days` days up to `now`, an aware local time.

    The attempts may come in any order, each once; of all but the newest few only what they add up
    to is held: there may be a million of them. `usage` is CPU seconds and peak memory (bytes) by
    day, `YYYY-MM-DD`. Raises UsageError.
    """
    first = period_start(now, days).date()
    begin = first + timedelta(days=days)
    today = now.date()
    current, before = _Period(), _Tally()
    for entry in entries:
        ended = entry.ended_at.astimezone(now.tzinfo)
        day = min(ended.date(), today)
        if day >= begin:
            current.add(entry, day, ended.time())
        elif day >= first:
            before.add(entry)
    tally = current.tally

    def trend(figure: Callable[[_Tally], float | None]) -> Trend:
        return Trend(now=figure(tally), before=figure(before) if before.attempts else None)

    return Statistics(
        days=days,
        attempts=tally.attempts,
        completed=tally.completed,
        failed=tally.failed,
        retried=tally.retried,
        success_rate=trend(lambda tally: tally.success_rate),
        total_bytes=trend(lambda tally: float(tally.bytes)),
        average_rate=trend(lambda tally: tally.average_rate),
        best_rate=tally.best_rate,
        phases=PhaseTrends(
            connecting=trend(lambda tally: tally.mean(tally.connecting)),
            downloading=trend(lambda tally: tally.mean(tally.downloading)),
            verifying=trend(lambda tally: tally.mean(tally.verifying)),
            finalizing=trend(lambda tally: tally.mean(tally.finalizing)),
        ),
        failures=current.failure_counts(),
        hosts=current.host_figures(),
        hours=tuple(sum(day[hour] for day in current.week) for hour in range(24)),
        daily=tuple(
            _day(day, current.days.get(day) or _Tally(), usage.get(day.isoformat()))
            for day in (begin + timedelta(days=number) for number in range(days))
        ),
        recent=tuple(entry for _, entry in sorted(current.newest, key=itemgetter(0), reverse=True)),
        total_time=trend(lambda tally: tally.total_time),
        attempt_time=trend(lambda tally: tally.mean(tally.attempt_time)),
        week=tuple(map(tuple, current.week)),
        busiest=_busiest(current.week),
    )


@dataclass(slots=True)
class _Tally:
    """What attempts add up to. Times are nanoseconds: sums of integers know no order."""

    attempts: int = 0
    completed: int = 0
    failed: int = 0
    retried: int = 0
    bytes: int = 0
    connecting: int = 0
    downloading: int = 0
    verifying: int = 0
    finalizing: int = 0
    attempt_time: int = 0
    since_added: int = 0
    added: int = 0
    """How many of the completed are known to have been added at some time."""
    rated_bytes: int = 0
    rated_time: int = 0
    peak: float = 0.0
    """The highest rate of those that lasted long enough to say something of the link."""

    def add(self, entry: HistoryEntry) -> None:
        self.attempts += 1
        self.failed += entry.end is AttemptEnd.FAILED
        self.retried += entry.end is AttemptEnd.RETRIED
        self.bytes += entry.bytes
        if entry.average_rate:
            self.rated_bytes += entry.bytes
            self.rated_time += _nanoseconds(entry.bytes / entry.average_rate)
        if entry.peak_rate and entry.phases.downloading >= _TELLING:
            self.peak = max(self.peak, entry.peak_rate)
        if entry.success:
            self._add_times(entry)

    def _add_times(self, entry: HistoryEntry) -> None:
        self.completed += 1
        phases = entry.phases
        self.connecting += _nanoseconds(phases.connecting)
        self.downloading += _nanoseconds(phases.downloading)
        self.verifying += _nanoseconds(phases.verifying)
        self.finalizing += _nanoseconds(phases.finalizing)
        self.attempt_time += _nanoseconds((entry.ended_at - entry.started_at).total_seconds())
        if entry.added_at is not None:
            self.added += 1
            self.since_added += _nanoseconds((entry.ended_at - entry.added_at).total_seconds())

    @property
    def success_rate(self) -> float | None:
        settled = self.completed + self.failed
        return self.completed / settled if settled else None

    @property
    def average_rate(self) -> float | None:
        """The bytes of all attempts over the seconds of all, as their own rates have them."""
        return self.rated_bytes / self.rated_time * _NANO if self.rated_time else None

    @property
    def best_rate(self) -> float | None:
        """No lower than the average, which those that were over in a moment count towards too."""
        return max(self.peak, self.average_rate or 0.0) or None

    @property
    def total_time(self) -> float | None:
        """The mean time from the moment a download was added until it was whole."""
        return self.since_added / self.added / _NANO if self.added else None

    def mean(self, time: int) -> float | None:
        """Return the seconds that a time of the completed is for each of them."""
        return time / self.completed / _NANO if self.completed else None


@dataclass(slots=True)
class _Failure:
    """How often something failed, and the last words of it with the number of their attempt."""

    count: int = 0
    number: int = -1
    message: str = "it failed"


class _Period:
    """What the attempts of a period add up to, in all and by day, hour, host and cause."""

    def __init__(self) -> None:
        self.tally = _Tally()
        self.days: defaultdict[date, _Tally] = defaultdict(_Tally)
        self.week = [[0] * 24 for _ in range(7)]
        """The bytes of each weekday and hour; those of an attempt came evenly while it ran."""
        self.newest: list[tuple[int, HistoryEntry]] = []
        """Those with the highest numbers of what is not tried again: that would hide all else."""
        self._hosts: defaultdict[str, _Tally] = defaultdict(_Tally)
        self._failures: defaultdict[tuple[ErrorCode, str], _Failure] = defaultdict(_Failure)

    def add(self, entry: HistoryEntry, day: date, ended: time) -> None:
        """Count an attempt for a local day, on which it ended at that time."""
        for tally in (self.tally, self.days[day], self._hosts[entry.host]):
            tally.add(entry)
        _spread(self.week, entry, datetime.combine(day, ended))
        if entry.end in FAILURES:
            failure = self._failures[entry.error_code or ErrorCode.INTERNAL, entry.host]
            failure.count += 1
            if entry.number > failure.number:
                failure.number = entry.number
                failure.message = entry.error_message or "it failed"
        if entry.end is not AttemptEnd.RETRIED:
            self.newest.append((entry.number, entry))
            if len(self.newest) > RECENT:
                self.newest.remove(min(self.newest, key=itemgetter(0)))

    def failure_counts(self) -> tuple[FailureCount, ...]:
        found = [
            FailureCount(code=code, host=host, count=failure.count, message=failure.message)
            for (code, host), failure in self._failures.items()
        ]
        return tuple(sorted(found, key=lambda each: (-each.count, each.host, each.code)))

    def host_figures(self) -> tuple[HostFigures, ...]:
        found = [
            HostFigures(
                host=host,
                completed=tally.completed,
                failed=tally.failed,
                bytes=tally.bytes,
                average_rate=tally.average_rate,
                best_rate=tally.best_rate,
            )
            for host, tally in self._hosts.items()
        ]
        return tuple(sorted(found, key=lambda figures: (-figures.bytes, figures.host)))


def _nanoseconds(seconds: float) -> int:
    # No time is negative: the clock was set back.
    return round(min(max(0.0, seconds), _LONGEST) * _NANO)


def _spread(week: list[list[int]], entry: HistoryEntry, end: datetime) -> None:
    """Add the bytes of an attempt that ended at a local time to the hours in which they came."""
    whole = min(max(entry.ended_at - entry.started_at, timedelta(0)), _WEEK)
    begin, left = end - whole, entry.bytes
    while left:
        hour = end.replace(minute=0, second=0, microsecond=0)
        if hour == end and end > begin:
            hour -= _HOUR
        since = max(hour, begin)
        # What remains at the end is given to the hour in which it began.
        part = left if since == begin else round(entry.bytes * ((end - since) / whole))
        week[since.weekday()][since.hour] += min(part, left)
        left -= min(part, left)
        end = since


def _busiest(week: Sequence[Sequence[int]]) -> Busiest | None:
    """Return the hour that brought most, with those beside it that brought at least half of it."""
    most, weekday, hour = max(
        (count, -day, -hour) for day, hours in enumerate(week) for hour, count in enumerate(hours)
    )
    if not most:
        return None
    weekday, hour = -weekday, -hour
    hours = week[weekday]
    since, until = hour, hour + 1
    while since and hours[since - 1] * 2 >= most:
        since -= 1
    while until < 24 and hours[until] * 2 >= most:
        until += 1
    return Busiest(weekday=weekday, since=since, until=until, bytes=sum(hours[since:until]))


def _day(day: date, tally: _Tally, used: tuple[float, int] | None) -> DayFigures:
    cpu_seconds, peak_memory = used or (None, None)
    return DayFigures(
        day=day.isoformat(),
        completed=tally.completed,
        failed=tally.failed,
        bytes=tally.bytes,
        cpu_seconds=cpu_seconds,
        peak_memory=peak_memory,
    )
