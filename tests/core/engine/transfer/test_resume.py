"""What is left of a file when it begins again, by itself or because somebody wants it afresh."""

from __future__ import annotations

import hashlib
import os

import pytest

from core.adapters.state.resume_data import ResumeStore
from core.domain.errors import ErrorCode, UnknownIdError
from core.domain.models import Checksum, Download, Segment, Status
from core.domain.value import replace
from core.engine.service import Engine
from core.policy.transfer.ranges import OVERLAP_BEFORE
from tests.core.engine.conftest import Workspace, fetch, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer

SIZE = 3_000_000
HALF = SIZE // 2
DATA = content(SIZE)
OTHER = content(SIZE, seed=1)
LOST = "its resume data is lost"


async def half(
    workspace: Workspace, server: FaultServer, engine: Engine, *, restart: bool = True
) -> Download:
    """Have a download that is paused half done; the server gives the rest from now on."""
    url = server.file("a", DATA, hold_after=HALF)
    request = replace(workspace.request(url), connections=1, restart=restart)
    (download,) = await engine.add([request])
    await until(engine, download, lambda view: view.progress.bytes_downloaded >= HALF // 2)
    await engine.pause([download.id])
    server.release("a")
    return (await engine.find(download.id)).download


def texts(download: Download) -> list[str]:
    return [entry.text for entry in download.timeline]


async def test_a_pause_keeps_what_is_there_and_a_resume_goes_on(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=1_500_000)
    (download,) = await engine.add([workspace.request(url)])
    await fault_server.held("a")
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 1_000_000)
    outcome = await engine.pause([download.id])
    assert [d.status for d in outcome.changed] == [Status.PAUSED]
    have = (await engine.find(download.id)).progress.bytes_downloaded
    assert have > 1_000_000
    fault_server.release("a")
    await engine.resume([download.id])
    done = await settled(engine, download)
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert fault_server.requests_to("a")[1].range == f"bytes={have - OVERLAP_BEFORE}-{SIZE - 1}"


async def test_a_new_engine_goes_on_where_the_last_one_stopped(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    first = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=2_000_000)
    (download,) = await first.add([workspace.request(url)])
    await until(first, download, lambda view: view.progress.bytes_downloaded > 1_000_000)
    await first.close()
    fault_server.release("a")
    second = await workspace.engine()
    done = await settled(second, download)
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert fault_server.requests_to("a")[1].range != "bytes=0-"


@pytest.mark.parametrize("etag", ['"v2"', None])
async def test_a_file_that_changed_is_fetched_anew_and_never_mixed(
    workspace: Workspace, fault_server: FaultServer, etag: str | None
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, etag=etag and '"v1"', hold_after=1_500_000)
    (download,) = await engine.add([workspace.request(url)])
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 1_000_000)
    await engine.pause([download.id])
    fault_server.replace("a", OTHER, etag=etag, hold_after=None)
    await engine.resume([download.id])
    done = await settled(engine, download)
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == OTHER
    assert done.resume_verdict is not None
    assert done.resume_verdict.startswith("restarted")


async def test_what_may_not_be_fetched_anew_fails_and_is_kept(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=1_500_000)
    request = replace(workspace.request(url), restart=False)
    (download,) = await engine.add([request])
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 1_000_000)
    await engine.pause([download.id])
    kept = workspace.content("a.part")
    fault_server.replace("a", OTHER, etag='"v2"', hold_after=None)
    await engine.resume([download.id])
    failed = await settled(engine, download)
    assert failed.error is not None
    assert failed.error.code is ErrorCode.CANNOT_RESUME
    assert workspace.content("a.part") == kept


async def test_a_login_page_on_resume_touches_nothing(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=1_500_000)
    (download,) = await engine.add([workspace.request(url)])
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 1_000_000)
    await engine.pause([download.id])
    kept = workspace.content("a.part")
    fault_server.replace("a", b"<html>log in", etag=None, content_type="text/html", ranges=False)
    await engine.resume([download.id])
    failed = await settled(engine, download)
    assert failed.error is not None
    assert failed.error.code is ErrorCode.FILE_CHANGED
    assert workspace.content("a.part") == kept


