"""What each key asks the service for, seen from the keyboard and from the service's side."""

import asyncio
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot

from core.domain.errors import ChecksumError, ErrorCode, ErrorInfo
from core.domain.models import Checksum, DownloadRequest, Status
from core.domain.service import LimitChanges
from core.domain.value import replace
from tests.fakes import FakeService
from tests.tui.samples import HOSTILE, app_for, assert_harmless, queue, until, until_gone
from tui.control.key_actions import KEY_ACTIONS, MAIN, KeyTarget, by_target
from tui.screens.collection_screen import CollectionScreen
from tui.screens.history_screen import HistoryScreen
from tui.screens.log_screen import LogScreen
from tui.screens.main_screen import MainScreen
from tui.screens.settings_screen import SettingsScreen
from tui.screens.statistics_screen import StatisticsScreen
from tui.widgets.download_table import DownloadTable


async def names(service: FakeService) -> str:
    """Return the queue as text."""
    return " ".join(view.download.name for view in await service.downloads())


async def calls(pilot: Pilot[int], service: FakeService, count: int) -> list[tuple[str, object]]:
    """Wait until the service was asked so often after the first `add`, and return for what."""
    async with asyncio.timeout(20):
        while len(service.calls) <= count:
            await pilot.pause()
    return list(service.calls[1:])


OWNERS = {
    **dict.fromkeys(MAIN, MainScreen),
    KeyTarget.TABLE: DownloadTable,
    KeyTarget.COLLECTION: CollectionScreen,
    KeyTarget.STATISTICS: StatisticsScreen,
    KeyTarget.HISTORY: HistoryScreen,
    KeyTarget.LOG: LogScreen,
    KeyTarget.SETTINGS: SettingsScreen,
}


@pytest.mark.parametrize("owner", dict.fromkeys(OWNERS.values()))
def test_every_key_has_its_method_and_every_action_its_key(owner: type) -> None:
    mine = [base for base in owner.__mro__ if base.__module__.startswith("tui.")]
    methods = {name for base in mine for name in vars(base) if name.startswith("action_")}
    targets = [target for target in KeyTarget if OWNERS[target] is owner]
    assert methods == {f"action_{action.id}" for action in by_target(*targets)}


def test_no_key_belongs_to_a_terminal_or_a_multiplexer() -> None:
    keys = {key for action in KEY_ACTIONS for key in action.keys}
    assert keys.isdisjoint({"ctrl+s", "ctrl+q", "ctrl+z", "ctrl+b", "ctrl+a", "ctrl+c"})


async def test_actions_are_for_the_marked_ones_else_for_the_row_under_the_cursor() -> None:
    service = FakeService()
    first, second, third = await queue(service, "a.iso", "b.iso", "c.iso")
    app = app_for(service)
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "c.iso")
        await pilot.press("j", "p", "k", "space", "j", "space")
        await until(pilot, "2 marked")
        await pilot.press("p")
        assert await calls(pilot, service, 2) == [("pause", (second,)), ("pause", (first, third))]
        await until(pilot, "4 Paused 3")


async def test_a_mixed_choice_is_paused_before_anything_of_it_is_resumed() -> None:
    service = FakeService()
    first, second = await queue(service, "a.iso", "b.iso")
    service.change(first, status=Status.PAUSED, wait_reason=None)
    app = app_for(service)
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "paused", "queued")
        await pilot.press("asterisk", "p")
        await until(pilot, "4 Paused 2")
        await pilot.press("p")
        assert await calls(pilot, service, 2) == [("pause", (second,)), ("resume", (first, second))]


async def test_hold_stops_the_queue_and_lets_it_go_on() -> None:
    service = FakeService()
    await queue(service, "a.iso")
    app = app_for(service)
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "a.iso")
        await pilot.press("P")
        await until(pilot, "queue held")
        await pilot.press("P")
        await until_gone(pilot, "queue held")
    assert not service.paused


