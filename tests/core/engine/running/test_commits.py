"""What a kill leaves of small files that got their names is settled at the next start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.adapters.files.destination import identity_of, stamp_of
from core.adapters.state.catalog import Catalog
from core.domain.history import HistoryQuery
from core.domain.models import (
    Checksum,
    DownloadRecord,
    FileStamp,
    PartIdentity,
    PendingCommit,
    Status,
)
from core.domain.value import replace
from core.engine.running import startup
from tests.core.engine.conftest import Workspace, settled
from tests.faults.server import FaultServer

DATA = b"the file"
NOBODY = PartIdentity(device=1, inode=1)
STAMP = FileStamp(uid=os.geteuid(), modified=1)


def _active(workspace: Workspace, url: str, id_: str = "aa" * 8) -> DownloadRecord:
    now = datetime.now(UTC)
    return DownloadRecord(
        id=id_,
        request=workspace.request(url),
        name="a.bin",
        order=1.0,
        created_at=now,
        started_at=now,
        status=Status.ACTIVE,
    )


def _made(path: Path, content: bytes = DATA) -> PendingCommit:
    """Make a file and return the commit that names it."""
    path.write_bytes(content)
    name, found = path.name.removesuffix(".part"), path.stat()
    stamp = stamp_of(found)
    return PendingCommit(name=name, part=identity_of(found), total=len(content), stamp=stamp)


async def _left(
    workspace: Workspace, *downloads: DownloadRecord, commits: Mapping[str, PendingCommit]
) -> None:
    """Leave this behind as a kill does."""
    catalog = Catalog(workspace.state)
    await catalog.load()
    for download in downloads:
        catalog.put(download)
    for id_, commit in commits.items():
        catalog.put_commit(id_, commit)
    await catalog.close()


async def _commits(workspace: Workspace) -> Mapping[str, PendingCommit]:
    catalog = Catalog(workspace.state)
    try:
        return (await catalog.load()).commits
    finally:
        await catalog.close()


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.PENDING])
async def test_what_got_its_name_is_whole(
    workspace: Workspace, fault_server: FaultServer, status: Status
) -> None:
    left = _active(workspace, fault_server.file("a.bin", DATA)).replace(status=status)
    commit = _made(workspace.files / "a.bin")
    await _left(workspace, left, commits={left.id: commit})
    engine = await workspace.engine()
    view = await engine.find(left.id)
    assert view.download.status is Status.COMPLETED
    assert view.download.part == commit.part
    assert view.download.total_bytes == view.progress.bytes_downloaded == len(DATA)
    assert fault_server.requests == []
    (entry,) = (await engine.history(HistoryQuery())).entries
    assert (entry.download, entry.success) == (left.id, True)
    removal = await engine.remove([left.id], files=True)
    assert removal.deleted_files == (str(workspace.files / "a.bin"),)
    await engine.close()
    assert await _commits(workspace) == {}


async def test_what_got_no_name_begins_anew(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    left = _active(workspace, fault_server.file("a.bin", DATA))
    commit = PendingCommit(name="a.bin", part=NOBODY, total=len(DATA), stamp=STAMP)
    await _left(workspace, left, commits={left.id: commit})
    engine = await workspace.engine()
    assert (await settled(engine, left)).status is Status.COMPLETED
    assert workspace.names() == ["a.bin"]
    assert workspace.content("a.bin") == DATA
    await engine.close()
    assert await _commits(workspace) == {}


async def test_somebody_elses_file_of_that_name_is_not_taken_for_it(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    left = _active(workspace, fault_server.file("a.bin", DATA))
    (workspace.files / "a.bin").write_bytes(DATA)
    commit = PendingCommit(name="a.bin", part=NOBODY, total=len(DATA), stamp=STAMP)
    await _left(workspace, left, commits={left.id: commit})
    engine = await workspace.engine()
    done = await settled(engine, left)
    assert done.name == "a (1).bin"
    assert workspace.names() == ["a (1).bin", "a.bin"]


async def test_a_file_of_another_length_is_not_taken_for_it(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    left = _active(workspace, fault_server.file("a.bin", DATA))
    commit = replace(_made(workspace.files / "a.bin"), total=len(DATA) + 1)
    await _left(workspace, left, commits={left.id: commit})
    engine = await workspace.engine()
    assert (await settled(engine, left)).name == "a (1).bin"


@pytest.mark.parametrize("what", ["modified", "uid"])
async def test_another_file_that_got_its_number_is_not_taken_for_it(
    workspace: Workspace, fault_server: FaultServer, what: str
) -> None:
    left = _active(workspace, fault_server.file("a.bin", DATA))
    commit = _made(workspace.files / "a.bin", DATA[::-1])
    stamp = replace(commit.stamp, **{what: 1})
    await _left(workspace, left, commits={left.id: replace(commit, stamp=stamp)})
    engine = await workspace.engine()
    assert (await settled(engine, left)).name == "a (1).bin"
    assert workspace.content("a.bin") == DATA[::-1]
    assert workspace.content("a (1).bin") == DATA


async def test_another_part_file_that_got_its_number_is_left_alone(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    left = _active(workspace, fault_server.file("a.bin", DATA))
    commit = _made(workspace.files / "a.bin.part", b"somebody's")
    stamp = replace(commit.stamp, modified=1)
    await _left(workspace, left, commits={left.id: replace(commit, stamp=stamp)})
    engine = await workspace.engine()
    assert (await settled(engine, left)).status is Status.COMPLETED
    assert workspace.content("a.bin.part") == b"somebody's"


async def test_it_is_known_though_its_disk_has_another_number(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    left = _active(workspace, fault_server.file("a.bin", DATA))
    commit = _made(workspace.files / "a.bin")
    moved = replace(commit.part, device=commit.part.device + 1)
    await _left(workspace, left, commits={left.id: replace(commit, part=moved)})
    engine = await workspace.engine()
    done = (await engine.find(left.id)).download
    assert done.status is Status.COMPLETED
    assert done.part == commit.part


async def test_a_part_file_that_got_no_name_is_used_again(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    left = _active(workspace, fault_server.file("a.bin", DATA))
    # Its bytes may be lost: only the name says that they are not.
    commit = _made(workspace.files / "a.bin.part", b"\0" * len(DATA))
    await _left(workspace, left, commits={left.id: commit})
    engine = await workspace.engine()
    assert (await settled(engine, left)).status is Status.COMPLETED
    assert workspace.names() == ["a.bin"]
    assert workspace.content("a.bin") == DATA


async def test_a_part_file_that_was_being_written_is_used_again(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    left = _active(workspace, fault_server.file("a.bin", DATA))
    commit = _made(workspace.files / "a.bin.part", DATA[:3])
    commit = replace(commit, total=len(DATA), stamp=None)
    await _left(workspace, left, commits={left.id: commit})
    engine = await workspace.engine()
    assert (await settled(engine, left)).status is Status.COMPLETED
    assert workspace.names() == ["a.bin"]
    assert workspace.content("a.bin") == DATA


async def test_a_part_file_that_got_its_name_loses_the_other_one(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    left = _active(workspace, fault_server.file("a.bin", DATA))
    commit = _made(workspace.files / "a.bin.part")
    os.link(workspace.files / "a.bin.part", workspace.files / "a.bin")
    await _left(workspace, left, commits={left.id: commit})
    engine = await workspace.engine()
    assert (await settled(engine, left)).status is Status.COMPLETED
    assert workspace.names() == ["a.bin"]
    assert fault_server.requests == []


async def test_a_digest_was_right_before_it_got_its_name(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    left = _active(workspace, fault_server.file("a.bin", DATA))
    request = replace(left.request, checksum=Checksum("md5", "0" * 32))
    commit = _made(workspace.files / "a.bin")
    await _left(workspace, left.replace(request=request), commits={left.id: commit})
    engine = await workspace.engine()
    done = (await engine.find(left.id)).download
    assert done.status is Status.COMPLETED
    assert done.resume_verdict == "verified: md5 is right"


async def test_one_whose_directory_does_not_answer_is_looked_for_when_it_runs(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = _active(workspace, fault_server.file("a.bin", DATA))
    await _left(workspace, left, commits={left.id: _made(workspace.files / "a.bin")})
    monkeypatch.setattr("core.engine.running.commits.survey", _silent)
    monkeypatch.setattr(startup, "survey", _silent)
    engine = await workspace.engine()
    monkeypatch.undo()
    assert (await settled(engine, left)).status is Status.COMPLETED
    assert workspace.names() == ["a.bin"]
    assert fault_server.requests == []


async def test_what_was_completed_is_in_the_history_and_its_commit_goes(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    left = _active(workspace, fault_server.file("a.bin", DATA))
    commit = _made(workspace.files / "a.bin")
    done = left.replace(
        status=Status.COMPLETED, completed_at=left.created_at, total_bytes=len(DATA)
    )
    await _left(workspace, done, commits={left.id: commit, "bb" * 8: commit})
    for _ in range(2):
        engine = await workspace.engine()
        (entry,) = (await engine.history(HistoryQuery())).entries
        assert (entry.download, entry.success, entry.bytes) == (left.id, True, len(DATA))
        await engine.close()
        assert await _commits(workspace) == {}


async def test_what_was_paused_or_failed_since_stays_so(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    left = _active(workspace, fault_server.file("a.bin", DATA)).replace(status=Status.CANCELLED)
    commit = PendingCommit(name="a.bin", part=NOBODY, total=len(DATA), stamp=STAMP)
    await _left(workspace, left, commits={left.id: commit})
    engine = await workspace.engine()
    assert (await engine.find(left.id)).download.status is Status.CANCELLED
    await engine.close()
    assert await _commits(workspace) == {}


async def _silent(_names: object, *, patience: float) -> dict[str, object]:
    """Every directory is one of a mount that hangs."""
    return {}
