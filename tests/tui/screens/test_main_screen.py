"""The whole screen before an in-memory service: every key, every loss, every hostile string."""

import asyncio
import os
import signal

import pytest
from textual import events
from textual.widgets import Input, TextArea

from core.domain.errors import DaemonError, ErrorCode, ErrorInfo
from core.domain.models import DownloadRequest, PartIdentity, Phase, Progress, Status, TimelineEntry
from core.domain.service import DownloadService
from core.domain.settings import Settings
from core.domain.value import replace
from tests.fakes import FakeService
from tests.tui.samples import (
    HOSTILE,
    NOW,
    app_for,
    app_with,
    assert_harmless,
    queue,
    screen_text,
    until,
    until_gone,
)
from tui.app import WinchApp
from tui.control.key_actions import KEY_ACTIONS
from tui.screens.confirm_dialog import ConfirmDialog


async def test_an_empty_queue_says_how_to_add() -> None:
    app = app_for(FakeService())
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "Nothing to haul yet.", "press a to add")


async def test_the_header_sums_up_what_happens() -> None:
    service = FakeService()
    first, second, _ = await queue(service, "a.iso", "b.iso", "c.iso")
    service.change(first, status=Status.ACTIVE, phase=Phase.DOWNLOADING, total_bytes=4096)
    service.change(second, status=Status.COMPLETED, total_bytes=4096)
    app = app_for(service)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, "1 active", "1 queued", "5 Done 1", "4.00 KiB of 8.00 KiB+")
        service.emit_progress({first: Progress(bytes_downloaded=2048, rate=1024.0, eta=2)})
        await until(pilot, "↓ 1.00 KiB/s", "6.00 KiB of 8.00 KiB+", "50%  1.00 KiB/s")


async def test_the_keys_at_the_bottom_fit_eighty_columns_and_keep_the_way_out_in_forty() -> None:
    app = app_for(FakeService())
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        shown = await until(pilot, "q Detach")
        for label in ("Add", "Pause", "Retry", "Remove", "Filter", "Details", "Help"):
            assert label in shown.splitlines()[-1]
        await pilot.resize_terminal(40, 12)
        await until_gone(pilot, "Remove")
        assert screen_text(app).splitlines()[-1].rstrip().endswith("? Help  q Detach")


async def test_p_pauses_and_resumes_and_the_screen_waits_for_the_event() -> None:
    service = FakeService()
    (id_,) = await queue(service, "a.iso")
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "queued")
        await pilot.press("p")
        await until(pilot, "paused")
        await pilot.press("p")
        await until(pilot, "a.iso", "queued")
    assert service.calls[1:] == [("pause", (id_,)), ("resume", (id_,))]


async def test_a_key_alone_changes_nothing_on_the_screen() -> None:
    service = FakeService()
    await queue(service, "a.iso")
    answer = asyncio.Event()
    asked = asyncio.Event()
    pause = service.pause

    async def slow_pause(ids: object) -> object:
        asked.set()
        await answer.wait()
        return await pause(ids)  # type: ignore[arg-type]

    service.pause = slow_pause  # type: ignore[method-assign, assignment]
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        before = await until(pilot, "queued")
        await pilot.press("p")
        await asked.wait()
        await pilot.pause()
        assert screen_text(app) == before
        answer.set()
        await until(pilot, "paused")


async def test_what_the_service_refuses_is_said() -> None:
    service = FakeService()
    await queue(service, "a.iso", status=Status.COMPLETED)
    app = app_for(service)
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "done")
        await pilot.press("p")
        await until(pilot, "What is done can be neither paused nor resumed.")


async def test_r_tries_a_failed_download_again() -> None:
    service = FakeService()
    (id_,) = await queue(service, "a.iso", status=Status.FAILED)
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "failed")
        await pilot.press("r")
        await until(pilot, "a.iso", "queued")
    assert ("retry", (id_,)) in service.calls


async def test_x_asks_first_and_names_what_it_removes_and_what_stays() -> None:
    service = FakeService()
    first, second = await queue(service, "a.iso", "b.iso")
    service.change(first, part=PartIdentity(device=1, inode=2))
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "b.iso")
        await pilot.press("x")
        await until(pilot, "Remove a.iso from the list?", "stays on disk", "/data/a.iso.part")
        await pilot.press("n")
        await until_gone(pilot, "Remove a.iso")
        assert ("remove", (first,)) not in service.calls
        await pilot.press("x", "y")
        await until_gone(pilot, "a.iso")
        assert app.main.table.cursor_id == second
    assert ("remove", (first,)) in service.calls


