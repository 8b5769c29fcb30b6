"""The history: what was tried is found, read, fetched again and taken away as a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from core.domain.errors import DaemonError, ErrorCode, UsageError
from core.domain.history import History, HistoryQuery, PhaseTimes
from core.domain.models import DownloadRequest
from core.domain.value import replace
from tests.attempts import NOON, a_failure, an_attempt
from tests.fakes import FakeService
from tests.tui.bare import Bare
from tests.tui.samples import HOSTILE, assert_harmless, until
from tui.screens.history_screen import HistoryScreen


class Opened:
    """The screen over a service, and what it queued."""

    def __init__(self, service: FakeService, directory: Path, *, ascii_only: bool = False) -> None:
        self.queued: list[DownloadRequest] = []
        self.error: UsageError | None = None
        screen = HistoryScreen(lambda: service, self.add, directory=lambda: str(directory))
        self.app = Bare(screen, ascii_only=ascii_only)

    async def add(self, requests: Sequence[DownloadRequest]) -> None:
        if self.error is not None:
            raise self.error
        self.queued += requests


@pytest.fixture
def service() -> FakeService:
    service = FakeService()
    service.attempts = [
        an_attempt(1, name="oldest.iso", url="https://one.test/oldest.iso", host="one.test"),
        a_failure(2, name="lost.iso", url="https://two.test/lost.iso", host="two.test", group="x"),
        an_attempt(3, name="newest.iso", url="https://one.test/newest.iso", directory="/far"),
    ]
    return service


@pytest.fixture
def opened(service: FakeService, tmp_path: Path) -> Opened:
    return Opened(service, tmp_path)


async def test_the_newest_stands_first_and_its_details_below(opened: Opened) -> None:
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        shown = (await until(pilot, "3 of 3", "oldest.iso")).splitlines()
        names = [line.split()[-1] for line in shown[2:5]]
        assert names == ["newest.iso", "lost.iso", "oldest.iso"]
        await until(
            pilot,
            "https://one.test/newest.iso",
            "/far/newest.iso",
            "connecting 0.25 s  downloading 0.50 s  finalizing 0.25 s",
            "1.95 KiB/s on average, 2.93 KiB/s at best",
        )
        await pilot.press("j")
        await until(pilot, "not found: nothing is here (404)", "https://two.test/lost.iso")
        await pilot.press("G")
        await until(pilot, "https://one.test/oldest.iso")
        await pilot.press("d")
        await until(pilot, "oldest.iso", gone="https://one.test/oldest.iso")


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (140, 50)], ids=str)
async def test_enter_shows_an_attempt_in_full_and_esc_goes_back(
    opened: Opened, service: FakeService, size: tuple[int, int]
) -> None:
    message = "the server sent something else " * 6 + "THE END"
    service.attempts.append(
        a_failure(
            4,
            name="long.iso",
            url="https://one.test/" + "deep/" * 20 + "long.iso",
            bytes=500,
            average_rate=100.0,
            peak_rate=200.0,
            connections=4,
            retries=1,
            verdict="verified: same validator",
            error_message=message,
        )
    )
    async with opened.app.run_test(notifications=True, size=size) as pilot:
        await until(pilot, "4 of 4")
        await pilot.press("enter")
        shown = await until(pilot, "Attempt", "long.iso", "Esc goes back")
        await pilot.press("G")
        shown += await until(pilot, "0000000000000004", "Esc goes back")
        if size[1] > 20:
            for text in ("not found", "THE END", "deep/", "500 B of 1000 B", "4 at the same time"):
                assert text in shown
            for text in ("100 B/s on average, 200 B/s at best", "1 retry before this", "/data/"):
                assert text in shown
            for text in ("connecting", "0.25 s", "verified: same validator", "0000000000000004"):
                assert text in shown
        await pilot.press("escape")
        await until(pilot, "4 of 4", gone="Esc goes back")
        await pilot.press("question_mark")
        await until(pilot, "Show the attempt in full" if size[1] > 20 else "Keys")


async def test_nothing_in_an_attempt_moves_the_terminal(
    opened: Opened, service: FakeService
) -> None:
    evil = "".join(HOSTILE)
    service.attempts = [a_failure(1, name=evil, url=evil, verdict=evil, error_message=evil)]
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, "1 of 1")
        await pilot.press("enter")
        shown = await until(pilot, "Esc goes back")
        assert_harmless(shown)


async def test_a_filter_narrows_while_it_is_typed_and_esc_takes_it_away(opened: Opened) -> None:
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, "3 of 3")
        await pilot.press("slash", *"old")
        await until(pilot, "1 of 3", "/old", gone="lost.iso")
        await pilot.press("enter", "j", "k")
        await until(pilot, "1 of 3", "a Add again")
        await pilot.press("slash", "q", "escape")
        await until(pilot, "3 of 3", "lost.iso")


async def test_the_cursor_stays_with_its_attempt_while_others_come_and_go(opened: Opened) -> None:
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, "3 of 3")
        await pilot.press("j", "f")
        await until(pilot, "1 of 3", "failed only", "https://two.test/lost.iso")
        await pilot.press("f")
        await until(pilot, "3 of 3", "https://two.test/lost.iso")


async def test_a_queues_the_url_again_into_the_same_directory(opened: Opened) -> None:
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, "3 of 3")
        await pilot.press("a", "j", "a")
        await until(pilot, "lost.iso")
        assert opened.queued == [
            DownloadRequest(url="https://one.test/newest.iso", directory="/far"),
            DownloadRequest(url="https://two.test/lost.iso", directory="/data", group="x"),
        ]


async def test_what_cannot_be_queued_again_is_said(opened: Opened, service: FakeService) -> None:
    service.attempts.append(an_attempt(4, url="https://one.test/f?token=…"))
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, "4 of 4")
        await pilot.press("a")
        await until(pilot, "lacks its own")
        assert opened.queued == []
        opened.error = UsageError("no such address")
        await pilot.press("j", "a")
        await until(pilot, "no such address")


async def test_r_reads_it_again(opened: Opened, service: FakeService) -> None:
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, "3 of 3")
        service.attempts.append(an_attempt(4, name="another.iso"))
        await pilot.press("r")
        await until(pilot, "4 of 4", "another.iso")


@pytest.mark.parametrize(("name", "is_array"), [("all.json", True), ("all.jsonl", False)])
async def test_e_writes_what_is_shown_with_the_oldest_first(
    opened: Opened, tmp_path: Path, name: str, is_array: bool
) -> None:
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, "3 of 3")
        await pilot.press("slash", *"one.test", "enter", "e")
        await until(pilot, "export to")
        opened.app.screen.query_one("Input").value = str(tmp_path / name)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, "Exported 2 attempts")
    text = (tmp_path / name).read_text()
    found = json.loads(text) if is_array else [json.loads(line) for line in text.splitlines()]
    assert [entry["name"] for entry in found] == ["oldest.iso", "newest.iso"]


async def test_an_export_never_overwrites_and_asks_on(opened: Opened, tmp_path: Path) -> None:
    taken = tmp_path / "winch-history.json"
    taken.write_text("mine")
    async with opened.app.run_test(notifications=True, size=(200, 24)) as pilot:
        await until(pilot, "3 of 3")
        await pilot.press("e", "enter")
        await until(pilot, f"{taken} exists", "export to")
        assert taken.read_text() == "mine"
        await pilot.press("backspace", "enter")
        await until(pilot, "Exported 3 attempts", gone="export to")
    assert taken.read_text() == "mine"


async def test_an_export_to_nowhere_is_said_in_place(opened: Opened) -> None:
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, "3 of 3")
        for text, said in (
            ("", "name a file"),
            ("~no-such-user/x", "home"),
            ("/nowhere/x", "cannot write"),
        ):
            await pilot.press("e")
            opened.app.screen.query_one("Input").value = text  # type: ignore[attr-defined]
            await pilot.press("enter")
            await until(pilot, said)
            await pilot.press("escape")


async def test_a_history_that_cannot_be_read_says_why(
    opened: Opened, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(_: HistoryQuery) -> History:
        raise DaemonError("the connection was lost")

    monkeypatch.setattr(service, "history", lost)
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, "History  the connection was lost", gone="Nothing was tried")


async def test_nothing_tried_and_nothing_found_are_told_apart(
    opened: Opened, service: FakeService
) -> None:
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, "3 of 3")
        await pilot.press("slash", *"zzz")
        await until(pilot, "Nothing matches.")
        await pilot.press("escape")
        service.attempts.clear()
        await pilot.press("r", "a")
        await until(pilot, "Nothing was tried yet.")
    assert opened.queued == []


async def test_only_the_newest_thousand_are_read(opened: Opened, service: FakeService) -> None:
    later = [an_attempt(n, ended_at=NOON + timedelta(seconds=n)) for n in range(4, 1200)]
    service.attempts += later
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, "1,000 of the newest 1,000", "1199.bin")
        await pilot.press("G")
        await until(pilot, "200.bin")


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_esc_and_q_go_back(opened: Opened, key: str) -> None:
    async with opened.app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, "3 of 3")
        await pilot.press(key)
        await until(pilot, gone="History")


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40), (200, 60)])
async def test_it_fits_and_ascii_mode_shows_nothing_else(
    service: FakeService, tmp_path: Path, size: tuple[int, int]
) -> None:
    app = Opened(service, tmp_path, ascii_only=True).app
    async with app.run_test(notifications=True, size=size) as pilot:
        shown = await until(pilot, "3 of 3", "newest.iso", "Back")
        assert shown.isascii()


async def test_hostile_attempts_reach_no_terminal(service: FakeService, tmp_path: Path) -> None:
    service.attempts = [
        replace(
            a_failure(number, phases=PhaseTimes(), error_code=ErrorCode.PROTOCOL),
            **dict.fromkeys(("name", "url", "host", "directory", "group", "verdict"), text),
            error_message=f"{number}, {text}",
        )
        for number, text in enumerate(HOSTILE)
    ]
    app = Opened(service, tmp_path).app
    async with app.run_test(notifications=True, size=(140, 40)) as pilot:
        await until(pilot, f"{len(HOSTILE)} of {len(HOSTILE)}")
        # The newest first, each with its details below.
        for number in reversed(range(len(HOSTILE))):
            assert_harmless(await until(pilot, f"protocol: {number}, "))
            await pilot.press("j")
        assert app.is_running
