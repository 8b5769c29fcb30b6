"""What the attempts of the history add up to: a period's figures beside those of the one before.

For `winch stats` and the screen of statistics, which ask the service for it.

An attempt belongs to the local day on which it ended. One that ended in the future, by a clock that
was set back since, belongs to today: it did happen.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from core.domain.errors import ErrorCode, UsageError
from core.domain.history import (
    FAILURES,
    AttemptEnd,
    Busiest,
    DayFigures,
    FailureCount,
    HistoryEntry,
    HostFigures,
    PhaseTimes,
    PhaseTrends,
    Statistics,
    Trend,
)
from core.domain.value import Value

MAX_DAYS = 3660
RECENT = 10
"""Attempts that are shown one by one."""

_TELLING = 0.25
"""Seconds from which on a rate is one of the link, and not of what lay ready."""
_HOUR, _WEEK = timedelta(hours=1), timedelta(days=7)

K = TypeVar("K", bound=Hashable)


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

    `usage` is CPU seconds and peak memory (bytes) by day, `YYYY-MM-DD`. Raises UsageError.
    """
    first = period_start(now, days).date()
    begin = first + timedelta(days=days)
    today = now.date()
    before: list[HistoryEntry] = []
    placed: list[_Placed] = []
    # In the order of the numbers, so that the sums of floats do not depend on any other.
    for entry in sorted(entries, key=lambda entry: entry.number):
        ended = entry.ended_at.astimezone(now.tzinfo)
        day = min(ended.date(), today)
        if day >= begin:
            placed.append(_Placed(entry, day, ended.time()))
        elif day >= first:
            before.append(entry)
    current = [item.entry for item in placed]
    # A download that is tried again and again would hide all others.
    settled = [entry for entry in current if entry.end is not AttemptEnd.RETRIED]
    counts = Counter(entry.end for entry in current)
    by_day = _grouped(placed, lambda item: item.day)
    week = _week(placed)
    return Statistics(
        days=days,
        attempts=len(current),
        completed=counts[AttemptEnd.COMPLETED],
        failed=counts[AttemptEnd.FAILED],
        retried=counts[AttemptEnd.RETRIED],
        success_rate=_trend(_success_rate, current, before),
        total_bytes=_trend(_total, current, before),
        average_rate=_trend(_average_rate, current, before),
        best_rate=_best_rate(current),
        phases=PhaseTrends(
            connecting=_phase(current, before, lambda phases: phases.connecting),
            downloading=_phase(current, before, lambda phases: phases.downloading),
            verifying=_phase(current, before, lambda phases: phases.verifying),
            finalizing=_phase(current, before, lambda phases: phases.finalizing),
        ),
        failures=_failures(current),
        hosts=_hosts(current),
        hours=tuple(sum(day[hour] for day in week) for hour in range(24)),
        daily=tuple(
            _day(day, [item.entry for item in by_day.get(day, ())], usage.get(day.isoformat()))
            for day in (begin + timedelta(days=number) for number in range(days))
        ),
        recent=tuple(settled[: -RECENT - 1 : -1]),
        total_time=_trend(_total_time, current, before),
        attempt_time=_trend(_attempt_time, current, before),
        week=tuple(map(tuple, week)),
        busiest=_busiest(week),
    )


class _Placed(Value, frozen=True):
    """An attempt with the local day that it counts for, and when on it it ended."""

    entry: HistoryEntry
    day: date
    ended: time


def _trend(
    figure: Callable[[Sequence[HistoryEntry]], float | None],
    current: Sequence[HistoryEntry],
    before: Sequence[HistoryEntry],
) -> Trend:
    return Trend(now=figure(current), before=figure(before) if before else None)


def _count(entries: Iterable[HistoryEntry], end: AttemptEnd) -> int:
    return sum(entry.end is end for entry in entries)


def _success_rate(entries: Sequence[HistoryEntry]) -> float | None:
    completed = _count(entries, AttemptEnd.COMPLETED)
    settled = completed + _count(entries, AttemptEnd.FAILED)
    return completed / settled if settled else None


