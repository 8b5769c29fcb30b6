"""What lies in the destination before, and what the finished file is like."""

from __future__ import annotations

import pytest

from core.domain.errors import ErrorCode
from core.domain.models import Conflict, Download, DownloadRequest, Status
from core.domain.settings import DownloadSettings
from core.domain.value import replace
from tests.core.engine.conftest import SETTINGS, Workspace, fetch, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer

SIZE = 3_000_000
DATA = content(SIZE)
MINE = b"mine"


def request(
    workspace: Workspace, url: str, rule: Conflict | None, *, name: str | None = None
) -> DownloadRequest:
    return replace(workspace.request(url, name=name), conflict=rule)


def code(download: Download) -> ErrorCode | None:
    return download.error and download.error.code


@pytest.mark.parametrize("name", [None, "a"])
async def test_skip_leaves_the_file_and_fetches_nothing(
    workspace: Workspace, fault_server: FaultServer, name: str | None
) -> None:
    (workspace.files / "a").write_bytes(MINE)
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=1000)
    done = await fetch(engine, request(workspace, url, Conflict.SKIP, name=name))
    assert (done.status, done.name, done.total_bytes) == (Status.COMPLETED, "a", len(MINE))
    assert [entry.text for entry in done.timeline][-2] == "skipped: the file exists"
    assert workspace.content("a") == MINE
    assert workspace.names() == ["a"]
    assert len(fault_server.requests) == (0 if name else 1)
    await engine.remove([done.id], files=True)
    assert workspace.content("a") == MINE


@pytest.mark.parametrize("name", [None, "a"])
async def test_fail_says_so_before_a_byte_is_fetched(
    workspace: Workspace, fault_server: FaultServer, name: str | None
) -> None:
    (workspace.files / "a").write_bytes(MINE)
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=1000)
    failed = await fetch(engine, request(workspace, url, Conflict.FAIL, name=name))
    assert code(failed) is ErrorCode.EXISTS
    assert workspace.content("a") == MINE
    assert workspace.names() == ["a"]
    assert len(fault_server.requests) == (0 if name else 1)


async def test_overwrite_replaces_the_file_only_when_the_new_one_is_whole(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (workspace.files / "a").write_bytes(MINE)
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=2_000_000)
    (download,) = await engine.add([request(workspace, url, Conflict.OVERWRITE)])
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 1_000_000)
    assert workspace.content("a") == MINE
    fault_server.release("a")
    done = await settled(engine, download)
    assert done.name == "a"
    assert workspace.content("a") == DATA
    assert workspace.names() == ["a"]


async def test_leave_to_overwrite_belongs_to_the_command_that_gave_it(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=1_500_000)
    (download,) = await engine.add([request(workspace, url, Conflict.OVERWRITE, name="a")])
    await fault_server.held("a")
    await engine.pause([download.id])
    (workspace.files / "a").write_bytes(MINE)
    fault_server.release("a")
    (again,) = await engine.add([request(workspace, url, None, name="a")])
    assert again.id == download.id
    assert again.request.conflict is None
    done = await settled(engine, again)
    assert workspace.content("a") == MINE
    assert (done.name, workspace.content("a (1)")) == ("a (1)", DATA)


@pytest.mark.parametrize("was_there", [False, True])
async def test_only_what_was_there_when_it_was_asked_for_is_overwritten(
    workspace: Workspace, fault_server: FaultServer, was_there: bool
) -> None:
    if was_there:
        (workspace.files / "a").write_bytes(b"older")
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=1_500_000)
    (download,) = await engine.add([request(workspace, url, Conflict.OVERWRITE)])
    await fault_server.held("a")
    (workspace.files / "mine").write_bytes(MINE)
    (workspace.files / "mine").replace(workspace.files / "a")
    fault_server.release("a")
    done = await settled(engine, download)
    assert workspace.content("a") == MINE
    assert (done.name, workspace.content("a (1)")) == ("a (1)", DATA)
    assert any(entry.text.startswith("kept: a is not the file") for entry in done.timeline)


async def test_who_asks_again_may_overwrite_what_is_there_by_then(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=1_500_000)
    (download,) = await engine.add([request(workspace, url, Conflict.OVERWRITE)])
    await fault_server.held("a")
    await engine.pause([download.id])
    (workspace.files / "a").write_bytes(MINE)
    fault_server.release("a")
    (again,) = await engine.add([request(workspace, url, Conflict.OVERWRITE)])
    done = await settled(engine, again)
    assert (done.name, workspace.content("a")) == ("a", DATA)
    assert workspace.names() == ["a"]


@pytest.mark.parametrize("rule", [Conflict.SKIP, Conflict.OVERWRITE, Conflict.FAIL])
async def test_a_directory_is_no_file_to_skip_or_overwrite(
    workspace: Workspace, fault_server: FaultServer, rule: Conflict
) -> None:
    (workspace.files / "a").mkdir()
    engine = await workspace.engine()
    failed = await fetch(engine, request(workspace, fault_server.file("a", DATA), rule))
    assert code(failed) is ErrorCode.EXISTS
    assert workspace.names() == ["a"]