@pytest.mark.parametrize("key", ["l", "enter"])
@pytest.mark.parametrize(
    ("asks", "label"), [("slash", "words, or"), ("t", "Limit of"), ("s", "Sort by")]
)
async def test_a_line_that_opens_as_the_details_close_has_the_keys(
    key: str, asks: str, label: str
) -> None:
    service = FakeService()
    await queue(service, "a.iso")
    app = app_for(service)
    async with app.run_test() as pilot:
        await until(pilot, "a.iso")
        await pilot.press("l", "tab")
        await until(pilot, "Timeline")
        for name in (key, asks):
            app.post_message(events.Key(name, None))
        await until(pilot, label)
        assert app.main.is_asking
        await pilot.press("escape")
        await until_gone(pilot, label)
        assert not app.main.is_asking


async def test_an_open_line_keeps_the_keys_when_something_else_is_clicked() -> None:
    service = FakeService()
    await queue(service, "a.iso", "b.iso")
    app = app_for(service)
    async with app.run_test() as pilot:
        await until(pilot, "a.iso")
        await pilot.press("slash")
        await until(pilot, "Filter")
        await pilot.click(app.main.table, offset=(5, 2))
        await pilot.press("b")
        await until_gone(pilot, "a.iso")
        await pilot.press("escape")
        await until(pilot, "a.iso")
        await pilot.press("s")
        await until(pilot, "Sort by")
        await pilot.click(app.main.table, offset=(5, 2))
        await until(pilot, gone="Sort by")
        assert app.main.table.has_focus


async def test_keys_that_were_typed_ahead_act_in_their_order() -> None:
    service = FakeService()
    await queue(service, "a.iso")
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "a.iso")
        for key in ("a", *"http://h/z", "tab", "enter"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, "a.iso", "z   ", gone="URLs, one per line")
    assert [name for name, _ in service.calls] == ["add", "add"]


async def test_a_adds_every_line_to_the_directory() -> None:
    service = FakeService()
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "Nothing")
        await pilot.press("a")
        await until(pilot, "URLs, one per line")
        app.screen.query_one(TextArea).text = "http://h/one.iso\n\n  http://h/two.iso "
        app.screen.query_one(Input).value = "sub"
        await pilot.press("tab", "enter")
        await until(pilot, "one.iso", "two.iso", "2 downloads are in the queue")
    requests = [view.download.request for view in await service.downloads()]
    assert {request.directory for request in requests} == {"/data/sub"}


async def test_an_error_is_said_in_the_dialog_and_nothing_typed_is_lost() -> None:
    service = FakeService()
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "Nothing")
        await pilot.press("a")
        await until(pilot, "URLs, one per line")
        await pilot.press("tab", "enter")
        await until(pilot, "Write at least one URL.")
        # What is missing is the URLs: the cursor is there.
        app.post_message(events.Paste("[/b]\x1b[31m.iso"))
        await pilot.press("tab", "enter")
        shown = await until(pilot, "[/b]�[31m.iso", "line 1: this holds a character", "Correct 1")
        assert_harmless(shown)
        await pilot.press("escape")
        await until_gone(pilot, "URLs, one per line")
        await pilot.press("a")
        await until(pilot, "URLs, one per line")
        assert app.screen.query_one(TextArea).text == "[/b]�[31m.iso"


async def test_pasted_urls_are_added_from_anywhere() -> None:
    service = FakeService()
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "Nothing")
        text = "see https://h/one.iso, and (HTTP://h/two.iso).\nor https://h/\x1b[2J"
        app.post_message(events.Paste(text))
        await until(pilot, "one.iso", "two.iso", "3 downloads are in the queue")
        await pilot.press("question_mark")
        await until(pilot, "Esc closes")
        app.post_message(events.Paste("https://h/three.iso"))
        await until(pilot, "1 download is in the queue")
    urls = [view.download.request.url for view in await service.downloads()]
    assert urls == ["https://h/one.iso", "HTTP://h/two.iso", "https://h/", "https://h/three.iso"]


async def test_a_paste_without_a_url_is_said_and_adds_nothing() -> None:
    service = FakeService()
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "Nothing")
        app.post_message(events.Paste("just words [/b]"))
        await until(pilot, "There is no http or https URL")
    assert service.calls == []


