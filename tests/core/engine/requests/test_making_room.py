"""Making room for others costs nobody bytes; where a person's word does, that is said."""

from __future__ import annotations

import pytest

from core.domain.models import Download, Status
from core.domain.service import LimitChanges
from core.engine.service import Engine
from core.engine.transfer.transfer import ANEW
from tests.core.engine.conftest import Workspace, settled, until
from tests.core.engine.requests.test_limits import limited
from tests.faults.model import content
from tests.faults.server import FaultServer

DATA = content(400_000)
HALF = len(DATA) // 2


async def running(engine: Engine, downloads: list[Download]) -> list[bool]:
    found = [(await engine.find(download.id)).download for download in downloads]
    return [download.status is Status.ACTIVE for download in found]


async def begun(
    workspace: Workspace, server: FaultServer, engine: Engine, *, ranges: str
) -> list[Download]:
    """Return downloads that have bytes and stand; a `-` in `ranges` is a server without them."""
    urls = [
        server.file(f"f{number}", DATA, ranges=kind == "r", hold_after=HALF, rate=300_000)
        for number, kind in enumerate(ranges)
    ]
    added = [(await engine.add([workspace.request(url)]))[0] for url in urls]
    for number, download in enumerate(added):
        await server.held(f"f{number}")
        if not (await engine.find(download.id)).progress.bytes_downloaded:
            await until(engine, download, lambda view: view.progress.bytes_downloaded > 0)
    return list(added)


async def test_over_a_lowered_limit_those_stop_that_can_go_on_and_the_others_end(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(limited(active=3))
    downloads = await begun(workspace, fault_server, engine, ranges="r--")
    await engine.limit(LimitChanges(active=1))
    await until(engine, downloads[0], lambda view: view.download.status is Status.PENDING)
    assert await running(engine, downloads) == [False, True, True]
    for number in range(3):
        fault_server.release(f"f{number}")
    for number, download in enumerate(downloads):
        assert (await settled(engine, download)).status is Status.COMPLETED
        assert workspace.content(f"f{number}") == DATA
    assert [len(fault_server.requests_to(f"f{n}")) for n in range(3)] == [2, 1, 1]


async def test_one_that_is_started_now_runs_beside_what_would_lose_its_bytes(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(limited(active=1))
    (kept,) = await begun(workspace, fault_server, engine, ranges="-")
    url = fault_server.file("now", DATA, hold_after=HALF)
    (other,) = await engine.add([workspace.request(url)])
    await engine.start_now([other.id])
    await fault_server.held("now")
    await engine.limit(LimitChanges(connections=2))
    assert await running(engine, [kept, other]) == [True, True]
    fault_server.release("f0")
    assert (await settled(engine, kept)).status is Status.COMPLETED
    fault_server.release("now")
    assert (await settled(engine, other)).status is Status.COMPLETED
    assert len(fault_server.requests_to("f0")) == len(fault_server.requests_to("now")) == 1


@pytest.mark.parametrize(("ranges", "loses"), [("r", False), ("-", True)])
async def test_a_pause_says_when_it_costs_what_is_there(
    workspace: Workspace, fault_server: FaultServer, ranges: str, *, loses: bool
) -> None:
    engine = await workspace.engine(limited(active=1))
    (download,) = await begun(workspace, fault_server, engine, ranges=ranges)
    outcome = await engine.pause([download.id])
    assert outcome.notes == ((f"f0: {ANEW}",) if loses else ())
    (paused,) = outcome.changed
    assert (ANEW in paused.timeline[-1].text) == loses


async def test_a_held_queue_says_in_the_timeline_what_begins_anew(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(limited(active=2))
    downloads = await begun(workspace, fault_server, engine, ranges="r-")
    await engine.hold(True)
    texts = [(await engine.find(d.id)).download.timeline[-1].text for d in downloads]
    assert texts == [
        "waits again: the queue is held",
        f"waits again: the queue is held; {ANEW}",
    ]


async def test_several_that_begin_anew_are_said_in_one_sentence(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(limited(active=2))
    await begun(workspace, fault_server, engine, ranges="--")
    (note,) = (await engine.pause(None)).notes
    assert note.startswith("2 downloads begin anew")
