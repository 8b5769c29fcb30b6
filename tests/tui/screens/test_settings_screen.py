"""The settings: what holds and why is seen, changed in place, written and in force at once."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.widgets import Input

from core import launcher
from core.domain.errors import ConfigError, DaemonError
from core.domain.service import LimitChanges
from core.domain.settings import NetworkSettings, Settings, sections
from tests.fakes import FakeService
from tests.tui.bare import Bare
from tests.tui.samples import FORBIDDEN, HOSTILE, screen_text, until
from tui.screens.settings_screen import SettingsScreen
from tui.text.vocabulary import SETTINGS


class Opened:
    """The screen over a config.toml of its own, with what was applied to the screen."""

    def __init__(self, *, ascii_only: bool = False) -> None:
        self.service = FakeService()
        self.service.read_settings = lambda: launcher.read_configuration().settings
        self.applied: list[Settings] = []
        screen = SettingsScreen(lambda: self.service, self.applied.append)
        self.app = Bare(screen, ascii_only=ascii_only)

    @property
    def reloads(self) -> int:
        return self.service.calls.count(("reload", None))


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WINCH_HOME", str(tmp_path))
    return tmp_path / "config.toml"


@pytest.fixture
def opened(file: Path) -> Opened:
    return Opened()


async def go_to(pilot: Any, name: str) -> None:
    """Put the cursor on a setting."""
    section, key = name.split(".")
    names = [(s, k) for s, keys in sections().items() for k in keys]
    await pilot.press("g", *["j"] * names.index((section, key)))
    await until(pilot, f"{name} = ")


async def put(pilot: Any, text: str) -> None:
    """Type another value and confirm it."""
    await pilot.press("enter")
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")


def test_every_setting_has_its_words() -> None:
    assert set(SETTINGS) == {f"{name}.{key}" for name, keys in sections().items() for key in keys}


async def test_each_shows_its_value_default_and_source(
    opened: Opened, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("[limits]\nactive = 7\n")
    monkeypatch.setenv("WINCH_LIMITS_CONNECTIONS", "3")
    async with opened.app.run_test(notifications=True, size=(100, 40)) as pilot:
        shown = (await until(pilot, "Settings", str(file))).splitlines()
        words = [line.split()[-4:] for line in shown[2:-6] if line.strip()]
        row = {key: rest for key, *rest in words}
        assert row["active"] == ["7", "4", "config.toml"]
        assert row["connections"] == ["3", "8", "environment"]
        assert row["connections_per_host"] == ["8", "8", "default"]


async def test_a_number_is_typed_written_and_in_force(opened: Opened, file: Path) -> None:
    file.write_text("# mine\n[limits]\nactive = 7  # enough\n")
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await go_to(pilot, "limits.active")
        await pilot.press("enter")
        await until(pilot, "the default is 4")
        await pilot.press("backspace", "9", "enter")
        await until(pilot, "limits.active = 9", "written; holds now", gone="the default is")
    assert file.read_text() == "# mine\n[limits]\nactive = 9  # enough\n"
    assert opened.reloads == 1
    assert opened.applied[0].limits.active == 9


async def test_keys_that_come_in_one_go_act_in_their_order(opened: Opened) -> None:
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, "downloads.directory = ")
        for key, character in [("j", "j")] * 6 + [("enter", "\r"), ("backspace", None), ("9", "9")]:
            opened.app.post_message(events.Key(key, character))
        opened.app.post_message(events.Key("enter", "\r"))
        await until(pilot, "limits.active = 9", "holds now")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("limits.active", "many", "must be a whole number"),
        ("limits.active", "0", "must lie between"),
        ("limits.rate", "fast", "is not a size"),
        ("disk.high_water", "1M", "below disk.low_water"),
    ],
)
async def test_what_cannot_be_is_said_in_place_and_nothing_is_written(
    opened: Opened, file: Path, name: str, text: str, said: str
) -> None:
    async with opened.app.run_test(notifications=True, size=(120, 24)) as pilot:
        await go_to(pilot, name)
        await put(pilot, text)
        await until(pilot, said)
        assert opened.app.screen.query_one(Input).has_focus
        await pilot.press("escape")
        await until(pilot, "Esc Back", gone=said)
    assert not file.exists()
    assert (opened.applied, opened.reloads) == ([], 0)


async def test_choices_are_taken_by_the_arrows_and_turn_round(opened: Opened, file: Path) -> None:
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await go_to(pilot, "downloads.conflict")
        await pilot.press("right")
        await until(pilot, "downloads.conflict = skip", "holds now")
        await pilot.press("left")
        await until(pilot, "downloads.conflict = rename")
        await pilot.press("left")
        await until(pilot, "downloads.conflict = fail")
        await go_to(pilot, "downloads.preallocate")
        await pilot.press("enter")
        await until(pilot, "downloads.preallocate = true")
    written = tomllib.loads(file.read_text())
    assert written == {"downloads": {"conflict": "fail", "preallocate": True}}


async def test_the_theme_is_one_that_there_is(opened: Opened, file: Path) -> None:
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await go_to(pilot, "screen.theme")
        await pilot.press("enter")
        await until(pilot, "screen.theme = winch-light", "holds now")
    assert opened.applied[-1].screen.theme == "winch-light"


async def test_d_goes_back_to_the_default(opened: Opened, file: Path) -> None:
    file.write_text("[retry]\nattempts = 3 # few\ncap = 9.0\n")
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await go_to(pilot, "retry.attempts")
        await until(pilot, "retry.attempts = 3")
        await pilot.press("d")
        await until(pilot, "retry.attempts = 10", "from default")
    assert tomllib.loads(file.read_text()) == {"retry": {"cap": 9.0}}


async def test_one_from_the_environment_is_locked_and_says_so(
    opened: Opened, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINCH_LIMITS_ACTIVE", "3")
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await go_to(pilot, "limits.active")
        for key in ("enter", "d"):
            await pilot.press(key)
            await until(pilot, "WINCH_LIMITS_ACTIVE is set in the environment, which goes first")
    assert not file.exists()


async def test_the_timetable_is_for_an_editor(opened: Opened, file: Path) -> None:
    file.write_text('[[limits.schedule]]\nfrom = "09:00"\nto = "10:00"\nrate = "1M"\n')
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await go_to(pilot, "limits.schedule")
        await until(pilot, "limits.schedule = 1 entry")
        await pilot.press("enter")
        await until(pilot, "with an editor")


async def test_what_waits_for_another_start_is_told(opened: Opened, file: Path) -> None:
    opened.service.read_settings = lambda: Settings(network=NetworkSettings(read_timeout=5.0))
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await go_to(pilot, "network.read_timeout")
        await put(pilot, "5")
        await until(pilot, "holds once the daemon is started again")
        await go_to(pilot, "screen.ascii")
        await pilot.press("enter")
        await until(pilot, "holds when the screen is opened again")


async def test_a_daemon_that_did_not_hear_of_it_is_said(
    opened: Opened, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost() -> list[str]:
        raise DaemonError("no connection")

    monkeypatch.setattr(opened.service, "reload", lost)
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await go_to(pilot, "limits.active")
        await put(pilot, "5")
        await until(pilot, "written, but the daemon has not read it: no connection")
    assert "active = 5" in file.read_text()


async def test_a_broken_file_is_refused_with_its_error(opened: Opened, file: Path) -> None:
    file.write_text("[limits\n")
    async with opened.app.run_test(notifications=True, size=(200, 24)) as pilot:
        await until(pilot, "is not valid TOML")
        await pilot.press("enter", "d", "right")
        await until(pilot, "is not valid TOML")
    assert file.read_text() == "[limits\n"


async def test_a_file_that_broke_meanwhile_is_not_written_over(opened: Opened, file: Path) -> None:
    async with opened.app.run_test(notifications=True, size=(200, 24)) as pilot:
        await go_to(pilot, "downloads.conflict")
        file.write_text("[limits\n")
        await pilot.press("right")
        await until(pilot, "is not valid TOML")
    assert file.read_text() == "[limits\n"


async def test_it_holds_also_where_the_screen_is_left_at_once(opened: Opened, file: Path) -> None:
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await go_to(pilot, "downloads.conflict")
        await pilot.press("right", "escape")
        while not opened.reloads:
            await pilot.pause()
    assert [settings.downloads.conflict for settings in opened.applied] == ["skip"]


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 60)])
async def test_it_fits_and_ascii_mode_shows_nothing_else(file: Path, size: tuple[int, int]) -> None:
    app = Opened(ascii_only=True).app
    async with app.run_test(notifications=True, size=size) as pilot:
        await go_to(pilot, "daemon.linger")
        assert screen_text(app).isascii()  # type: ignore[arg-type]
        await pilot.press("enter")
        assert (await until(pilot, "the default is 60")).isascii()


@pytest.mark.parametrize("text", [text for text in HOSTILE if "\ud800" not in text])
async def test_hostile_values_reach_no_terminal(file: Path, opened: Opened, text: str) -> None:
    from core.adapters.config.config_edit import write

    write(file, {}, "downloads", "directory", f"/here{text}")
    async with opened.app.run_test(notifications=True, size=(200, 24)) as pilot:
        await until(pilot, "downloads.directory = /here")
        await pilot.press("enter")
        for line in screen_text(opened.app).split("\n"):  # type: ignore[arg-type]
            assert not any(mark in line for mark in FORBIDDEN)
        assert opened.app.is_running


def test_errors_name_the_setting(file: Path) -> None:
    from core import launcher

    with pytest.raises(ConfigError, match=r"limits\.active"):
        launcher.change_setting("limits", "active", "x")


async def test_what_winch_limit_overrides_is_said_and_so_when_it_is_set(
    opened: Opened, file: Path
) -> None:
    await opened.service.limit(LimitChanges(active=2))
    async with opened.app.run_test(size=(120, 40)) as pilot:
        await go_to(pilot, "limits.active")
        await until(pilot, "4 *", "in force: 2, by winch limit (winch limit auto takes it back)")
        await put(pilot, "6")
        await until(pilot, "written, but does not hold now; in force: 2, by winch limit")
    assert tomllib.loads(file.read_text())["limits"]["active"] == 6


async def test_the_login_of_an_address_is_not_shown_and_not_lost(
    opened: Opened, file: Path
) -> None:
    file.write_text('[notify]\nurl = "https://me:hidden@ntfy.sh/x"\n')
    async with opened.app.run_test(size=(100, 60)) as pilot:
        await go_to(pilot, "notify.url")
        assert "hidden" not in await until(pilot, "notify.url = https://ntfy.sh/x")
        await pilot.press("enter")
        assert pilot.app.screen.query_one(Input).value == "https://me:hidden@ntfy.sh/x"