async def test_a_paste_into_the_dialog_stays_in_the_dialog() -> None:
    service = FakeService()
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "Nothing")
        await pilot.press("a")
        app.post_message(events.Paste("https://h/one.iso\n\thttps://h/two\x9b.iso"))
        shown = await until(pilot, "https://h/one.iso", "https://h/two�.iso")
        assert_harmless(shown)
        await pilot.press("tab", "tab")
        app.post_message(events.Paste("https://h/three.iso"))
        await until(pilot, "https://h/three.iso")
    assert service.calls == []


async def test_enter_shows_everything_about_a_download_and_hides_it_again() -> None:
    service = FakeService()
    (id_,) = await queue(service, "a.iso")
    service.change(
        id_,
        status=Status.FAILED,
        request=DownloadRequest(
            url="https://ann:pw@h/a.iso?X-Amz-Signature=abc", directory="/data"
        ),
        error=ErrorInfo(code=ErrorCode.NOT_FOUND, message="nothing there", hint="look again"),
        resume_verdict="verified",
        retry_count=3,
        timeline=(TimelineEntry(at=NOW, text="gave up"),),
    )
    app = app_for(service)
    async with app.run_test(notifications=True, size=(100, 60)) as pilot:
        await until(pilot, "nothing there")
        await pilot.press("enter")
        shown = await until(
            pilot, "gave up", "/data/a.iso", "look again", "verified", "[not_found]"
        )
        assert "https://h/a.iso?X-Amz-Signature=…" in shown
        assert "pw@" not in shown
        assert "abc" not in shown
        service.change(id_, status=Status.PAUSED, error=None)
        await until_gone(pilot, "look again")
        await pilot.press("enter")
        await until_gone(pilot, "gave up")


async def test_the_details_follow_the_cursor() -> None:
    service = FakeService()
    await queue(service, "a.iso", "b.iso")
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "b.iso")
        await pilot.press("enter")
        await until(pilot, "/data/a.iso")
        await pilot.press("j")
        await until(pilot, "/data/b.iso")


async def test_the_help_lists_every_action() -> None:
    app = app_for(FakeService())
    async with app.run_test(notifications=True, size=(80, 150)) as pilot:
        await until(pilot, "Nothing")
        await pilot.press("question_mark")
        shown = await until(pilot, "Esc closes")
        assert all(action.help[:40] in shown for action in KEY_ACTIONS)
        await pilot.press("q")
        await until_gone(pilot, "Esc closes")
        assert app.is_running


@pytest.mark.parametrize("key", ["ctrl+c", "ctrl+q", "ctrl+s", "ctrl+z", "ctrl+a", "ctrl+b"])
async def test_keys_of_terminals_and_multiplexers_end_nothing(key: str) -> None:
    service = FakeService()
    await queue(service, "a.iso")
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        before = await until(pilot, "a.iso")
        await pilot.press(key)
        if key == "ctrl+c":
            await until(pilot, "Press q to detach")
        else:
            await pilot.pause()
            assert screen_text(app) == before
        assert app.is_running


async def test_q_detaches_and_says_what_goes_on() -> None:
    service = FakeService()
    first, *_ = await queue(service, "a.iso", "b.iso", "c.iso")
    service.change(first, status=Status.COMPLETED)
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "2 queued")
        await pilot.press("q")
    assert app.return_value == 0
    assert app.goodbye == "2 downloads go on in the background; come back with: winch"
    assert service.subscriber_count == 0
    assert not service.stop_requested.is_set()


async def test_nothing_is_said_when_nothing_goes_on() -> None:
    service = FakeService()
    await queue(service, "a.iso", status=Status.COMPLETED)
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "5 Done 1")
        await pilot.press("q")
    assert app.goodbye == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_the_screen_in_good_order(number: signal.Signals) -> None:
    app = app_for(FakeService())
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "Nothing")
        os.kill(os.getpid(), number)
        while app.is_running:
            await pilot.pause()
    assert app.return_value == 128 + number
    assert signal.getsignal(number) is signal.SIG_DFL


class Outage:
    """A way to connect that fails until it is repaired, and hands out one service after another."""

    def __init__(self, *services: FakeService) -> None:
        self.services = list(services)
        self.repaired = asyncio.Event()
        self.repaired.set()

    async def connect(self, *, start: bool = True) -> DownloadService:
        if not self.repaired.is_set():
            raise DaemonError("[/b]\x1b[31mno daemon")
        return self.services.pop(0)


