"""A network that is down is nobody's failure: downloads wait for it and go on by themselves."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from core.adapters.net.network import Network
from core.domain.errors import ErrorCode
from core.domain.models import Status, WaitReason
from core.domain.service import LimitChanges
from core.domain.value import replace
from core.engine.running import guards
from tests.core.engine.conftest import Workspace, fetch, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer

DATA = content(2_000_000)


class Cable(Network):
    """A network that somebody can unplug; the test's own server counts as far away."""

    def __init__(self) -> None:
        super().__init__()
        self.plugged = True

    def has_way_out(self) -> bool:
        return self.plugged

    async def reaches(self, host: str) -> bool:
        return self.plugged


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "POLL", 0.02)


async def test_downloads_wait_and_go_on_together_without_using_up_retries(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    cable = Cable()
    engine = await workspace.engine(network=cable)
    urls = [fault_server.file(name, DATA, hold_after=1_000_000) for name in ("a", "b")]
    requests = [replace(workspace.request(url), retries=0) for url in urls]
    downloads = await engine.add(requests)
    for download in downloads:
        await until(engine, download, lambda view: view.progress.bytes_downloaded >= 900_000)
    cable.plugged = False
    await fault_server.stop()
    for download in downloads:
        view = await until(
            engine, download, lambda v: v.download.wait_reason is WaitReason.NO_NETWORK
        )
        assert view.download.status is Status.PENDING
        assert view.download.error is not None
        assert view.progress.bytes_downloaded >= 900_000
    assert engine.has_work
    for name in ("a", "b"):
        fault_server.release(name)
    await fault_server.start()
    cable.plugged = True
    for download, name in zip(downloads, ("a", "b"), strict=True):
        done = await settled(engine, download)
        assert (done.status, done.retry_count) == (Status.COMPLETED, 0)
        assert workspace.content(name) == DATA


async def test_a_connection_that_hangs_without_a_network_is_given_up(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    cable = Cable()
    engine = await workspace.engine(network=cable)
    url = fault_server.file("a", DATA, hold_after=1_000_000)
    (download,) = await engine.add([workspace.request(url)])
    await fault_server.held("a")
    cable.plugged = False
    await until(engine, download, lambda v: v.download.wait_reason is WaitReason.NO_NETWORK)
    fault_server.release("a")
    cable.plugged = True
    assert (await settled(engine, download)).status is Status.COMPLETED
    assert workspace.content("a") == DATA


async def test_what_comes_later_to_a_host_that_is_cut_off_waits_at_once(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    cable = Cable()
    engine = await workspace.engine(network=cable)
    urls = [fault_server.file(name, DATA) for name in ("a", "b")]
    cable.plugged = False
    await fault_server.stop()
    (first,) = await engine.add([workspace.request(urls[0])])
    await until(engine, first, lambda v: v.download.wait_reason is WaitReason.NO_NETWORK)
    (second,) = await engine.add([workspace.request(urls[1])])
    view = await until(engine, second, lambda v: v.download.wait_reason is WaitReason.NO_NETWORK)
    assert view.download.started_at is None


async def test_a_person_can_pause_and_cancel_what_waits(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    cable = Cable()
    cable.plugged = False
    engine = await workspace.engine(network=cable)
    urls = [fault_server.file(name, DATA) for name in ("a", "b")]
    await fault_server.stop()
    downloads = await engine.add([workspace.request(url) for url in urls])
    for download in downloads:
        await until(engine, download, lambda v: v.download.wait_reason is WaitReason.NO_NETWORK)
    await engine.pause([downloads[0].id])
    await engine.cancel([downloads[1].id])
    assert not engine.has_work
    await fault_server.start()
    cable.plugged = True
    assert [view.download.status for view in await engine.downloads()] == [
        Status.PAUSED,
        Status.CANCELLED,
    ]


async def test_a_server_that_is_off_is_a_failure_while_the_network_is_up(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(network=Cable())
    url = fault_server.file("a", DATA)
    await fault_server.stop()
    (download,) = await engine.add([replace(workspace.request(url), retries=2)])
    failed = await settled(engine, download)
    assert (failed.status, failed.retry_count) == (Status.FAILED, 2)


async def test_a_download_that_has_to_make_room_while_the_network_is_asked_about_waits_again(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    class Pondering(Cable):
        def __init__(self) -> None:
            super().__init__()
            self.asked = asyncio.Event()

        async def reaches(self, host: str) -> bool:
            self.asked.set()
            await asyncio.Event().wait()
            return True

    network = Pondering()
    engine = await workspace.engine(network=network)
    url = fault_server.file("first", DATA, hold_after=1)
    (first,) = await engine.add([workspace.request(url)])
    await fault_server.held("first")
    (second,) = await engine.add([workspace.request("http://127.0.0.1:1/second")])
    await network.asked.wait()
    await engine.limit(LimitChanges(active=1))
    view = await until(engine, second, lambda v: v.download.status is Status.PENDING)
    assert view.download.wait_reason is WaitReason.QUEUED
    assert (await engine.find(first.id)).download.status is Status.ACTIVE


async def test_what_waits_for_the_network_cannot_be_started_by_order(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    cable = Cable()
    cable.plugged = False
    engine = await workspace.engine(network=cable)
    (download,) = await engine.add([workspace.request("http://127.0.0.1:1/a")])
    await until(engine, download, lambda v: v.download.wait_reason is WaitReason.NO_NETWORK)
    outcome = await engine.start_now([download.id])
    assert outcome.changed == ()
    assert outcome.refused[0].error.code is ErrorCode.NOT_ALLOWED


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the name service knows; a name that is not here does not exist."""
    known: dict[str, str] = {}
    ask = socket.getaddrinfo

    def getaddrinfo(host: str, *args: Any, **kwargs: Any) -> Any:
        if str(host).endswith(".example"):
            if host not in known:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            host = known[host]
        return ask(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


async def test_a_host_that_nobody_knows_fails_soon_and_says_so(
    workspace: Workspace, names: dict[str, str]
) -> None:
    engine = await workspace.engine(network=Cable())
    failed = await fetch(engine, workspace.request("http://typo.example/a"))
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert failed.error.code is ErrorCode.DNS
    assert failed.error.message == "there is no host named typo.example"
    assert "--wait-for-host" in failed.error.hint


async def test_a_host_that_is_to_come_is_waited_for_where_the_person_says_so(
    workspace: Workspace, fault_server: FaultServer, names: dict[str, str]
) -> None:
    engine = await workspace.engine(network=Cable())
    port = fault_server.file("a", DATA).split(":")[2]
    request = replace(
        workspace.request(f"http://new.example:{port}"), wait_for_host=True, retries=0
    )
    (download,) = await engine.add([request])
    view = await until(engine, download, lambda v: v.download.retry_count >= 10)
    assert view.download.error is not None
    assert view.download.error.message == "there is no host named new.example"
    names["new.example"] = "127.0.0.1"
    assert (await settled(engine, download)).status is Status.COMPLETED
    assert workspace.content("a") == DATA
