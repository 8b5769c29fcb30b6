"""Many small files: few saves of the list, and no record outlives its download."""

from __future__ import annotations

from pathlib import Path

import msgspec

from core.adapters.state.catalog import Catalog
from core.adapters.state.resume_data import ResumeStore
from core.domain.history import HistoryQuery
from core.domain.models import Download, PendingCommit, ResumeRecord, Segment, Status
from core.domain.value import replace
from tests.core.engine.conftest import Workspace, fetch, settled
from tests.faults.server import FaultServer

LARGE = b"x" * 300_000
"""The file of a download that has a record: too large to be fetched in one go."""


def records(workspace: Workspace) -> list[Path]:
    return list((workspace.state / "resume_data").glob("*.json"))


def generation(workspace: Workspace) -> int:
    content = (workspace.state / "downloads.json").read_bytes()
    return int(msgspec.json.decode(content)["meta"]["1"]["generation"])


def resume_data(workspace: Workspace) -> ResumeStore:
    return ResumeStore(workspace.state / "resume_data")


async def fetched(workspace: Workspace, server: FaultServer) -> tuple[Download, ResumeRecord]:
    """Fetch a file, and return with its download the record that it had at the end."""
    engine = await workspace.engine()
    done = await fetch(engine, workspace.request(server.file("f", LARGE)))
    record = await resume_data(workspace).load(done.id)
    assert record is not None
    await engine.close()
    return done, record


def forget_history(workspace: Workspace) -> None:
    for path in workspace.state.glob("history.j*"):
        path.unlink()


async def test_downloads_that_end_together_share_a_save(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    urls = [fault_server.file(f"f{number}", b"x" * 100) for number in range(60)]
    before = generation(workspace) if (workspace.state / "downloads.json").exists() else 0
    for download in await engine.add([workspace.request(url) for url in urls]):
        assert (await settled(engine, download)).status is Status.COMPLETED
    await engine.close()
    assert len(workspace.names()) == 60
    assert records(workspace) == []
    assert generation(workspace) - before < 30


async def test_an_attempt_that_a_kill_kept_from_the_history_is_written_down_at_the_next_start(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    done, record = await fetched(workspace, fault_server)
    # As a kill leaves it within two seconds: the list knows, the history does not.
    forget_history(workspace)
    await resume_data(workspace).save(record)
    for _ in range(2):
        engine = await workspace.engine()
        (entry,) = (await engine.history(HistoryQuery())).entries
        assert (entry.download, entry.success, entry.bytes) == (done.id, True, len(LARGE))
        await engine.close()
        await resume_data(workspace).save(record)


async def test_a_record_that_a_crash_left_goes_at_the_next_start(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    done, record = await fetched(workspace, fault_server)
    await resume_data(workspace).save(record)
    engine = await workspace.engine()
    assert records(workspace) == []
    assert (await engine.find(done.id)).progress.bytes_downloaded == len(LARGE)


async def test_what_is_found_whole_at_a_start_is_in_the_history_once(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    done, record = await fetched(workspace, fault_server)
    # As a kill leaves it between the name and the list.
    forget_history(workspace)
    catalog = Catalog(workspace.state)
    await catalog.load()
    catalog.put(done.replace(status=Status.ACTIVE, completed_at=None))  # type: ignore[arg-type]
    stamp = done.left
    assert record.part is not None
    assert stamp is not None
    catalog.put_commit(
        done.id, PendingCommit(name="f", part=record.part, total=len(LARGE), stamp=stamp)
    )
    await catalog.close()
    await resume_data(workspace).save(record)
    for _ in range(2):
        engine = await workspace.engine()
        (entry,) = (await engine.history(HistoryQuery())).entries
        assert (entry.download, entry.success) == (done.id, True)
        await engine.close()
        await resume_data(workspace).save(record)


async def test_what_its_record_finds_whole_is_in_the_history(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    done, record = await fetched(workspace, fault_server)
    forget_history(workspace)
    catalog = Catalog(workspace.state)
    await catalog.load()
    catalog.put(done.replace(status=Status.ACTIVE, completed_at=None))  # type: ignore[arg-type]
    await catalog.close()
    done_whole = Segment(0, len(LARGE))
    await resume_data(workspace).save(replace(record, done=(done_whole,)))
    engine = await workspace.engine()
    (entry,) = (await engine.history(HistoryQuery())).entries
    assert (entry.download, entry.success) == (done.id, True)