@pytest.mark.parametrize("told_to_end", [False, True])
async def test_a_lost_connection_is_said_the_picture_stays_and_a_new_one_replaces_it(
    told_to_end: bool,
) -> None:
    before, after = FakeService(), FakeService()
    await queue(before, "old.iso")
    await queue(after, "old.iso", "new.iso")
    outage = Outage(before, after)
    app = app_with(outage.connect)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "old.iso")
        outage.repaired.clear()
        since = f"{NOW.astimezone():%H:%M:%S}"
        if told_to_end:
            await before.shutdown()
            await until(pilot, f"the daemon was stopped at {since}", "old.iso")
        else:
            before.lose()
            await until(pilot, f"connection to the daemon lost since {since}", "old.iso")
        await pilot.press("p")
        await until(pilot, "there is no connection to the daemon")
        assert ("pause", None) not in before.calls
        assert app.goodbye == ""
        outage.repaired.set()
        await until(pilot, "new.iso")
        await until_gone(pilot, since)
        assert app.goodbye.startswith("2 downloads")


@pytest.mark.parametrize("keys", [["ctrl+r"], ["colon", *"daemon start", "enter"]])
async def test_a_stopped_daemon_is_started_again_on_request(
    keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.control.feed.FIRST_WAIT", 3600.0)
    before, after = FakeService(), FakeService()
    (id_,) = await queue(before, "old.iso", status=Status.ACTIVE)
    before.change(id_, phase=Phase.CONNECTING)
    await queue(after, "new.iso")
    app = app_with(Outage(before, after).connect)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "old.iso", "connecting")
        await pilot.press("ctrl+r")
        await until(pilot, "The daemon runs.")
        await before.shutdown()
        await until(pilot, "Ctrl-r starts it again", "queued", gone="connecting")
        await pilot.press(*keys)
        await until(pilot, "new.iso")
        await until_gone(pilot, "starts it again")


async def test_a_daemon_that_cannot_be_reached_at_the_start_is_said_and_tried_again() -> None:
    service = FakeService()
    await queue(service, "a.iso")
    outage = Outage(service)
    outage.repaired.clear()
    app = app_with(outage.connect)
    async with app.run_test(notifications=True) as pilot:
        shown = await until(pilot, "no connection to the daemon ([/b]�[31mno daemon)")
        assert "Nothing to haul" not in shown
        outage.repaired.set()
        await until(pilot, "a.iso")
        await until_gone(pilot, "no connection")


async def test_ascii_mode_shows_nothing_but_ascii() -> None:
    service = FakeService()
    (id_,) = await queue(service, "a-name-that-is-long-enough-to-be-cut.iso")
    service.change(id_, status=Status.ACTIVE, phase=Phase.DOWNLOADING, total_bytes=100)
    service.emit_progress({id_: Progress(bytes_downloaded=55, rate=3.0, eta=15)})
    app = app_for(service, ascii=True)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "####----", "55%")
        for key, text in (("enter", "Details"), ("question_mark", "Esc closes")):
            await pilot.press(key)
            assert (await until(pilot, text)).isascii()
        await pilot.press("escape", "a")
        assert (await until(pilot, "URLs, one per line")).isascii()
        await pilot.press("escape", "x")
        assert (await until(pilot, "y  Remove")).isascii()


async def test_hostile_text_reaches_no_terminal_through_any_widget() -> None:
    service = FakeService()
    (id_,) = await queue(service, "a.iso")
    app = app_for(service)

    async def refuse(ids: object) -> object:
        error = service.download(id_).error
        assert error is not None
        raise DaemonError(error.message, hint=error.hint)

    service.retry = refuse  # type: ignore[method-assign, assignment]
    async with app.run_test(notifications=True, size=(100, 60)) as pilot:
        await until(pilot, "a.iso")
        for number, text in enumerate(HOSTILE):
            told = f"{number}!{text}"
            service.change(
                id_,
                name=told,
                request=DownloadRequest(url=f"http://h/{text}", directory=f"/{text}", group=text),
                status=Status.FAILED,
                error=ErrorInfo(code=ErrorCode.INTERNAL, message=told, hint=text),
                resume_verdict=text,
                timeline=(TimelineEntry(at=NOW, text=told),),
            )
            assert_harmless(await until(pilot, "✗", f"{number}!"))
            # Onto the download, past the row of its group if it has one, and to its details.
            await pilot.press("G", *["enter"] * (not number))
            assert_harmless(await until(pilot, "Timeline", "[internal]", f" {number}!"))
            app.clear_notifications()
            await pilot.press("r")
            while not len(app._notifications):
                await pilot.pause()
            assert_harmless(screen_text(app))
            await pilot.press("x")
            assert_harmless(await until(pilot, "from the list?"))
            assert isinstance(app.screen, ConfirmDialog)
            await pilot.press("escape")
            await until_gone(pilot, "from the list?")


