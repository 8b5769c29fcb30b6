"""What a front end sees of the daemon through the socket, above all when it goes wrong."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from core.domain.errors import DaemonError, ErrorCode, UsageError, WinchError
from core.domain.events import ProgressBatch, Snapshot
from core.domain.models import Download, DownloadRequest, Progress
from core.domain.service import DownloadService, ServiceStatus
from core.rpc import codec
from core.rpc.client import IncompatibleDaemonError, RemoteService, UnreachableError
from core.rpc.server import RpcServer
from tests.fakes import FakeService
from tests.unix import listening_as, serving, until

REQUEST = DownloadRequest(url="http://host.example/a", directory="/tmp", paused=True)


class Stuck(FakeService):
    """Never answers `status`."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def status(self) -> ServiceStatus:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError


def test_every_request_of_the_protocol_goes_to_the_daemon() -> None:
    # What is not its own would be the protocol's, which has no body and answers None.
    public = {name for name in dir(DownloadService) if not name.startswith("_")}
    assert public <= set(vars(RemoteService))


async def test_without_a_socket_no_daemon_is_running(socket_path: Path) -> None:
    with pytest.raises(UnreachableError, match="no daemon is running"):
        await RemoteService.open(socket_path)


async def test_a_daemon_that_leaves_in_the_middle_of_hello_is_none(socket_path: Path) -> None:
    async with listening_as(socket_path, b""):
        with pytest.raises(UnreachableError):
            await RemoteService.open(socket_path)


async def test_a_daemon_of_another_version_is_named_with_the_way_out(socket_path: Path) -> None:
    async with listening_as(socket_path, b'{"hello":{"protocol":9,"server":"winch/3.0"}}\n'):
        with pytest.raises(IncompatibleDaemonError, match=r"daemon is winch 3\.0, this is") as info:
            await RemoteService.open(socket_path)
    assert "winch daemon stop" in info.value.hint


async def test_something_else_at_the_socket_is_not_talked_to(socket_path: Path) -> None:
    async with listening_as(socket_path, b"220 mail.example ESMTP\r\n"):
        with pytest.raises(DaemonError, match="is not winch"):
            await RemoteService.open(socket_path)


async def test_an_error_arrives_with_code_sentence_and_hint(
    server: RpcServer, socket_path: Path
) -> None:
    async with await RemoteService.open(socket_path) as remote:
        with pytest.raises(WinchError, match="no download has the id") as info:
            await remote.find("nope")
    assert info.value.code is ErrorCode.UNKNOWN_ID


async def test_a_lost_connection_ends_pending_and_later_requests(socket_path: Path) -> None:
    service = Stuck()
    async with serving(service, socket_path) as server:
        remote = await RemoteService.open(socket_path)
        pending = asyncio.create_task(remote.status())
        await service.asked.wait()
        await server.close()
    with pytest.raises(DaemonError, match="connection to the daemon was lost") as info:
        await pending
    assert info.value.hint
    with pytest.raises(DaemonError, match="connection to the daemon was lost"):
        await remote.downloads()
    await remote.close()


async def test_a_lost_connection_ends_the_events(service: FakeService, socket_path: Path) -> None:
    async with serving(service, socket_path) as server:
        remote = await RemoteService.open(socket_path)
        async with remote.subscribe() as events:
            assert isinstance(await anext(events), Snapshot)
            await server.close()
            assert [event async for event in events] == []
        await remote.close()


async def test_closing_ends_pending_requests(socket_path: Path) -> None:
    service = Stuck()
    async with serving(service, socket_path):
        remote = await RemoteService.open(socket_path)
        pending = asyncio.create_task(remote.status())
        await service.asked.wait()
        await remote.close()
        with pytest.raises(DaemonError):
            await pending


async def test_a_request_that_is_given_up_does_not_disturb_the_next(socket_path: Path) -> None:
    service = Stuck()
    async with serving(service, socket_path), await RemoteService.open(socket_path) as remote:
        pending = asyncio.create_task(remote.status())
        await service.asked.wait()
        pending.cancel()
        assert await remote.downloads() == []


async def test_slow_following_does_not_hold_up_answers(
    server: RpcServer, service: FakeService, socket_path: Path
) -> None:
    async with await RemoteService.open(socket_path) as remote, remote.subscribe() as events:
        (download,) = await service.add([REQUEST])
        for number in range(3000):
            service.change(download.id, name="x" * 500 + str(number))
            await asyncio.sleep(0)
        assert (await remote.find(download.id)).download.name.endswith("2999")
        last = -1
        async for event in events:
            assert event.revision > last
            last = event.revision
            if last == service._revision:
                break


async def test_whoever_follows_a_long_list_holds_no_timelines(
    server: RpcServer, socket_path: Path
) -> None:
    async with await RemoteService.open(socket_path) as remote:
        (one,) = await remote.add([REQUEST])
        async with remote.subscribe() as events:
            snapshot = await anext(events)
            assert isinstance(snapshot, Snapshot)
            (told,) = snapshot.downloads
            assert type(told) is Download
        assert (await remote.find(one.id)).download.timeline == one.timeline != ()


async def test_following_counts_as_the_same_client(server: RpcServer, socket_path: Path) -> None:
    async with await RemoteService.open(socket_path) as remote, remote.subscribe():
        assert server.client_count == 1
    await until(lambda: server.client_count == 0)


async def test_a_following_that_is_left_ends_in_the_service(
    server: RpcServer, service: FakeService, socket_path: Path
) -> None:
    async with await RemoteService.open(socket_path) as remote:
        async with remote.subscribe() as events:
            await anext(events)
            assert service.subscriber_count == 1
        await until(lambda: service.subscriber_count == 0)


async def test_waiting_for_an_event_can_be_given_up_and_taken_up_again(
    server: RpcServer, service: FakeService, socket_path: Path
) -> None:
    async with await RemoteService.open(socket_path) as remote, remote.subscribe() as events:
        await anext(events)
        waiting = asyncio.ensure_future(anext(events))
        await remote.downloads()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        service.emit_progress({"a": Progress(bytes_downloaded=1)})
        event = await anext(events)
        assert isinstance(event, ProgressBatch)
        assert event.progress["a"].bytes_downloaded == 1


async def test_text_that_cannot_be_sent_is_the_callers_mistake(
    server: RpcServer, socket_path: Path
) -> None:
    async with await RemoteService.open(socket_path) as remote:
        with pytest.raises(UsageError, match="UTF-8"):
            await remote.find("\udcff")
        assert await remote.downloads() == []


async def test_a_request_over_the_limit_is_refused_before_it_is_sent(
    server: RpcServer, socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codec, "MAX_LINE", 1000)
    async with await RemoteService.open(socket_path) as remote:
        with pytest.raises(UsageError, match="too much"):
            await remote.find("x" * 1000)
        assert await remote.downloads() == []


async def test_an_answer_may_be_longer_than_a_request(
    server: RpcServer, service: FakeService, socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codec, "MAX_LINE", 1000)
    (download,) = await service.add([REQUEST])
    service.change(download.id, name="n" * 300_000)
    async with await RemoteService.open(socket_path) as remote:
        assert len((await remote.find(download.id)).download.name) == 300_000


@pytest.mark.parametrize("module", ["core.rpc.client", "core.launcher"])
def test_a_front_end_loads_neither_engine_nor_screen(module: str) -> None:
    code = (
        f"import sys, {module}\n"
        "heavy = {'aiohttp', 'aiofiles', 'textual', 'tinydb', 'core.engine', 'core.daemon'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "[]"
