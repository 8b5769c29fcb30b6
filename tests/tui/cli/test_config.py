"""What holds is shown where it is set, and a broken config.toml is told by every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.domain.service import SettingInForce, SettingSource
from core.launcher import SettingOrigin, SettingValue
from tests.tui.cli.conftest import Winch
from tui.text.in_force import notes


def config(winch: Winch) -> Path:
    home = Path(winch.env["WINCH_HOME"])
    home.mkdir(exist_ok=True)
    return home / "config.toml"


def line(winch: Winch, key: str) -> str:
    """Return how `config show` has the first setting of this name."""
    shown = winch("config", "show").stdout.splitlines()
    return next(each for each in shown if each.startswith(f"{key} = "))


def test_what_winch_limit_overrides_says_so_where_it_is_shown(winch: Winch) -> None:
    config(winch).write_text("[limits]\nactive = 4\n")
    assert line(winch, "active") == "active = 4  # config.toml"
    said = winch("limit", "--active", "2").stdout
    assert "2 at once (by winch limit (winch limit auto takes it back); the settings say 4)" in said
    by_command = "by winch limit (winch limit auto takes it back)"
    assert line(winch, "active") == f"active = 4  # config.toml; in force: 2, {by_command}"
    assert winch.json("limit")["settings"]["active"] == {"source": "command", "otherwise": "4"}
    winch("limit", "auto")
    assert line(winch, "active") == "active = 4  # config.toml"


def test_whose_environment_counts_is_said(winch: Winch) -> None:
    winch.env["WINCH_LIMITS_RATE"] = "1M"
    assert "by WINCH_LIMITS_RATE in the daemon's environment" in winch("limit").stdout
    assert line(winch, "rate") == 'rate = "1M"  # environment'
    said = winch("limit", "3M").stdout
    assert "; WINCH_LIMITS_RATE in the daemon's environment says 1M)" in said
    winch("limit", "auto")
    del winch.env["WINCH_LIMITS_RATE"]
    assert line(winch, "rate") == (
        'rate = "off"  # default; in force: 1M, by WINCH_LIMITS_RATE in the daemon\'s environment'
    )
    winch.env["WINCH_LIMITS_ACTIVE"] = "30"
    assert line(winch, "active") == (
        "active = 30  # environment; in force: 4, by the settings of the daemon, which has not this"
        " environment"
    )


def test_a_broken_file_is_told_by_every_command_and_the_daemon_goes_on(winch: Winch) -> None:
    file = config(winch)
    file.write_text("[limits]\nactive = 3\n")
    (id_,) = winch("add", "--paused", "http://127.0.0.1:1/a").stdout.split()
    file.write_text("[limits]\n\nactiv = 5\n")
    mistake = (
        f"winch: {file}, line 3: there is no setting activ in the section [limits];"
        " did you mean active?"
    )
    for words in (
        ["ls"],
        ["pause", id_],
        ["limit"],
        ["history"],
        ["daemon", "status"],
        ["show", id_],
    ):
        result = winch(*words)
        assert (result.returncode, result.stderr.splitlines().count(mistake)) == (0, 1), words
    assert winch.json("limit")["active"] == 3
    for words in (["config", "show"], ["add", "http://127.0.0.1:1/b"]):
        result = winch(*words)
        assert (result.returncode, result.stderr) == (2, f"{mistake}\n")
    assert winch("daemon", "stop").stderr.splitlines() == [mistake, "winch: the daemon has ended"]
    # A daemon that would start does not: nothing is fetched by settings that nobody asked for.
    result = winch("ls")
    assert (result.returncode, result.stderr) == (2, f"{mistake}\n")


@pytest.mark.parametrize(
    ("source", "value", "expected"),
    [
        (SettingSource.SETTINGS, "4", {}),
        (SettingSource.ENVIRONMENT, "4", {}),
        (SettingSource.SCHEDULE, "4", {"limits.active": "in force: 4, by the timetable"}),
        (
            SettingSource.SETTINGS,
            "9",
            {"limits.active": "in force: 9, until the daemon reads it again"},
        ),
    ],
)
def test_only_what_does_not_simply_hold_is_noted(
    source: SettingSource, value: str, expected: dict[str, str]
) -> None:
    item = SettingValue(section="limits", key="active", value=4, source=SettingOrigin.FILE)
    held = SettingInForce(name="limits.active", value=value, source=source, otherwise="4")
    assert notes([item], [held]) == expected


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('# a\n[screen.keys]\nhelp = "f1"\nmove_up = "q"\n', 4, "q is the key of both move_up"),
        ('[screen]\nkeys = { move_pu = "K" }\n', 2, "there is no action 'move_pu'"),
        ('[screen]\nkeys.help = "ctrl+c"\n', 2, "Ctrl-c cannot be the key of help"),
    ],
)
def test_a_key_of_the_screen_that_cannot_be_is_told_by_every_command(
    winch: Winch, text: str, line: int, words: str
) -> None:
    file = config(winch)
    file.write_text(text)
    start = f"{file}, line {line}: [screen.keys]: {words}"
    for command in (("config", "show"), ("ls",), ("add", "http://127.0.0.1:1/a")):
        assert start in winch(*command).stderr, command
    doctor = winch("doctor")
    assert doctor.returncode == 1
    assert start in doctor.stdout