async def test_overwriting_a_link_leaves_what_it_points_to(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (workspace.files / "target").write_bytes(MINE)
    (workspace.files / "a").symlink_to("target")
    engine = await workspace.engine()
    await fetch(engine, request(workspace, fault_server.file("a", DATA), Conflict.OVERWRITE))
    assert workspace.content("target") == MINE
    assert not (workspace.files / "a").is_symlink()
    assert workspace.content("a") == DATA


async def test_a_server_cannot_have_the_part_file_of_another_download_overwritten(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=2_000_000)
    (victim,) = await engine.add([workspace.request(url)])
    await until(engine, victim, lambda view: view.progress.bytes_downloaded > 1_000_000)
    await engine.pause([victim.id])
    hostile = fault_server.file("a.part", MINE)
    done = await fetch(engine, request(workspace, hostile, Conflict.OVERWRITE))
    assert done.name == "a (1).part"
    fault_server.release("a")
    await engine.resume([victim.id])
    assert (await settled(engine, victim)).status is Status.COMPLETED
    assert workspace.content("a") == DATA


@pytest.mark.parametrize("rule", [Conflict.SKIP, Conflict.FAIL])
async def test_a_file_that_comes_to_exist_meanwhile_is_a_conflict_too(
    workspace: Workspace, fault_server: FaultServer, rule: Conflict
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=2_000_000)
    (download,) = await engine.add([request(workspace, url, rule)])
    await until(engine, download, lambda view: view.download.name_settled)
    (workspace.files / "a").write_bytes(MINE)
    fault_server.release("a")
    ended = await settled(engine, download)
    assert workspace.content("a") == MINE
    if rule is Conflict.SKIP:
        assert ended.status is Status.COMPLETED
        assert workspace.names() == ["a"]
        return
    assert code(ended) is ErrorCode.EXISTS
    assert workspace.names() == ["a", "a.part"]
    (workspace.files / "a").unlink()
    requests = len(fault_server.requests)
    await engine.retry([ended.id])
    assert (await settled(engine, ended)).status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert len(fault_server.requests) == requests


async def test_a_foreign_part_file_is_no_reason_to_change_the_files_name(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (workspace.files / "a.part").write_bytes(MINE)
    engine = await workspace.engine()
    done = await fetch(engine, request(workspace, fault_server.file("a", DATA), Conflict.FAIL))
    assert done.name == "a"
    assert workspace.content("a") == DATA
    assert workspace.content("a.part") == MINE


async def test_the_rule_of_the_settings_holds_where_none_is_given(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (workspace.files / "a").write_bytes(MINE)
    settings = replace(SETTINGS, downloads=DownloadSettings(conflict=Conflict.FAIL))
    engine = await workspace.engine(settings)
    url = fault_server.file("a", DATA)
    assert code(await fetch(engine, workspace.request(url))) is ErrorCode.EXISTS
    done = await fetch(engine, request(workspace, url, Conflict.RENAME))
    assert done.name == "a (1)"


async def test_one_url_under_two_names_is_two_downloads_and_under_one_name_is_one(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=1_000_000)
    asked = [workspace.request(url, name=name) for name in ("x", "y", "x")]
    x, y, again = await engine.add(asked)
    assert again.id == x.id != y.id
    (third,) = await engine.add([workspace.request(url, name="y")])
    assert third.id == y.id
    fault_server.release("a")
    for download in (x, y):
        assert (await settled(engine, download)).status is Status.COMPLETED
    assert workspace.names() == ["x", "y"]
    assert workspace.content("x") == workspace.content("y") == DATA


@pytest.mark.parametrize("preallocate", [True, False])
async def test_a_reserved_file_is_resumed_like_any_other(
    workspace: Workspace, fault_server: FaultServer, preallocate: bool
) -> None:
    downloads = DownloadSettings(preallocate=preallocate)
    settings = replace(SETTINGS, downloads=downloads)
    first = await workspace.engine(settings)
    url = fault_server.file("a", DATA, hold_after=1_500_000)
    (download,) = await first.add([workspace.request(url)])
    await until(first, download, lambda view: view.progress.bytes_downloaded > 1_000_000)
    part = (workspace.files / "a.part").stat()
    assert part.st_size < SIZE
    await first.close()
    fault_server.release("a")
    second = await workspace.engine(settings)
    done = await settled(second, download)
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert fault_server.requests_to("a")[1].range != "bytes=0-"


async def test_a_reserved_file_that_does_not_come_gives_its_room_back(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    settings = replace(SETTINGS, downloads=DownloadSettings(preallocate=True))
    url = fault_server.file("a", content(30_000_000), fail_after=100_000)
    engine = await workspace.engine(settings)
    failed = await fetch(engine, replace(workspace.request(url), retries=0, connections=1))
    assert failed.status is Status.FAILED
    assert (workspace.files / "a.part").stat().st_blocks * 512 < 1_000_000


async def test_the_file_has_the_servers_time(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, last_modified="Sun, 06 Nov 1994 08:49:37 GMT")
    await fetch(engine, workspace.request(url))
    assert (workspace.files / "a").stat().st_mtime == 784111777.0
    url = fault_server.file("b", DATA, last_modified="Thu, 01 Jan 1970 00:00:00 GMT")
    await fetch(engine, workspace.request(url))
    assert (workspace.files / "b").stat().st_mtime > 784111777.0
