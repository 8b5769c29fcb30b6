"""What happens to a download from the request to the file, on real sockets and a real disk."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading

import pytest

from core.domain.errors import (
    DestinationError,
    DiskFullError,
    ErrorCode,
    UnknownIdError,
    UsageError,
)
from core.domain.models import Checksum, Status, WaitReason
from core.domain.value import replace
from core.policy.transfer.ranges import OVERLAP_BEFORE
from tests.core.engine.conftest import Workspace, fetch, settled, until
from tests.faults.model import Request, content
from tests.faults.server import FaultServer

SIZE = 3_000_000
DATA = content(SIZE)
OTHER = content(SIZE, seed=1)


async def test_a_file_arrives_whole_and_alone(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    done = await fetch(engine, workspace.request(fault_server.file("a.bin", DATA)))
    assert done.status is Status.COMPLETED
    assert (done.name, done.total_bytes) == ("a.bin", SIZE)
    assert workspace.content("a.bin") == DATA
    assert workspace.names() == ["a.bin"]
    assert (await engine.find(done.id)).progress.bytes_downloaded == SIZE


@pytest.mark.parametrize(
    "options",
    [{"ranges": False}, {"chunked": True, "ranges": False}, {"until_close": True, "ranges": False}],
)
async def test_every_framing_is_understood(
    workspace: Workspace, fault_server: FaultServer, options: dict[str, bool]
) -> None:
    engine = await workspace.engine()
    done = await fetch(engine, workspace.request(fault_server.file("a.bin", DATA, **options)))
    assert done.status is Status.COMPLETED
    assert done.total_bytes == SIZE
    assert workspace.content("a.bin") == DATA


async def test_a_length_that_nobody_announced_is_called_unverified(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a.bin", DATA, until_close=True, ranges=False)
    done = await fetch(engine, workspace.request(url))
    assert done.resume_verdict is not None
    assert done.resume_verdict.startswith("unverified")


async def test_an_empty_file_is_a_file(workspace: Workspace, fault_server: FaultServer) -> None:
    engine = await workspace.engine()
    done = await fetch(engine, workspace.request(fault_server.file("empty", b"")))
    assert done.status is Status.COMPLETED
    assert workspace.content("empty") == b""


async def test_a_server_that_fails_once_is_asked_again(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    done = await fetch(engine, workspace.request(fault_server.file("a", DATA, statuses=[503])))
    assert done.status is Status.COMPLETED
    assert done.retry_count == 1
    assert workspace.content("a") == DATA


async def test_after_a_cut_only_the_tail_is_fetched(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, fail_after=2_000_000, fail_times=1)
    done = await fetch(engine, workspace.request(url))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    second = fault_server.requests_to("a")[1]
    assert second.range == f"bytes={2_000_000 - OVERLAP_BEFORE}-{SIZE - 1}"
    assert second.headers["if-range"] == '"v1"'
    assert fault_server.bytes_served("a") == SIZE + OVERLAP_BEFORE
    assert done.resume_verdict == "verified: same validator, same bytes at the seam"


async def test_retries_without_progress_come_to_an_end(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    failed = await fetch(
        engine, workspace.request(fault_server.file("a", DATA, statuses=[500] * 9))
    )
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert failed.error.code is ErrorCode.HTTP_STATUS
    assert len(fault_server.requests) == 6
    assert workspace.names() == []


async def test_every_byte_that_arrives_renews_the_patience(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, fail_after=OVERLAP_BEFORE + 200_000, fail_times=12)
    done = await fetch(engine, workspace.request(url))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert len(fault_server.requests) > 6


async def test_a_missing_file_fails_and_leaves_nothing(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    failed = await fetch(engine, workspace.request(fault_server.url_of("nowhere")))
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert failed.error.code is ErrorCode.NOT_FOUND
    assert workspace.names() == []


async def test_what_was_paused_or_finished_stays_so(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    first = await workspace.engine()
    done = await fetch(first, workspace.request(fault_server.file("a", DATA)))
    paused = replace(workspace.request(fault_server.file("b", DATA)), paused=True)
    (waiting,) = await first.add([paused])
    assert waiting.status is Status.PAUSED
    await first.close()
    second = await workspace.engine()
    assert [view.download for view in await second.downloads()] == [done, waiting]
    assert not second.has_work


async def test_a_right_checksum_completes_and_a_wrong_one_sets_aside(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA)
    right = Checksum("sha256", hashlib.sha256(DATA).hexdigest())
    done = await fetch(engine, workspace.request(url, checksum=right))
    assert done.status is Status.COMPLETED
    wrong = Checksum("sha256", hashlib.sha256(OTHER).hexdigest())
    failed = await fetch(engine, workspace.request(url, name="b", checksum=wrong))
    assert failed.error is not None
    assert failed.error.code is ErrorCode.CHECKSUM
    assert workspace.names() == ["a", "b.mismatch"]


async def test_nothing_that_exists_is_overwritten(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (workspace.files / "a.bin").write_bytes(b"mine")
    engine = await workspace.engine()
    done = await fetch(engine, workspace.request(fault_server.file("a.bin", DATA)))
    assert done.name == "a (1).bin"
    assert workspace.content("a.bin") == b"mine"
    assert workspace.content("a (1).bin") == DATA


async def test_a_name_that_is_taken_meanwhile_is_respected(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=1_000_000)
    (download,) = await engine.add([workspace.request(url)])
    await fault_server.held("a")
    await until(engine, download, lambda view: view.download.name_settled)
    (workspace.files / "a").write_bytes(b"mine")
    fault_server.release("a")
    done = await settled(engine, download)
    assert done.name == "a (1)"
    assert workspace.content("a") == b"mine"
    assert workspace.content("a (1)") == DATA


async def test_two_urls_with_one_name_make_two_files(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    urls = [fault_server.file("x/a", DATA), fault_server.file("y/a", OTHER)]
    for download in await engine.add([workspace.request(url) for url in urls]):
        await settled(engine, download)
    assert workspace.names() == ["a", "a (1)"]
    assert {workspace.content("a"), workspace.content("a (1)")} == {DATA, OTHER}


async def test_asking_again_for_what_is_unfinished_continues_it(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=1_000_000)
    (first,) = await engine.add([workspace.request(url)])
    (again,) = await engine.add([workspace.request(url)])
    assert again.id == first.id
    await engine.pause([first.id])
    fault_server.release("a")
    (third,) = await engine.add([workspace.request(url)])
    assert third.id == first.id
    assert (await settled(engine, first)).status is Status.COMPLETED
    (fresh,) = await engine.add([workspace.request(url)])
    assert fresh.id != first.id
    assert (await settled(engine, fresh)).name == "a (1)"


async def test_asking_again_without_a_limit_lifts_it_and_without_a_word_keeps_it(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    request = workspace.request(fault_server.file("a", DATA, hold_after=1_000_000))
    (first,) = await engine.add([replace(request, limit=500, paused=True)])
    for limit, expected in ((None, 500), (0, None), (700, 700)):
        (again,) = await engine.add([replace(request, limit=limit, paused=True)])
        assert (again.id, again.request.limit) == (first.id, expected)
    (new,) = await engine.add([replace(request, url=f"{request.url}?b", limit=0, paused=True)])
    assert new.request.limit is None


async def test_a_removal_keeps_files_unless_told_otherwise(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA)
    done = await fetch(engine, workspace.request(url))
    removal = await engine.remove([done.id])
    assert removal.kept_files == (str(workspace.files / "a"),)
    assert await engine.downloads() == []
    part = fault_server.file("b", DATA, hold_after=1_000_000)
    (active,) = await engine.add([workspace.request(part)])
    await until(engine, active, lambda view: view.download.name_settled)
    removal = await engine.remove([active.id], files=True)
    assert removal.deleted_files == (str(workspace.files / "b.part"),)
    assert workspace.names() == ["a"]
    assert list((workspace.state / "resume_data").iterdir()) == []


async def test_a_checksum_that_joins_a_running_download_counts(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=1_000_000)
    (download,) = await engine.add([workspace.request(url)])
    await fault_server.held("a")
    wrong = Checksum("sha256", "0" * 64)
    await engine.add([workspace.request(url, checksum=wrong)])
    fault_server.release("a")
    failed = await settled(engine, download)
    assert failed.error is not None
    assert failed.error.code is ErrorCode.CHECKSUM
    assert list((workspace.state / "resume_data").glob("*.json")) == []


async def test_a_removal_deletes_only_what_is_its_own(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    wrong = Checksum("sha256", "0" * 64)
    first = await fetch(
        engine, workspace.request(fault_server.file("a", DATA), name="same", checksum=wrong)
    )
    url = fault_server.file("b", OTHER, hold_after=1_000_000)
    (second,) = await engine.add([workspace.request(url, name="same")])
    await until(engine, second, lambda view: view.download.name_settled)
    removal = await engine.remove([first.id], files=True)
    assert removal.deleted_files == (str(workspace.files / "same.mismatch"),)
    fault_server.release("b")
    assert (await settled(engine, second)).status is Status.COMPLETED
    (workspace.files / "same").unlink()
    (workspace.files / "same").write_bytes(b"mine")
    removal = await engine.remove([second.id], files=True)
    assert removal.deleted_files == ()
    assert workspace.content("same") == b"mine"


async def test_a_server_that_sends_crumbs_is_not_asked_for_ever(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    async def crumbs(request: Request, writer: asyncio.StreamWriter) -> bool:
        start = int((request.range or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        end = min(start + 4, 19)
        head = f"HTTP/1.1 206 P\r\nContent-Range: bytes {start}-{end}/20\r\n"
        writer.write(f"{head}Content-Length: {end + 1 - start}\r\n\r\n".encode())
        writer.write(b"hello"[: end + 1 - start])
        return True

    engine = await workspace.engine()
    failed = await fetch(engine, workspace.request(fault_server.script("a", crumbs)))
    assert failed.error is not None
    assert failed.error.code is ErrorCode.INCOMPLETE
    assert len(fault_server.requests) < 20


async def test_a_finished_download_keeps_no_secret(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA).replace("http://", "http://me:hunter2@") + "?token=t0ps3cret"
    request = replace(workspace.request(url), headers={"X-Api-Key": "s3same", "A": "b"})
    done = await fetch(engine, request)
    assert done.request.headers == {}
    await engine.close()
    stored = (workspace.state / "downloads.json").read_text()
    assert not any(secret in stored for secret in ("hunter2", "t0ps3cret", "s3same"))


async def test_what_could_not_be_stored_is_not_in_the_list(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA)

    async def full() -> None:
        raise DiskFullError("no space")

    monkeypatch.setattr(engine._downloads, "flush", full)
    with pytest.raises(DiskFullError):
        await engine.add([workspace.request(url)])
    assert await engine.downloads() == []
    monkeypatch.undo()


async def test_what_goes_on_by_a_request_that_could_not_be_stored_is_started(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await workspace.engine()
    request = workspace.request(fault_server.file("a", DATA))
    (download,) = await engine.add([replace(request, paused=True)])

    async def full() -> None:
        raise DiskFullError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(engine._downloads, "flush", full)
        with pytest.raises(DiskFullError):
            await engine.add([request])
    assert (await settled(engine, download)).status is Status.COMPLETED


@pytest.mark.parametrize("asked", ["pause", "cancel", "remove"])
async def test_what_is_asked_while_a_file_gets_its_name_finds_it_complete(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    engine = await workspace.engine()
    begun, going_on = threading.Event(), threading.Event()
    link = os.link

    def slowly(source: str, name: str, **named: int) -> None:
        if (source, name) == ("a.part", "a"):
            (workspace.files / "a").write_bytes(b"somebody's own")
        elif source == "a.part":
            begun.set()
            going_on.wait()
        link(source, name, **named)

    monkeypatch.setattr(os, "link", slowly)
    (download,) = await engine.add([workspace.request(fault_server.file("a", DATA))])
    await asyncio.to_thread(begun.wait)
    actions = {
        "pause": lambda: engine.pause([download.id]),
        "cancel": lambda: engine.cancel([download.id]),
        "remove": lambda: engine.remove([download.id], files=True),
    }
    asking = asyncio.ensure_future(actions[asked]())
    await asyncio.sleep(0)
    going_on.set()
    await asking
    if asked == "remove":
        assert workspace.names() == ["a"]
    else:
        done = (await engine.find(download.id)).download
        assert (done.status, done.name) == (Status.COMPLETED, "a (1)")
        assert workspace.content(done.name) == DATA
    assert workspace.content("a") == b"somebody's own"


async def test_no_more_run_at_once_than_the_limit(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    urls = [fault_server.file(f"f{n}", DATA, hold_after=100) for n in range(6)]
    downloads = await engine.add([workspace.request(url) for url in urls])
    for n in range(4):
        await fault_server.held(f"f{n}")
    views = await engine.downloads()
    assert [view.download.status for view in views] == [Status.ACTIVE] * 4 + [Status.PENDING] * 2
    assert views[5].download.wait_reason is WaitReason.QUEUED
    for n in range(6):
        fault_server.release(f"f{n}")
    for download in downloads:
        assert (await settled(engine, download)).status is Status.COMPLETED


async def test_an_embedded_engine_runs_only_what_it_was_told_to(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(embedded=True)
    urls = [fault_server.file("mine", DATA), fault_server.file("other", DATA)]
    mine, other = await engine.add([workspace.request(url) for url in urls])
    assert mine.wait_reason is WaitReason.NOT_ADMITTED
    (again,) = await engine.add_own([workspace.request(urls[0])])
    assert again.id == mine.id
    assert (await settled(engine, mine)).status is Status.COMPLETED
    assert (await engine.find(other.id)).download.wait_reason is WaitReason.NOT_ADMITTED
    assert not engine.has_work


async def test_secrets_stay_with_their_origin(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    async with FaultServer() as elsewhere:
        target = elsewhere.file("a", DATA)
        url = fault_server.file("a", redirect_to=target, statuses=[401])
        engine = await workspace.engine()
        request = workspace.request(url.replace("http://", "http://me:hunter2@"))
        request = replace(request, headers={"X-Api-Key": "s3cret"})
        done = await fetch(engine, request)
        assert done.status is Status.COMPLETED
        own, foreign = fault_server.requests[-1].headers, elsewhere.requests[0].headers
        assert own["authorization"] == "Basic bWU6aHVudGVyMg=="
        assert own["x-api-key"] == "s3cret"
        assert not {"authorization", "x-api-key", "cookie", "referer"} & set(foreign)


async def test_a_redirect_loop_is_a_clear_failure(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    url = fault_server.file("a", redirect_to="/a")
    engine = await workspace.engine()
    failed = await fetch(engine, workspace.request(url))
    assert failed.error is not None
    assert failed.error.code is ErrorCode.REDIRECT


async def test_nothing_is_queued_when_one_request_of_many_is_wrong(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    good = workspace.request(fault_server.file("a", DATA))
    with pytest.raises(UsageError):
        await engine.add([good, workspace.request("ftp://h/a")])
    with pytest.raises(DestinationError):
        await engine.add([good, replace(good, directory=str(workspace.files / "no"))])
    assert await engine.downloads() == []


async def test_an_unknown_id_changes_nothing(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=1)
    (download,) = await engine.add([workspace.request(url)])
    await fault_server.held("a")
    with pytest.raises(UnknownIdError):
        await engine.pause([download.id, "ffff"])
    assert (await engine.find(download.id)).download.status is Status.ACTIVE


async def test_an_action_that_does_not_apply_is_refused_with_the_reason(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    done = await fetch(engine, workspace.request(fault_server.file("a", DATA)))
    outcome = await engine.pause([done.id])
    assert outcome.changed == ()
    assert outcome.refused[0].error.code is ErrorCode.NOT_ALLOWED
    assert "completed" in outcome.refused[0].error.message


async def test_the_state_directory_is_no_destination(workspace: Workspace) -> None:
    engine = await workspace.engine()
    (workspace.files / "way").symlink_to(workspace.state)
    for directory in (workspace.state, workspace.files / "way"):
        request = replace(workspace.request("http://127.0.0.1:9/a"), directory=str(directory))
        with pytest.raises(DestinationError, match="its own state"):
            await engine.add([request])
    assert await engine.downloads() == []


async def test_a_vanished_directory_fails_with_the_way_out(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, latency=0, statuses=[503])
    (workspace.files / "gone").mkdir()
    request = replace(workspace.request(url), directory=str(workspace.files / "gone"))
    (download,) = await engine.add([request])
    (workspace.files / "gone").rmdir()
    failed = await settled(engine, download)
    assert failed.error is not None
    assert failed.error.code is ErrorCode.DESTINATION
    assert "mkdir" in failed.error.hint
