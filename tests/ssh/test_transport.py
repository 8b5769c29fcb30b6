"""The protocol over a real OpenSSH server: what a link does to it, and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from core import launcher
from core.domain.errors import HostError
from core.domain.events import Changed, Snapshot
from core.domain.models import DownloadRequest, Status
from core.domain.service import Changes, DownloadService
from tests.ssh.laptop import Laptop
from tests.ssh.link import Link
from tui.demo.files import KIB, MIB, DemoFile
from tui.demo.server import DemoServer

SLOW = DemoFile("slow.iso", 64 * MIB, rate=200 * KIB)


@pytest.fixture
def web() -> Iterator[DemoServer]:
    with DemoServer([SLOW]) as server:
        yield server


async def first_bytes(service: DownloadService, id_: str) -> int:
    while not (done := (await service.find(id_)).progress.bytes_downloaded):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return done


async def test_an_action_takes_one_way_there_and_one_back(far_laptop: Laptop, link: Link) -> None:
    async with (
        await launcher.connect(host=far_laptop.host()) as service,
        service.subscribe() as events,
    ):
        assert isinstance(await anext(events), Snapshot)
        home = (await service.machine()).home
        request = DownloadRequest(url="http://127.0.0.1:1/", directory=home, paused=True)
        (added,) = await service.add([request])
        await anext(events)
        link.delay = 0.1
        before = len(link.pieces)
        asked = asyncio.create_task(service.set([added.id], Changes(priority=7)))
        changed = await anext(events)
        await asked
        assert isinstance(changed, Changed)
        assert changed.downloads[0].request.priority == 7
        pieces = link.pieces[before:]
        assert [each.is_sent for each in pieces] == [True, *[False] * (len(pieces) - 1)]


@pytest.mark.parametrize("way", ["cut", "stall"])
async def test_downloads_outlive_the_link(
    far_laptop: Laptop, link: Link, web: DemoServer, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr("core.rpc.client.PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr("core.rpc.link._LEAVING", 0.1)
    async with await launcher.connect(host=far_laptop.host()) as service:
        directory = (await service.machine()).home
        (added,) = await service.add([DownloadRequest(url=web.url(SLOW), directory=directory)])
        id_ = added.id
        async with service.subscribe() as events:
            await anext(events)
            done = await first_bytes(service, id_)
            getattr(link, way)()
            with pytest.raises(HostError, match="the connection to server was lost"):
                async for _ in events:
                    pass
    link.mend()
    async with await launcher.connect(host=far_laptop.host()) as service:
        view = await service.find(id_)
        assert view.download.status is Status.ACTIVE
        assert view.progress.bytes_downloaded >= done
        assert view.download.retry_count == 0


async def test_what_runs_there_ends_with_the_link(far_laptop: Laptop) -> None:
    async with await launcher.connect(host=far_laptop.host()):
        pass
    async with await launcher.connect(host=far_laptop.host()) as service:
        while (await service.status()).clients > 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