async def test_retry_all_is_for_all_that_failed_wherever_the_cursor_is() -> None:
    service = FakeService()
    ids = await queue(service, "a.iso", "b.iso", "c.iso")
    app = app_for(service)
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "a.iso")
        await pilot.press("R")
        await until(pilot, "Nothing has failed.")
        for id_ in ids[1:]:
            service.change(id_, status=Status.FAILED, wait_reason=None)
        await until(pilot, "2 failed")
        await pilot.press("R")
        await until(pilot, "3 queued")
    assert service.calls[1:] == [("retry", None)]


async def test_several_are_removed_after_a_question_that_says_which_are_hidden() -> None:
    service = FakeService()
    await queue(service, "a.iso", "b.iso", "c.zip")
    app = app_for(service)
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "c.zip")
        await pilot.press("asterisk", "slash", *"zip", "enter", "x")
        await until(pilot, "Remove 3 downloads from the list?", "2 of them are marked and not")
        await pilot.press("y")
        await until(pilot, "Nothing to haul yet")
        await pilot.press("z")
        await until(pilot, "Undone: the removal of 3 downloads.", "c.zip")
        await pilot.press("backslash")
        await until(pilot, "a.iso", "b.iso")
    assert await names(service) == "a.iso b.iso c.zip"


async def test_files_are_deleted_only_after_they_were_named_and_enter_alone_keeps_them(
    tmp_path: Path,
) -> None:
    service = FakeService()
    request = DownloadRequest(url="http://h/a.iso", directory=str(tmp_path))
    (download,) = await service.add([request])
    service.change(download.id, status=Status.COMPLETED, wait_reason=None)
    file = tmp_path / "a.iso"
    file.write_bytes(b"x")
    app = app_for(service)
    async with app.run_test(notifications=True, size=(160, 40)) as pilot:
        await until(pilot, "a.iso")
        await pilot.press("X")
        await until(pilot, "delete the files?", "not undone")
        await pilot.press("enter")
        await until_gone(pilot, "delete the files?")
        assert file.exists()
        await pilot.press("X", "y")
        await until(pilot, "Nothing to haul yet")
        assert not file.exists()
        await pilot.press("z")
        await until(pilot, "There is nothing to undo.")


async def test_moves_go_past_what_is_in_sight_and_are_undone() -> None:
    service = FakeService()
    await queue(service, "a.iso", "b.zip", "c.zip", "d.iso")
    app = app_for(service)
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "d.iso")
        await pilot.press("slash", *"iso", "enter", "J")
        await until(pilot, "a.iso")
        while await names(service) != "b.zip c.zip d.iso a.iso":
            await pilot.pause()
        await pilot.press("z")
        await until(pilot, "Undone: the move of 1 download.")
        assert await names(service) == "a.iso b.zip c.zip d.iso"
        await pilot.press("backslash", "G", "less_than_sign")
        while await names(service) != "d.iso a.iso b.zip c.zip":
            await pilot.pause()
        await pilot.press("greater_than_sign")
        while await names(service) != "a.iso b.zip c.zip d.iso":
            await pilot.pause()
        await pilot.press("K")
        while await names(service) != "a.iso b.zip d.iso c.zip":
            await pilot.pause()


async def test_a_move_in_another_order_says_why_it_is_none() -> None:
    service = FakeService()
    await queue(service, "a.iso", "b.iso")
    app = app_for(service)
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "b.iso")
        await pilot.press("s", "n", "J")
        await until(pilot, "name ↑", "Moves are made in the order of the queue")
    assert service.calls[1:] == []


async def test_priorities_go_up_and_down_and_back() -> None:
    service = FakeService()
    first, second = await queue(service, "a.iso", "b.iso")
    app = app_for(service)
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "b.iso")
        await pilot.press("j", "plus")
        while service.download(second).request.priority != 1:
            await pilot.pause()
        await pilot.press("minus", "minus")
        while service.download(second).request.priority != -1:
            await pilot.pause()
        await pilot.press("z", "z")
        await until(pilot, "Undone: the priority of 1 download.")
        while service.download(second).request.priority != 1:
            await pilot.pause()
    assert service.download(first).request.priority == 0


