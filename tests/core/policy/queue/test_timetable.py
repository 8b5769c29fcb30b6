"""The timetable of the limits: which rate holds when, and when it changes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.settings import ScheduleEntry
from core.policy.queue.timetable import entry_at, rate_at

MIB = 1024 * 1024
OFFICE = ScheduleEntry(days="mon-fri", start="09:00", end="18:00", rate="1M")
NIGHT = ScheduleEntry(days="fri,sat", start="23:00", end="05:30", rate="off")
MONDAY = datetime(2026, 3, 2)  # noqa: DTZ001 (as a person reads it off the wall)


def at(day: int, clock: str) -> datetime:
    """Return a time in the week that begins on Monday, 2 March 2026."""
    hours, minutes = map(int, clock.split(":"))
    return MONDAY + timedelta(days=day, hours=hours, minutes=minutes)


@pytest.mark.parametrize(
    ("now", "rate", "change"),
    [
        (at(0, "08:59"), 500, at(0, "09:00")),
        (at(0, "09:00"), MIB, at(0, "18:00")),
        (at(0, "18:00"), 500, at(1, "09:00")),
        (at(4, "18:00"), 500, at(4, "23:00")),
        (at(4, "23:00"), None, at(5, "05:30")),
        (at(5, "05:29"), None, at(5, "05:30")),
        (at(6, "05:29"), None, at(6, "05:30")),
        (at(6, "05:30"), 500, at(7, "09:00")),
    ],
)
def test_a_stretch_holds_from_its_beginning_to_its_end(
    now: datetime, rate: int | None, change: datetime
) -> None:
    assert rate_at([OFFICE, NIGHT], 500, now) == (rate, change)


def test_a_stretch_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    late = ScheduleEntry(days="sun", start="22:00", end="06:00", rate="1M")
    assert rate_at([late], None, at(7, "05:59")) == (MIB, at(7, "06:00"))
    assert rate_at([late], None, at(6, "05:59")) == (None, at(6, "22:00"))


def test_the_first_entry_that_fits_decides() -> None:
    lunch = ScheduleEntry(start="12:00", end="13:00", rate="5M")
    assert entry_at([lunch, OFFICE], at(0, "12:30")) is lunch
    assert entry_at([OFFICE, lunch], at(0, "12:30")) is OFFICE
    assert rate_at([lunch, OFFICE], None, at(0, "11:00")) == (MIB, at(0, "12:00"))


def test_an_end_that_changes_nothing_is_no_change() -> None:
    whole = ScheduleEntry(start="00:00", end="24:00", rate="1M")
    assert rate_at([whole], None, at(2, "10:00")) == (MIB, None)
    assert rate_at([], 700, at(2, "10:00")) == (700, None)


def test_one_stretch_in_the_week_is_found_from_anywhere() -> None:
    once = ScheduleEntry(days="wed", start="10:00", end="10:01", rate="1M")
    for minute in range(0, 7 * 24 * 60, 97):
        _, change = rate_at([once], None, MONDAY + timedelta(minutes=minute))
        assert change in (at(2, "10:00"), at(2, "10:01"), at(9, "10:00"))


entries = st.builds(
    ScheduleEntry,
    days=st.sampled_from(["mon-sun", "mon", "sat,sun", "fri-mon", "tue,thu"]),
    start=st.sampled_from(["00:00", "06:30", "12:00", "23:59"]),
    end=st.sampled_from(["00:00", "06:30", "12:01", "24:00"]),
    rate=st.sampled_from(["off", "1M", "2M"]),
)


@given(st.lists(entries, max_size=4), st.integers(0, 7 * 24 * 60 - 1))
def test_nothing_changes_before_the_change(schedule: list[ScheduleEntry], minute: int) -> None:
    now = MONDAY + timedelta(minutes=minute)
    rate, change = rate_at(schedule, 7, now)
    moment = now
    end = change or now + timedelta(days=7)
    while moment < end:
        assert rate_at(schedule, 7, moment)[0] == rate
        moment += timedelta(minutes=211)
    if change is not None:
        assert rate_at(schedule, 7, change - timedelta(minutes=1))[0] == rate
        assert rate_at(schedule, 7, change)[0] != rate
