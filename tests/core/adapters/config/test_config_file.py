"""Settings: what holds, where it came from, and that a slip is not passed over."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from core.adapters.config.config_file import Configuration, SettingOrigin, load
from core.domain.errors import ConfigError
from core.domain.settings import Settings, sections


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def refused(file: Path, text: str = "", env: dict[str, str] | None = None) -> ConfigError:
    if text:
        file.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load(file, env or {})
    return caught.value


def source(configuration: Configuration, section: str, key: str) -> SettingOrigin:
    (found,) = (
        item.source for item in configuration.values if (item.section, item.key) == (section, key)
    )
    return found


def test_without_a_file_the_defaults_hold(file: Path) -> None:
    configuration = load(file, {})
    assert configuration.settings == Settings()
    assert {item.source for item in configuration.values} == {SettingOrigin.DEFAULT}


def test_the_environment_goes_before_the_file_and_the_file_before_the_default(file: Path) -> None:
    file.write_text("[limits]\nactive = 7\n[retry]\nattempts = 2\n")
    configuration = load(file, {"WINCH_LIMITS_ACTIVE": "30", "WINCH_HOME": "/w"})
    assert configuration.settings.limits.active == 30
    assert configuration.settings.retry.attempts == 2
    assert source(configuration, "limits", "active") is SettingOrigin.ENVIRONMENT
    assert source(configuration, "retry", "attempts") is SettingOrigin.FILE
    assert source(configuration, "retry", "cap") is SettingOrigin.DEFAULT


def test_text_from_the_environment_is_read_by_the_type_of_the_setting(file: Path) -> None:
    env = {
        "WINCH_RETRY_BASE": "0.5",
        "WINCH_SCREEN_ASCII": "true",
        "WINCH_DOWNLOADS_DIRECTORY": "12",
        "WINCH_RETRY_RETRY_AFTER_CAP": "60",
    }
    settings = load(file, env).settings
    assert settings.retry.base == 0.5
    assert settings.screen.ascii is True
    assert settings.downloads.directory == "12"
    assert settings.retry.retry_after_cap == 60.0


def test_a_whole_number_will_do_for_a_number(file: Path) -> None:
    file.write_text("[daemon]\nlinger = 5\n")
    assert load(file, {}).settings.daemon.linger == 5.0


def test_a_misspelt_section_gets_a_suggestion(file: Path) -> None:
    error = refused(file, "[limit]\nactive = 1\n")
    assert "no section [limit]" in error.message
    assert str(file) in error.message
    assert error.hint == "did you mean limits?"


def test_a_misspelt_key_gets_a_suggestion(file: Path) -> None:
    error = refused(file, "[limits]\nactiv = 1\n")
    assert "no setting activ in the section [limits]" in error.message
    assert error.hint == "did you mean active?"


def test_a_misspelt_variable_gets_a_suggestion(file: Path) -> None:
    error = refused(file, env={"WINCH_LIMITS_ACTIV": "1"})
    assert "WINCH_LIMITS_ACTIV" in error.message
    assert error.hint == "did you mean active?"


def test_something_far_off_gets_the_names_there_are(file: Path) -> None:
    assert "connect_timeout" in refused(file, "[network]\nzzz = 1\n").hint


@pytest.mark.parametrize("name", ["WINCH_HOME", "WINCH_FOO_BAR", "PATH"])
def test_variables_that_are_no_settings_are_left_alone(file: Path, name: str) -> None:
    assert load(file, {name: "x"}).settings == Settings()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[limits]\nactive = "4"\n', "a whole number"),
        ("[limits]\nactive = 4.5\n", "a whole number"),
        ("[limits]\nactive = true\n", "a whole number"),
        ('[retry]\nbase = "1"\n', "a number"),
        ("[screen]\nascii = 1\n", "true or false"),
        ("[screen]\ntheme = 1\n", "text in quotes"),
        ("[limits]\nactive = [1]\n", "a whole number"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_what_is_expected(
    file: Path, text: str, expected: str
) -> None:
    assert f"must be {expected}" in refused(file, text).message


@pytest.mark.parametrize("text", ["many", "", "4.5", "0x10"])
def test_a_variable_that_does_not_read_as_the_type_is_refused(file: Path, text: str) -> None:
    error = refused(file, env={"WINCH_LIMITS_ACTIVE": text})
    assert "limits.active must be a whole number" in error.message


def test_a_number_that_python_does_not_read_is_a_mistake_like_any_other(file: Path) -> None:
    error = refused(file, f"[limits]\nactive = {'1' * 5000}\n")
    assert error.message == f"{file} has a number that is too long to be read"


@pytest.mark.parametrize("value", ["0", "10001", "-1"])
def test_a_value_out_of_range_is_refused(file: Path, value: str) -> None:
    assert "must lie between" in refused(file, f"[limits]\nactive = {value}\n").message


def test_a_number_that_is_none_is_refused(file: Path) -> None:
    assert "must lie between" in refused(file, "[daemon]\nlinger = nan\n").message


def test_broken_toml_names_file_and_line(file: Path) -> None:
    error = refused(file, "[limits]\nactive = \n")
    assert str(file) in error.message
    assert "line 2" in error.message


def test_a_key_where_a_section_belongs_is_refused(file: Path) -> None:
    assert refused(file, "limits = 3\n").hint == "write [limits]"


def test_a_file_that_is_not_text_is_refused(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in refused(file).message


def test_a_file_is_parsed_once_for_as_long_as_it_stays_as_it_is(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []

    def loads(text: str) -> dict[str, object]:
        parsed.append(text)
        return parse(text)

    parse = tomllib.loads
    monkeypatch.setattr(tomllib, "loads", loads)
    for active in (5, 5, 6, 6):
        file.write_text(f"[limits]\nactive = {active}\n")
        assert load(file, {}).settings.limits.active == active
        assert load(file, {"WINCH_LIMITS_ACTIVE": "9"}).settings.limits.active == 9
    assert len(set(parsed)) == 2
    assert len(parsed) == 4  # with each environment


def test_a_file_that_is_too_large_is_refused_unread(file: Path) -> None:
    assert "it is larger than 1 MiB" in refused(file, "#" * (1024 * 1024 + 1)).message


def test_a_file_that_cannot_be_read_is_refused(file: Path) -> None:
    file.mkdir()
    assert "cannot be read" in refused(file).message


def test_what_is_shown_is_a_file_that_says_the_same(file: Path, tmp_path: Path) -> None:
    awkward = 'quo"te \\ new\nline \x7f \N{SNOWMAN}'
    shown = load(file, {"WINCH_DOWNLOADS_DIRECTORY": awkward, "WINCH_SCREEN_ASCII": "1"})
    text = shown.to_toml()
    assert set(tomllib.loads(text)) == set(sections())
    assert "  # environment" in text
    again = tmp_path / "again.toml"
    again.write_text(text, "utf-8")
    assert load(again, {}).settings == shown.settings


SCHEDULE = """
[limits]
rate = "5M"
[[limits.schedule]]
days = "mon-fri"
from = "09:00"
to = "18:00"
rate = "500k"
[[limits.schedule]]
from = "23:00"
to = "06:00"
rate = "off"
"""


def test_the_timetable_of_the_limits_is_read_in_its_order(file: Path) -> None:
    file.write_text(SCHEDULE)
    office, night = load(file, {}).settings.limits.schedule
    assert (office.days, office.start, office.end, office.rate) == (
        "mon-fri",
        "09:00",
        "18:00",
        "500k",
    )
    assert (night.days, night.rate_bytes) == ("mon-sun", None)


def test_an_address_is_shown_without_its_login(file: Path) -> None:
    file.write_text('[notify]\nurl = "https://me:hush@ntfy.example/topic"\n')
    shown = load(file, {})
    assert shown.settings.notify.url == "https://me:hush@ntfy.example/topic"
    text = shown.to_toml(redacted=True)
    assert "hush" not in text
    assert "ntfy.example/topic" in text
    assert "# config.toml; a login is left out" in text


def test_a_timetable_is_shown_as_it_can_be_read_again(file: Path, tmp_path: Path) -> None:
    file.write_text(SCHEDULE)
    shown = load(file, {})
    again = tmp_path / "again.toml"
    again.write_text(shown.to_toml(), "utf-8")
    assert load(again, {}).settings == shown.settings
    assert "[[limits.schedule]]  # config.toml" in shown.to_toml()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('to = "06:00"', "", "number 2 lacks to"),
        ('to = "06:00"', 'til = "06:00"', "number 2 has no til"),
        ('to = "06:00"', "to = 6", "number 2: to must be text"),
        ('to = "06:00"', 'to = "26:00"', "number 2: '26:00' is no time"),
        ('days = "mon-fri"', 'days = "weekdays"', "number 1: 'weekdays' are no days"),
        ('rate = "500k"', 'rate = "slow"', "number 1: 'slow' is not a size"),
    ],
)
def test_an_entry_that_is_wrong_is_named(file: Path, old: str, new: str, message: str) -> None:
    assert message in refused(file, SCHEDULE.replace(old, new)).message


@pytest.mark.parametrize("text", ["[limits]\nschedule = 3\n", '[limits]\nschedule = ["x"]\n'])
def test_a_timetable_that_is_none_is_refused(file: Path, text: str) -> None:
    assert "list of tables" in refused(file, text).message


def test_the_timetable_belongs_in_the_file(file: Path) -> None:
    error = refused(file, env={"WINCH_LIMITS_SCHEDULE": "09:00"})
    assert "WINCH_LIMITS_SCHEDULE" in error.message
    assert "config.toml" in error.hint


def test_keys_of_the_screen_are_read_and_written(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[screen.keys]\nmove_up = "ctrl+k"\nhelp = "?, \\\\"\n', "utf-8")
    shown = load(file, {})
    assert shown.settings.screen.keys == {"move_up": "ctrl+k", "help": "?, \\"}
    again = tmp_path / "again.toml"
    again.write_text(shown.to_toml(), "utf-8")
    assert load(again, {}).settings == shown.settings


@pytest.mark.parametrize("text", ["[screen]\nkeys = 3\n", "[screen.keys]\nhelp = 3\n"])
def test_keys_that_are_none_name_their_place(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"screen\.keys"):
        load(file, {})


@pytest.mark.parametrize(
    ("text", "line", "cause"),
    [
        ("# a\n[limits\nactive = 4\n", 2, "a bracket is not closed"),
        ("[downloads]\ndirectory = /data\n", 2, "the value is none"),
        ("[limits]\nactive = 4\nactive = 5\n", 3, ": active is there twice"),
        ("[limits]\nactive = 4\n[limits]\n", 3, "the section [limits] is there twice"),
        ('[limits]\nrate = "off\n', 2, "a quote is not closed"),
        ("[limits]\nactive = 4 5\n", 2, "something follows the value"),
        ("[limits]\nactive\n", 2, "an = is missing"),
        ("\n[screen]\n[limit]\n", 3, "there is no section [limit]"),
        ("[limits]\n\n activ = 4\n", 3, "there is no setting activ"),
        ('[limits]\nrate = "off"\n"active" = "x"\n', 3, "must be a whole number"),
        ('[limits]\nrate = "off"\nactive = 0\n', 3, "must lie between"),
        ("limits = { active = 0 }\n", 1, "must lie between"),
        ('\nlimits.rate = "off"\nlimits.active = 0\n', 3, "must lie between"),
        ('[disk]\nlow_water = "much"\n', 2, "is not a size"),
        ('[downloads]\nask_after = "soon"\n', 2, "is no length of time"),
        ('[downloads]\nforget_done = "soon"\n', 2, "is no length of time"),
        ('[downloads]\nforget_done = "10s"\n', 2, "too short to see what is done"),
        ('[[limits.schedule]]\nfrom = "25:00"\nto = "3:00"\nrate = "1M"\n', 2, "no time of day"),
        (SCHEDULE.replace('"06:00"', '"26:00"'), 11, "number 2: '26:00' is no time"),
        ("active = 3\n[limits]\n", 1, "active stands above every section"),
        ("# a\nzzz = 3\n", 2, "zzz stands above every section"),
    ],
)
def test_a_mistake_has_its_line_and_its_cause(file: Path, text: str, line: int, cause: str) -> None:
    message = refused(file, text).message
    assert message.startswith(f"{file}, line {line}: ")
    assert cause in message
    assert "\n" not in message


def test_a_value_of_the_environment_that_cannot_be_is_not_blamed_on_the_file(file: Path) -> None:
    file.write_text("[limits]\nactive = 4\n")
    error = refused(file, env={"WINCH_LIMITS_ACTIVE": "0"})
    assert error.message.startswith("WINCH_LIMITS_ACTIVE: limits.active is 0")


def test_a_setting_outside_its_section_is_told_where_it_belongs(file: Path) -> None:
    assert refused(file, "active = 3\n").hint == "write it below [limits]"
    assert refused(file, "activ = 3\n").hint == "did you mean active?"


def test_bytes_that_are_no_text_have_their_line(file: Path) -> None:
    file.write_bytes(b"[limits]\n# \xff\n")
    assert refused(file).message == f"{file}, line 2: this is not UTF-8 text"


def test_what_editors_on_windows_write_is_read(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf[limits]\r\nactive = 7\r\n")
    assert load(file, {}).settings.limits.active == 7


@pytest.mark.parametrize("content", [b"[limits]\n# \xff\n", None])
def test_what_is_no_text_is_refused(file: Path, content: bytes | None) -> None:
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    assert str(file) in refused(file).message
