"""Settings that cannot be meant name themselves."""

from __future__ import annotations

import pytest

from core.domain.errors import ConfigError
from core.domain.settings import (
    DiskSettings,
    DownloadSettings,
    LimitSettings,
    RetrySettings,
    ScheduleEntry,
    Settings,
    sections,
)
from core.domain.value import replace


def test_a_setting_out_of_range_names_itself() -> None:
    with pytest.raises(ConfigError, match=r"limits\.active is 0"):
        Settings(limits=LimitSettings(active=0))


def test_every_number_has_its_bounds() -> None:
    for section, keys in sections().items():
        default = getattr(Settings(), section)
        for key in keys:
            if type(getattr(default, key)) in (int, float):
                with pytest.raises(ConfigError, match=key):
                    Settings(**{section: replace(default, **{key: -1})})


def test_every_text_is_checked_but_those_that_may_be_anything() -> None:
    anything = {"downloads.directory", "screen.theme"}
    for section, keys in sections().items():
        default = getattr(Settings(), section)
        for key in keys:
            if type(getattr(default, key)) is str and f"{section}.{key}" not in anything:
                with pytest.raises(ConfigError, match=section):
                    Settings(**{section: replace(default, **{key: "no such thing"})})


def test_every_section_and_key_is_listed() -> None:
    assert "active" in sections()["limits"]
    assert {*sections(), "hosts"} == set(Settings.__slots__)


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
    "changes", [{"days": "funday"}, {"start": "25:00"}, {"end": "x"}, {"rate": "fast"}]
)
def test_an_entry_that_is_wrong_is_named_by_its_number(changes: dict[str, str]) -> None:
    right = {"start": "09:00", "end": "18:00", "rate": "1M"}
    entries = (ScheduleEntry(**right), ScheduleEntry(**(right | changes)))
    with pytest.raises(ConfigError, match="number 2") as caught:
        Settings(limits=LimitSettings(schedule=entries))
    assert caught.value.hint


def test_the_high_mark_of_the_disk_follows_the_low_one() -> None:
    assert DiskSettings(low_water="400").high_bytes == 500
    assert DiskSettings(low_water="400", high_water="400").high_bytes == 400
    with pytest.raises(ConfigError):
        Settings(disk=DiskSettings(low_water="400", high_water="399"))
    with pytest.raises(ConfigError):
        Settings(disk=DiskSettings(low_water="much"))
