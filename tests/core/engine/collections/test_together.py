"""Whole or not there: nothing has a final name before all is proved, and then all of it has."""

from __future__ import annotations

import asyncio
import itertools
import os
import stat
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path

import pytest

from core.adapters.files import publishing
from core.domain.collections import CollectionChanges, CollectionState, CollectionView
from core.domain.entries import Refused
from core.domain.errors import DiskFullError, ErrorCode
from core.domain.models import Conflict, DownloadRecord, DownloadRequest
from core.domain.value import replace
from core.engine.downloads.list import DownloadList
from core.engine.service import Engine
from tests.core.engine.collections.samples import (
    NAME,
    a_set,
    at_rest,
    collected,
    entries,
    members,
    rows,
    tree,
    until,
)
from tests.core.engine.conftest import Workspace
from tests.faults.model import content
from tests.faults.server import FaultServer

FILES = {"a": content(1000, 1), "deep/b": content(300_000, 2), "deep/er/c": content(2000, 3)}


def hidden(workspace: Workspace) -> Path:
    return workspace.files / f".{NAME}.winch"


async def published(engine: Engine) -> CollectionView:
    return await until(engine, lambda view: view.collection.state is CollectionState.PUBLISHED)


async def stuck(engine: Engine) -> CollectionView:
    return await until(engine, lambda view: view.collection.publish_error is not None)


async def retried(engine: Engine) -> None:
    bad = [row.id for row in (await rows(engine)).values() if row.verdict in ("bad", "missing")]
    await engine.retry([id_ for id_ in bad if id_ is not None])
    await engine.change_collection(NAME, CollectionChanges())


