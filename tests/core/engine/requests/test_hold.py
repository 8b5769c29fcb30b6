"""A held queue: nothing of it runs until it is let go on, whoever asks and however often winch
ends in between.
"""

from __future__ import annotations

import asyncio

import pytest

from core.domain.errors import NotAllowedError
from core.domain.events import Noticed, Snapshot
from core.domain.models import Status, WaitReason
from core.domain.service import LimitChanges
from core.domain.settings import LimitSettings
from core.domain.value import replace
from tests.core.engine.conftest import SETTINGS, Workspace, fetch, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer

SIZE = 2_000_000
DATA = content(SIZE)
HALF = 1_000_000


async def test_what_runs_waits_again_and_continues_when_the_queue_goes_on(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=HALF)
    (download,) = await engine.add([workspace.request(url)])
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 0)
    await engine.hold(True)
    view = await engine.find(download.id)
    assert (view.download.status, view.download.wait_reason) == (
        Status.PENDING,
        WaitReason.QUEUED,
    )
    assert view.progress.bytes_downloaded > 0
    assert view.download.timeline[-1].text == "waits again: the queue is held"
    assert (await engine.status()).paused
    fault_server.release("a")
    await engine.hold(False)
    assert (await settled(engine, download)).status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert fault_server.requests_to("a")[-1].range != "bytes=0-"


async def test_one_that_is_still_being_stopped_goes_on_too(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=HALF)
    (download,) = await engine.add([workspace.request(url)])
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 0)
    holding = asyncio.create_task(engine.hold(True))
    await asyncio.sleep(0)
    await asyncio.gather(holding, engine.hold(False))
    fault_server.release("a")
    assert (await settled(engine, download)).status is Status.COMPLETED
    assert workspace.content("a") == DATA


async def test_nothing_starts_while_it_is_held(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    await engine.hold(True)
    (first,) = await engine.add([workspace.request(fault_server.file("a", DATA))])
    paused = replace(workspace.request(fault_server.file("b", DATA)), paused=True)
    (second,) = await engine.add([paused])
    await engine.resume([second.id])
    await engine.move([second.id], 1)
    for _ in range(20):
        await asyncio.sleep(0)
    assert fault_server.requests == []
    assert not engine.has_work
    views = await engine.downloads()
    assert [view.download.wait_reason for view in views] == [WaitReason.QUEUED] * 2
    await engine.hold(False)
    assert engine.has_work
    for download in (first, second):
        assert (await settled(engine, download)).status is Status.COMPLETED


@pytest.mark.parametrize("turns", range(12))
async def test_it_stops_a_download_at_whatever_moment_of_its_start(
    workspace: Workspace, fault_server: FaultServer, turns: int
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=HALF)
    (download,) = await engine.add([workspace.request(url)])
    for _ in range(turns):
        await asyncio.sleep(0)
    await engine.hold(True)
    assert not engine.has_work
    assert (await engine.find(download.id)).download.status is Status.PENDING
    fault_server.release("a")
    await engine.hold(False)
    assert (await settled(engine, download)).status is Status.COMPLETED
    assert workspace.content("a") == DATA


async def test_to_start_one_now_is_refused_and_changes_nothing(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    request = replace(workspace.request(fault_server.file("a", DATA)), paused=True)
    (download,) = await engine.add([request])
    await engine.hold(True)
    with pytest.raises(NotAllowedError) as caught:
        await engine.start_now([download.id])
    assert "resume --queue" in caught.value.hint
    assert (await engine.find(download.id)).download.status is Status.PAUSED


async def test_it_stays_held_over_a_restart(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    await engine.hold(True)
    (download,) = await engine.add([workspace.request(fault_server.file("a", DATA))])
    await engine.close()
    engine = await workspace.engine()
    assert (await engine.status()).paused
    assert not engine.has_work
    await engine.hold(False)
    assert (await settled(engine, download)).status is Status.COMPLETED
    await engine.close()
    assert not (await (await workspace.engine()).status()).paused


async def test_watchers_hear_of_it_once_each_time(workspace: Workspace) -> None:
    engine = await workspace.engine()
    async with engine.subscribe() as events:
        first = await anext(events)
        assert isinstance(first, Snapshot)
        assert not first.paused
        for paused in (True, True, False):
            await engine.hold(paused)
        told = [await anext(events) for _ in range(2)]
    assert [(type(event), event.paused) for event in told if isinstance(event, Noticed)] == [
        (Noticed, True),
        (Noticed, False),
    ]
    await engine.hold(True)
    async with engine.subscribe() as events:
        snapshot = await anext(events)
    assert isinstance(snapshot, Snapshot)
    assert snapshot.paused


async def test_one_that_waits_to_be_tried_again_waits_on(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, statuses=(500, 500))
    (download,) = await engine.add([workspace.request(url)])
    await until(engine, download, lambda v: v.download.wait_reason is WaitReason.RETRY)
    await engine.hold(True)
    asked = len(fault_server.requests)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(fault_server.requests) == asked
    await engine.hold(False)
    assert (await settled(engine, download)).status is Status.COMPLETED


async def test_a_foreground_command_goes_on_with_its_own(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(embedded=True)
    await engine.hold(True)
    (own,) = await engine.add_own([workspace.request(fault_server.file("own", DATA))])
    (other,) = await engine.add([workspace.request(fault_server.file("other", DATA))])
    assert (await settled(engine, own)).status is Status.COMPLETED
    assert (await engine.find(other.id)).download.wait_reason is WaitReason.NOT_ADMITTED
    assert (await engine.status()).paused


async def test_a_change_of_the_limits_starts_nothing_either(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(replace(SETTINGS, limits=LimitSettings(active=1)))
    await fetch(engine, workspace.request(fault_server.file("before", DATA)))
    await engine.hold(True)
    await engine.add([workspace.request(fault_server.file("a", DATA))])
    asked = len(fault_server.requests)
    await engine.limit(LimitChanges(active=8))
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(fault_server.requests) == asked
