"""`winch get` told to stop at each moment in which a request of its own is under way."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from core import launcher
from core.domain.collections import CollectionRequest
from core.domain.models import DownloadRequest, Status
from core.rpc.client import RemoteService
from tests.fakes import FakeService
from tests.unix import serving, short_directory
from tui.cli import dispatch
from tui.cli.signals import Signals

URLS = ("http://host/one", "http://host/two")
BIRDS = ("get", "--collection", "birds", *URLS)
PAUSED = "paused birds; to continue, run the same command again, or 'winch resume birds'"

Get = Callable[..., int]


async def hear(number: signal.Signals) -> None:
    """Have this process hear a signal, and do about it what it does at once."""
    os.kill(os.getpid(), number)
    for _ in range(10):
        await asyncio.sleep(0)


class Interrupted(FakeService):
    """A service whose client hears a signal while its `nth` request of a method is answered.

    It does so before the service has done what it is asked, or after that.
    """

    def __init__(
        self,
        method: str,
        nth: int = 1,
        number: signal.Signals = signal.SIGINT,
        *,
        first: bool = True,
    ) -> None:
        super().__init__()
        answer = getattr(self, method)
        count = 0

        async def ask(*args: object, **named: object) -> object:
            nonlocal count
            count += 1
            if count == nth and first:
                await hear(number)
            result: object = await answer(*args, **named)
            if count == nth and not first:
                await hear(number)
            return result

        setattr(self, method, ask)


@pytest.fixture
def get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Get:
    """Runs a command against a service on a socket and returns its exit status."""
    monkeypatch.setenv("WINCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    run = Signals.run

    def run_command(
        words: Sequence[str], service: FakeService, hears: signal.Signals | None = None
    ) -> int:
        with short_directory() as directory:
            path = directory / "winch.sock"

            async def connect(**_: object) -> RemoteService:
                if hears is not None:
                    await hear(hears)
                return await RemoteService.open(path)

            async def beside_it(main: Coroutine[Any, Any, int]) -> int:
                async with serving(service, path):
                    return await main

            def run_beside_it(signals: Signals, main: Coroutine[Any, Any, int], *_: object) -> int:
                return run(signals, main, lambda main: asyncio.run(beside_it(main)))

            monkeypatch.setattr(launcher, "connect", connect)
            monkeypatch.setattr(Signals, "run", run_beside_it)
            return dispatch.run(words)

    return run_command


def made(service: FakeService, directory: Path, *, paused: bool) -> None:
    """Have a service know the collection already."""
    request = DownloadRequest(url="", directory=str(directory / "birds"), paused=paused)
    asyncio.run(service.collect(CollectionRequest(name="birds", request=request)))


def is_paused(service: FakeService) -> bool:
    return asyncio.run(service.collection("birds")).collection.paused


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("method", "nth"),
    [("collect", 1), ("add_entries", 1), ("add_entries", 2), ("collection", 1)],
)
def test_a_collection_that_is_being_made_is_paused(
    get: Get, capsys: pytest.CaptureFixture[str], method: str, nth: int, first: bool
) -> None:
    service = Interrupted(method, nth, first=first)
    assert get(BIRDS, service) == 130
    assert capsys.readouterr().err == f"winch: {PAUSED}\n"
    assert is_paused(service)


def test_one_that_is_let_go_on_again_is_paused_after_that(
    get: Get, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    service = Interrupted("change_collection")
    made(service, tmp_path, paused=True)
    assert get(BIRDS, service) == 130
    assert PAUSED in capsys.readouterr().err
    assert is_paused(service)


def test_one_that_was_not_asked_for_yet_is_left_alone(
    get: Get, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    service = FakeService()
    made(service, tmp_path, paused=False)
    assert get(BIRDS, service, hears=signal.SIGINT) == 130
    assert capsys.readouterr().err == ""
    assert not is_paused(service)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("method", ["add", "expedite"])
def test_downloads_that_are_being_added_are_paused(
    get: Get, capsys: pytest.CaptureFixture[str], method: str, first: bool
) -> None:
    service = Interrupted(method, first=first)
    assert get(["get", *URLS], service) == 130
    assert "paused 2 downloads; to continue" in capsys.readouterr().err
    assert statuses(service) == [Status.PAUSED] * 2


@pytest.mark.parametrize("words", [("get", *URLS), BIRDS])
@pytest.mark.parametrize("first", [True, False])
def test_what_a_terminal_asked_for_that_goes_away_is_there_and_not_paused(
    get: Get, capsys: pytest.CaptureFixture[str], words: Sequence[str], first: bool
) -> None:
    method = "add_entries" if words is BIRDS else "add"
    service = Interrupted(method, number=signal.SIGHUP, first=first)
    assert get(words, service) == 129
    assert capsys.readouterr().err == ""
    assert statuses(service) == [Status.PENDING] * 2


def statuses(service: FakeService) -> list[Status]:
    return [view.download.status for view in asyncio.run(service.downloads())]
