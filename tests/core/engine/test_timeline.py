"""What happened to a download, from which state to which, and when anything about it changed."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from core.domain.history import AttemptEnd, HistoryQuery
from core.domain.lifecycle import TRANSITIONS, Action
from core.domain.models import DownloadRecord, Phase, Status
from core.domain.settings import RetrySettings
from core.domain.value import replace
from core.engine.downloads.list import TIMELINE_LENGTH
from core.engine.service import Engine
from tests.core.engine.conftest import SETTINGS, Workspace, fetch, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer

SIZE = 3_000_000
DATA = content(SIZE)


async def found(engine: Engine, id_: str) -> DownloadRecord:
    return (await engine.find(id_)).download


async def test_every_transition_is_told_with_its_states_and_its_reason(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a.bin", DATA, fail_after=2_000_000, fail_times=1)
    # Another connection would carry on where the first one fails.
    request = replace(workspace.request(url), connections=1)
    done = await found(engine, (await fetch(engine, request)).id)
    steps = [entry for entry in done.timeline if entry.after is not None]
    assert [(entry.before, entry.after) for entry in steps] == [
        (None, Status.PENDING),
        (Status.PENDING, Status.ACTIVE),
        (Status.ACTIVE, Status.PENDING),
        (Status.PENDING, Status.ACTIVE),
        (Status.ACTIVE, Status.COMPLETED),
    ]
    assert "trying again" in steps[2].text
    assert [entry.at for entry in steps] == sorted(entry.at for entry in steps)
    assert done.updated_at is not None
    assert steps[-1].at <= done.updated_at <= datetime.now(UTC)
    assert done.last_retry_at is not None
    assert steps[2].at <= done.last_retry_at <= steps[3].at
    assert (done.retry_at, done.retry_count) == (None, 1)


async def test_what_waits_to_be_tried_again_says_when(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    patient = replace(SETTINGS, retry=RetrySettings(attempts=5, base=60.0, cap=60.0))
    engine = await workspace.engine(patient)
    url = fault_server.file("a.bin", DATA, fail_after=2_000_000)
    (download,) = await engine.add([workspace.request(url)])
    waiting = (await until(engine, download, lambda v: v.download.retry_at is not None)).download
    assert waiting.updated_at is not None
    assert waiting.retry_at is not None
    assert waiting.retry_at > waiting.updated_at
    assert waiting.last_retry_at is None


@pytest.mark.parametrize("action", [Action.PAUSE, Action.CANCEL])
async def test_a_word_of_a_person_is_a_transition_too(
    workspace: Workspace, fault_server: FaultServer, action: Action
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a.bin", DATA, hold_after=1_000_000)
    (download,) = await engine.add([workspace.request(url)])
    before = await until(engine, download, lambda v: v.download.phase is Phase.DOWNLOADING)
    await (engine.pause if action is Action.PAUSE else engine.cancel)([download.id])
    after = await found(engine, download.id)
    entry = after.timeline[-1]
    assert (entry.before, entry.after) == (Status.ACTIVE, after.status)
    assert before.download.updated_at is not None
    assert after.updated_at is not None
    assert after.updated_at >= before.download.updated_at


async def test_a_long_story_keeps_its_beginning_and_its_end(workspace: Workspace) -> None:
    engine = await workspace.engine()
    request = replace(workspace.request("http://127.0.0.1:1/a.bin"), paused=True)
    (download,) = await engine.add([request])
    for _ in range(TIMELINE_LENGTH):
        await engine.cancel([download.id])
        await engine.hold(True)
        await engine.resume([download.id])
    timeline = (await found(engine, download.id)).timeline
    assert len(timeline) == TIMELINE_LENGTH
    assert timeline[0].text == "added"
    assert (timeline[-1].before, timeline[-1].after) == (Status.CANCELLED, Status.PENDING)
    allowed = {(status, after) for (status, _), after in TRANSITIONS.items()}
    assert all((entry.before, entry.after) in allowed for entry in timeline[1:])
    assert all(first.after is then.before for first, then in pairwise(timeline[1:]))


async def test_what_a_kill_ended_keeps_its_phases_and_its_rate(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a.bin", DATA, hold_after=1_500_000)
    (download,) = await engine.add([workspace.request(url)])
    await fault_server.held("a.bin")
    resume_data = engine._context.resume_data

    async def is_recorded() -> bool:
        record = await resume_data.load(download.id)
        return record is not None and record.bytes_done > 0

    await until(engine, download, lambda v: v.progress.bytes_downloaded > 0)
    transfer = engine._runner.transfer(download.id)
    assert transfer is not None
    await transfer._keeper._checkpoint.flush()
    assert await is_recorded()
    await engine._downloads.flush()
    # What a kill leaves is what lies on disk right now.
    left = shutil.copytree(workspace.state, workspace.state.with_name("left"))
    shutil.rmtree(left / "run", ignore_errors=True)
    await engine.close()
    workspace.state = left
    again = await workspace.engine()
    entries = (await again.history(HistoryQuery(limit=None, download=download.id))).entries
    entry = entries[-1]
    assert entry.end is AttemptEnd.INTERRUPTED
    assert entry.bytes > 0
    assert entry.phases.connecting > 0
    assert entry.phases.downloading > 0
    assert entry.average_rate is not None
    assert entry.peak_rate is not None
    assert 0 < entry.average_rate <= entry.peak_rate
    fault_server.release("a.bin")
    await settled(again, download)


async def test_attempts_are_found_by_their_download(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    first = await fetch(engine, workspace.request(fault_server.file("a.bin", DATA)))
    await fetch(engine, workspace.request(fault_server.file("b.bin", DATA)))
    found_ = (await engine.history(HistoryQuery(download=first.id))).entries
    assert [entry.name for entry in found_] == ["a.bin"]
    assert (await engine.history(HistoryQuery(download=first.id[:4]))).entries == ()
