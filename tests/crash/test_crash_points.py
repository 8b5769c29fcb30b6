"""Whichever call is the last one, or fails: nothing is lost, and everything comes to its end."""

from __future__ import annotations

import pytest

from tests.crash.points import find_points, sample, try_all
from tests.crash.sizes import POINTS
from tests.crash.strace import MISSING


@pytest.mark.skipif(MISSING, reason="there is no strace that may trace here")
@pytest.mark.timeout(240)
async def test_a_sample_of_the_crash_points() -> None:
    points = sample(await find_points(), POINTS)
    figures = await try_all(points)
    print(figures)
    assert len(figures.missed) < POINTS // 10
