"""Times of day and days of the week as people write them, and settings that hold them."""

from __future__ import annotations

import pytest

from core.domain.errors import ConfigError, UsageError
from core.domain.settings import LimitSettings, ScheduleEntry, Settings
from core.domain.units import parse_days, parse_time


@pytest.mark.parametrize(
    ("text", "minutes"), [("00:00", 0), ("9:05", 545), ("18:30", 1110), ("24:00", 1440)]
)
def test_a_time_of_day_is_minutes(text: str, minutes: int) -> None:
    assert parse_time(text) == minutes


@pytest.mark.parametrize("text", ["", "9", "24:01", "25:00", "12:60", "-1:00", "12:5", "6pm"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no time of day"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("Sat, Sun", {5, 6}),
        ("fri-mon", {4, 5, 6, 0}),
        ("wed", {2}),
        ("mon-sun", set(range(7))),
        ("mon-tue,thu", {0, 1, 3}),
    ],
)
def test_days_are_names_and_ranges(text: str, days: set[int]) -> None:
    assert parse_days(text) == days


@pytest.mark.parametrize("text", ["", "monday", "mon-", "-fri", "mon;tue", "mon,,tue", "1-5"])
def test_what_are_no_days_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no days"):
        parse_days(text)


@pytest.mark.parametrize(
    "changes", [{"days": "funday"}, {"start": "25:00"}, {"end": "x"}, {"rate": "fast"}]
)
def test_an_entry_that_is_wrong_is_named_by_its_number(changes: dict[str, str]) -> None:
    right = {"start": "09:00", "end": "18:00", "rate": "1M"}
    entries = (ScheduleEntry(**right), ScheduleEntry(**(right | changes)))
    with pytest.raises(ConfigError, match="number 2") as caught:
        Settings(limits=LimitSettings(schedule=entries))
    assert caught.value.hint