async def test_a_limit_is_asked_for_judged_in_place_and_set() -> None:
    service = FakeService()
    (id_,) = await queue(service, "a.iso")
    app = app_for(service)
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "a.iso")
        await pilot.press("t", *"5x")
        await until(pilot, "Limit of a.iso", "'5x' is not a size")
        await pilot.press("enter", "backspace", *"00k", "enter")
        await until_gone(pilot, "Limit of a.iso")
        assert service.download(id_).request.limit == 500 * 1024
        await pilot.press("t")
        await until(pilot, "Limit of a.iso 500k")
        await pilot.press("ctrl+u", *"off", "enter")
        while service.download(id_).request.limit is not None:
            await pilot.pause()


async def test_the_limit_of_all_is_shown_at_the_top_once_it_holds() -> None:
    service = FakeService()
    await queue(service, "a.iso")
    app = app_for(service)
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "a.iso")
        await pilot.press("T", *"2M", "enter")
        await until(pilot, "limit 2.00 MiB/s")
        # Another screen, a shell or the timetable may change it too.
        await service.limit(LimitChanges(rate=6 << 20))
        await until(pilot, "limit 6.00 MiB/s")
        await pilot.press("T", "escape", "T", "ctrl+u", *"off", "enter")
        await until_gone(pilot, "limit 6.00")


async def test_start_now_is_for_what_waits() -> None:
    service = FakeService()
    first, second = await queue(service, "a.iso", "b.iso")
    service.change(first, status=Status.COMPLETED, wait_reason=None)
    app = app_for(service)
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "b.iso")
        await pilot.press("N")
        await until(pilot, "What is done or runs already cannot be started.")
        await pilot.press("j", "N")
        assert await calls(pilot, service, 1) == [("start_now", (second,))]


async def test_a_failed_download_gets_another_url() -> None:
    service = FakeService()
    (id_,) = await queue(service, "a.iso")
    error = ErrorInfo(code=ErrorCode.NOT_FOUND, message="gone")
    request = DownloadRequest(url="https://ann:pw@old/a?token=s3cret", directory="/data")
    service.change(id_, status=Status.FAILED, wait_reason=None, error=error, request=request)
    app = app_for(service)
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "failed")
        await pilot.press("u")
        shown = await until(pilot, "https://old/a?token=…")
        assert "s3cret" not in shown
        assert "pw@" not in shown
        await pilot.press(*"ftp://h/x", "enter")
        await until(pilot, "winch does not fetch ftp: addresses")
        await pilot.press("ctrl+u", *"https://new/a", "enter")
        while service.download(id_).request.url != "https://new/a":
            await pilot.pause()


async def test_verify_reads_finished_files_again_and_says_how_they_are() -> None:
    service = FakeService()
    first, _, third = await queue(service, "a.iso", "b.iso", "c.iso")
    for id_ in (first, third):
        service.change(id_, status=Status.COMPLETED, wait_reason=None)
    service.damage[third] = ChecksumError("it has 3 bytes, not 4")
    app = app_for(service)
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "b.iso")
        await pilot.press("j", "V")
        await until(pilot, "Only a finished file can be verified.")
        await pilot.press("asterisk", "V")
        await until(
            pilot, "a.iso: verified again: sha256 is right", "c.iso: DAMAGED: it has 3 bytes, not 4"
        )
    assert service.calls[1:] == [("verify", (first, third))]


async def test_of_many_files_that_are_verified_it_says_what_was_compared() -> None:
    service = FakeService()
    ids = await queue(service, *(f"{n}.iso" for n in range(6)), status=Status.COMPLETED)
    request = service.download(ids[0]).request
    known = replace(request, checksum=Checksum.parse("md5:" + "0" * 32))
    service.change(ids[0], request=known)
    service.damage[ids[5]] = ChecksumError("it has 3 bytes, not 4")
    async with app_for(service).run_test(notifications=True, size=(140, 40)) as pilot:
        await until(pilot, "5.iso")
        await pilot.press("asterisk", "V")
        await until(
            pilot,
            "1 file verified again: the checksum is right",
            "4 files verified again: the length is right; no",
            "1 file not sound, such as 5.iso: DAMAGED",
        )


