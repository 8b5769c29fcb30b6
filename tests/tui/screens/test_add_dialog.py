"""The dialog for new downloads: checks in place, completion, drafts, keys and hostile text."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from core.domain.errors import DestinationError
from core.domain.models import DownloadRequest, Status
from tests.fakes import FakeService
from tests.tui.samples import FORBIDDEN, HOSTILE, app_for, screen_text, until, until_gone
from tui.app import WinchApp
from tui.input import disk
from tui.input.disk import Disk
from tui.widgets.form import Toggle


async def opened(pilot: Pilot[int], urls: str = "", key: str = "a") -> None:
    """Open the dialog and paste something into it."""
    await until(pilot, "Nothing")
    await pilot.press(key)
    await until(pilot, "URLs, one per line")
    if urls:
        pilot.app.post_message(events.Paste(urls))


def field(app: WinchApp, name: str) -> Input:
    return app.screen.query_one(f"#{name}", Input)


async def requests(service: FakeService) -> list[DownloadRequest]:
    return [view.download.request for view in await service.downloads()]


async def test_a_wrong_line_is_named_in_place_and_nothing_is_sent() -> None:
    service = FakeService()
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await opened(pilot, "https://h/1\nftp://h/2")
        await until(pilot, "line 2: winch does not fetch ftp", "Correct 1 line first.", "1 URL")
        await pilot.press("tab", "enter")
        await pilot.pause()
        assert isinstance(app.focused, TextArea)
        assert service.calls == []
        await pilot.press(*["backspace"] * 9, *"https://h/2")
        await until(pilot, "2 URLs", "Adds 2 downloads.", gone="line 2")
        await pilot.press("tab", "enter")
        await until(pilot, "2 downloads are in the queue")


async def test_an_examination_that_ends_while_the_dialog_is_taken_down_ends_nothing_else() -> None:
    app = app_for(FakeService())
    async with app.run_test() as pilot:
        await opened(pilot, "https://h/1")
        await until(pilot, "Adds 1 download.")
        # Textual takes the parts down before the dialog itself.
        await app.screen.query_one("#last").remove()
        await pilot.press("2")
        await app.workers.wait_for_complete([w for w in app.workers if w.group == "look"])
        await until(pilot, "https://h/12")


async def test_a_pasted_curl_command_gives_url_name_headers_and_cookies() -> None:
    service = FakeService()
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await opened(pilot, "curl 'https://h/x?y=1' \\\n -H 'A: b' -b 's=1' -k \\\n -o n.iso")
        await until(pilot, "1 header and 1 cookie taken over, left out: --insecure", "n.iso  ")
        await pilot.press("tab", "enter")
        await until(pilot, "1 download is in the queue")
    (request,) = await requests(service)
    assert (request.url, request.name) == ("https://h/x?y=1", "n.iso")
    assert request.headers == {"A": "b", "Cookie": "s=1"}


async def test_a_curl_command_pasted_outside_opens_the_dialog_instead_of_losing_its_headers() -> (
    None
):
    service = FakeService()
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "Nothing")
        app.post_message(events.Paste("curl 'https://h/x' -H 'Referer: https://other/'"))
        await until(pilot, "URLs, one per line", "1 header taken over")
        assert service.calls == []


async def test_what_the_list_has_is_pointed_out_and_follows_the_list() -> None:
    service = FakeService()
    (known,) = await service.add([DownloadRequest(url="https://h/1", directory="/data")])
    service.change(known.id, status=Status.PAUSED)
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "paused")
        await pilot.press("a")
        app.post_message(events.Paste("https://h/1\nhttps://h/2\nhttps://h/2"))
        await until(pilot, "line 1: already in the list, paused: adding lets it go on")
        await until(pilot, "line 3: repeats line 2", "2 URLs, 1 repeated, 1 in the list")
        service.change(known.id, status=Status.ACTIVE)
        await until(pilot, "already in the list, active: nothing new is added")


async def test_a_list_of_urls_is_added(tmp_path: Path) -> None:
    (tmp_path / "urls.txt").write_text("# mine\nhttps://h/1\nhttps://h/2\n")
    service = FakeService()
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await opened(pilot, f"@{tmp_path}/urls.txt")
        await until(pilot, "2 URLs from urls.txt")
        await pilot.press("tab", "enter")
        await until(pilot, "2 downloads are in the queue")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"http://h/\0", "is not a file of URLs"),
        (b"#" * (disk.MOST_BYTES + 1), "is longer than 8 MiB"),
    ],
)
async def test_a_list_that_cannot_be_used_is_said(
    content: bytes | None, words: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    found = await Disk("/").lists([f"{tmp_path}/x"], "/")
    assert words in str(found[f"{tmp_path}/x"])


async def test_a_directory_or_a_pipe_is_no_list(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    found = await Disk("/").lists(["pipe", "."], str(tmp_path))
    assert [str(error) for error in found.values()] == [
        "pipe is not a file of URLs",
        ". cannot be read: Is a directory",
    ]


async def test_the_directory_is_looked_at_while_it_is_typed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "file").touch()
    app = app_for(FakeService())
    async with app.run_test(notifications=True) as pilot:
        await opened(pilot)
        await until(pilot, "does not exist")
        field(app, "directory").value = str(tmp_path)
        await until(pilot, "iB free", gone="does not exist")
        field(app, "directory").value = f"{tmp_path}/file"
        await until(pilot, "is not a directory")
        field(app, "directory").value = "~nobody-of-this-name/x"
        await until(pilot, "names no home directory")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "file"]


async def test_right_completes_a_directory_and_home_stays_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("data", "datasets", ".hidden", "d\x1b[31m"):
        (tmp_path / name).mkdir()
    (tmp_path / "dates.txt").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    found = Disk("/")
    assert await found.completions("~/da") == ["~/data/", "~/datasets/"]
    assert await found.completions(f"{tmp_path}/") == [f"{tmp_path}/data/", f"{tmp_path}/datasets/"]
    assert await found.completions("~/.h") == ["~/.hidden/"]
    assert await found.completions("~") == ["~/"]
    app = app_for(FakeService())
    async with app.run_test(notifications=True) as pilot:
        await opened(pilot)
        await pilot.press("tab")
        field(app, "directory").value = ""
        await pilot.press(*"~/datas")
        await until(pilot, "~/datasets/", "Right completes: datasets")
        await pilot.press("right")
        await until(pilot, "iB free")
        assert field(app, "directory").value == "~/datasets/"


async def test_a_mount_that_hangs_is_said_and_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hang = threading.Event()
    monkeypatch.setattr(disk, "_directory", lambda _: hang.wait(60))
    found = Disk("/", patience=0.05)
    try:
        # More of them than there are threads for them.
        places = await asyncio.gather(*(found.directory("/x") for _ in range(10)))
        assert {place.trouble for place in places} == {"does not answer"}
    finally:
        hang.set()


async def test_the_fields_that_are_seldom_used_are_behind_a_fold() -> None:
    service = FakeService()
    app = app_for(service)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await opened(pilot, "https://h/1")
        shown = await until(pilot, "[+] More", "Adds 1 download.", " Add ", " Close ")
        assert "Checksum" not in shown
        await pilot.press("tab", "tab", "tab", "space", "tab", *"sha256:12", "tab", *"99")
        await until(pilot, "Checksum", "64 hexadecimal digits", "between 1 and 32")
        await pilot.press(*["backspace"] * 2, "8", "tab", *"2M", "tab", "7", "tab", *"set")
        await pilot.press("tab", "space", "enter", "enter")
        await until(pilot, "[x] Start paused")
        field(app, "checksum").value = ""
        await until(pilot, "Adds 1 download, paused.")
        await pilot.press("tab", "enter")
        await until(pilot, "1 download is in the queue")
    (request,) = await requests(service)
    assert (request.connections, request.limit, request.priority) == (8, 2 * 1024**2, 7)
    assert (request.group, request.paused) == ("set", True)


async def test_a_mistake_behind_the_fold_is_shown_when_it_is_sent() -> None:
    app = app_for(FakeService())
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await opened(pilot, "https://h/1")
        field(app, "limit").value = "fast"
        await until(pilot, "limit fast", "Correct first: limit.")
        await pilot.press("tab", "enter")
        await until(pilot, "'fast' is not a size")
        assert app.focused is field(app, "limit")


async def test_everything_is_unfolded_where_there_is_room() -> None:
    app = app_for(FakeService())
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await opened(pilot)
        await until(pilot, "Checksum", "Connections", "Limit", "Priority", "Group", "paused")


async def test_every_field_is_reached_at_forty_columns_and_twelve_rows() -> None:
    service = FakeService()
    app = app_for(service)
    async with app.run_test(notifications=True, size=(40, 12)) as pilot:
        await until(pilot, "Nothing to haul yet")
        await pilot.press("a", *"https://h/1")
        await until(pilot, "1 URL", "https://h/1")
        await pilot.press("tab", "tab", "tab", "enter")
        for _ in range(6):
            await pilot.press("tab")
        await until(pilot, "[ ] Start paused")
        await pilot.press("tab", "enter")
        await until_gone(pilot, "Start paused")
    assert len(await requests(service)) == 1


async def test_groups_of_the_list_complete() -> None:
    service = FakeService()
    await service.add([DownloadRequest(url="https://h/", directory="/data", group="dataset")])
    app = app_for(service)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, "queued")
        await pilot.press("a")
        await until(pilot, "Group")
        field(app, "group").focus()
        await pilot.press("d")
        await until(pilot, "dataset")
        await pilot.press("right")
        assert field(app, "group").value == "dataset"


async def test_shift_a_starts_with_paused() -> None:
    service = FakeService()
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await opened(pilot, "https://h/1", key="A")
        await until(pilot, "Adds 1 download, paused.")
        await pilot.press("tab", "enter")
        await until(pilot, "1 download is in the queue")
    assert [request.paused for request in await requests(service)] == [True]


async def test_a_draft_is_kept_in_every_field_until_it_is_accepted() -> None:
    service = FakeService()
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await opened(pilot, "https://h/1")
        for name, value in (("directory", "/else"), ("name", "n"), ("group", "g"), ("limit", "1M")):
            field(app, name).value = value
        await pilot.press("escape")
        await until_gone(pilot, "URLs, one per line")
        await pilot.press("a")
        await until(pilot, "https://h/1", "/else", "Adds 1 download.")
        assert [field(app, name).value for name in ("name", "group", "limit")] == ["n", "g", "1M"]
        await pilot.press("tab", "enter")
        await until(pilot, "1 download is in the queue")
        await pilot.press("a")
        await until(pilot, "Write at least one URL.", gone="/else")


async def test_what_the_service_refuses_is_said_and_the_directory_is_where_it_is_corrected() -> (
    None
):
    service = FakeService()

    async def refuse(*_: object, **__: object) -> object:
        raise DestinationError("/data does not \x1b[31mexist", hint="mkdir -p '/data'")

    service.add = refuse  # type: ignore[method-assign, assignment]
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await opened(pilot, "https://h/1")
        await pilot.press("tab", "tab", "enter")
        await until(pilot, "/data does not �[31mexist (mkdir -p '/data')")
        assert app.focused is field(app, "directory")


async def test_ten_thousand_lines_are_read_in_steps() -> None:
    app = app_for(FakeService())
    async with app.run_test(notifications=True) as pilot:
        await opened(pilot, "\n".join(f"https://h/{number}" for number in range(10_000)))
        await until(pilot, "10,000 URLs", "Adds 10,000 downloads.")


async def test_a_long_paste_lets_others_have_their_turn() -> None:
    app = app_for(FakeService())
    seen = set()
    async with app.run_test() as pilot:
        await opened(pilot, "\n".join(["https://h/"] * 10_000))
        area = app.screen.query_one(TextArea)
        while area.document.line_count < 10_000:
            seen.add(area.document.line_count)
            await asyncio.sleep(0)
    assert len(seen) >= 10


async def test_what_is_pressed_after_a_long_paste_is_for_all_of_it() -> None:
    service = FakeService()
    added: list[int] = []

    async def add(requests: list[DownloadRequest]) -> list[object]:
        added.append(len(requests))
        return []

    service.add = add  # type: ignore[method-assign, assignment]
    app = app_for(service)
    async with app.run_test(notifications=True) as pilot:
        await opened(pilot, "\n".join(f"https://h/{number}" for number in range(10_000)))
        area = app.screen.query_one(TextArea)
        while area.document.line_count == 1:  # noqa: ASYNC110
            await asyncio.sleep(0)
        app.post_message(events.Key("escape", None))
        await until_gone(pilot, "URLs, one per line")
        await pilot.press("a")
        await until(pilot, "10,000 URLs")
        app.post_message(events.Paste("\n" + "\n".join(f"http://g/{n}" for n in range(10_000))))
        for key in ("tab", "enter"):
            app.post_message(events.Key(key, None))
        await until(pilot, "Nothing", gone="URLs, one per line")
    assert added == [20_000]


async def test_a_line_takes_the_keys_that_were_typed_ahead_in_their_order() -> None:
    app = app_for(FakeService())
    async with app.run_test() as pilot:
        await opened(pilot)
        for key in ("tab", "ctrl+u", *"/ab", "backspace", "c"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, "/ac", "does not exist")


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_reaches_no_terminal_through_the_dialog(text: str) -> None:
    service = FakeService()
    request = DownloadRequest(url="https://h/1", directory=f"/{text}", group=text)
    (known,) = await service.add([request])
    service.change(known.id, name=f"!{text}")
    app = app_for(service)
    async with app.run_test(notifications=True, size=(120, 60)) as pilot:
        await until(pilot, "queued")
        await pilot.press("a")
        await until(pilot, "URLs, one per line")
        app.post_message(events.Paste(f"https://h/1\nhttps://h/{text}\n@/{text}\ncurl --{text}x y"))
        for name in ("name", "checksum", "limit"):
            field(app, name).focus()
            app.post_message(events.Paste(f"{text}/"))
        shown = await until(pilot, "in the list too, queued", "Correct")
        assert not any(mark in line for line in shown.split("\n") for mark in FORBIDDEN)
        assert screen_text(app)


async def test_ascii_mode_stays_ascii_with_everything_shown() -> None:
    app = app_for(FakeService(), ascii=True)
    async with app.run_test(notifications=True, size=(80, 40)) as pilot:
        await opened(pilot, "nonsense " + "x" * 300 + "\nftp://h/\ncurl https://h/ -k")
        assert (await until(pilot, "line 1", "Start paused", "left out")).isascii()


async def test_what_is_to_be_done_stays_in_sight_however_much_is_wrong() -> None:
    app = app_for(FakeService())
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await opened(pilot, "nonsense")
        app.screen.query_one("#more", Toggle).focus()
        await pilot.press("space")
        for name in ("checksum", "connections", "limit", "priority"):
            field(app, name).value = "wrong"
        field(app, "priority").focus()
        await pilot.press("enter")
        while not isinstance(app.screen.focused, TextArea):
            await pilot.pause()
        await until(pilot, "Correct 1 line first.", "Add       Close", "nonsense")
        field(app, "group").focus()
        await until(pilot, "Correct 1 line first.", "Add       Close", "Group", gone="nonsense")


async def test_a_opens_unpaused_and_shift_a_paused_whatever_the_draft_was() -> None:
    app = app_for(FakeService())
    async with app.run_test(notifications=True, size=(120, 45)) as pilot:
        await opened(pilot, "https://h/kept", key="A")
        await until(pilot, "https://h/kept", "[x] Start paused")
        for key, box in (("a", "[ ]"), ("A", "[x]"), ("a", "[ ]")):
            await pilot.press("escape")
            await until_gone(pilot, "URLs, one per line")
            await pilot.press(key)
            await until(pilot, "https://h/kept", f"{box} Start paused")
