"""The service of another machine, over one connection that carries everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from core.domain.errors import ConfigError, HostError
from core.domain.events import Added, Snapshot
from core.domain.models import DownloadRequest
from core.rpc import client
from core.rpc import link as link_module
from core.rpc.link import LinkedService
from tests.fakes import FakeService
from tests.unix import HELLO, SocketLine, in_its_place, serving, short_directory


@pytest.fixture
def path() -> Iterator[Path]:
    with short_directory() as directory:
        yield directory / "s"


@asynccontextmanager
async def a_link(service: FakeService, path: Path) -> AsyncIterator[LinkedService]:
    async with (
        serving(service, path),
        await LinkedService.over(await SocketLine.open(path), "far") as link,
    ):
        yield link


async def test_events_and_answers_share_the_connection_one_subscription_after_the_other(
    path: Path,
) -> None:
    service = FakeService()
    async with a_link(service, path) as link:
        for round_ in range(3):
            async with link.subscribe() as events:
                snapshot = await anext(events)
                assert isinstance(snapshot, Snapshot)
                assert len(snapshot.downloads) == round_
                (added,) = await link.add(
                    [DownloadRequest(url=f"https://example.org/{round_}", directory="/tmp")]
                )
                event = await anext(events)
                assert isinstance(event, Added)
                # Asked for by whoever takes the events in, which come on behind the answer.
                assert (await link.find(added.id)).download.id == added.id
        assert len(await link.downloads()) == 3


async def test_a_daemon_that_knows_no_interval_is_subscribed_to_without(path: Path) -> None:
    greeting = HELLO.replace(b'"client"', b'"server"')
    refusal = b'{"id":1,"error":{"code":"rpc","message":"subscribe has no \'interval\'"}}\n'
    snapshot = (
        b'{"id":1,"event":"snapshot","data":{"revision":1,"downloads":[],"progress":{},'
        b'"paused":false,"notices":[]}}\n'
    )
    asked = []

    async def older(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(greeting + b"\n")
        asked.append(msgspec.json.decode(await reader.readline())["params"])
        writer.write(refusal)
        asked.append(msgspec.json.decode(await reader.readline()).get("params", {}))
        writer.write(b'{"id":1,"result":null}\n' + snapshot)
        await reader.readline()
        writer.close()

    async with (
        await asyncio.start_unix_server(older, path),
        await LinkedService.over(await SocketLine.open(path), "far") as link,
        link.subscribe() as events,
    ):
        assert isinstance(await anext(events), Snapshot)
    assert asked == [{"interval": 1.0}, {}]


async def test_a_line_that_dies_ends_what_waits_and_what_follows(path: Path) -> None:
    async with a_link(FakeService(), path) as link, link.subscribe() as events:
        await anext(events)
        link._line.writer.transport.abort()
        with pytest.raises(HostError, match="the connection to far was lost"):
            await anext(events)
        with pytest.raises(HostError, match="the connection to far was lost"):
            await link.status()


async def test_what_a_shell_says_before_is_passed_over(path: Path) -> None:
    banner = b"Welcome!\n\x1b[1mno mail\x1b[0m\n{}\n"
    greeting = HELLO.replace(b'"client"', b'"server"')
    async with in_its_place(path, banner + greeting + b"\n", stays=True):
        link = await LinkedService.over(await SocketLine.open(path), "far")
        assert link._wire.greeting.server == "test/1"
        await link.close()


@pytest.mark.parametrize("said", [b"hello\n" * 1000, b"", b"\xff" * 5000])
async def test_what_is_no_winch_is_told_with_the_reason_that_the_line_has(
    path: Path, said: bytes
) -> None:
    async with in_its_place(path, said):
        line = await SocketLine.open(path)
        with pytest.raises(HostError, match="what answers on far is not winch"):
            await LinkedService.over(line, "far")
    async with in_its_place(path, said):
        line = await SocketLine.open(path)
        line.reason = HostError("far cannot be reached: no route")
        with pytest.raises(HostError, match="no route"):
            await LinkedService.over(line, "far")


async def test_a_link_on_which_nothing_comes_any_more_is_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE_SECONDS", 0.1)
    greeting = HELLO.replace(b'"client"', b'"server"')
    async with in_its_place(path, greeting + b"\n", stays=True):
        link = await LinkedService.over(await SocketLine.open(path), "far")
        with pytest.raises(HostError, match="the connection to far was lost"):
            await link.status()
        await link.close()


async def test_who_takes_long_is_waited_for_while_there_is_life(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE_SECONDS", 0.05)
    service = FakeService()
    answered = asyncio.Event()

    async def slowly() -> object:
        await asyncio.wait_for(answered.wait(), 30)
        return await FakeService.status(service)

    monkeypatch.setattr(service, "status", slowly)
    pinged = 0
    async with a_link(service, path) as link:
        check = link._check_hearing

        async def counting() -> None:
            nonlocal pinged
            pinged += 1
            await check()
            if pinged == 3:
                answered.set()

        monkeypatch.setattr(link, "_check_hearing", counting)
        assert (await link.status()).pid


async def test_a_winch_that_refuses_is_told_with_its_reason_and_its_machine(path: Path) -> None:
    refusal = b'{"hello":{"protocol":99,"server":"winch/9.0"},"error":{"code":"rpc","message":"x"}}'
    async with in_its_place(path, refusal + b"\n"):
        with pytest.raises(HostError, match=r"far: the running daemon is winch 9.0"):
            await LinkedService.over(await SocketLine.open(path), "far")
    greeting = HELLO.replace(b'"client"', b'"server"')[:-1]
    wrong = b',"error":{"code":"config","message":"line 3: no","hint":"see it"}}\n'
    async with in_its_place(path, greeting + wrong):
        with pytest.raises(ConfigError, match="on far: line 3: no") as caught:
            await LinkedService.over(await SocketLine.open(path), "far")
        assert caught.value.hint == "see it"


async def test_a_line_without_end_is_nobodys(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with in_its_place(path, b"a" * 2**20, stays=True):
        with pytest.raises(HostError, match="is not winch: the line is longer"):
            await LinkedService.over(await SocketLine.open(path), "far")
    monkeypatch.setattr(link_module, "_MOST_ANSWERED", 2**17)
    greeting = HELLO.replace(b'"client"', b'"server"') + b"\n"
    async with in_its_place(path, greeting + b"a" * 2**20, stays=True):
        link = await LinkedService.over(await SocketLine.open(path), "far")
        with pytest.raises(HostError, match="the connection to far was lost"):
            await link.status()
        await link.close()
