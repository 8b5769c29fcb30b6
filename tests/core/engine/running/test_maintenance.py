"""Upkeep removes what is worth nothing by itself, data on request, and after damage nothing."""

from __future__ import annotations

import asyncio
import dataclasses
import fcntl
import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.adapters.state.catalog import Catalog
from core.domain.errors import DiskFullError
from core.domain.models import Status, WaitReason
from core.domain.upkeep import Cleanup, LeftoverKind
from core.domain.value import replace
from core.engine.running import guards, maintenance
from core.engine.service import Engine
from tests.core.engine.conftest import Workspace, fill, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer
from tests.hourglass import Hourglass
from tests.unix import until as happened

MIB = 1024 * 1024
DATA = content(4 * MIB)
HALF = 2 * MIB


@dataclasses.dataclass(frozen=True, slots=True)
class Orphan:
    """A half file and its record, whose download is not in the list."""

    record: Path
    part: Path


@pytest.fixture
async def orphan(workspace: Workspace, fault_server: FaultServer) -> Orphan:
    engine = await workspace.engine()
    url = fault_server.file("lost", DATA, hold_after=HALF)
    (download,) = await engine.add([workspace.request(url)])
    await until(engine, download, lambda view: view.progress.bytes_downloaded >= MIB)
    await engine.pause([download.id])
    await engine.close()
    catalog = Catalog(workspace.state)
    await catalog.load()
    catalog.discard(download.id)
    await catalog.flush()
    # The generation before is not to know it either.
    catalog.put_paused(False)
    await catalog.close()
    found = Orphan(
        workspace.state / "resume_data" / f"{download.id}.json", workspace.files / "lost.part"
    )
    assert found.record.exists()
    assert found.part.exists()
    return found


class Watched(Hourglass):
    """Counts how often somebody looks at the time that also a sleeping machine lets pass."""

    looks = 0

    def boottime(self) -> float:
        self.looks += 1
        return super().boottime()


def in_days(days: float) -> Hourglass:
    return Hourglass(datetime.now(UTC) + timedelta(days=days))


def paths(cleanup: Cleanup) -> tuple[set[str], set[str]]:
    return {f.path for f in cleanup.removed}, {f.path for f in cleanup.kept}


async def tidied(engine: Engine) -> None:
    """Return once the upkeep of the start is over: it comes before whoever asks afterwards."""
    await asyncio.sleep(0)
    await engine.checkup()


