"""The figures of a period: sums agree, nothing is counted twice, and no order matters."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import ErrorCode, UsageError
from core.domain.history import (
    AttemptEnd,
    Busiest,
    HistoryEntry,
    PhaseTimes,
    Statistics,
    Trend,
)
from core.policy.statistics import MAX_DAYS, RECENT, period_start, statistics
from tests.attempts import NOON, a_failure, an_attempt, histories

DAY = timedelta(days=1)
periods = st.integers(1, 40)


def figures(*entries: HistoryEntry, days: int = 7, now: datetime = NOON) -> Statistics:
    return statistics(entries, {}, now=now, days=days)


@given(histories, periods)
def test_days_hosts_and_hours_add_up_to_the_whole(entries: list[HistoryEntry], days: int) -> None:
    found = figures(*entries, days=days)
    total = found.total_bytes.now
    assert total == sum(day.bytes for day in found.daily)
    assert total == sum(host.bytes for host in found.hosts)
    assert total == sum(found.hours)
    for parts in (found.daily, found.hosts):
        assert sum(part.completed for part in parts) == found.completed
        assert sum(part.failed for part in parts) == found.failed
    assert sum(failure.count for failure in found.failures) == found.failed + found.retried
    assert len(found.daily) == days
    assert len(found.hours) == 24
    assert len(found.recent) == min(RECENT, found.attempts - found.retried)


@given(histories, periods, st.randoms(use_true_random=False))
def test_the_order_in_which_attempts_are_read_does_not_matter(
    entries: list[HistoryEntry], days: int, random: object
) -> None:
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert figures(*shuffled, days=days) == figures(*entries, days=days)


@given(histories, periods)
def test_a_mean_lies_within_what_it_is_the_mean_of(entries: list[HistoryEntry], days: int) -> None:
    found = figures(*entries, days=days)
    rates = [entry.average_rate for entry in entries if entry.average_rate]
    for average, best in (
        (found.average_rate.now, found.best_rate),
        *((host.average_rate, host.best_rate) for host in found.hosts),
    ):
        assert (average is None) == (best is None)
        if average is not None and best is not None:
            assert min(rates) <= average * 1.000001
            assert average <= best * 1.000001
    for share in (found.success_rate.now, found.success_rate.before):
        assert share is None or 0 <= share <= 1


@given(histories, periods)
def test_what_counted_last_time_is_what_was_before_next_time(
    entries: list[HistoryEntry], days: int
) -> None:
    past = [entry for entry in entries if entry.ended_at < NOON]
    then = figures(*past, days=days)
    later = figures(*past, days=days, now=NOON + days * DAY)
    if then.attempts:
        assert later.total_bytes.before == then.total_bytes.now
        assert later.success_rate.before == then.success_rate.now
        assert later.phases.connecting.before == then.phases.connecting.now
    else:
        assert later.total_bytes.before is None


@given(histories, periods)
def test_what_is_older_than_the_period_before_changes_nothing(
    entries: list[HistoryEntry], days: int
) -> None:
    start = period_start(NOON, days)
    recent = [entry for entry in entries if entry.ended_at >= start]
    assert figures(*recent, days=days) == figures(*entries, days=days)


def test_trends_set_the_period_beside_the_one_before() -> None:
    found = figures(
        an_attempt(1, ended_at=NOON - 2 * DAY, bytes=100, phases=PhaseTimes(connecting=3.0)),
        a_failure(2, ended_at=NOON - 2 * DAY),
        an_attempt(3, bytes=300, phases=PhaseTimes(connecting=1.0)),
        days=2,
    )
    assert found.total_bytes == Trend(now=300, before=100)
    assert found.success_rate == Trend(now=1.0, before=0.5)
    assert found.phases.connecting == Trend(now=1.0, before=3.0)
    assert found.phases.verifying == Trend(now=0.0, before=0.0)


def test_without_attempts_there_is_no_rate_and_no_trend() -> None:
    found = figures()
    assert found.total_bytes == Trend(now=0, before=None)
    assert found.success_rate == found.average_rate == Trend(now=None, before=None)
    assert (found.best_rate, found.failures, found.hosts, found.recent) == (None, (), (), ())


def test_the_average_rate_is_that_of_all_bytes_not_that_of_all_files() -> None:
    slow = an_attempt(1, bytes=1000, average_rate=10.0, peak_rate=10.0)
    fast = an_attempt(2, bytes=1000, average_rate=1000.0, peak_rate=2000.0)
    found = figures(slow, fast)
    assert found.average_rate.now == pytest.approx(2000 / 101)
    assert found.best_rate == 2000.0


def test_a_moment_does_not_make_a_record() -> None:
    moment = PhaseTimes(downloading=0.02)
    short = an_attempt(1, bytes=1000, phases=moment, average_rate=50_000.0, peak_rate=50_000.0)
    long = an_attempt(2, bytes=1000, average_rate=1000.0, peak_rate=2000.0)
    assert figures(short, long).best_rate == 2000.0
    assert figures(short).best_rate == 50_000.0


def test_a_retry_is_no_failure_but_its_reason_counts() -> None:
    retried = a_failure(1, end=AttemptEnd.RETRIED, error_code=ErrorCode.TIMEOUT)
    found = figures(retried, an_attempt(2))
    assert (found.completed, found.failed, found.retried) == (1, 0, 1)
    assert found.success_rate.now == 1.0
    assert [(f.code, f.count) for f in found.failures] == [(ErrorCode.TIMEOUT, 1)]


def test_failures_are_grouped_by_cause_and_host_with_their_last_words() -> None:
    found = figures(
        a_failure(1, host="b.example", error_message="first"),
        a_failure(2, host="b.example", error_message="last"),
        a_failure(3, host="a.example"),
        a_failure(4, host="a.example", error_code=ErrorCode.DNS),
    )
    assert [(f.count, f.host, f.code, f.message) for f in found.failures] == [
        (2, "b.example", ErrorCode.NOT_FOUND, "last"),
        (1, "a.example", ErrorCode.DNS, "nothing is here (404)"),
        (1, "a.example", ErrorCode.NOT_FOUND, "nothing is here (404)"),
    ]


def test_hosts_come_by_what_they_sent() -> None:
    found = figures(
        an_attempt(1, host="small.example"), an_attempt(2, host="large.example", bytes=5000)
    )
    assert [host.host for host in found.hosts] == ["large.example", "small.example"]


def test_a_day_begins_at_local_midnight() -> None:
    here = timezone(timedelta(hours=9))
    now = datetime(2026, 3, 10, 9, 0, tzinfo=here)
    yesterday = an_attempt(1, ended_at=datetime(2026, 3, 9, 14, 59, tzinfo=UTC))
    today = an_attempt(2, ended_at=datetime(2026, 3, 9, 15, 1, tzinfo=UTC))
    found = figures(yesterday, today, days=2, now=now)
    assert [(day.day, day.completed) for day in found.daily] == [
        ("2026-03-09", 1),
        ("2026-03-10", 1),
    ]
    assert (found.hours[23], found.hours[0]) == (1000, 1000)


def test_an_attempt_from_the_future_counts_for_today() -> None:
    found = figures(an_attempt(ended_at=NOON + 400 * DAY), days=3)
    assert [day.completed for day in found.daily] == [0, 0, 1]


def test_usage_stands_beside_its_day_and_is_unknown_elsewhere() -> None:
    found = statistics([], {"2026-03-09": (1.5, 2**20), "2020-01-01": (9, 9)}, now=NOON, days=2)
    shown = [(day.day, day.cpu_seconds, day.peak_memory) for day in found.daily]
    assert shown == [("2026-03-09", 1.5, 2**20), ("2026-03-10", None, None)]


def test_the_newest_attempts_come_first() -> None:
    found = figures(*(an_attempt(number) for number in range(1, 15)))
    assert [entry.number for entry in found.recent] == list(range(14, 4, -1))


def test_what_was_tried_again_hides_nothing_that_was_settled() -> None:
    retried = (an_attempt(number, end=AttemptEnd.RETRIED) for number in range(2, 30))
    found = figures(an_attempt(1), *retried)
    assert [entry.number for entry in found.recent] == [1]


def test_attempts_are_counted_and_not_held() -> None:
    entries = [an_attempt(number) for number in range(100)]
    entries += [a_failure(number) for number in range(100, 200)]
    free = max(map(sys.getrefcount, entries))
    held: list[int] = []

    def read() -> Iterator[HistoryEntry]:
        for entry in entries:
            yield entry
            held.append(sum(count > free for count in map(sys.getrefcount, entries)))

    assert statistics(read(), {}, now=NOON, days=7).attempts == 200
    assert max(held) <= RECENT + 5


@pytest.mark.parametrize("days", [0, -1, MAX_DAYS + 1])
def test_a_period_that_cannot_be_meant_is_refused(days: int) -> None:
    with pytest.raises(UsageError):
        figures(days=days)


def test_the_time_of_a_download_begins_when_it_was_added() -> None:
    def whole(number: int, waited: float, took: float) -> HistoryEntry:
        began = NOON - timedelta(seconds=took)
        return an_attempt(number, started_at=began, added_at=began - timedelta(seconds=waited))

    found = figures(
        whole(1, 90, 10),
        whole(2, 0, 20),
        a_failure(3, added_at=NOON - DAY),
        # By a winch that did not write it down.
        an_attempt(4, started_at=NOON - timedelta(seconds=30)),
    )
    assert found.total_time.now == pytest.approx((100 + 20) / 2)
    assert found.attempt_time.now == pytest.approx((10 + 20 + 30) / 3)
    assert figures().total_time == figures().attempt_time == Trend(now=None, before=None)


@given(histories, periods)
def test_the_week_holds_every_byte_once(entries: list[HistoryEntry], days: int) -> None:
    found = figures(*entries, days=days)
    assert (len(found.week), {len(hours) for hours in found.week}) == (7, {24})
    assert sum(map(sum, found.week)) == found.total_bytes.now
    assert all(count >= 0 for hours in found.week for count in hours)
    assert (found.busiest is None) == (not found.total_bytes.now)


def test_bytes_belong_to_the_hours_in_which_they_came() -> None:
    # A Tuesday: from half past ten to noon, an hour and a half.
    found = figures(an_attempt(started_at=NOON - timedelta(hours=1.5), bytes=900))
    assert (found.week[1][10], found.week[1][11], found.week[1][12]) == (300, 600, 0)


def test_the_busiest_hours_are_those_beside_the_best_that_come_near_to_it() -> None:
    def at(number: int, hour: int, count: int, day: int = 0) -> HistoryEntry:
        return an_attempt(
            number, bytes=count, ended_at=NOON.replace(hour=hour, minute=30) - day * DAY
        )

    found = figures(at(1, 9, 400), at(2, 10, 1000), at(3, 11, 500), at(4, 8, 900, day=1))
    assert found.busiest == Busiest(weekday=1, since=10, until=12, bytes=1500)
    late = figures(at(1, 23, 10, day=1), at(2, 0, 10))
    assert late.busiest == Busiest(weekday=0, since=23, until=24, bytes=10)
