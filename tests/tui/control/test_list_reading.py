"""A list is read ahead in a thread, and whoever waits for it hears of everything."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from core.domain.entries import Entry
from core.domain.errors import DestinationError, ErrorInfo, UsageError
from core.domain.machines import Host
from core.domain.models import DownloadRequest
from core.domain.service import DownloadService
from tests.fakes import FakeService
from tui.cli.parser import parse
from tui.control import list_reading
from tui.control.list_reading import in_place, portions_ahead
from tui.input.remote import REMOTE, Remote
from tui.input.url_lists import ListPortion

NO_ARGS = argparse.Namespace()


def entry(number: int, path: str | None = None) -> Entry:
    return Entry(url=f"http://a/{number}", path=path, where=f"line {number}")


async def test_portions_come_in_their_order_and_mistakes_at_their_place(tmp_path: Path) -> None:
    listed = tmp_path / "list"
    listed.write_text("".join(f"http://a/{number}\n" for number in range(30_000)))
    args = parse(["add", "-i", str(listed)])[1]
    portions = [portion async for portion in portions_ahead(args)]
    assert len(portions) > 1
    urls = [each.url for portion in portions for each in portion.entries]
    assert urls == [f"http://a/{number}" for number in range(30_000)]
    args.input = str(tmp_path / "nothing")
    with pytest.raises(UsageError, match="cannot read"):
        [portion async for portion in portions_ahead(args)]


async def test_what_nobody_foresaw_is_raised_where_it_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_: object) -> Iterator[ListPortion]:
        yield ListPortion([entry(1)])
        raise ZeroDivisionError

    monkeypatch.setattr(list_reading, "list_portions", broken)
    async with aclosing(portions_ahead(NO_ARGS)) as portions:
        assert (await anext(portions)).entries == [entry(1)]
        with pytest.raises(ZeroDivisionError):
            await anext(portions)


async def test_the_thread_ends_where_nobody_wants_more(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def endless(_: object) -> Iterator[ListPortion]:
        threads.append(threading.current_thread())
        while True:
            yield ListPortion()

    monkeypatch.setattr(list_reading, "list_portions", endless)
    async with aclosing(portions_ahead(NO_ARGS)) as portions:
        await anext(portions)
    threads[0].join(timeout=10)
    assert not threads[0].is_alive()


async def test_directories_are_made_below_the_destination_and_no_link_is_followed(
    tmp_path: Path,
) -> None:
    elsewhere, there = tmp_path / "elsewhere", tmp_path / "there"
    elsewhere.mkdir()
    there.mkdir()
    (there / "link").symlink_to(elsewhere)
    (there / "file").touch()
    shared = DownloadRequest(url="", directory=str(there))
    entries = [entry(1, "a/b/x"), entry(2, "link/x"), entry(3, "file/x"), entry(4, "y"), entry(5)]
    requests, refused = await in_place(shared, entries)
    assert [(r.url[-1], r.directory, r.name) for r in requests] == [
        ("1", f"{there}/a/b", "x"),
        ("4", str(there), "y"),
        ("5", str(there), None),
    ]
    assert [each.where for each in refused] == ["line 2", "line 3"]
    assert (there / "a/b").is_dir()
    assert not list(elsewhere.iterdir())
    nowhere = DownloadRequest(url="", directory=str(tmp_path / "nowhere"))
    with pytest.raises(DestinationError, match="does not exist"):
        await in_place(nowhere, entries)


class Elsewhere(FakeService):
    """A service whose disk is another one, on which one directory cannot be made."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[str] = []

    async def make_directories(self, root: str, directories: Sequence[str]) -> dict[str, ErrorInfo]:
        self.made += directories
        return {f"{root}/wrong": DestinationError("that is a link").info()}


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    service = Elsewhere()

    async def connection(**_: bool) -> DownloadService:
        return service

    before = REMOTE.set(Remote(Host(name="server", ssh=("false",)), connection))
    yield service
    REMOTE.reset(before)


async def test_directories_are_made_on_the_other_machine(
    elsewhere: Elsewhere, tmp_path: Path
) -> None:
    shared = DownloadRequest(url="", directory=str(tmp_path))
    requests, refused = await in_place(
        shared, [entry(1, "right/a"), entry(2, "wrong/b"), entry(3, "c")]
    )
    assert elsewhere.made == [f"{tmp_path}/right", f"{tmp_path}/wrong"]
    assert [request.url for request in requests] == ["http://a/1", "http://a/3"]
    assert [(each.where, each.reason) for each in refused] == [("line 2", "that is a link")]
    assert not [*tmp_path.iterdir()]
