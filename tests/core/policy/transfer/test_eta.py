"""An estimate of the time that is left: how near to the truth it stays, and what it does when the
link becomes another one, stands still or is paused.

The runs are simulated. The truth at a moment is the time that the rest really takes.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.policy.transfer.eta import STALL_SECONDS, EtaEstimator

MEAN = 1_000_000
STEP = 0.05
"""Seconds between the blocks of a run of two minutes; longer ones have larger blocks."""
LOOK = 0.25
NEAR = 0.25

Shape = Callable[[float], float]


def square(period: float, phase: float) -> Shape:
    return lambda at: 1.5 if (at / period + phase) % 1 < 0.5 else 0.5


def sine(period: float, phase: float) -> Shape:
    return lambda at: 1 + math.sin(2 * math.pi * (at / period + phase)) / 2


def steps(period: float, phase: float) -> Shape:
    """Another rate in every period, anywhere between half and one and a half of the mean."""

    @functools.cache
    def level(number: int) -> float:
        return random.Random(f"{phase}-{number}").uniform(0.5, 1.5)

    return lambda at: level(int(at / period + phase))


def estimates(shape: Shape, seconds: float) -> Iterator[tuple[float, float | None]]:
    """Yield the truth and the estimate every quarter of a second after the first tenth."""
    step = STEP if seconds <= 120 else LOOK / 2
    count = round(seconds / step)
    blocks = [round(MEAN * step * shape(i * step)) for i in range(count)]
    total, done = sum(blocks), 0
    estimator = EtaEstimator(0.0)
    for number, block in enumerate(blocks[:-1], start=1):
        now = number * step
        done += block
        estimator.add(now, block)
        if number % round(LOOK / step) == 0:
            estimate = estimator.estimate(now, total - done)
            if done >= total / 10:
                yield seconds - now, estimate


def share_near(shape: Shape, seconds: float) -> float:
    """Return the part of the time after the first tenth in which the estimate is within 25 %."""
    near = [
        estimate is not None and abs(estimate - truth) <= NEAR * truth
        for truth, estimate in estimates(shape, seconds)
    ]
    return sum(near) / len(near)


def phases(count: int) -> list[float]:
    return [(seed + 0.5) / count for seed in range(count)]


@pytest.mark.parametrize("shape", [square, sine])
@pytest.mark.parametrize("period", [1, 2, 3, 5])
@pytest.mark.parametrize("seconds", [30, 60, 120, 600, 3600])
def test_on_a_link_that_swings_by_half_it_is_near_the_truth_nine_tenths_of_every_run(
    shape: Callable[[float, float], Shape], period: float, seconds: float
) -> None:
    # Where the first tenth does not hold one whole swing, nobody can know the mean by its end.
    enough = 0.9 if seconds >= 10 * period else 0.85
    for phase in phases(3 if seconds > 600 else 10):
        assert share_near(shape(period, phase), seconds) >= enough, phase


@pytest.mark.parametrize(
    ("period", "seconds"), [(1, 120), (2, 600), (5, 600), (1, 3600), (5, 3600)]
)
def test_on_a_link_whose_rate_jumps_at_random_as_well(period: float, seconds: float) -> None:
    # Every run has more than a hundred jumps. With only a few, the rest of a run has another mean
    # than its beginning, and even who knows the mean of the link is often wrong.
    for phase in phases(3 if seconds > 600 else 10):
        assert share_near(steps(period, phase), seconds) >= 0.9, phase


@pytest.mark.parametrize(("period", "seconds"), [(1, 30), (1, 60), (2, 60), (3, 120)])
def test_with_fewer_jumps_over_many_runs_together(period: float, seconds: float) -> None:
    shares = [share_near(steps(period, phase), seconds) for phase in phases(40)]
    assert sum(shares) / len(shares) >= 0.9


def test_a_long_download_is_judged_by_a_longer_memory() -> None:
    # Tides of four minutes by a quarter: a memory of half a minute would follow each of them.
    def tides(at: float) -> float:
        return 1.25 if at % 240 < 120 else 0.75

    assert share_near(tides, 7200) >= 0.9


@pytest.mark.parametrize("factor", [3, 1 / 3, 10, 1 / 10, 1.8, 0.55])
@pytest.mark.parametrize("seconds", [60, 600, 3600])
def test_a_lasting_change_is_believed_in_half_a_minute_or_a_tenth_of_what_is_left(
    factor: float, seconds: float
) -> None:
    """After `seconds` at one rate comes another one, with as many seconds to go at that."""
    late = [
        truth
        for truth, estimate in estimates(lambda at: factor if at >= seconds else 1.0, 2 * seconds)
        if truth <= seconds and (estimate is None or abs(estimate - truth) > NEAR * truth)
    ]
    assert seconds - min(late, default=seconds) <= max(30, seconds / 10)


def test_nothing_is_promised_in_the_first_second_without_a_length_or_in_a_stall() -> None:
    estimator = EtaEstimator(0.0)
    assert estimator.estimate(0.0, 1000) is None
    for number in range(1, 41):
        estimator.add(number * LOOK, 250)
        assert (estimator.estimate(number * LOOK, 1000) is None) == (number <= 4)
    assert estimator.estimate(10.0, None) is None
    assert estimator.estimate(10.0 + STALL_SECONDS - 0.1, 1000) is not None
    assert estimator.estimate(10.0 + STALL_SECONDS, 1000) is None
    assert estimator.estimate(10.0 + STALL_SECONDS, 0) == 0


@pytest.mark.parametrize("gap", [STALL_SECONDS, 60, 86_400])
def test_it_does_not_jump_after_a_pause(gap: float) -> None:
    estimator = EtaEstimator(0.0)
    for number in range(400):
        estimator.add(number * STEP, 50)
    before = estimator.estimate(20.0, 100_000)
    assert before == pytest.approx(100, rel=0.02)
    for number in range(100):
        now = 20.0 + gap + number * STEP
        # What lay in buffers meanwhile comes all at once.
        estimator.add(now, 5000 if number == 0 else 50)
        assert estimator.estimate(now, 100_000) == pytest.approx(before, rel=0.05)


@example([(0.0, 0, None), (1.0, 0, 1)])
@given(
    st.lists(
        st.tuples(st.floats(0, 20), st.integers(0, 2**40), st.none() | st.integers(0, 2**60)),
        max_size=60,
    )
)
def test_whatever_comes_it_is_a_time_or_nothing(
    blocks: list[tuple[float, int, int | None]],
) -> None:
    estimator, now = EtaEstimator(0.0), 0.0
    for wait, count, remaining in blocks:
        now += wait
        estimator.add(now, count)
        eta = estimator.estimate(now, remaining)
        assert eta is None or (eta >= 0 and math.isfinite(eta))
        assert estimator.rate(now) >= 0
