"""What grows is seen behind what comes and goes."""

from __future__ import annotations

import random

import pytest

from tests.bench.trend import Trend, floors, trend


def test_a_line_has_its_slope_and_no_error() -> None:
    found = trend([(float(x), 3.0 * x + 7.0) for x in range(10)])
    assert found.slope == pytest.approx(3.0)
    assert found.error == pytest.approx(0.0, abs=1e-6)


def test_what_comes_and_goes_is_an_error_of_the_slope_and_no_slope() -> None:
    chance = random.Random(1)
    found = trend([(float(x), chance.uniform(0.0, 50.0)) for x in range(1000)])
    assert abs(found.slope) < 3 * found.error


def test_the_lowest_of_each_stretch_shows_what_is_never_given_back() -> None:
    chance = random.Random(1)
    samples = [(x / 2, 0.01 * x / 2 + chance.choice((0.0, 0.0, 40.0))) for x in range(1200)]
    lowest = floors(samples, 15.0)
    assert len(lowest) == 40
    assert trend(lowest).slope == pytest.approx(0.01, abs=1e-3)
    assert trend(lowest).error < trend(samples).error / 10


def test_what_stays_for_a_while_makes_a_slope_less_sure() -> None:
    chance = random.Random(1)
    each = [chance.uniform(0.0, 50.0) for _ in range(200)]
    apart = trend([(float(x), what) for x, what in enumerate(each)])
    held = trend([(x / 5, each[x // 5]) for x in range(1000)])
    assert held.error > 0.8 * apart.error


@pytest.mark.parametrize(
    ("slope", "verdict"), [(0.1, True), (0.9, None), (1.3, None), (2.0, False)]
)
def test_what_lies_within_twice_its_error_cannot_be_told(slope: float, verdict: bool) -> None:
    assert Trend(slope, 0.2).is_at_most(1.0) is verdict


def test_two_samples_are_no_trend() -> None:
    with pytest.raises(ValueError, match="three samples"):
        trend([(0.0, 1.0), (1.0, 2.0)])
