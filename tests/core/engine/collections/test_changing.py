"""A collection has a limit, a priority and a pause of its own, for members there and to come."""

from __future__ import annotations

import pytest

from core.domain.collections import CollectionChanges, CollectionRequest
from core.domain.inspection import Cause
from core.domain.models import Status
from core.domain.value import replace
from core.engine.service import Engine
from tests.core.engine.collections.samples import (
    NAME,
    a_set,
    at_rest,
    collected,
    entries,
    members,
    until,
)
from tests.core.engine.conftest import Workspace
from tests.faults.model import content
from tests.faults.server import FaultServer

LARGE = {"a": content(900_000, 1), "b": content(900_000, 2)}


async def running(engine: Engine, workspace: Workspace, server: FaultServer, limit: int) -> None:
    """Have two members run that are too slow ever to end."""
    named = entries(server, LARGE)
    await engine.collect(a_set(workspace, limit=limit), fed=True)
    await engine.add_entries(NAME, named)
    await until(engine, lambda view: view.totals.bytes_done > 0)


async def test_a_limit_holds_for_all_members_together_also_where_it_changes(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    await running(engine, workspace, fault_server, 2000)
    found = await members(engine)
    seen = await engine.inspect(found["a"].id)
    assert seen.limits.collection == 2000
    (other,) = await engine.add([workspace.request(fault_server.file("other", content(10)))])
    assert (await engine.inspect(other.id)).limits.collection is None
    await engine.change_collection(NAME, CollectionChanges(limit=0))
    assert (await at_rest(engine)).is_whole
    assert (await engine.inspect(found["a"].id)).limits.collection is None


async def test_a_limit_is_one_bucket_for_all_and_outlives_the_engine(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    await running(engine, workspace, fault_server, 2000)
    bucket = engine._context.group_limits[NAME]
    assert all(bucket in transfer._limits for transfer in engine._runner.running)
    assert len(engine._runner.running) == 2
    await engine.close()
    again = await workspace.engine()
    (member, _) = (await members(again)).values()
    assert (await again.inspect(member.id)).limits.collection == 2000


async def test_who_asks_why_it_is_slow_hears_of_the_collection(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    await running(engine, workspace, fault_server, 2000)
    found = await members(engine)

    async def cause() -> Cause | None:
        seen = [await engine.inspect(download.id) for download in found.values()]
        return next((s.slowness.cause for s in seen if s.slowness is not None), None)

    async with engine.subscribe() as events:
        async for _ in events:
            if await cause() is Cause.COLLECTION_LIMIT:
                return


async def test_only_what_the_collection_paused_goes_on_with_it(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    fault_server_files = {"a": b"1", "b": b"2", "c": b"3"}
    named = entries(fault_server, fault_server_files)
    shared = replace(a_set(workspace).request, paused=False)
    await engine.hold(True)
    await engine.collect(a_set(workspace, request=shared), fed=True)
    await engine.add_entries(NAME, named[:2], more=True)
    found = await members(engine)
    await engine.pause([found["a"].id])
    await engine.change_collection(NAME, CollectionChanges(paused=True))
    await engine.add_entries(NAME, named[2:])
    assert {d.status for d in (await members(engine)).values()} == {Status.PAUSED}
    await engine.change_collection(NAME, CollectionChanges(paused=False))
    statuses = {path: d.status for path, d in (await members(engine)).items()}
    assert statuses == {"a": Status.PAUSED, "b": Status.PENDING, "c": Status.PENDING}
    # It is not paused any more: who asks it to go on means what rests for other reasons.
    await engine.change_collection(NAME, CollectionChanges(paused=False))
    assert {d.status for d in (await members(engine)).values()} == {Status.PENDING}


async def test_a_pause_of_its_own_stays_though_the_collection_goes_on(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    await engine.hold(True)
    await engine.collect(a_set(workspace), fed=True)
    await engine.add_entries(NAME, entries(fault_server, {"a": b"1", "b": b"2"}))
    await engine.change_collection(NAME, CollectionChanges(paused=True))
    await engine.pause([(await members(engine))["a"].id])
    await engine.change_collection(NAME, CollectionChanges(paused=False))
    statuses = {path: d.status for path, d in (await members(engine)).items()}
    assert statuses == {"a": Status.PAUSED, "b": Status.PENDING}


async def test_a_priority_holds_for_members_there_and_to_come(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    await engine.hold(True)
    named = entries(fault_server, {"a": b"1", "b": b"2"})
    await engine.collect(a_set(workspace), fed=True)
    await engine.add_entries(NAME, named[:1], more=True)
    await engine.change_collection(NAME, CollectionChanges(priority=7))
    await engine.add_entries(NAME, named[1:])
    assert {d.request.priority for d in (await members(engine)).values()} == {7}


@pytest.mark.parametrize("together", [False, True])
async def test_a_removal_with_its_files_takes_the_directory_that_was_made_for_it(
    workspace: Workspace, fault_server: FaultServer, *, together: bool
) -> None:
    engine = await workspace.engine()
    named = entries(fault_server, {"a": b"1", "deep/b": b"2"})
    await collected(engine, workspace, named, together=together)
    await until(engine, lambda view: view.is_whole)
    await engine.remove_collection(NAME, files=True)
    assert workspace.names() == []


@pytest.mark.parametrize("why", ["it was there", "a file of another is in it", "it is the usual"])
async def test_a_directory_that_is_not_only_its_own_stays(
    workspace: Workspace, fault_server: FaultServer, why: str
) -> None:
    engine = await workspace.engine()
    directory = workspace.files / "set"
    if why == "it was there":
        directory.mkdir()
    if why == "it is the usual":
        downloads = replace(engine.settings.downloads, directory=str(directory))
        engine.read_settings = lambda: replace(engine.settings, downloads=downloads)
        await engine.reload()
    await collected(engine, workspace, entries(fault_server, {"a": b"1"}))
    if why == "a file of another is in it":
        (directory / "mine").write_bytes(b"mine")
    await engine.remove_collection(NAME, files=True)
    assert directory.is_dir()
    assert not (directory / "a").exists()


async def test_a_directory_into_which_another_collection_fetches_stays(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    await collected(engine, workspace, entries(fault_server, {"a": b"1"}))
    await engine.collect(CollectionRequest(name="other", request=a_set(workspace).request))
    await engine.remove_collection(NAME, files=True)
    assert (workspace.files / "set").is_dir()