@pytest.mark.parametrize(
    ("letter", "text"),
    [
        ("u", "https://ann:pw@h/a"),
        ("p", "/data/x y\N{REPLACEMENT CHARACTER}"),
        ("c", "curl -fgL -o 'x y\N{REPLACEMENT CHARACTER}' -H 'K: v' -- https://ann:pw@h/a"),
    ],
)
async def test_url_path_and_command_are_copied_without_controls(letter: str, text: str) -> None:
    service = FakeService()
    (id_,) = await queue(service, "a.iso")
    request = DownloadRequest(url="https://ann:pw@h/a", directory="/data", headers={"K": "v"})
    service.change(id_, name="x y\x1b", request=request)
    app = app_for(service)
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "x y")
        await pilot.press("y", letter)
        await until(pilot, "is in the clipboard")
        assert app.clipboard == text


async def test_the_folder_is_said_where_there_is_no_display(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSH_CONNECTION", "1")
    service = FakeService()
    await queue(service, "a.iso")
    app = app_for(service)
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "a.iso")
        await pilot.press("o")
        await until(pilot, "/data")


async def test_in_an_empty_list_every_key_says_or_does_something_harmless() -> None:
    service = FakeService()
    app = app_for(service)
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "Nothing to haul")
        for action in by_target(KeyTarget.DOWNLOADS, KeyTarget.TABLE):
            if action.id not in ("hold", "limit_all"):
                await pilot.press(action.keys[0])
        await until(pilot, "No download is chosen.")
    assert service.calls == []


@pytest.mark.parametrize(
    "keys", [("x", "n"), ("X", "q"), ("question_mark", "q"), ("exclamation_mark", "q")]
)
async def test_a_key_after_that_which_closes_a_dialog_is_for_what_is_below(
    keys: tuple[str, str],
) -> None:
    service = FakeService()
    await queue(service, "a.iso")
    app = app_for(service)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, "a.iso")
        for key in (*keys, "t"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, "Limit of a.iso")


async def test_hostile_text_reaches_no_terminal_through_any_question() -> None:
    service = FakeService()
    (id_,) = await queue(service, "a.iso")
    app = app_for(service)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        for number, text in enumerate(HOSTILE):
            name = f"{number}!"
            request = DownloadRequest(
                url=f"http://h/{text}", directory=f"/{text}", group=f"!{text}"
            )
            status = Status.FAILED
            service.change(id_, name=name + text, request=request, status=status, wait_reason=None)
            assert_harmless(await until(pilot, "failed", name))
            # Onto the download, past the row of its group.
            await pilot.press("G")
            for key, ends in (
                ("t", f"Limit of {name}"),
                ("u", f"URL for {name}"),
                ("X", "delete the files?"),
                ("x", "from the list?"),
            ):
                await pilot.press(key)
                assert_harmless(await until(pilot, ends))
                await pilot.press("escape")
                await until_gone(pilot, ends)
            await pilot.press("slash")
            await until(pilot, "Filter")
            app.post_message(events.Paste(text))
            await pilot.pause()
            assert_harmless(await until(pilot, "Filter"))
            await pilot.press("escape")


async def test_a_change_that_the_list_does_not_show_is_said_once_it_holds() -> None:
    service = FakeService()
    first, second = await queue(service, "a.iso", "b.iso")
    async with app_for(service).run_test(notifications=True, size=(140, 40)) as pilot:
        await until(pilot, "b.iso")
        await pilot.press("plus")
        await until(pilot, "priority 1")
        await pilot.press("asterisk", "minus")
        await until(pilot, "priority -1 to 0 for 2 downloads")
        await pilot.press("t", *"2M", "enter")
        await until(pilot, "limit 2.00 MiB/s for 2 downloads")
        await pilot.press("T", *"off", "enter")
        await until(pilot, "limit of all off")
        await pilot.press("backslash", "escape", "u", *"https://new/a", "enter")
        await until(pilot, "another URL for a.iso")
    assert service.download(second).request.limit == 2 << 20
    assert service.download(first).request.url == "https://new/a"
