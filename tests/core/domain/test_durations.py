"""Lengths of time as people write them, and as sentences tell them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import ConfigError, UsageError
from core.domain.settings import DownloadSettings, RetrySettings, Settings
from core.domain.units import parse_duration, rough_duration, rough_size


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


def test_when_to_ask_is_checked_with_the_settings() -> None:
    assert DownloadSettings().ask_after_seconds == 86_400
    assert DownloadSettings(ask_after="Off").ask_after_seconds is None
    with pytest.raises(ConfigError, match=r"downloads\.ask_after") as caught:
        Settings(downloads=DownloadSettings(ask_after="soon"))
    assert "off" in caught.value.hint
    assert RetrySettings().give_up_after_seconds == 86_400
    assert RetrySettings(give_up_after="off").give_up_after_seconds is None
    with pytest.raises(ConfigError, match=r"retry\.give_up_after"):
        Settings(retry=RetrySettings(give_up_after="-1h"))


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