@pytest.mark.parametrize("how", ["deleted", "damaged"])
async def test_without_its_record_a_file_begins_anew_in_its_own_part_file(
    workspace: Workspace, fault_server: FaultServer, how: str
) -> None:
    engine = await workspace.engine()
    left = await half(workspace, fault_server, engine)
    inode = (workspace.files / "a.part").stat().st_ino
    (record,) = (workspace.state / "resume_data").glob("*.json")
    if how == "deleted":
        record.unlink()
    else:
        record.write_bytes(record.read_bytes()[:-20])
    await engine.resume([left.id])
    done = await settled(engine, left)
    assert (done.status, done.name) == (Status.COMPLETED, "a")
    assert workspace.names() == ["a"]
    assert (workspace.files / "a").stat().st_ino == inode
    assert workspace.content("a") == DATA
    assert texts(done).count(f"{LOST}; starting anew") == 1
    assert fault_server.requests_to("a")[-1].range in (None, "bytes=0-")


async def test_a_part_file_of_somebody_else_is_not_taken_for_the_lost_one(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    left = await half(workspace, fault_server, engine)
    (record,) = (workspace.state / "resume_data").glob("*.json")
    record.unlink()
    (workspace.files / "a.part").rename(workspace.files / "moved")
    (workspace.files / "a.part").write_bytes(b"foreign")
    await engine.resume([left.id])
    done = await settled(engine, left)
    assert done.name == "a (1)"
    assert workspace.content("a.part") == b"foreign"


@pytest.mark.parametrize("what", ["lost", "shorter", "longer"])
async def test_where_no_restart_is_wanted_nothing_is_thrown_away(
    workspace: Workspace, fault_server: FaultServer, what: str
) -> None:
    engine = await workspace.engine()
    left = await half(workspace, fault_server, engine, restart=False)
    part = workspace.files / "a.part"
    if what == "lost":
        next((workspace.state / "resume_data").glob("*.json")).unlink()
    else:
        os.truncate(part, 1000 if what == "shorter" else SIZE + 1)
    size = part.stat().st_size
    await engine.resume([left.id])
    failed = await settled(engine, left)
    assert failed.error is not None
    assert failed.error.code is ErrorCode.CANNOT_RESUME
    assert part.stat().st_size == size
    await engine.add([replace(left.request, restart=True)])
    assert (await settled(engine, left)).status is Status.COMPLETED
    assert workspace.content("a") == DATA


async def test_a_part_file_that_grew_beyond_the_file_is_not_published(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    left = await half(workspace, fault_server, engine)
    with (workspace.files / "a.part").open("ab") as part:
        part.truncate(SIZE)
        part.write(b"x" * 100)
    await engine.resume([left.id])
    done = await settled(engine, left)
    assert workspace.content("a") == DATA
    assert "the part file is longer than the whole file; starting anew" in texts(done)


@pytest.mark.parametrize("running", [True, False])
async def test_started_afresh_a_download_is_fetched_from_its_first_byte(
    workspace: Workspace, fault_server: FaultServer, running: bool
) -> None:
    engine = await workspace.engine()
    if running:
        url = fault_server.file("a", DATA, hold_after=HALF)
        (left,) = await engine.add([workspace.request(url)])
        await until(engine, left, lambda view: view.progress.bytes_downloaded >= HALF // 2)
        fault_server.release("a")
    else:
        left = await half(workspace, fault_server, engine)
    inode = (workspace.files / "a.part").stat().st_ino
    asked = len(fault_server.requests)
    outcome = await engine.start_fresh([left.id[:8]])
    assert [d.id for d in outcome.changed] == [left.id]
    done = await settled(engine, left)
    assert done.status is Status.COMPLETED
    assert workspace.names() == ["a"]
    assert (workspace.files / "a").stat().st_ino == inode
    assert workspace.content("a") == DATA
    assert fault_server.requests[asked].range in (None, "bytes=0-")
    assert "started afresh" in texts(done)
    assert not [text for text in texts(done) if LOST in text]


async def test_started_afresh_nothing_is_left_of_what_was_there(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    left = await half(workspace, fault_server, engine)
    await engine.hold(True)
    await engine.start_fresh([left.id])
    view = await engine.find(left.id)
    assert view.progress.bytes_downloaded == 0
    assert view.download.total_bytes is None
    assert workspace.content("a.part") == b""
    assert await ResumeStore(workspace.state / "resume_data").load(left.id) is None


async def test_a_failed_one_can_be_started_afresh_and_a_complete_one_cannot(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    wrong = Checksum("sha256", "0" * 64)
    url = fault_server.file("b", DATA)
    failed = await fetch(engine, workspace.request(url, checksum=wrong))
    done = await fetch(engine, workspace.request(fault_server.file("c", DATA)))
    outcome = await engine.start_fresh([failed.id, done.id])
    assert [d.id for d in outcome.changed] == [failed.id]
    assert [(refusal.id, refusal.error.code) for refusal in outcome.refused] == [
        (done.id, ErrorCode.NOT_ALLOWED)
    ]
    assert workspace.content("c") == DATA
    with pytest.raises(UnknownIdError):
        await engine.start_fresh([done.id, "zz"])


async def test_one_that_cannot_be_emptied_goes_on_as_it_was(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await workspace.engine()
    left = await half(workspace, fault_server, engine)
    aside = workspace.files.with_name("aside")
    workspace.files.rename(aside)
    outcome = await engine.start_fresh([left.id])
    assert [refusal.error.code for refusal in outcome.refused] == [ErrorCode.DESTINATION]
    assert (await engine.find(left.id)).download.status is Status.PAUSED
    aside.rename(workspace.files)
    await engine.resume([left.id])
    assert (await settled(engine, left)).status is Status.COMPLETED
    assert workspace.content("a") == DATA


async def whole_before_the_crash(workspace: Workspace, fault_server: FaultServer) -> Download:
    """Leave a download that failed, whose part file is whole by now and whose record says so."""
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, fail_after=SIZE - 1)
    request = replace(workspace.request(url), connections=1, retries=0)
    download = await fetch(engine, request)
    assert (await engine.find(download.id)).progress.bytes_downloaded == SIZE - 1
    await engine.close()
    with (workspace.files / "a.part").open("ab") as file:
        file.write(DATA[-1:])
    store = ResumeStore(workspace.state / "resume_data")
    record = await store.load(download.id)
    assert record is not None
    await store.save(replace(record, done=(Segment(0, SIZE),)))
    return download


async def test_the_file_is_found_whole_when_a_crash_came_before_the_list_knew(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    download = await whole_before_the_crash(workspace, fault_server)
    (workspace.files / "a.part").rename(workspace.files / "a")
    requests = len(fault_server.requests)
    engine = await workspace.engine()
    await engine.resume([download.id])
    done = await settled(engine, download)
    assert done.status is Status.COMPLETED
    assert workspace.names() == ["a"]
    assert len(fault_server.requests) == requests


async def test_a_file_that_got_its_name_from_somebody_else_is_verified(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    download = await whole_before_the_crash(workspace, fault_server)
    (workspace.files / "a.part").rename(workspace.files / "a")
    engine = await workspace.engine()
    wrong = Checksum("sha256", hashlib.sha256(OTHER).hexdigest())
    await engine.add([workspace.request(download.request.url, checksum=wrong)])
    failed = await settled(engine, download)
    assert failed.error is not None
    assert failed.error.code is ErrorCode.CHECKSUM
    assert workspace.names() == ["a.mismatch"]


async def test_half_a_file_under_its_final_name_is_not_taken_for_the_whole(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=1_500_000)
    (download,) = await engine.add([workspace.request(url)])
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 1_000_000)
    await engine.pause([download.id])
    (workspace.files / "a.part").rename(workspace.files / "a")
    fault_server.release("a")
    await engine.resume([download.id])
    done = await settled(engine, download)
    assert done.name == "a (1)"
    assert workspace.content("a (1)") == DATA