class TestByItself:
    async def test_data_stays_whatever_its_age(self, workspace: Workspace, orphan: Orphan) -> None:
        await tidied(await workspace.engine(clock=in_days(400)))
        assert orphan.part.exists()
        assert orphan.record.exists()

    @pytest.mark.parametrize(("days", "stays"), [(6.5, True), (7.5, False)])
    async def test_a_record_goes_a_week_after_its_part_file(
        self, workspace: Workspace, orphan: Orphan, days: float, stays: bool
    ) -> None:
        orphan.part.unlink()
        await tidied(await workspace.engine(clock=in_days(days)))
        assert orphan.record.exists() is stays

    async def test_a_record_stays_while_the_disk_of_its_file_is_away(
        self, workspace: Workspace, orphan: Orphan
    ) -> None:
        away = workspace.files.rename(workspace.files.with_name("away"))
        engine = await workspace.engine(clock=in_days(20))
        await tidied(engine)
        assert str(orphan.record) in paths(await engine.clean(dry_run=False))[1]
        away.rename(workspace.files)
        assert str(orphan.part) in paths(await engine.clean(dry_run=True))[0]

    async def test_it_comes_again_after_a_day_that_the_machine_slept_through(
        self, workspace: Workspace, orphan: Orphan, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(maintenance, "LOOK", 0.01)
        clock = Watched(datetime.now(UTC) + timedelta(days=6.5))
        await tidied(await workspace.engine(clock=clock))
        orphan.part.unlink()
        clock.jump(timedelta(days=2))
        looks = clock.looks
        # More than it takes to see that it is due, to tidy up and to look again.
        await happened(lambda: clock.looks >= looks + 5)
        assert orphan.record.exists()
        clock.suspend(24 * 3600)
        await happened(lambda: not orphan.record.exists())

    async def test_what_a_live_download_writes_is_no_leftover_whatever_the_clock_says(
        self, workspace: Workspace
    ) -> None:
        clock = in_days(0)
        engine = await workspace.engine(clock=clock)
        request = replace(workspace.request("http://127.0.0.1:1/a"), paused=True)
        (download,) = await engine.add([request])
        written = workspace.state / "resume_data" / f"{download.id}.json.tmp"
        written.parent.mkdir(exist_ok=True)
        written.write_text("{")
        clock.jump(timedelta(days=10))
        assert await engine.clean(dry_run=False) == Cleanup()
        assert written.exists()

    async def test_temporary_files_of_nobody_go(self, workspace: Workspace) -> None:
        stray = workspace.state / "resume_data" / "ab.json.tmp"
        stray.parent.mkdir()
        stray.write_text("{")
        await tidied(await workspace.engine())
        assert stray.exists()
        await tidied(await workspace.engine(clock=in_days(1.1)))
        assert not stray.exists()


class TestOnRequest:
    async def test_a_dry_run_names_what_would_go_and_why_and_touches_nothing(
        self, workspace: Workspace, orphan: Orphan
    ) -> None:
        engine = await workspace.engine()
        cleanup = await engine.clean(dry_run=True)
        assert {(f.kind, f.path, f.size) for f in cleanup.removed} == {
            (LeftoverKind.PART_FILE, str(orphan.part), orphan.part.stat().st_size),
            (LeftoverKind.RESUME_DATA, str(orphan.record), orphan.record.stat().st_size),
        }
        assert {f.reason for f in cleanup.removed} == {"no download of the list continues it"}
        assert orphan.part.exists()
        assert orphan.record.exists()

    async def test_an_orphan_goes_with_its_part_file(
        self, workspace: Workspace, orphan: Orphan
    ) -> None:
        somebody_elses = workspace.files / "movie.part"
        somebody_elses.write_bytes(b"of another program")
        engine = await workspace.engine()
        removed, kept = paths(await engine.clean(dry_run=False))
        assert removed == {str(orphan.part), str(orphan.record)}
        assert not kept
        assert workspace.names() == ["movie.part"]
        assert not orphan.record.exists()
        assert (await engine.clean(dry_run=False)) == Cleanup()

    async def test_what_another_winch_writes_stays_with_its_record(
        self, workspace: Workspace, orphan: Orphan
    ) -> None:
        engine = await workspace.engine()
        with orphan.part.open("rb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            cleanup = await engine.clean(dry_run=False)
        assert paths(cleanup) == (set(), {str(orphan.part), str(orphan.record)})
        assert "another winch" in cleanup.kept[0].reason
        assert orphan.part.exists()
        assert orphan.record.exists()

    async def test_live_downloads_are_never_touched(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine()
        url = fault_server.file("a", DATA, hold_after=HALF)
        running, paused = await engine.add(
            [workspace.request(url), workspace.request(url, name="b")]
        )
        await fault_server.held("a", 2)
        await engine.pause([paused.id])
        assert await engine.clean(dry_run=False) == Cleanup()
        fault_server.release("a")
        await engine.resume([paused.id])
        for download in (running, paused):
            assert (await settled(engine, download)).status is Status.COMPLETED
        assert workspace.content("a") == workspace.content("b") == DATA

    async def test_a_copied_record_of_a_live_download_takes_nothing_from_it(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine()
        url = fault_server.file("a", DATA, hold_after=HALF)
        (download,) = await engine.add([workspace.request(url)])
        await until(engine, download, lambda view: view.progress.bytes_downloaded >= MIB)
        await engine.pause([download.id])
        # As somebody would who restores a backup into the wrong place.
        original = workspace.state / "resume_data" / f"{download.id}.json"
        other_id = download.id[::-1]
        text = original.read_text().replace(download.id, other_id)
        _write_record(original.with_name(f"{other_id}.json"), text)
        for dry_run in (True, False):
            cleanup = await engine.clean(dry_run=dry_run)
            assert not cleanup.removed
            assert {f.reason for f in cleanup.kept} == {"a download of the list has it"}
        assert (workspace.files / "a.part").exists()

    @pytest.mark.parametrize(("days", "goes"), [(29, False), (31, True)])
    async def test_what_was_set_aside_goes_after_a_month(
        self, workspace: Workspace, days: int, goes: bool
    ) -> None:
        (workspace.state / "resume_data").mkdir()
        aside = workspace.state / "resume_data" / "ab.json.damaged-20260301T120000.000000Z"
        aside.write_text("garbage")
        engine = await workspace.engine(clock=in_days(days))
        await tidied(engine)
        assert aside.exists()
        removed, kept = paths(await engine.clean(dry_run=False))
        assert (removed if goes else kept) == {str(aside)}
        assert aside.exists() is not goes


class TestAfterDamage:
    @pytest.mark.parametrize("what", ["damaged", "both damaged", "lost"])
    async def test_nothing_is_removed_by_itself_or_on_request(
        self, workspace: Workspace, orphan: Orphan, what: str
    ) -> None:
        current, before = workspace.state / "downloads.json", workspace.state / "downloads.json.bak"
        if what == "lost":
            current.unlink()
            before.unlink()
        else:
            current.write_text("garbage")
        if what == "both damaged":
            before.write_text("garbage")
        orphan.part.unlink()
        engine = await workspace.engine(clock=in_days(40))
        await tidied(engine)
        for dry_run in (True, False):
            cleanup = await engine.clean(dry_run=dry_run)
            assert cleanup.refused is not None
            assert "could not read the whole list" in cleanup.refused
            assert not cleanup.removed
        assert orphan.record.exists()
        assert {step.level for step in (await engine.checkup()).steps} >= {"problem"}

    async def test_the_next_good_start_may_clean_again(
        self, workspace: Workspace, orphan: Orphan
    ) -> None:
        (workspace.state / "downloads.json").write_text("garbage")
        engine = await workspace.engine()
        await engine.hold(True)
        await engine.close()
        engine = await workspace.engine()
        assert (await engine.clean(dry_run=True)).refused is None


class TestCheckup:
    async def test_it_tells_what_lies_around_and_how_the_start_went(
        self, workspace: Workspace, orphan: Orphan
    ) -> None:
        checkup = await (await workspace.engine()).checkup()
        assert {f.path for f in checkup.leftovers} == {str(orphan.part), str(orphan.record)}
        assert "orphans" in {step.step for step in checkup.steps}


@pytest.fixture
def small_state(
    workspace: Workspace, small_disk: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.setattr(guards, "POLL", 0.02)
    monkeypatch.setattr(guards, "QUOTA_PAUSE", 0.02)
    small_disk(workspace.state, "1m")
    return workspace.state


class TestFullState:
    async def test_own_logs_go_before_anything_is_refused(
        self, workspace: Workspace, small_state: Path
    ) -> None:
        engine = await workspace.engine()
        old = [small_state / f"winch.log.{number}" for number in (1, 2, 3)]
        archive = small_state / "history-2026-01.jsonl.gz"
        for path in (*old, archive):
            path.write_bytes(gzip.compress(b"") + b"x" * 20_000)
        fill(small_state)
        await engine.add([replace(workspace.request("http://127.0.0.1:1/a"), paused=True)])
        assert not any(path.exists() for path in old)
        assert archive.exists()
        assert (await engine.status()).notices == ()

    async def test_then_the_oldest_archive_goes(
        self, workspace: Workspace, small_state: Path
    ) -> None:
        engine = await workspace.engine()
        archives = [small_state / f"history-2026-0{month}.jsonl.gz" for month in (1, 2)]
        for path in archives:
            path.write_bytes(gzip.compress(b"") + b"x" * 40_000)
        fill(small_state)
        await engine.add([replace(workspace.request("http://127.0.0.1:1/a"), paused=True)])
        assert [path.exists() for path in archives] == [False, True]

    async def test_without_room_nothing_is_lost_and_all_goes_on_once_there_is(
        self, workspace: Workspace, small_state: Path, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine()
        url = fault_server.file("a", DATA, hold_after=HALF)
        (running,) = await engine.add([workspace.request(url)])
        await fault_server.held("a")
        generation = (small_state / "downloads.json").read_bytes()
        ballast = fill(small_state)
        refused = replace(workspace.request("http://127.0.0.1:1/b"), paused=True)
        with pytest.raises(DiskFullError):
            await engine.add([refused])
        assert (small_state / "downloads.json").read_bytes() == generation
        await happened(lambda: bool(engine._downloads.notices))
        assert "cannot be written" in (await engine.status()).notices[0]
        fault_server.release("a")
        view = await until(
            engine,
            running,
            lambda v: v.download.wait_reason is WaitReason.DISK_LOW or v.download.status.is_settled,
        )
        assert view.download.status is not Status.FAILED
        ballast.unlink()
        assert (await settled(engine, running)).status is Status.COMPLETED
        await engine.add([refused])
        assert (await engine.status()).notices == ()
        assert workspace.content("a") == DATA
        await engine.close()
        engine = await workspace.engine()
        assert {v.download.status for v in await engine.downloads()} == {
            Status.COMPLETED,
            Status.PAUSED,
        }


def _write_record(path: Path, text: str) -> None:
    """Write a record with the checksum that its changed text needs."""
    import hashlib
    import json

    start = text.index('"record":') + len('"record":')
    record = text[start:-1]
    digest = hashlib.blake2b(record.encode(), digest_size=16).hexdigest()
    assert json.loads(record)
    path.write_text(f'{{"checksum":"{digest}","record":{record}}}')