async def test_all_of_it_gets_its_name_at_once(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    named = entries(fault_server, FILES)
    fault_server.change("deep_b", hold_after=1000)
    await engine.collect(a_set(workspace, together=True), fed=True)
    await engine.add_entries(NAME, named)
    await fault_server.held("deep_b")
    assert not (workspace.files / "set").exists()
    assert stat.S_IMODE(hidden(workspace).stat().st_mode) == 0o700
    fault_server.release("deep_b")
    view = await published(engine)
    assert view.is_whole
    assert tree(workspace.files / "set") == FILES
    assert workspace.names() == ["set"]
    umask = os.umask(0o022)
    os.umask(umask)
    assert stat.S_IMODE((workspace.files / "set").stat().st_mode) == 0o777 & ~umask
    for path, download in (await members(engine)).items():
        assert Path(download.path) == workspace.files / "set" / path
    assert (await engine.verify([d.id for d in (await members(engine)).values()])).refused == ()
    assert (await engine.collection(NAME)).is_whole


async def test_one_failure_leaves_nothing_under_final_names(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    named = entries(fault_server, FILES)
    fault_server.change("a", statuses=[404])
    view = await collected(engine, workspace, named, together=True)
    assert (view.verdict, view.is_whole) == ("1 missing", False)
    assert not (workspace.files / "set").exists()
    assert view.causes[0].code == ErrorCode.NOT_FOUND
    await retried(engine)
    assert (await published(engine)).is_whole
    assert tree(workspace.files / "set") == FILES
    assert len(fault_server.requests_to("deep_b")) == 1


async def test_a_refused_entry_keeps_it_hidden(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    await engine.collect(a_set(workspace, together=True), fed=True)
    wrong = Refused(where="line 9", reason="it is no URL")
    await engine.add_entries(NAME, entries(fault_server, FILES), [wrong])
    view = await at_rest(engine)
    assert view.verdict == "1 missing"
    assert not (workspace.files / "set").exists()


async def test_an_empty_directory_is_replaced_and_its_mode_stays(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    (workspace.files / "set").mkdir(mode=0o750)
    await collected(engine, workspace, entries(fault_server, FILES), together=True)
    await published(engine)
    assert tree(workspace.files / "set") == FILES
    assert stat.S_IMODE((workspace.files / "set").stat().st_mode) == 0o750


async def test_into_a_directory_with_other_files_they_go_one_by_one(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    (workspace.files / "set/deep").mkdir(parents=True)
    (workspace.files / "set/deep/other").write_bytes(b"other")
    await collected(engine, workspace, entries(fault_server, FILES), together=True)
    assert (await published(engine)).is_whole
    assert tree(workspace.files / "set") == FILES | {"deep/other": b"other"}
    assert workspace.names() == ["set"]
    removal = await engine.remove_collection(NAME, files=True)
    assert len(removal.deleted_files) == 3
    assert tree(workspace.files / "set") == {"deep/other": b"other"}


async def test_a_conflict_is_found_before_the_first_name(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    (workspace.files / "set/deep").mkdir(parents=True)
    (workspace.files / "set/deep/b").write_bytes(b"mine")
    await collected(engine, workspace, entries(fault_server, FILES), together=True)
    view = await stuck(engine)
    error = view.collection.publish_error
    assert error is not None
    assert error.code is ErrorCode.EXISTS
    assert "has deep/b already" in error.message
    assert view.verdict == "its files could not get their names"
    assert tree(workspace.files / "set") == {"deep/b": b"mine"}
    shared = replace(a_set(workspace).request, conflict=Conflict.OVERWRITE)
    await collected(engine, workspace, entries(fault_server, FILES), request=shared, together=True)
    assert (await published(engine)).is_whole
    assert tree(workspace.files / "set") == FILES
    assert len(fault_server.requests) == 3


async def test_what_stands_in_the_way_is_said_and_a_retry_tries_again(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    (workspace.files / "set").write_bytes(b"a file")
    await collected(engine, workspace, entries(fault_server, FILES), together=True)
    view = await stuck(engine)
    assert view.collection.publish_error is not None
    assert "is no directory" in view.collection.publish_error.message
    (workspace.files / "set").unlink()
    await retried(engine)
    assert (await published(engine)).is_whole
    assert tree(workspace.files / "set") == FILES


async def test_what_is_removed_unpublished_leaves_nothing(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    named = entries(fault_server, FILES)
    fault_server.change("a", content=content(1000, 9))
    await collected(engine, workspace, named, together=True)
    removal = await engine.remove_collection(NAME, files=True)
    assert removal.kept == ()
    assert workspace.names() == []


async def test_what_joins_later_gathers_and_joins_the_others(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    await collected(engine, workspace, entries(fault_server, FILES), together=True)
    await published(engine)
    more = {"deep/d": content(500, 4)}
    named = entries(fault_server, more)
    fault_server.change("deep_d", statuses=[404])
    view = await collected(
        engine, workspace, [*entries(fault_server, FILES), *named], together=True
    )
    assert view.verdict == "1 missing"
    assert tree(workspace.files / "set") == FILES
    await retried(engine)
    assert (await published(engine)).is_whole
    assert tree(workspace.files / "set") == FILES | more
    assert len(fault_server.requests_to("a")) == 1
    # Nothing new leaves it as it is.
    await collected(engine, workspace, [*entries(fault_server, FILES), *named], together=True)
    assert (await engine.collection(NAME)).is_whole
    assert workspace.names() == ["set"]


async def test_a_file_that_went_away_while_it_gathered_is_missing(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    named = entries(fault_server, FILES)
    fault_server.change("deep_b", hold_after=1000)
    await engine.collect(a_set(workspace, together=True), fed=True)
    await engine.add_entries(NAME, named)
    await fault_server.held("deep_b")
    await until(engine, lambda view: view.verdicts["whole"] == 2)
    (hidden(workspace) / "a").unlink()
    fault_server.release("deep_b")
    view = await until(engine, lambda view: view.verdicts["missing"] == 1)
    assert not (workspace.files / "set").exists()
    await retried(engine)
    assert (await published(engine)).is_whole
    assert view.causes[0].count == 1
    assert tree(workspace.files / "set") == FILES


async def test_removing_what_failed_lets_the_others_have_their_names(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    named = entries(fault_server, FILES)
    fault_server.change("a", statuses=[404])
    await collected(engine, workspace, named, together=True)
    await engine.remove([(await members(engine))["a"].id])
    assert (await published(engine)).is_whole
    assert sorted(tree(workspace.files / "set")) == ["deep/b", "deep/er/c"]


class KilledError(BaseException):
    """The process ends here."""


class CountedSystem:
    """The calls that change directories, of which one is the last; the rest of `os` as it is."""

    STEPS = frozenset({"rename", "link", "unlink", "rmdir", "chmod", "fsync"})

    def __init__(self, last: int, *, done: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._left = last
        self._done = done
        self.killed: asyncio.Future[bool] = self._loop.create_future()

    def end(self, killed: bool) -> None:
        if not self.killed.done():
            self.killed.set_result(killed)

    def __getattr__(self, name: str) -> object:
        call = getattr(os, name)
        return partial(self._counted, call) if name in self.STEPS else call

    def _counted(self, call: Callable[..., object], *args: object, **kwargs: object) -> object:
        self._left -= 1
        if self._left == 0:
            if self._done:
                with suppress(OSError):
                    call(*args, **kwargs)
            self._loop.call_soon_threadsafe(self.end, True)
        if self._left <= 0:
            raise KilledError
        return call(*args, **kwargs)


async def published_or_killed(engine: Engine, system: CountedSystem) -> bool:
    async def wait() -> None:
        await published(engine)
        system.end(False)

    waiting = asyncio.create_task(wait())
    killed = await system.killed
    waiting.cancel()
    return killed


@pytest.mark.parametrize("done", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("occupied", [True, False], ids=["one by one", "at once"])
async def test_a_crash_in_between_ends_whole(
    tmp_path: Path,
    fault_server: FaultServer,
    monkeypatch: pytest.MonkeyPatch,
    occupied: bool,
    done: bool,
) -> None:
    files = {"a": b"1", "deep/b": b"22", "deep/er/c": b"333"}
    other = {"other": b"other"} if occupied else {}
    for last in itertools.count(1):
        async with AsyncExitStack() as stack:
            root = tmp_path / str(last)
            root.mkdir()
            workspace = Workspace(root, stack)
            there = workspace.files / "set"
            if occupied:
                there.mkdir()
                (there / "other").write_bytes(b"other")
            engine = await workspace.engine()
            asked = len(fault_server.requests)
            with monkeypatch.context() as patch:
                system = CountedSystem(last, done=done)
                patch.setattr(publishing, "os", system)
                named = entries(fault_server, files)
                await engine.collect(a_set(workspace, together=True), fed=True)
                await engine.add_entries(NAME, named)
                killed = await published_or_killed(engine, system)
                await engine.close()
            again = await workspace.engine()
            assert (await published(again)).is_whole
            assert tree(there) == files | other
            assert workspace.names() == ["set"]
            every = [d.id for d in (await members(again)).values()]
            assert (await again.verify(every)).refused == ()
            assert len(fault_server.requests) == asked + 3
            removal = await again.remove_collection(NAME, files=True)
            assert len(removal.deleted_files) == 3
            assert tree(there) == other
        if not killed:
            return


async def test_a_crash_before_the_list_knows_ends_whole(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await workspace.engine()
    killed = asyncio.get_running_loop().create_future()
    update = DownloadList.update

    def dies(self: DownloadList, download: DownloadRecord, **fields: object) -> DownloadRecord:
        request = fields.get("request")
        moved = (
            isinstance(request, DownloadRequest)
            and request.directory != str(hidden(workspace))
            and (workspace.files / "set").exists()
        )
        if moved and killed.done():
            raise KilledError
        if moved:
            killed.set_result(None)
        return update(self, download, **fields)

    with monkeypatch.context() as patch:
        patch.setattr(DownloadList, "update", dies)
        await engine.collect(a_set(workspace, together=True), fed=True)
        await engine.add_entries(NAME, entries(fault_server, FILES))
        await killed
        await engine.close()
    again = await workspace.engine()
    assert (await published(again)).is_whole
    assert tree(workspace.files / "set") == FILES
    assert (await again.verify([d.id for d in (await members(again)).values()])).refused == ()


async def test_a_list_that_cannot_be_saved_is_no_word_against_a_name_that_is_there(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await workspace.engine()
    flush = DownloadList.flush
    failed = asyncio.Event()

    async def fails_once(self: DownloadList) -> None:
        states = {each.state for each in self.collections.values()}
        if CollectionState.PUBLISHED in states and not failed.is_set():
            failed.set()
            raise DiskFullError("no space left")
        await flush(self)

    monkeypatch.setattr(DownloadList, "flush", fails_once)
    await engine.collect(a_set(workspace, together=True), fed=True)
    await engine.add_entries(NAME, entries(fault_server, FILES))
    await failed.wait()
    await engine.close()
    again = await workspace.engine()
    assert (await published(again)).is_whole
    assert tree(workspace.files / "set") == FILES


async def test_an_upkeep_takes_nothing_of_what_gathers(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    named = entries(fault_server, FILES)
    fault_server.change("deep_b", hold_after=280_000)
    await engine.collect(a_set(workspace, together=True), fed=True)
    await engine.add_entries(NAME, named)
    await fault_server.held("deep_b")
    await until(engine, lambda view: view.verdicts["whole"] == 2)
    await engine.close()
    again = await workspace.engine()
    assert (await again.clean(dry_run=False)).removed == ()
    fault_server.release("deep_b")
    assert (await published(again)).is_whole
    assert tree(workspace.files / "set") == FILES


async def test_an_embedded_engine_leaves_collections_to_the_next_daemon(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    await engine.hold(True)
    await engine.collect(a_set(workspace, together=True), fed=True)
    await engine.add_entries(NAME, entries(fault_server, FILES))
    await engine.close()
    embedded = await workspace.engine(embedded=True)
    view = await embedded.collection(NAME)
    assert view.verdicts["pending"] == 3
    assert view.collection.is_hidden
    await embedded.close()
    again = await workspace.engine()
    await again.hold(False)
    assert (await published(again)).is_whole


async def test_on_a_file_system_of_its_own_they_gather_in_it_and_go_one_by_one(
    workspace: Workspace, fault_server: FaultServer, small_disk: Callable[[Path, str], None]
) -> None:
    there = workspace.files / "set"
    there.mkdir()
    small_disk(there, "900m")
    engine = await workspace.engine()
    await collected(engine, workspace, entries(fault_server, FILES), together=True)
    assert (await published(engine)).is_whole
    assert tree(there) == FILES
    assert workspace.names() == ["set"]


async def test_through_a_link_to_a_directory_its_files_go_one_by_one(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (workspace.files / "real").mkdir()
    (workspace.files / "real/other").write_bytes(b"other")
    (workspace.files / "set").symlink_to("real")
    engine = await workspace.engine()
    await collected(engine, workspace, entries(fault_server, FILES), together=True)
    assert (await published(engine)).is_whole
    assert tree(workspace.files / "real") == FILES | {"other": b"other"}
    assert workspace.names() == ["real", "set"]
