"""What may go: nothing of worth by itself, whatever the clock says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.policy.retention import Fate, PartState, judge_damaged, judge_record, judge_temporary

DAY = timedelta(days=1)
ages = st.timedeltas(min_value=-20 * 365 * DAY, max_value=20 * 365 * DAY)


@given(age=ages)
def test_data_never_goes_by_itself(age: timedelta) -> None:
    assert judge_record(PartState.THERE, age).fate is Fate.ON_REQUEST


@given(age=ages)
def test_what_is_out_of_reach_never_goes_by_itself(age: timedelta) -> None:
    assert judge_record(PartState.UNREACHABLE, age).fate is not Fate.GOES


@given(age=ages)
def test_what_was_set_aside_never_goes_by_itself(age: timedelta) -> None:
    assert judge_damaged(age).fate is not Fate.GOES


@pytest.mark.parametrize(
    ("part", "days", "fate"),
    [
        (PartState.GONE, 6.9, Fate.ON_REQUEST),
        (PartState.GONE, 7, Fate.GOES),
        (PartState.GONE, -10, Fate.ON_REQUEST),
        (PartState.UNREACHABLE, 29, Fate.STAYS),
        (PartState.UNREACHABLE, 30, Fate.ON_REQUEST),
    ],
)
def test_the_age_of_a_record_decides(part: PartState, days: float, fate: Fate) -> None:
    assert judge_record(part, days * DAY).fate is fate


@pytest.mark.parametrize(("days", "fate"), [(29, Fate.STAYS), (30, Fate.ON_REQUEST)])
def test_what_was_set_aside_is_kept_for_a_month(days: int, fate: Fate) -> None:
    assert judge_damaged(days * DAY).fate is fate


@pytest.mark.parametrize(("hours", "goes"), [(-1, False), (23, False), (24, True)])
def test_a_temporary_file_may_still_be_written(hours: int, goes: bool) -> None:
    assert (judge_temporary(timedelta(hours=hours)) is not None) is goes
