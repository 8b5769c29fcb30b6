"""Sizes, times, days and lengths of time as people write them, and as sentences tell them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import UsageError
from core.domain.units import (
    parse_days,
    parse_duration,
    parse_size,
    parse_time,
    rough_duration,
    rough_size,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("500k", 512_000), ("2.5M", 2_621_440), ("1G", 2**30), ("1 GiB", 2**30)],
)
def test_a_size_is_1024_based(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "k", "-1", "1x", "1..5M", "0x10"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_size(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (99 << 20, "99.0 MiB"),
        (240 << 30, "240 GiB"),
        (4096 << 40, "4096 TiB"),
    ],
)
def test_a_sentence_tells_a_size_in_the_unit_that_fits(count: int, text: str) -> None:
    assert rough_size(count) == text


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
    ("text", "seconds"),
    [
        ("45s", 45),
        ("90m", 5400),
        ("24h", 86_400),
        (" 3 D ", 259_200),
        ("1.5h", 5400),
        ("2w", 14 * 86_400),
    ],
)
def test_a_length_of_time_has_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1h30m", "1 year", "off"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="length of time"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5.0, "0 s"),
        (119.9, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (36 * 3600, "36 h"),
        (3 * 86_400 + 5, "3 d"),
    ],
)
def test_a_sentence_tells_it_roughly(seconds: float, text: str) -> None:
    assert rough_duration(seconds) == text


@given(st.floats(min_value=0, max_value=1e10))
def test_it_is_never_told_longer_than_it_was(seconds: float) -> None:
    number, unit = rough_duration(seconds).split()
    length = {"s": 1, "min": 60, "h": 3600, "d": 86_400}[unit]
    assert int(number) * length <= seconds < (int(number) + 1) * length
