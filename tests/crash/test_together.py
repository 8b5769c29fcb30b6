"""Whole or not there, whichever call is the last one or fails."""

from __future__ import annotations

import pytest

from tests.crash.points import MakeStage, find_points, sample, try_all
from tests.crash.sizes import TOGETHER_POINTS
from tests.crash.strace import MISSING
from tests.crash.together import Together, TogetherIntoOthers


@pytest.mark.skipif(MISSING, reason="there is no strace that may trace here")
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "make",
    [pytest.param(Together, id="one rename"), pytest.param(TogetherIntoOthers, id="file by file")],
)
async def test_a_sample_of_the_crash_points_of_a_set(make: MakeStage) -> None:
    figures = await try_all(sample(await find_points(make), TOGETHER_POINTS), make)
    print(figures)
    assert len(figures.missed) < TOGETHER_POINTS // 4
