"""A clock that is set, or that stood still while the machine slept, loses and delays nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from core.domain.history import HistoryQuery
from core.domain.models import Download, Status, WaitReason
from core.domain.service import LimitChanges, RateSource
from core.engine.running import wall_clock
from core.engine.running.wall_clock import WallClock
from core.engine.service import Engine
from tests.core.engine.conftest import Workspace, fetch, settled, until
from tests.core.engine.requests.test_limits import OFFICE, limited, local
from tests.faults.model import content
from tests.faults.server import FaultServer
from tests.hourglass import Hourglass
from tests.unix import until as happened

DATA = content(100_000)
RETRY_AFTER = 3000
TEN_DAYS = timedelta(days=10)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Hourglass:
    monkeypatch.setattr(wall_clock, "LOOK", 0.01)
    return Hourglass(local("08:00:00"))


async def waiting(
    engine: Engine, workspace: Workspace, fault_server: FaultServer, name: str = "a"
) -> Download:
    """Return a download whose server has asked to come again in RETRY_AFTER seconds."""
    statuses = [(503, {"Retry-After": str(RETRY_AFTER)})]
    (download,) = await engine.add(
        [workspace.request(fault_server.file(name, DATA, statuses=statuses))]
    )
    view = await until(engine, download, lambda v: v.download.wait_reason is WaitReason.RETRY)
    return view.download


async def retry_at_is(engine: Engine, download: Download, moment: datetime) -> None:
    """Return once it is said that a download is tried again at a time."""
    await until(
        engine,
        download,
        lambda v: (
            v.download.retry_at is not None
            and abs(v.download.retry_at - moment) < timedelta(seconds=1)
        ),
    )


class TestASetClock:
    @pytest.mark.parametrize("by", [TEN_DAYS, -TEN_DAYS])
    async def test_a_retry_keeps_its_delay_and_says_the_new_time(
        self, workspace: Workspace, fault_server: FaultServer, clock: Hourglass, by: timedelta
    ) -> None:
        engine = await workspace.engine(clock=clock)
        download = await waiting(engine, workspace, fault_server)
        await retry_at_is(engine, download, clock.now() + timedelta(seconds=RETRY_AFTER))
        clock.jump(by)
        await retry_at_is(engine, download, clock.now() + timedelta(seconds=RETRY_AFTER))
        assert len(fault_server.requests_to("a")) == 1
        clock.suspend(RETRY_AFTER)
        assert (await settled(engine, download)).status is Status.COMPLETED
        assert workspace.content("a") == DATA

    @pytest.mark.parametrize("by", [TEN_DAYS, -TEN_DAYS])
    async def test_what_runs_goes_on_and_nothing_is_lost(
        self, workspace: Workspace, fault_server: FaultServer, clock: Hourglass, by: timedelta
    ) -> None:
        engine = await workspace.engine(clock=clock)
        url = fault_server.file("a", DATA, hold_after=50_000)
        (running,) = await engine.add([workspace.request(url)])
        await fault_server.held("a")
        clock.jump(by)
        (paused,) = await engine.add([workspace.request(fault_server.url_of("b"))])
        await engine.pause([paused.id])
        fault_server.release("a")
        assert (await settled(engine, running)).status is Status.COMPLETED
        await engine.close()
        clock.jump(-2 * by)
        engine = await workspace.engine(clock=clock)
        assert {v.download.id: v.download.status for v in await engine.downloads()} == {
            running.id: Status.COMPLETED,
            paused.id: Status.PAUSED,
        }
        assert workspace.content("a") == DATA

    @pytest.mark.parametrize("by", [TEN_DAYS, -TEN_DAYS])
    async def test_history_stays_in_the_order_in_which_it_happened(
        self, workspace: Workspace, fault_server: FaultServer, clock: Hourglass, by: timedelta
    ) -> None:
        engine = await workspace.engine(clock=clock)
        for name in "abc":
            await fetch(engine, workspace.request(fault_server.file(name, DATA)))
            clock.jump(by)
        entries = (await engine.history(HistoryQuery())).entries
        assert [entry.name for entry in entries] == ["c", "b", "a"]

    async def test_the_timetable_follows_at_once(
        self, workspace: Workspace, clock: Hourglass
    ) -> None:
        engine = await workspace.engine(limited(schedule=(OFFICE,)), clock=clock)
        bucket = engine._context.rate_limit
        assert bucket.rate is None
        clock.jump(timedelta(hours=4))
        # What is in force for those that run; asking reads the clock itself.
        await happened(lambda: bucket.rate is not None)
        limits = await engine.limit(LimitChanges())
        assert limits.rate_source is RateSource.SCHEDULE


class TestASleep:
    async def test_what_fell_due_meanwhile_is_tried_at_once_and_the_rest_is_that_much_nearer(
        self, workspace: Workspace, fault_server: FaultServer, clock: Hourglass
    ) -> None:
        engine = await workspace.engine(clock=clock)
        download = await waiting(engine, workspace, fault_server)
        due = clock.now() + timedelta(seconds=RETRY_AFTER)
        clock.suspend(RETRY_AFTER - 100)
        await retry_at_is(engine, download, due)
        assert len(fault_server.requests_to("a")) == 1
        clock.suspend(101)
        assert (await settled(engine, download)).status is Status.COMPLETED

    async def test_a_clock_that_was_set_is_not_taken_for_a_sleep(
        self, workspace: Workspace, fault_server: FaultServer, clock: Hourglass
    ) -> None:
        engine = await workspace.engine(clock=clock)
        download = await waiting(engine, workspace, fault_server)
        clock.jump(timedelta(seconds=RETRY_AFTER + 1))
        await retry_at_is(engine, download, clock.now() + timedelta(seconds=RETRY_AFTER))
        assert (await engine.find(download.id)).download.status is Status.PENDING


class TestTheWatch:
    @pytest.fixture
    def jumps(self) -> list[float]:
        return []

    @pytest.fixture
    def watch(self, clock: Hourglass, jumps: list[float]) -> WallClock:
        return WallClock(clock, jumps.append)

    def test_time_that_passes_is_no_jump(
        self, clock: Hourglass, watch: WallClock, jumps: list[float]
    ) -> None:
        for _ in range(100):
            clock.passed += 30.0
            watch.look()
        assert jumps == []

    @pytest.mark.parametrize("by", [TEN_DAYS, -TEN_DAYS, timedelta(seconds=3)])
    def test_a_set_clock_is_told_once(
        self, clock: Hourglass, watch: WallClock, jumps: list[float], by: timedelta
    ) -> None:
        clock.jump(by)
        watch.look()
        watch.look()
        assert jumps == [0.0]

    def test_small_steps_add_up(
        self, clock: Hourglass, watch: WallClock, jumps: list[float]
    ) -> None:
        for _ in range(5):
            clock.jump(timedelta(seconds=1))
            watch.look()
        assert jumps == [0.0]

    def test_a_sleep_tells_its_length_also_when_the_clock_was_set_meanwhile(
        self, clock: Hourglass, watch: WallClock, jumps: list[float]
    ) -> None:
        clock.suspend(3600)
        watch.look()
        clock.suspend(60)
        clock.jump(-TEN_DAYS)
        watch.look()
        watch.look()
        assert jumps == [pytest.approx(3600), pytest.approx(60)]
