"""A word about very many downloads: it holds up nobody, and nothing runs between its portions."""

from __future__ import annotations

import asyncio
import logging

import pytest

from core.domain.events import Added, Snapshot
from core.domain.models import DownloadRequest, Status
from core.domain.settings import LimitSettings
from core.domain.value import replace
from core.engine.downloads.recorder import STARTED
from tests.core.engine.conftest import SETTINGS, Workspace
from tests.faults.model import content
from tests.faults.server import FaultServer

MANY = 600
ACTIVE = 2
TWO_AT_ONCE = replace(SETTINGS, limits=LimitSettings(active=ACTIVE))


def requests(workspace: Workspace, url: str, *, paused: bool) -> list[DownloadRequest]:
    """Return requests for the same file again and again, which are as many downloads."""
    return [
        replace(workspace.request(f"{url}?{number}"), name=f"{number}", paused=paused)
        for number in range(MANY)
    ]


async def turns_during(work: asyncio.Task[object]) -> int:
    """Return how often somebody else had a turn before the work was done."""
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    return turns


async def test_nothing_starts_while_all_are_paused_and_others_have_their_turn(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(TWO_AT_ONCE)
    url = fault_server.file("a", content(1_000_000), hold_after=10_000)
    await engine.add(requests(workspace, url, paused=False))
    await fault_server.held("a")
    work = asyncio.ensure_future(engine.pause(None))
    assert await turns_during(work) > 1
    assert len((await work).changed) == MANY
    downloads = [view.download for view in await engine.downloads()]
    assert {download.status for download in downloads} == {Status.PAUSED}
    begun = [d for d in downloads if any(entry.text == STARTED for entry in d.timeline)]
    assert len(begun) == ACTIVE


async def test_the_last_word_counts_also_where_it_comes_in_between(workspace: Workspace) -> None:
    engine = await workspace.engine()
    await engine.hold(True)
    added = await engine.add(requests(workspace, "http://127.0.0.1:1/a", paused=True))
    everything = asyncio.ensure_future(engine.resume(None))
    await asyncio.sleep(0)
    await asyncio.gather(everything, engine.pause([added[-1].id]))
    *others, last = await engine.downloads()
    assert last.download.status is Status.PAUSED
    assert {view.download.status for view in others} == {Status.PENDING}


async def test_what_comes_together_is_told_and_logged_together(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    engine = await workspace.engine()
    added: list[str] = []
    with caplog.at_level(logging.INFO):
        async with engine.subscribe() as events:
            assert isinstance(await anext(events), Snapshot)
            work = engine.add(requests(workspace, "http://127.0.0.1:1/a", paused=True))
            taken = asyncio.ensure_future(work)
            count = 0
            while len(added) < MANY:
                event = await anext(events)
                assert isinstance(event, Added)
                added += [download.id for download in event.downloads]
                count += 1
            assert added == [download.id for download in await taken]
    assert count < 10
    lines = [record.getMessage() for record in caplog.records if "added" in record.getMessage()]
    assert len(lines) == 1
    assert added[0][:8] in lines[0]
    assert lines[0].endswith("more")
