"""A finished file, read again because somebody asks: right, damaged, or gone."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from core.adapters.files.checksum import RunningDigest
from core.domain.errors import ErrorCode, StoppedError
from core.domain.events import ProgressBatch
from core.domain.models import Checksum, Download, Status
from core.engine.service import Engine
from core.engine.transfer.verify import STRETCH
from tests.core.engine.conftest import Workspace, fetch
from tests.faults.model import content
from tests.faults.server import FaultServer

DATA = content(300_000)
SUM = Checksum("sha256", hashlib.sha256(DATA).hexdigest())


async def whole(
    engine: Engine, workspace: Workspace, server: FaultServer, checksum: Checksum | None = SUM
) -> Download:
    done = await fetch(engine, workspace.request(server.file("a", DATA), checksum=checksum))
    assert done.status is Status.COMPLETED
    return done


async def test_a_file_that_is_what_it_was(workspace: Workspace, fault_server: FaultServer) -> None:
    engine = await workspace.engine()
    done = await whole(engine, workspace, fault_server)
    outcome = await engine.verify([done.id])
    (verified,) = outcome.changed
    assert outcome.refused == ()
    assert verified.status is Status.COMPLETED
    assert verified.resume_verdict == "verified again: sha256 is right"
    assert verified.timeline[-1].text == verified.resume_verdict
    assert verified.error is None
    assert (await engine.find(done.id)).progress.verified is None


async def test_a_damaged_one_says_so_until_it_is_right_again(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    done = await whole(engine, workspace, fault_server)
    spoiled = bytearray(DATA)
    spoiled[123_456] ^= 1
    Path(done.path).write_bytes(spoiled)
    outcome = await engine.verify([done.id])
    assert outcome.changed == ()
    assert outcome.refused[0].error.code is ErrorCode.CHECKSUM
    damaged = (await engine.find(done.id)).download
    assert damaged.status is Status.COMPLETED
    assert damaged.error == outcome.refused[0].error
    found = hashlib.sha256(spoiled).hexdigest()
    assert damaged.resume_verdict == (f"DAMAGED: sha256 is {found}, not {SUM.hexdigest} as given")
    assert damaged.timeline[-1].text == damaged.resume_verdict
    Path(done.path).write_bytes(DATA)
    (right,) = (await engine.verify([done.id])).changed
    assert (right.error, right.resume_verdict) == (None, "verified again: sha256 is right")


async def test_without_a_checksum_the_length_counts_and_the_digest_is_told(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    done = await whole(engine, workspace, fault_server, None)
    (verified,) = (await engine.verify([done.id])).changed
    assert verified.resume_verdict == (
        f"verified again: its length is right; no checksum is known, its sha256 is {SUM.hexdigest}"
    )
    Path(done.path).write_bytes(DATA[:-1])
    (refusal,) = (await engine.verify([done.id])).refused
    assert refusal.error.code is ErrorCode.CHECKSUM
    assert refusal.error.message == f"it has {len(DATA) - 1} bytes, not {len(DATA)}"


@pytest.mark.parametrize("replacement", ["nothing", "directory"])
async def test_one_that_is_gone_is_missed_and_the_others_are_verified(
    workspace: Workspace, fault_server: FaultServer, replacement: str
) -> None:
    engine = await workspace.engine()
    gone = await whole(engine, workspace, fault_server)
    other = await fetch(engine, workspace.request(fault_server.file("b", DATA), checksum=SUM))
    Path(gone.path).unlink()
    if replacement == "directory":
        Path(gone.path).mkdir()
    outcome = await engine.verify([gone.id, other.id])
    assert [d.id for d in outcome.changed] == [other.id]
    (refusal,) = outcome.refused
    assert (refusal.id, refusal.error.code) == (gone.id, ErrorCode.DISK)
    assert refusal.error.message == f"{gone.path} is not there any more"


class Slow:
    """Lets a file be hashed a stretch at a time, when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._loop = asyncio.get_running_loop()
        self._turns = asyncio.Semaphore(0)
        self.reached = asyncio.Event()
        advance = RunningDigest.advance

        def slowly(running: RunningDigest, fd: int, end: int) -> None:
            self._loop.call_soon_threadsafe(self.reached.set)
            asyncio.run_coroutine_threadsafe(self._turns.acquire(), self._loop).result()
            advance(running, fd, end)

        monkeypatch.setattr(RunningDigest, "advance", slowly)

    def go_on(self) -> None:
        self._turns.release()


@pytest.fixture
async def big(workspace: Workspace, fault_server: FaultServer) -> tuple[Engine, Download]:
    """Return a finished file of two stretches and a bit."""
    engine = await workspace.engine()
    return engine, await fetch(
        engine, workspace.request(fault_server.file("big", content(2 * STRETCH + 5)))
    )


async def test_how_far_it_is_can_be_seen_and_the_list_goes_on_meanwhile(
    big: tuple[Engine, Download], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, done = big
    slow = Slow(monkeypatch)
    async with engine.subscribe() as events:
        await anext(events)
        verifying = asyncio.create_task(engine.verify([done.id]))
        await slow.reached.wait()
        assert engine.has_work
        view = await engine.find(done.id)
        assert (view.download.status, view.progress.verified) == (Status.COMPLETED, 0)
        assert view.progress.bytes_downloaded == 2 * STRETCH + 5
        slow.go_on()
        batch = await anext(events)
        assert isinstance(batch, ProgressBatch)
        assert batch.progress[done.id].verified == STRETCH
        slow.go_on()
        slow.go_on()
        assert len((await verifying).changed) == 1
        async for event in events:
            if isinstance(event, ProgressBatch) and event.progress[done.id].verified is None:
                break
    assert not engine.has_work


async def test_one_that_is_removed_meanwhile_stays_removed(
    big: tuple[Engine, Download], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, done = big
    slow = Slow(monkeypatch)
    verifying = asyncio.create_task(engine.verify([done.id]))
    await slow.reached.wait()
    await engine.remove([done.id])
    for _ in range(3):
        slow.go_on()
    (refusal,) = (await verifying).refused
    assert refusal.error.code is ErrorCode.UNKNOWN_ID
    assert await engine.downloads() == []


async def test_an_engine_that_ends_does_not_wait_for_the_whole_file(
    big: tuple[Engine, Download], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, done = big
    slow = Slow(monkeypatch)
    verifying = asyncio.create_task(engine.verify([done.id]))
    await slow.reached.wait()
    close, closing_it = engine._reverifier.close, asyncio.Event()

    async def closed() -> None:
        closing_it.set()
        await close()

    monkeypatch.setattr(engine._reverifier, "close", closed)
    closing = asyncio.create_task(engine.close())
    await closing_it.wait()
    slow.go_on()
    with pytest.raises(StoppedError):
        await verifying
    await closing
