"""A limit holds on average, whatever the sizes and the timing of what passes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.inspection import ConnectionState
from core.policy.transfer.throttle import (
    AHEAD,
    BURST,
    LOOK,
    MOST_OWED,
    LimitHoldup,
    TokenBucket,
    read_ahead,
)


def stream(bucket: TokenBucket, sizes: list[int], *, oversleep: float = 0.0) -> float:
    """Return the seconds that these reads take with nothing but the limit to wait for."""
    now = 0.0
    for size in sizes:
        wait = bucket.wait(bucket.charge(size, now), now)
        now += wait + (oversleep if wait else 0.0)
    return now


@given(
    st.floats(50_000, 500_000_000),
    st.lists(st.integers(1, 1_000_000), min_size=1, max_size=200),
)
def test_the_rate_is_never_exceeded_by_more_than_the_burst(rate: float, sizes: list[int]) -> None:
    taken = stream(TokenBucket(rate, 0.0), sizes)
    assert sum(sizes) <= rate * (taken + BURST) * 1.000001


@pytest.mark.parametrize("rate", [50_000.0, 1_000_000.0, 500_000_000.0])
def test_timers_that_come_late_cost_no_throughput(rate: float) -> None:
    bucket = TokenBucket(rate, 0.0)
    portion = bucket.portion()
    assert portion is not None
    sizes = [portion] * int(10 * rate / portion)
    taken = stream(bucket, sizes, oversleep=0.02)
    assert taken == pytest.approx(10.0, rel=0.03)


def test_streams_that_share_a_bucket_share_the_rate() -> None:
    bucket = TokenBucket(1000.0, 0.0)
    clocks = [0.0] * 4
    counts = [0] * 4
    for _ in range(4000):
        turn = min(range(4), key=lambda index: clocks[index])
        now = clocks[turn]
        clocks[turn] = now + bucket.wait(bucket.charge(10, now), now)
        counts[turn] += 10
    assert max(counts) - min(counts) <= 20
    assert sum(counts) / max(clocks) == pytest.approx(1000, rel=0.03)


@pytest.mark.parametrize("rate", [30_000.0, 1_000_000.0, 50_000_000.0])
def test_a_download_gets_no_more_over_many_connections_than_another_over_one(rate: float) -> None:
    bucket = TokenBucket(rate, 0.0)
    parts = [8] * 8 + [1]
    clocks, counts = [0.0] * 9, [0] * 9
    for _ in range(9000):
        turn = min(range(9), key=lambda index: clocks[index])
        now = clocks[turn]
        portion = bucket.portion(parts[turn]) or 0
        clocks[turn] = now + bucket.wait(bucket.charge(portion, now), now)
        counts[turn] += portion
    assert sum(counts[:8]) == pytest.approx(counts[8], rel=0.05)


def test_who_wants_less_than_its_share_of_a_limit_gets_all_that_it_wants() -> None:
    bucket = TokenBucket(1_000_000.0, 0.0)
    parts, wanted = [8] * 8 + [1], 200_000.0
    clocks, counts = [0.0] * 9, [0] * 9
    while min(clocks) < 10.0:
        turn = min(range(9), key=lambda index: clocks[index])
        now = clocks[turn]
        taken = bucket.portion(parts[turn]) or 0
        if turn == 8:
            taken = min(taken, int(wanted * now) - counts[turn])
        if not taken:
            clocks[turn] += 0.001
            continue
        clocks[turn] = now + bucket.wait(bucket.charge(taken, now), now)
        counts[turn] += taken
    assert counts[8] == pytest.approx(10 * wanted, rel=0.02)
    assert sum(counts[:8]) == pytest.approx(10 * (1_000_000 - wanted), rel=0.05)


def test_without_a_limit_nothing_waits() -> None:
    bucket = TokenBucket(None, 0.0)
    assert bucket.wait(bucket.charge(10**12, 0.0), 0.0) == 0.0
    assert bucket.portion() is None


def test_a_new_rate_holds_for_those_who_wait_already() -> None:
    bucket = TokenBucket(1000.0, 0.0)
    mark = bucket.charge(4000, 0.0)
    assert bucket.wait(mark, 1.0) == pytest.approx(3.0)
    bucket.set_rate(2000.0, 1.0)
    assert bucket.wait(mark, 1.0) == pytest.approx(1.5)
    bucket.set_rate(None, 2.0)
    assert bucket.wait(mark, 2.0) == 0.0


def test_what_is_owed_is_waited_off_but_not_for_minutes() -> None:
    bucket = TokenBucket(1000.0, 0.0)
    bucket.owe(2000, 0.0)
    assert bucket.wait(bucket.charge(500, 1.0), 1.0) == pytest.approx(1.5)
    bucket.owe(10**9, 1.0)
    assert bucket.wait(bucket.charge(500, 1.0), 1.0) == pytest.approx(MOST_OWED + 0.5)
    bucket.set_rate(10.0, 1.0)
    assert bucket.wait(bucket.charge(10, 1.0), 1.0) == pytest.approx(MOST_OWED + 1)


def test_a_limit_that_comes_finds_neither_debt_nor_savings() -> None:
    bucket = TokenBucket(None, 0.0)
    bucket.charge(10**9, 0.0)
    bucket.set_rate(1000.0, 5.0)
    assert bucket.wait(bucket.charge(100, 5.0), 5.0) == pytest.approx(0.1)


@given(
    st.lists(st.tuples(st.sampled_from([50e3, 3e6, 500e6]), st.floats(0.5, 5)), min_size=1),
    st.integers(1, 8),
)
def test_the_rates_hold_however_often_they_change(
    stretches: list[tuple[float, float]], streams: int
) -> None:
    bucket = TokenBucket(stretches[0][0], 0.0)
    marks = [0.0] * streams
    now, taken = 0.0, 0
    for rate, seconds in stretches:
        bucket.set_rate(rate, now)
        end = now + seconds
        while now < end:
            turn = min(range(streams), key=lambda index: bucket.wait(marks[index], now))
            now = min(end, now + bucket.wait(marks[turn], now))
            if bucket.wait(marks[turn], now) <= 1e-9:
                portion = bucket.portion() or 0
                marks[turn] = bucket.charge(portion, now)
                taken += portion
    allowed = sum(rate * seconds for rate, seconds in stretches)
    slack = streams * BURST * max(rate for rate, _ in stretches) + 1
    assert abs(taken - allowed) <= slack


@pytest.mark.parametrize("rate", [1_000_000.0, 500_000_000.0])
def test_of_many_who_share_a_rate_none_waits_long_for_its_turn(rate: float) -> None:
    bucket = TokenBucket(rate, 0.0)
    portion = bucket.portion()
    assert portion is not None
    waits = [bucket.wait(bucket.charge(portion, 0.0), 0.0) for _ in range(32)]
    assert max(waits) < 0.25


def test_who_waits_for_a_limit_reads_little_ahead_and_any_number_without_one() -> None:
    free, slow, fast = (TokenBucket(rate, 0.0) for rate in (None, 8e6, 80e6))
    assert read_ahead([free, free]) is None
    assert read_ahead([free, fast]) == 80e6 * AHEAD
    assert read_ahead([slow, fast], 2) == 4e6 * AHEAD
    assert read_ahead([TokenBucket(2e6, 0.0)], 8) == 2e6 * AHEAD, "too little to share"
    assert 8 * (read_ahead([fast], 8) or 0) <= 80e6 * AHEAD, "however many there are"
    assert 0 < (read_ahead([TokenBucket(1.0, 0.0)]) or 0) <= 64 * 1024


@pytest.mark.parametrize(
    ("limited", "receiving", "expected"),
    [(0.24, 0.01, True), (1.9, 0.1, True), (0.2, 0.05, False), (0.0, 0.25, False)],
)
def test_who_never_waits_for_the_server_is_held_up_here(
    limited: float, receiving: float, expected: bool
) -> None:
    holdup = LimitHoldup(5.0)
    spent = {ConnectionState.LIMITED: limited, ConnectionState.RECEIVING: receiving}
    holdup.update(spent, 5.0 + LOOK)
    assert holdup.lasts is expected


def test_between_two_waits_and_before_anything_is_known_the_limit_counts() -> None:
    holdup = LimitHoldup(5.0)
    holdup.update({ConnectionState.RECEIVING: 0.1}, 5.0 + LOOK / 2)
    assert holdup.lasts
    holdup.update({ConnectionState.CONNECTING: 9.0}, 5.0 + LOOK)
    assert holdup.lasts
    holdup.update({ConnectionState.LIMITED: 9.0}, 5.0 + 2 * LOOK)
    assert holdup.lasts


def test_each_while_is_looked_at_anew() -> None:
    holdup = LimitHoldup(0.0)
    spent = {ConnectionState.LIMITED: LOOK}
    holdup.update(spent, LOOK)
    assert holdup.lasts
    spent[ConnectionState.RECEIVING] = LOOK
    holdup.update(spent, 2 * LOOK)
    assert not holdup.lasts
    spent[ConnectionState.LIMITED] += LOOK
    holdup.update(spent, 3 * LOOK)
    assert holdup.lasts
