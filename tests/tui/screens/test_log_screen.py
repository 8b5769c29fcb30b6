"""The log: its end is followed as it grows, and stands still for who reads further up."""

from __future__ import annotations

import pytest

from core.domain.errors import DaemonError
from tests.fakes import FakeService
from tests.tui.bare import Bare
from tests.tui.samples import HOSTILE, assert_harmless, until
from tui.screens.log_screen import LogScreen


def line(number: int, level: str = "INFO", text: str = "something") -> str:
    return f"2026-11-20 17:{number // 60:02}:{number % 60:02},123 {level} core: {text} {number}."


@pytest.fixture
def service() -> FakeService:
    service = FakeService()
    service.log = [line(number) for number in range(100)]
    return service


@pytest.fixture
def app(service: FakeService) -> Bare:
    return Bare(LogScreen(lambda: service))


async def test_it_opens_at_the_end_and_follows(app: Bare, service: FakeService) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "following", "something 99.")
        service.log.append(line(100, "WARNING"))
        await until(pilot, "WARNING core: something 100.", gone="something 78.")


async def test_scrolled_up_it_stands_still_until_somebody_goes_to_the_end(
    app: Bare, service: FakeService
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "something 99.")
        await pilot.press("g")
        await until(pilot, "something 0.", "standing still")
        service.log += [line(100)]
        await until(pilot, "something 0.", "standing still")
        await pilot.press("f")
        await until(pilot, "something 100.", "following")
        await pilot.press("k")
        await until(pilot, "standing still")
        await pilot.press("G")
        await until(pilot, "following")


async def test_a_log_that_is_written_for_programs_is_shown_for_people(
    app: Bare, service: FakeService
) -> None:
    service.log.append(
        '{"time": "2026-11-20T17:00:00.123Z", "level": "error", "logger": "core.x",'
        ' "message": "it broke", "exception": "Traceback\\nValueError: odd"}'
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "ERROR core.x: it broke", "ValueError: odd", gone="logger")


async def test_what_has_not_changed_is_not_asked_for_again(
    app: Bare, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    tail = service.tail_log

    async def count(lines: int) -> list[str]:
        asked.append(lines)
        return await tail(lines)

    monkeypatch.setattr(service, "tail_log", count)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "something 99.")
        while len(asked) < 4:
            await pilot.pause(0.1)
        service.log.append(line(100))
        await until(pilot, "something 100.")
        assert asked.count(2000) == 1
        # More than are looked for at a time.
        service.log += [line(number) for number in range(101, 140)]
        await until(pilot, "something 139.", "something 130.")
    assert asked.count(2000) == 2


async def test_a_filter_narrows_while_it_is_typed(app: Bare, service: FakeService) -> None:
    service.log[50] = line(50, "ERROR", "a fault")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "something 99.")
        await pilot.press("slash", *"error")
        await until(pilot, "1 of 100 lines", "ERROR core: a fault 50.", gone="something")
        await pilot.press("x")
        await until(pilot, "Nothing matches.")
        await pilot.press("escape")
        await until(pilot, "something 99.", gone="lines")


async def test_long_lines_are_read_to_their_end(app: Bare, service: FakeService) -> None:
    service.log[-1] = line(99, text="word " * 40 + "https://example.org/" + "x" * 100 + " last")
    async with app.run_test(size=(40, 24)) as pilot:
        shown = await until(pilot, "last 99.")
        assert "xxxxx" in shown
        assert max(map(len, shown.splitlines())) == 40


async def test_an_empty_log_and_a_lost_daemon_are_said(
    app: Bare, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.log.clear()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "The log is empty.")
        tail = service.tail_log

        async def lost(_: int) -> list[str]:
            raise DaemonError("there is no connection to the daemon")

        monkeypatch.setattr(service, "tail_log", lost)
        await until(pilot, "there is no connection")
        monkeypatch.setattr(service, "tail_log", tail)
        await until(pilot, "following", gone="no connection")


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_esc_and_q_go_back(app: Bare, key: str) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "something 99.")
        await pilot.press(key)
        await until(pilot, gone="Log")


@pytest.mark.parametrize("size", [(40, 12), (200, 60)])
async def test_it_fits_and_ascii_mode_shows_nothing_else(
    service: FakeService, size: tuple[int, int]
) -> None:
    app = Bare(LogScreen(lambda: service), ascii_only=True)
    async with app.run_test(size=size) as pilot:
        assert (await until(pilot, "something 99.", "Back")).isascii()


async def test_hostile_lines_reach_no_terminal(app: Bare, service: FakeService) -> None:
    for text in HOSTILE:
        service.log += [text, f"2026-11-20 17:00:00,1 ERROR core: {text}"]
    service.log.append(line(101))
    async with app.run_test(size=(80, 60)) as pilot:
        shown = await until(pilot, "something 101.")
        assert shown.count("ERROR core: ") == len(HOSTILE)
        assert_harmless(shown)
        assert app.is_running
