"""A limit holds on average, whatever the sizes and the timing of what passes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.policy.throttle import BURST, TokenBucket


def stream(bucket: TokenBucket, sizes: list[int], *, oversleep: float = 0.0) -> float:
    """Return the seconds that these reads take with nothing but the limit to wait for."""
    now = 0.0
    for size in sizes:
        wait = bucket.charge(size, now)
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
        clocks[turn] += bucket.charge(10, clocks[turn])
        counts[turn] += 10
    assert max(counts) - min(counts) <= 20
    assert sum(counts) / max(clocks) == pytest.approx(1000, rel=0.03)


def test_without_a_limit_nothing_waits() -> None:
    bucket = TokenBucket(None, 0.0)
    assert bucket.charge(10**12, 0.0) == 0.0
    assert bucket.portion() is None


def test_a_limit_can_change_while_bytes_flow() -> None:
    bucket = TokenBucket(1000.0, 0.0)
    assert bucket.charge(1000, 0.0) == pytest.approx(1.0)
    bucket.set_rate(2000.0, 0.0)
    assert bucket.charge(0, 0.0) == pytest.approx(0.5)
    bucket.set_rate(None, 0.0)
    assert bucket.charge(10**9, 0.0) == 0.0
    bucket.set_rate(1000.0, 5.0)
    assert bucket.charge(100, 5.0) == pytest.approx(0.1)
