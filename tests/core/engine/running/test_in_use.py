"""Another process writes the part file: the download waits for it, and says for whom."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from core.domain.models import Checksum, Conflict, Download, Status, WaitReason
from core.domain.value import replace
from core.engine.running import guards
from core.engine.service import Engine
from tests.core.engine.conftest import Workspace, fetch, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer

SIZE = 3_000_000
DATA = content(SIZE)
OTHERS = b"what the other one has so far"

_WRITE = """
import fcntl, sys
part = open(sys.argv[1], "ab")
fcntl.flock(part, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "LOCK_POLL", 0.02)


@contextmanager
def writing(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes a part file, until its stdin is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", _WRITE, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield process
        finally:
            process.kill()


async def waits(engine: Engine, download: Download) -> Download:
    view = await until(engine, download, lambda v: v.download.wait_reason is WaitReason.IN_USE)
    return view.download


def complete(workspace: Workspace) -> None:
    """The other one ends in good order."""
    (workspace.files / "a.part").write_bytes(DATA)
    (workspace.files / "a.part").rename(workspace.files / "a")


def give_up(workspace: Workspace) -> None:
    (workspace.files / "a.part").unlink()


def stop(workspace: Workspace) -> None:
    """The other one leaves its part file, to go on with it one day."""


@pytest.mark.parametrize(
    ("rule", "ends", "name"),
    [
        (Conflict.RENAME, complete, "a"),
        (Conflict.SKIP, complete, "a"),
        (Conflict.OVERWRITE, complete, "a"),
        (Conflict.RENAME, give_up, "a"),
        (Conflict.RENAME, stop, "a (1)"),
    ],
)
async def test_it_waits_with_a_reason_and_then_the_conflict_rule_decides(
    workspace: Workspace,
    fault_server: FaultServer,
    rule: Conflict,
    ends: Callable[[Workspace], None],
    name: str,
) -> None:
    (workspace.files / "a.part").write_bytes(OTHERS)
    engine = await workspace.engine()
    request = replace(workspace.request(fault_server.file("a", DATA)), conflict=rule)
    with writing(workspace.files / "a.part") as other:
        (download,) = await engine.add([request])
        waiting = await waits(engine, download)
        assert waiting.status is Status.PENDING
        assert waiting.retry_count == 0
        assert waiting.error is not None
        who = f" (process {other.pid})" if Path("/proc/locks").exists() else ""
        assert waiting.error.message == f"another winch{who} writes a.part"
        assert engine.has_work
        assert workspace.content("a.part") == OTHERS
        assert workspace.names() == ["a.part"]
        ends(workspace)
    done = await settled(engine, download)
    assert (done.status, done.name) == (Status.COMPLETED, name)
    assert workspace.content(name) == DATA
    if ends is stop:
        assert workspace.content("a.part") == OTHERS


async def test_while_it_waits_the_server_is_left_alone_and_the_others_go_on(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (workspace.files / "a.part").write_bytes(OTHERS)
    engine = await workspace.engine()
    url = fault_server.file("a", DATA)
    with writing(workspace.files / "a.part"):
        (download,) = await engine.add([workspace.request(url)])
        await waits(engine, download)
        asked = len(fault_server.requests_to("a"))
        assert (await fetch(engine, workspace.request(fault_server.file("b", DATA)))).name == "b"
        for _ in range(5):
            await asyncio.sleep(guards.LOCK_POLL)
        assert len(fault_server.requests_to("a")) == asked
        await engine.pause([download.id])
        assert not engine.has_work
    await engine.resume([download.id])
    assert (await settled(engine, download)).name == "a (1)"


async def test_its_own_part_file_in_the_hands_of_another_is_waited_for_too(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=SIZE // 2)
    (download,) = await engine.add([replace(workspace.request(url), connections=1)])
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 0)
    await engine.pause([download.id])
    fault_server.release("a")
    with writing(workspace.files / "a.part"):
        await engine.resume([download.id])
        await waits(engine, download)
        refused = (await engine.start_fresh([download.id])).refused
        assert "writes a.part" in refused[0].error.message
        await waits(engine, download)
    assert (await settled(engine, download)).name == "a"
    assert workspace.content("a") == DATA
    assert fault_server.requests_to("a")[-1].range not in (None, "bytes=0-")


async def test_a_part_file_that_nobody_writes_is_passed_by(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (workspace.files / "a.part").write_bytes(OTHERS)
    engine = await workspace.engine()
    done = await fetch(engine, workspace.request(fault_server.file("a", DATA)))
    assert done.name == "a (1)"
    assert workspace.content("a.part") == OTHERS


async def test_two_files_of_one_name_in_one_engine_do_not_wait_for_each_other(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("x/same", DATA, hold_after=SIZE // 2)
    (first,) = await engine.add([workspace.request(url)])
    await fault_server.held("x/same")
    second = await fetch(engine, workspace.request(fault_server.file("y/same", DATA)))
    assert (second.status, second.name) == (Status.COMPLETED, "same (1)")
    fault_server.release("x/same")
    assert (await settled(engine, first)).name == "same"


DATED = formatdate(1_700_000_000, usegmt=True)
SUM = Checksum("sha256", hashlib.sha256(DATA).hexdigest())
WRONG = Checksum("sha256", "0" * 64)


def other(at: int) -> bytes:
    """A file of the same length that differs in one byte."""
    return DATA[:at] + bytes([DATA[at] ^ 1]) + DATA[at + 1 :]


@pytest.mark.parametrize(
    ("theirs", "served", "verdict"),
    [
        pytest.param(DATA, {}, "verified: the same bytes", id="bytes"),
        pytest.param(DATA, {"etag": None}, "verified: the same bytes", id="no validator"),
        pytest.param(DATA, {"last_modified": DATED}, "verified: same Last-Modified", id="dated"),
        pytest.param(DATA, {"checksum": SUM}, "verified: sha256 is right", id="digest"),
        pytest.param(other(SIZE // 2), {}, None, id="other bytes"),
        pytest.param(other(SIZE - 1), {"last_modified": DATED}, None, id="other end"),
        pytest.param(other(0), {"last_modified": DATED}, None, id="other beginning"),
        pytest.param(DATA[:-1], {}, None, id="shorter"),
        pytest.param(DATA + b"x", {"last_modified": DATED}, None, id="longer"),
    ],
)
async def test_what_the_other_one_has_fetched_is_taken_if_it_is_proved_to_be_the_file(
    workspace: Workspace,
    fault_server: FaultServer,
    theirs: bytes,
    served: dict[str, Any],
    verdict: str | None,
) -> None:
    part = workspace.files / "a.part"
    part.write_bytes(OTHERS)
    checksum = served.pop("checksum", None)
    url = fault_server.file("a", DATA, **served)
    engine = await workspace.engine()
    with writing(part):
        (download,) = await engine.add([workspace.request(url, checksum=checksum)])
        await waits(engine, download)
        # What it waited for outlives the engine.
        await engine.close()
        engine = await workspace.engine()
        await waits(engine, download)
        part.write_bytes(theirs)
        os.utime(part, (1_700_000_000, 1_700_000_000))
        part.rename(workspace.files / "a")
        asked = len(fault_server.requests_to("a"))
    done = await settled(engine, download)
    assert done.status is Status.COMPLETED
    if verdict is None:
        assert (done.name, workspace.content("a (1)")) == ("a (1)", DATA)
        assert workspace.content("a") == theirs
    else:
        assert done.resume_verdict is not None
        assert done.resume_verdict.startswith(verdict)
        assert (done.name, workspace.names()) == ("a", ["a"])
    if "last_modified" in served and verdict:
        sent = sum(r.body_bytes for r in fault_server.requests_to("a")[asked + 1 :])
        assert sent <= 8 * 64 * 1024


async def test_a_file_that_came_to_be_otherwise_is_not_looked_at(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (workspace.files / "a.part").write_bytes(OTHERS)
    engine = await workspace.engine()
    with writing(workspace.files / "a.part"):
        (download,) = await engine.add([workspace.request(fault_server.file("a", DATA))])
        await waits(engine, download)
        (workspace.files / "a").write_bytes(DATA)
        (workspace.files / "a.part").unlink()
    assert (await settled(engine, download)).name == "a (1)"


async def test_a_digest_that_it_does_not_have_fetches_the_file_on_its_own(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (workspace.files / "a.part").write_bytes(OTHERS)
    engine = await workspace.engine()
    with writing(workspace.files / "a.part"):
        url = fault_server.file("a", DATA)
        (download,) = await engine.add([workspace.request(url, checksum=WRONG)])
        await waits(engine, download)
        complete(workspace)
    assert (await settled(engine, download)).status is Status.FAILED
    assert workspace.content("a") == DATA