@pytest.mark.parametrize(("name", "row"), [("b.iso", 1), ("gone.iso", 0)])
async def test_it_opens_on_the_download_that_it_was_opened_with(name: str, row: int) -> None:
    service = FakeService()
    by_name = dict(zip("abc", await queue(service, "a.iso", "b.iso", "c.iso"), strict=True))
    id_ = by_name.get(name[0], "nothing")

    async def connect(*, start: bool = True) -> DownloadService:
        return service

    app = WinchApp(connect, Settings(), directory="/data", cursor=id_, now=lambda: NOW)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "c.iso")
        assert app.main.selection.index == row
        await pilot.press("p")
        await until(pilot, "paused")
    assert service.calls[-1] == ("pause", (list(by_name.values())[row],))


async def test_what_is_said_in_passing_covers_neither_line_nor_keys_nor_totals() -> None:
    service = FakeService()
    await queue(service, "a.iso")
    app = app_for(service)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        before = (await until(pilot, "a.iso")).splitlines()
        for number in range(4):
            app.notify(f"{number} " + "said " * 60)
        shown = (await until(pilot, "said said")).splitlines()
        assert (shown[:3], shown[-1]) == (before[:3], before[-1])
        await pilot.press("t")
        shown = (await until(pilot, "Limit of a.iso", "said said")).splitlines()
        assert not any("said" in line for line in shown[-4:])


@pytest.mark.parametrize(
    ("key", "of_its_own", "heading"),
    [
        ("S", "Longer period", "Statistics"),
        ("H", "Write what is shown into a file", "History"),
        ("L", "Go to the end and stay there", "Log"),
        ("comma", "Go back to the default", "Settings"),
    ],
)
async def test_every_screen_has_help_with_the_keys_that_it_has(
    key: str, of_its_own: str, heading: str
) -> None:
    async with app_for(FakeService()).run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, "Nothing to haul yet.")
        await pilot.press(key)
        assert "? Help" in (await until(pilot, "Back")).splitlines()[-1]
        await pilot.press("question_mark")
        await until(pilot, heading, of_its_own, "Esc closes", gone="Add downloads; pasted")
        await pilot.press("question_mark")
        await until(pilot, heading, gone="Esc closes")


async def test_the_keys_at_the_bottom_are_called_by_what_they_would_do_now() -> None:
    service = FakeService()
    first, second = await queue(service, "a.iso", "b.iso")
    service.change(first, status=Status.PAUSED, wait_reason=None)
    service.change(second, request=replace(service.download(second).request, group="films"))
    async with app_for(service).run_test(notifications=True, size=(80, 24)) as pilot:
        assert "p Resume" in (await until(pilot, "b.iso", "films", "Enter Details"))
        await pilot.press("j")
        await until(pilot, "p Pause", "Enter Fold")


async def test_a_letter_that_is_none_of_those_asked_for_is_said_to_be_so() -> None:
    service = FakeService()
    await queue(service, "a.iso")
    async with app_for(service).run_test(notifications=True, size=(120, 24)) as pilot:
        await until(pilot, "a.iso")
        await pilot.press("y", "k")
        await until(pilot, "Copy: there is no k, only u, p, c.")
        await pilot.press("s", "escape")
        await until(pilot, "a Add")


async def test_downloads_that_are_added_paused_are_said_to_be_so() -> None:
    async with app_for(FakeService()).run_test(notifications=True, size=(120, 45)) as pilot:
        await until(pilot, "Nothing to haul yet.")
        await pilot.press("A")
        await until(pilot, "[x] Start paused")
        await pilot.press(*"http://h/x", "tab", "enter")
        await until(pilot, "1 download is in the queue, paused.")
