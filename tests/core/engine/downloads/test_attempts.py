"""Every attempt is written down as it went, and nothing about that gets in a download's way."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from core.adapters.state.history import HistoryStore
from core.adapters.system.clock import Clock
from core.domain.errors import DiskFullError, ErrorCode, ErrorInfo, NetworkError, UsageError
from core.domain.history import AttemptEnd, HistoryEntry, HistoryQuery, PhaseTimes
from core.domain.models import (
    DownloadRecord,
    DownloadRequest,
    Phase,
    Progress,
    Status,
    TimelineEntry,
)
from core.domain.settings import LimitSettings
from core.domain.value import asdict, replace
from core.engine.downloads.attempts import Attempt
from core.engine.downloads.recorder import STARTED, AttemptRecorder
from core.engine.running.progress import ProgressReporter
from core.engine.service import Engine
from core.policy.transfer.host_memory import HostMemory
from tests.attempts import NOON
from tests.core.adapters.records import a_record
from tests.core.engine.conftest import SETTINGS, Workspace, fetch, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer
from tests.hourglass import Hourglass

SIZE = 3_000_000
DATA = content(SIZE)


async def history(engine: Engine) -> list[HistoryEntry]:
    """Return all attempts, the oldest first."""
    return list((await engine.history(HistoryQuery(limit=None))).entries[::-1])


def attempts_at(download: DownloadRecord) -> list[TimelineEntry]:
    return [entry for entry in download.timeline if entry.text == STARTED]


class TestEngine:
    async def test_a_whole_file_is_an_attempt_with_its_figures(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine()
        request = workspace.request(fault_server.file("a.bin", DATA))
        done = await fetch(engine, replace(request, group="set"))
        (entry,) = await history(engine)
        assert (entry.download, entry.name, entry.group) == (done.id, "a.bin", "set")
        assert (entry.url, entry.directory) == (request.url, str(workspace.files))
        assert f"http://{entry.host}" == fault_server.url
        assert (entry.end, entry.success) == (AttemptEnd.COMPLETED, True)
        assert (entry.bytes, entry.total_bytes, entry.retries) == (SIZE, SIZE, 0)
        assert entry.error_code is entry.error_message is None
        spent = asdict(entry.phases)
        duration = (entry.ended_at - entry.started_at).total_seconds()
        assert sum(spent.values()) == pytest.approx(duration, abs=1e-5)
        assert min(spent["connecting"], spent["downloading"], spent["finalizing"]) > 0
        assert entry.average_rate is not None
        assert entry.peak_rate is not None
        assert 0 < entry.average_rate <= entry.peak_rate

    async def test_a_retry_is_an_attempt_of_its_own(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine()
        url = fault_server.file("a.bin", DATA, fail_after=2_000_000, fail_times=1)
        await fetch(engine, workspace.request(url))
        first, second = await history(engine)
        assert (first.end, first.error_code) == (AttemptEnd.RETRIED, ErrorCode.INCOMPLETE)
        assert (first.bytes, first.retries, first.verdict) == (2_000_000, 0, None)
        assert (second.end, second.bytes, second.retries) == (
            AttemptEnd.COMPLETED,
            SIZE - 2_000_000,
            1,
        )
        assert second.verdict == "verified: same validator, same bytes at the seam"

    async def test_a_failure_is_written_down_without_secrets(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine()
        url = fault_server.url_of("gone.bin").replace("http://", "http://me:hunter2@")
        await fetch(engine, workspace.request(f"{url}?token=hunter2"))
        (entry,) = await history(engine)
        assert (entry.end, entry.error_code) == (AttemptEnd.FAILED, ErrorCode.NOT_FOUND)
        assert entry.error_message
        assert entry.average_rate is entry.peak_rate is None
        assert "hunter2" not in repr(entry)
        assert (await engine.history(HistoryQuery(failed=True))).entries == (entry,)

    @pytest.mark.parametrize("how", ["pause", "remove", "hold", "limit"])
    async def test_an_attempt_that_is_stopped_keeps_what_it_brought(
        self, workspace: Workspace, fault_server: FaultServer, how: str
    ) -> None:
        engine = await workspace.engine(
            replace(SETTINGS, limits=LimitSettings(active=1, connections=1))
        )
        url = fault_server.file("a.bin", DATA, hold_after=1_500_000)
        (download,) = await engine.add([workspace.request(url)])
        await until(engine, download, lambda view: view.progress.bytes_downloaded > 1_000_000)
        if how == "pause":
            await engine.pause(None)
        elif how == "remove":
            await engine.remove([download.id])
        elif how == "hold":
            await engine.hold(True)
        else:
            other = fault_server.file("b.bin", b"b" * 300_000)
            (second,) = await engine.add([workspace.request(other)])
            await engine.start_now([second.id])
            await settled(engine, second)
            await until(engine, download, lambda view: len(attempts_at(view.download)) == 2)
        (entry,) = [entry for entry in await history(engine) if entry.name == "a.bin"]
        assert entry.end is AttemptEnd.STOPPED
        assert 1_000_000 < entry.bytes <= 1_500_000
        assert entry.error_code is None

    async def test_the_end_of_the_engine_stops_an_attempt_and_writes_it_down(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine()
        url = fault_server.file("a.bin", DATA, hold_after=1_500_000)
        (download,) = await engine.add([workspace.request(url)])
        await fault_server.held("a.bin")
        await engine.close()
        again = await workspace.engine()
        (entry,) = await history(again)
        assert (entry.download, entry.end) == (download.id, AttemptEnd.STOPPED)

    async def test_it_outlives_the_engine_and_is_forgotten_on_request(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine()
        await fetch(engine, workspace.request(fault_server.file("a.bin", DATA)))
        await engine.close()
        again = await workspace.engine()
        assert [entry.name for entry in await history(again)] == ["a.bin"]
        assert await again.clear_history() == 1
        assert await history(again) == []

    async def test_statistics_add_it_up_with_what_the_process_used(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine()
        await fetch(engine, workspace.request(fault_server.file("a.bin", DATA)))
        await fetch(engine, workspace.request(fault_server.url_of("nowhere")))
        found = await engine.statistics(2)
        assert (found.completed, found.failed, found.total_bytes.now) == (1, 1, SIZE)
        assert [host.host for host in found.hosts] == [fault_server.url.removeprefix("http://")]
        today = found.daily[-1]
        assert today.cpu_seconds is not None
        assert today.peak_memory is not None
        assert 0 < today.cpu_seconds < 60
        # A Python process has some megabytes, and no machine has a tebibyte for the tests.
        assert 2**20 < today.peak_memory < 2**40
        with pytest.raises(UsageError):
            await engine.statistics(0)

    async def test_a_history_that_cannot_be_saved_fails_no_download(
        self, workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise DiskFullError("no space")

        monkeypatch.setattr(HistoryStore, "append", full)
        monkeypatch.setattr(HistoryStore, "close", full)
        engine = await workspace.engine()
        done = await fetch(engine, workspace.request(fault_server.file("a.bin", DATA)))
        assert done.status is Status.COMPLETED
        await engine.close()

    async def test_a_damaged_history_keeps_no_engine_from_starting(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        (workspace.state / "history.json").write_bytes(b"{")
        engine = await workspace.engine()
        assert any("history.json" in text for text in (await engine.status()).notices)
        done = await fetch(engine, workspace.request(fault_server.file("a.bin", DATA)))
        assert done.status is Status.COMPLETED
        assert len(await history(engine)) == 1


class Moved:
    """A transfer as far as an attempt looks at it."""

    gained = 0
    rate = 0.0
    connections = 0
    served_best: int | None = None


def a_download(**changes: object) -> DownloadRecord:
    request = DownloadRequest(url="https://me:pw@example.org:8443/a?sig=abc", directory="/d")
    download = DownloadRecord(id="a" * 16, request=request, name="a", order=1.0, created_at=NOON)
    return download.replace(**changes)


class TestAttempt:
    def test_phases_are_measured_and_the_same_phase_again_adds_to_it(self) -> None:
        clock, moved = Hourglass(NOON), Moved()
        attempt = Attempt(a_download(retry_count=2), moved, clock)
        for phase, seconds in (
            (Phase.CONNECTING, 1.0),
            (Phase.DOWNLOADING, 2.0),
            (Phase.CONNECTING, 4.0),
            (Phase.DOWNLOADING, 8.0),
            (Phase.VERIFYING, 16.0),
            (Phase.FINALIZING, 32.0),
        ):
            attempt.observe({"phase": phase, "name": "a"})
            clock.passed += seconds
        moved.gained = 100
        entry = attempt.entry(a_download(), AttemptEnd.COMPLETED, None)
        assert entry.phases == PhaseTimes(
            connecting=5.0, downloading=10.0, verifying=16.0, finalizing=32.0
        )
        assert (entry.average_rate, entry.retries) == (10.0, 2)
        assert (entry.started_at, entry.ended_at) == (NOON, NOON + timedelta(seconds=63))

    @pytest.mark.parametrize("days", [-10, 10])
    def test_a_clock_that_is_set_makes_no_attempt_longer_or_shorter(self, days: int) -> None:
        clock = Hourglass(NOON)
        attempt = Attempt(a_download(), Moved(), clock)
        clock.passed += 5
        clock.jump(timedelta(days=days))
        entry = attempt.entry(a_download(), AttemptEnd.STOPPED, None)
        assert entry.ended_at - entry.started_at == timedelta(seconds=5)

    def test_what_follows_a_stop_is_no_part_of_it(self) -> None:
        clock = Hourglass(NOON)
        attempt = Attempt(a_download(), Moved(), clock)
        clock.passed += 5
        attempt.stop()
        clock.passed += 60
        entry = attempt.entry(a_download(), AttemptEnd.FAILED, None)
        assert entry.ended_at - entry.started_at == timedelta(seconds=5)

    def test_the_peak_is_the_highest_rate_that_was_seen(self) -> None:
        clock, moved = Hourglass(NOON), Moved()
        attempt = Attempt(a_download(), moved, clock)
        attempt.observe({"phase": Phase.DOWNLOADING})
        for rate in (10.0, 500.0, 20.0):
            moved.rate = rate
            attempt.sample()
        clock.passed += 10
        moved.gained = 1000
        entry = attempt.entry(a_download(), AttemptEnd.COMPLETED, None)
        assert (entry.average_rate, entry.peak_rate) == (100.0, 500.0)

    def test_the_rate_of_a_moment_is_what_came_in_it(self) -> None:
        clock, moved = Hourglass(NOON), Moved()
        attempt = Attempt(a_download(), moved, clock)
        attempt.observe({"phase": Phase.DOWNLOADING})
        clock.passed += 0.02
        moved.gained = 1000
        entry = attempt.entry(a_download(), AttemptEnd.COMPLETED, None)
        assert entry.average_rate == entry.peak_rate == 50_000.0

    def test_what_lay_ready_is_no_faster_than_its_attempt(self) -> None:
        clock, moved = Hourglass(NOON), Moved()
        attempt = Attempt(a_download(), moved, clock)
        clock.passed += 0.03
        attempt.observe({"phase": Phase.DOWNLOADING})
        clock.passed += 0.02
        moved.gained = 1000
        entry = attempt.entry(a_download(), AttemptEnd.COMPLETED, None)
        assert entry.average_rate == pytest.approx(20_000.0)

    def test_neither_address_nor_message_holds_a_secret(self) -> None:
        error = ErrorInfo(
            code=ErrorCode.REDIRECT, message="it leads to http://me:pw@b.example/?sig=abc and back"
        )
        attempt = Attempt(a_download(), Moved(), Hourglass(NOON))
        entry = attempt.entry(a_download(), AttemptEnd.FAILED, error)
        assert entry.host == "example.org:8443"
        assert entry.error_message is not None
        assert entry.error_message.startswith("it leads to http://b.example/?sig=")
        assert "pw" not in repr(entry)
        assert "abc" not in repr(entry)


class TestAttemptRecorder:
    @pytest.fixture
    def store(self, workspace: Workspace) -> HistoryStore:
        return HistoryStore(workspace.state)

    async def only(self, recorder: AttemptRecorder) -> HistoryEntry:
        (entry, *_) = (await recorder.history(HistoryQuery())).entries
        return entry

    async def test_what_a_kill_ended_began_when_it_was_started_last(
        self, store: HistoryStore
    ) -> None:
        recorder = AttemptRecorder(store, Clock(), HostMemory())
        await recorder.start()
        times = [NOON, NOON + timedelta(hours=1), NOON + timedelta(hours=2)]
        texts = [STARTED, "paused", STARTED]
        timeline = tuple(
            TimelineEntry(at=at, text=text) for at, text in zip(times, texts, strict=True)
        )
        download = a_download(started_at=NOON, timeline=timeline, retry_count=3)
        record = a_record(done=700)
        recorder.interrupted(download, times[2] + timedelta(minutes=5), record)
        entry = await self.only(recorder)
        assert (entry.end, entry.retries) == (AttemptEnd.INTERRUPTED, 3)
        assert (entry.started_at, entry.ended_at) == (times[2], times[2] + timedelta(minutes=5))
        assert (entry.bytes, entry.average_rate, entry.phases) == (700, None, PhaseTimes())
        # What an earlier attempt brought does not count again, and no attempt takes bytes away.
        recorder.interrupted(download, times[2], a_record(done=900))
        assert (await self.only(recorder)).bytes == 200
        recorder.interrupted(download, NOON - timedelta(days=1), a_record(done=0))
        entry = await self.only(recorder)
        assert entry.bytes == 0
        assert entry.started_at == entry.ended_at
        await recorder.close()

    async def test_it_says_so_once_where_it_cannot_save_and_goes_on(
        self, store: HistoryStore, workspace: Workspace, caplog: pytest.LogCaptureFixture
    ) -> None:
        recorder = AttemptRecorder(store, Clock(), HostMemory())
        await recorder.start()
        (workspace.state / "history.json").mkdir()
        for _ in range(3):
            recorder.interrupted(a_download(), NOON, None)
            await store.tidy(NOON + timedelta(days=365))
        await recorder.close()
        failures = [r for r in caplog.records if "could not be saved" in r.message]
        assert [r.levelno for r in failures] == [logging.ERROR]
        assert len((await recorder.history(HistoryQuery())).entries) == 3

    async def test_closing_what_never_started_does_nothing(self, store: HistoryStore) -> None:
        await AttemptRecorder(store, Clock(), HostMemory()).close()


class Unwatched:
    """A list whose bus nobody listens to, and the bus."""

    has_subscribers = False

    @property
    def bus(self) -> Unwatched:
        return self

    def progress_of(self, download_id: str) -> Progress:
        raise AssertionError(f"nobody asked for {download_id}")


async def test_rates_are_sampled_though_nobody_watches() -> None:
    running = {"a", "b"}
    sampled: list[str] = []
    done = asyncio.Event()

    class Samples:
        def sample(self, download_id: str) -> None:
            sampled.append(download_id)
            if len(sampled) == 4:
                running.clear()
                done.set()

    reporter = ProgressReporter(Unwatched(), Samples(), None, None, running)  # type: ignore[arg-type]
    reporter.start()
    reporter.start()
    await done.wait()
    assert sorted(sampled) == ["a", "a", "b", "b"]
    await reporter.close()


async def test_what_a_stopped_attempt_has_to_wait_for_is_its_reason(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a.bin", DATA, fail_after=100_000)

    async def nowhere(*_: object) -> bool:
        return False

    monkeypatch.setattr(engine._runner.queue.guards, "_reaches_any", nowhere)
    (download,) = await engine.add([workspace.request(url)])
    await until(engine, download, lambda view: view.download.wait_reason is not None)
    await until(engine, download, lambda view: view.download.error is not None)
    (entry,) = await history(engine)
    assert (entry.end, entry.error_code) == (AttemptEnd.STOPPED, NetworkError.code)
    assert entry.started_at < datetime.now(UTC)
