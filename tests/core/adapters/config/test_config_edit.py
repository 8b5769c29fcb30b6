"""A setting is changed in config.toml, and everything else in the file is as it was."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.adapters.config.config_edit import write
from core.adapters.config.config_file import SettingOrigin, load
from core.domain.errors import ConfigError
from core.domain.models import Conflict

WRITTEN = """\
# What I like.
[screen]
theme = "winch-light"   # for the sun

[limits]
# not too many
active =   2  # at once
rate = "1M"

[[limits.schedule]]   # working hours
from = "09:00"
to = "18:00"
rate = "100k"

[downloads]
directory = '~/Downloads'
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(WRITTEN)
    return path


def test_only_the_value_changes(file: Path) -> None:
    configuration = write(file, {}, "limits", "active", 30)
    assert configuration.settings.limits.active == 30
    assert file.read_text() == WRITTEN.replace("active =   2 ", "active =   30 ")


def test_a_setting_that_was_not_there_joins_its_section(file: Path) -> None:
    write(file, {}, "limits", "connections", 3)
    text = file.read_text()
    assert load(file, {}).settings.limits.connections == 3
    assert [line for line in text.splitlines() if line != "connections = 3"] == WRITTEN.splitlines()
    assert text.index("connections = 3") < text.index("[[limits.schedule]]")


def test_a_section_that_was_not_there_is_added(file: Path) -> None:
    write(file, {}, "retry", "base", 0.5)
    assert file.read_text().startswith(WRITTEN)
    assert tomllib.loads(file.read_text())["retry"] == {"base": 0.5}


def test_a_choice_is_written_as_its_word(file: Path) -> None:
    write(file, {}, "downloads", "conflict", Conflict.SKIP)
    assert 'conflict = "skip"' in file.read_text()


def test_none_takes_a_setting_out_and_its_default_holds(file: Path) -> None:
    configuration = write(file, {}, "screen", "theme", None)
    assert configuration.settings.screen.theme == "winch-dark"
    assert "theme" not in file.read_text()
    before = file.read_text()
    write(file, {}, "screen", "theme", None)
    write(file, {}, "retry", "cap", None)
    assert file.read_text() == before


@pytest.mark.parametrize("text", ["limits.active = 2\n", "limits = { active = 2 }\n"])
def test_other_ways_to_write_a_section_are_kept(file: Path, text: str) -> None:
    file.write_text(text)
    write(file, {}, "limits", "active", 9)
    assert file.read_text() == text.replace("2", "9")


def test_without_a_file_one_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "winch" / "config.toml"
    write(file, {}, "limits", "active", 9)
    assert load(file, {}).settings.limits.active == 9
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_the_mode_is_kept_and_a_link_stays_one(file: Path, tmp_path: Path) -> None:
    file.chmod(0o644)
    link = tmp_path / "elsewhere" / "config.toml"
    link.parent.mkdir()
    link.symlink_to(file)
    write(link, {}, "limits", "active", 9)
    assert link.is_symlink()
    assert "active =   9" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml", "elsewhere"]


@pytest.mark.parametrize(
    ("text", "said"), [("[limits\n", "not valid TOML"), ("[limits]\nactiv = 1\n", "no setting")]
)
def test_a_broken_file_is_refused_with_its_error_and_left_alone(
    file: Path, text: str, said: str
) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError, match=said):
        write(file, {}, "limits", "active", 9)
    assert file.read_text() == text


def test_a_value_that_cannot_be_is_not_written(file: Path) -> None:
    with pytest.raises(ConfigError, match="must lie between"):
        write(file, {}, "limits", "active", 0)
    with pytest.raises(ConfigError, match="below"):
        write(file, {}, "disk", "high_water", "1M")
    assert file.read_text() == WRITTEN


def test_a_value_that_the_environment_makes_impossible_is_not_written(file: Path) -> None:
    with pytest.raises(ConfigError, match="below"):
        write(file, {"WINCH_DISK_LOW_WATER": "2G"}, "disk", "high_water", "1G")
    assert file.read_text() == WRITTEN


def test_a_directory_that_may_not_be_written_says_so(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(ConfigError, match="cannot be written: Permission denied"):
        write(file, {}, "limits", "active", 9)
    assert file.read_text() == WRITTEN


def test_the_environment_still_goes_before_what_is_written(file: Path) -> None:
    env = {"WINCH_LIMITS_ACTIVE": "7"}
    configuration = write(file, env, "limits", "active", 9)
    assert configuration.settings.limits.active == 7
    (item,) = (v for v in configuration.values if (v.section, v.key) == ("limits", "active"))
    assert item.source is SettingOrigin.ENVIRONMENT
    assert load(file, {}).settings.limits.active == 9


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back_as_it_was_written(file: Path, text: str) -> None:
    file.write_text(WRITTEN)
    write(file, {}, "downloads", "directory", text)
    assert load(file, {}).settings.downloads.directory == text
    assert "# for the sun" in file.read_text()
