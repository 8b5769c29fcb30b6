"""Undo of a removal: the list is as it was, and what was on disk goes on from there."""

from __future__ import annotations

import pytest

from core.adapters.state.resume_data import ResumeStore
from core.domain.errors import ErrorCode, StateError
from core.domain.models import Status
from core.domain.settings import LimitSettings
from core.domain.value import replace
from tests.core.engine.conftest import SETTINGS, Workspace, fetch, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer

SIZE = 3_000_000
DATA = content(SIZE)
HALF = 1_500_000
ONE = replace(SETTINGS, limits=LimitSettings(connections=1))


async def test_one_that_ran_goes_on_with_the_bytes_it_has(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(ONE)
    url = fault_server.file("a", DATA, hold_after=HALF)
    (download,) = await engine.add([workspace.request(url)])
    await fault_server.held("a")
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 500_000)
    removal = await engine.remove([download.id])
    assert removal.kept_files == (download.part_path,)
    assert await ResumeStore(workspace.state / "resume_data").load(download.id) is None
    fault_server.release("a")
    (back,) = (await engine.restore([download.id])).changed
    assert back.status in (Status.PENDING, Status.ACTIVE)
    assert (await engine.find(download.id)).progress.bytes_downloaded > 500_000
    done = await settled(engine, back)
    assert done.status is Status.COMPLETED
    assert done.resume_verdict == "verified: same validator, same bytes at the seam"
    assert workspace.content("a") == DATA
    assert fault_server.requests_to("a")[-1].range != "bytes=0-"
    assert "brought back" in [entry.text for entry in done.timeline]


async def test_states_and_places_come_back_and_are_stored(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(ONE)
    done = await fetch(engine, workspace.request(fault_server.file("done", DATA)))
    paused = [
        replace(workspace.request(fault_server.url_of(name)), paused=True)
        for name in ("b", "c", "d")
    ]
    ids = [download.id for download in await engine.add(paused)]
    await engine.cancel([ids[1]])
    await engine.move([ids[2]], 1)
    before = await engine.downloads()
    totals = (await engine.status()).totals
    await engine.remove(None)
    assert await engine.downloads() == []
    await engine.restore([view.download.id for view in reversed(before)])
    after = await engine.downloads()
    shown = [(v.download.id, v.download.status, v.position, v.progress) for v in before]
    assert [(v.download.id, v.download.status, v.position, v.progress) for v in after] == shown
    assert (await engine.status()).totals == totals
    await engine.close()
    second = await workspace.engine(ONE)
    assert [v.download.id for v in await second.downloads()] == [v.download.id for v in before]
    assert (await second.find(done.id)).download.status is Status.COMPLETED


async def test_the_same_url_added_meanwhile_is_a_download_of_its_own(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(ONE)
    url = fault_server.file("a", DATA, hold_after=HALF)
    (first,) = await engine.add([workspace.request(url)])
    await fault_server.held("a")
    await until(engine, first, lambda view: view.progress.bytes_downloaded > 0)
    await engine.remove([first.id])
    fault_server.release("a")
    second = await fetch(engine, workspace.request(url))
    await engine.restore([first.id])
    assert (await settled(engine, first)).status is Status.COMPLETED
    assert second.id != first.id
    assert workspace.names() == ["a", "a (1)"]
    assert workspace.content("a") == workspace.content("a (1)") == DATA


async def test_what_went_with_its_files_says_so(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(ONE)
    done = await fetch(engine, workspace.request(fault_server.file("a", DATA)))
    await engine.remove([done.id], files=True)
    (refusal,) = (await engine.restore([done.id])).refused
    assert refusal.error.code is ErrorCode.NOT_ALLOWED
    assert refusal.error.message == "its files were deleted with it"


async def test_only_the_latest_are_remembered(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.engine.requests.remove.MOST_REMOVED", 2)
    engine = await workspace.engine(ONE)
    requests = [
        replace(workspace.request(fault_server.url_of(name)), paused=True) for name in "abc"
    ]
    one, two, three = await engine.add(requests)
    await engine.remove(None)
    outcome = await engine.restore([one.id, two.id, three.id])
    assert [download.id for download in outcome.changed] == [two.id, three.id]
    (refusal,) = outcome.refused
    assert (refusal.id, refusal.error.code) == (one.id, ErrorCode.UNKNOWN_ID)
    assert "the last 2 are remembered" in refusal.error.hint


async def test_what_cannot_be_stored_can_be_tried_again(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await workspace.engine(ONE)
    url = fault_server.file("a", DATA, hold_after=HALF)
    (download,) = await engine.add([workspace.request(url)])
    await fault_server.held("a")
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 0)
    await engine.remove([download.id])
    fault_server.release("a")

    async def fail(*_: object) -> None:
        raise StateError("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr(ResumeStore, "save", fail)
        (refusal,) = (await engine.restore([download.id])).refused
        assert refusal.error.message == "the disk is gone"
        assert await engine.downloads() == []
    await engine.restore([download.id])
    assert (await settled(engine, download)).status is Status.COMPLETED


async def test_a_finished_one_whose_address_had_a_secret_can_be_removed_and_comes_back(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(ONE)
    url = fault_server.file("a", DATA)
    done = await fetch(engine, workspace.request(f"{url}?token=secret"))
    await engine.remove([done.id])
    (back,) = (await engine.restore([done.id])).changed
    assert back.status is Status.COMPLETED
    assert "secret" not in back.request.url