def _total(entries: Sequence[HistoryEntry]) -> float:
    return float(sum(entry.bytes for entry in entries))


def _average_rate(entries: Sequence[HistoryEntry]) -> float | None:
    """Return the bytes of all attempts over the seconds of all, as their own rates have them."""
    rated = [(entry.bytes, entry.average_rate) for entry in entries if entry.average_rate]
    seconds = sum(count / rate for count, rate in rated)
    return sum(count for count, _ in rated) / seconds if seconds > 0 else None


def _total_time(entries: Sequence[HistoryEntry]) -> float | None:
    """Return the mean time from the moment a download was added until it was whole."""
    return _mean(
        (entry.ended_at - entry.added_at).total_seconds()
        for entry in entries
        if entry.success and entry.added_at is not None
    )


def _attempt_time(entries: Sequence[HistoryEntry]) -> float | None:
    return _mean(
        (entry.ended_at - entry.started_at).total_seconds() for entry in entries if entry.success
    )


def _mean(seconds: Iterable[float]) -> float | None:
    # No time is negative: the clock was set back.
    found = [max(0.0, each) for each in seconds]
    return sum(found) / len(found) if found else None


def _week(placed: Iterable[_Placed]) -> list[list[int]]:
    """Return the bytes of each weekday and hour; those of an attempt came evenly while it ran."""
    week = [[0] * 24 for _ in range(7)]
    for item in placed:
        entry = item.entry
        end = datetime.combine(item.day, item.ended)
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
    return week


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


def _best_rate(entries: Sequence[HistoryEntry]) -> float | None:
    """Return the highest rate of those that lasted long enough to say something of the link.

    No lower than the average, which those that were over in a moment count towards too.
    """
    rates = [e.peak_rate for e in entries if e.phases.downloading >= _TELLING]
    average = _average_rate(entries)
    return max((rate for rate in (*rates, average) if rate), default=None)


def _phase(
    current: Sequence[HistoryEntry],
    before: Sequence[HistoryEntry],
    seconds: Callable[[PhaseTimes], float],
) -> Trend:
    def average(entries: Sequence[HistoryEntry]) -> float | None:
        return _mean(seconds(entry.phases) for entry in entries if entry.success)

    return _trend(average, current, before)


def _failures(entries: Sequence[HistoryEntry]) -> tuple[FailureCount, ...]:
    failed = [entry for entry in entries if entry.end in FAILURES]
    groups = _grouped(failed, lambda entry: (entry.error_code or ErrorCode.INTERNAL, entry.host))
    found = [
        FailureCount(
            code=code, host=host, count=len(group), message=group[-1].error_message or "it failed"
        )
        for (code, host), group in groups.items()
    ]
    return tuple(sorted(found, key=lambda failure: (-failure.count, failure.host, failure.code)))


def _hosts(entries: Sequence[HistoryEntry]) -> tuple[HostFigures, ...]:
    found = [
        HostFigures(
            host=host,
            completed=_count(group, AttemptEnd.COMPLETED),
            failed=_count(group, AttemptEnd.FAILED),
            bytes=sum(entry.bytes for entry in group),
            average_rate=_average_rate(group),
            best_rate=_best_rate(group),
        )
        for host, group in _grouped(entries, lambda entry: entry.host).items()
    ]
    return tuple(sorted(found, key=lambda figures: (-figures.bytes, figures.host)))


def _day(day: date, entries: Sequence[HistoryEntry], used: tuple[float, int] | None) -> DayFigures:
    cpu_seconds, peak_memory = used or (None, None)
    return DayFigures(
        day=day.isoformat(),
        completed=_count(entries, AttemptEnd.COMPLETED),
        failed=_count(entries, AttemptEnd.FAILED),
        bytes=sum(entry.bytes for entry in entries),
        cpu_seconds=cpu_seconds,
        peak_memory=peak_memory,
    )


T = TypeVar("T")


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    groups: defaultdict[K, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups
