"""What somebody waits for in the foreground runs beside the queue, and at once."""

from __future__ import annotations

import pytest

from core.domain.models import Download, Status
from core.domain.service import LimitChanges
from core.domain.value import replace
from core.engine.service import Engine
from tests.core.engine.conftest import SETTINGS, Workspace, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer

DATA = content(100_000)
ONE = replace(SETTINGS, limits=replace(SETTINGS.limits, active=1))


async def busy(workspace: Workspace, fault_server: FaultServer, engine: Engine) -> Download:
    """Return a download that takes the only place there is."""
    (download,) = await engine.add(
        [workspace.request(fault_server.file("busy", DATA, hold_after=1))]
    )
    await fault_server.held("busy")
    return download


async def test_it_does_not_wait_behind_others_and_stops_nobody(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(ONE)
    running = await busy(workspace, fault_server, engine)
    (queued,) = await engine.add([workspace.request(fault_server.file("queued", DATA))])
    mine = await engine.add([workspace.request(fault_server.file(n, DATA)) for n in "ab"])
    await engine.expedite([download.id for download in mine])
    for download in mine:
        assert (await settled(engine, download)).status is Status.COMPLETED
    assert (await engine.find(queued.id)).download.status is Status.PENDING
    assert (await engine.find(running.id)).download.status is Status.ACTIVE
    assert len(fault_server.requests_to("busy")) == 1
    fault_server.release("busy")
    assert (await settled(engine, queued)).status is Status.COMPLETED


async def test_what_was_paused_waits_in_the_queue_like_others(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(ONE)
    running = await busy(workspace, fault_server, engine)
    url = fault_server.file("a", DATA, hold_after=1)
    (mine,) = await engine.add([workspace.request(url)])
    await engine.expedite([mine.id])
    await fault_server.held("a")
    await engine.pause([mine.id])
    await engine.resume([mine.id])
    # Only a change of the limit gives it a place now.
    assert (await engine.find(mine.id)).download.status is Status.PENDING
    await engine.limit(LimitChanges(active=2))
    await until(engine, mine, lambda v: v.download.status is Status.ACTIVE)
    for name in ("a", "busy"):
        fault_server.release(name)
    for download in (mine, running):
        assert (await settled(engine, download)).status is Status.COMPLETED


@pytest.mark.parametrize("first", ["hold", "expedite"])
async def test_a_held_queue_holds_it_too(
    workspace: Workspace, fault_server: FaultServer, first: str
) -> None:
    engine = await workspace.engine(ONE)
    running = await busy(workspace, fault_server, engine)
    await engine.pause([running.id])
    await engine.hold(True)
    (mine,) = await engine.add([workspace.request(fault_server.file("a", DATA))])
    if first == "expedite":
        await engine.expedite([mine.id])
    assert not fault_server.requests_to("a")
    await engine.hold(False)
    assert (await settled(engine, mine)).status is Status.COMPLETED
