"""Other users of the machine, who lay their own files where ours should be."""

from __future__ import annotations

import fcntl
import os

import pytest

from core.domain.models import Status
from core.domain.settings import LimitSettings
from core.domain.value import replace
from tests.core.engine.conftest import SETTINGS, Workspace, fetch, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer

DATA = content(3_000_000)
ONE = replace(SETTINGS, limits=LimitSettings(connections=1))


async def test_an_empty_part_file_that_others_can_write_is_left_alone(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    planted = workspace.files / "a.part"
    planted.touch()
    planted.chmod(0o666)
    with planted.open("rb") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_SH)
        engine = await workspace.engine()
        done = await fetch(engine, workspace.request(fault_server.file("a", DATA)))
    assert (done.status, done.name) == (Status.COMPLETED, "a (1)")
    assert workspace.content("a (1)") == DATA
    assert planted.read_bytes() == b""
    assert any("a.part can be written by others" in entry.text for entry in done.timeline)


@pytest.mark.parametrize("bits", [0o660, 0o606])
async def test_a_part_file_that_others_can_write_is_not_continued(
    workspace: Workspace, fault_server: FaultServer, bits: int
) -> None:
    url = fault_server.file("a", DATA, hold_after=1_500_000)
    engine = await workspace.engine(ONE)
    (download,) = await engine.add([workspace.request(url)])
    await fault_server.held("a")
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 500_000)
    await engine.pause([download.id])
    await engine.close()
    part = workspace.files / "a.part"
    part.chmod(bits)
    with part.open("r+b") as theirs:
        os.pwrite(theirs.fileno(), b"poison", 10)
    fault_server.release("a")
    engine = await workspace.engine()
    await engine.resume([download.id])
    done = await settled(engine, download)
    assert done.status is Status.COMPLETED
    assert workspace.content(done.name) == DATA
    assert done.name == "a (1)"
    assert any("starting anew" in entry.text for entry in done.timeline)
