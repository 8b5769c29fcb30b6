"""Limits that change while downloads run, on a clock that the tests let pass."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from core.domain.events import Noticed, Snapshot
from core.domain.models import Status, WaitReason
from core.domain.service import Changes, LimitChanges, RateSource
from core.domain.settings import LimitSettings, ScheduleEntry, Settings
from core.domain.value import replace
from core.policy.transfer.throttle import BURST
from tests.core.engine.conftest import SETTINGS, Workspace, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer
from tests.hourglass import Hourglass

SIZE = 3_000_000
DATA = content(SIZE)
HALF = 1_000_000
OFFICE = ScheduleEntry(days="mon-fri", start="09:00", end="18:00", rate="100k")


def local(clock: str) -> datetime:
    """Return a time of a Tuesday, as the wall of whoever runs this shows it."""
    hours, minutes, seconds = map(int, clock.split(":"))
    return datetime(2026, 3, 3, hours, minutes, seconds).astimezone()


def limited(**limits: object) -> Settings:
    """Return settings with one connection for each download."""
    changed = replace(LimitSettings(connections=1), **limits)  # type: ignore[arg-type]
    return replace(SETTINGS, limits=changed)


@pytest.fixture
def clock() -> Hourglass:
    return Hourglass(local("08:00:00"))


async def pass_by(clock: Hourglass, seconds: float) -> None:
    """Let so much time go by for all that wait."""
    while clock.passed < seconds:
        await clock.asleep(4)
        clock.advance()


class TestRate:
    async def test_downloads_share_the_limit_of_all(
        self, workspace: Workspace, fault_server: FaultServer, clock: Hourglass
    ) -> None:
        rate, seconds = 300_000, 20
        engine = await workspace.engine(limited(rate=str(rate)), clock=clock)
        downloads = await engine.add(
            [workspace.request(fault_server.file(name, DATA)) for name in "abc"]
        )
        await pass_by(clock, seconds)
        counts = [(await engine.find(d.id)).progress.bytes_downloaded for d in downloads]
        assert sum(counts) <= rate * (clock.passed + BURST)
        assert sum(counts) == pytest.approx(rate * seconds, rel=0.03)
        assert max(counts) == pytest.approx(min(counts), rel=0.05)

    async def test_what_a_stop_keeps_of_what_had_come_is_owed_to_the_limit(
        self, workspace: Workspace, fault_server: FaultServer, clock: Hourglass
    ) -> None:
        rate, seconds, size = 300_000, 1, 300_000
        engine = await workspace.engine(limited(rate=str(rate)), clock=clock)
        downloads = await engine.add(
            [workspace.request(fault_server.file(name, DATA)) for name in "abc"]
        )
        await pass_by(clock, seconds)
        await engine.pause(None)
        kept = [(await engine.find(d.id)).progress.bytes_downloaded for d in downloads]
        assert sum(kept) > rate * (clock.passed + BURST), "more had come than was let through"
        (other,) = await engine.add([workspace.request(fault_server.file("d", DATA[:size]))])
        ends = asyncio.create_task(settled(engine, other))
        while not ends.done():
            asleep = asyncio.create_task(clock.asleep(2))
            await asyncio.wait([ends, asleep], return_when=asyncio.FIRST_COMPLETED)
            if asleep.cancel():
                continue
            clock.advance()
        assert sum(kept) + size <= rate * (clock.passed + BURST)

    async def test_the_limit_of_one_download_slows_no_other(
        self, workspace: Workspace, fault_server: FaultServer, clock: Hourglass
    ) -> None:
        engine = await workspace.engine(limited(), clock=clock)
        request = workspace.request(fault_server.file("slow", DATA))
        (slow,) = await engine.add([replace(request, limit=50_000)])
        await clock.asleep(2)
        (fast,) = await engine.add([workspace.request(fault_server.file("fast", DATA))])
        assert (await settled(engine, fast)).status is Status.COMPLETED
        assert (await engine.find(slow.id)).download.status is Status.ACTIVE

    async def test_a_limit_that_is_taken_back_holds_nobody_any_more(
        self, workspace: Workspace, fault_server: FaultServer, clock: Hourglass
    ) -> None:
        engine = await workspace.engine(limited(), clock=clock)
        request = workspace.request(fault_server.file("a", DATA))
        (slow,) = await engine.add([replace(request, limit=1024)])
        await clock.asleep(2)
        await engine.set([slow.id], Changes(limit=0))
        clock.advance()
        assert (await settled(engine, slow)).status is Status.COMPLETED
        assert clock.passed < 1

    async def test_limits_reach_what_runs_already(
        self, workspace: Workspace, fault_server: FaultServer, clock: Hourglass
    ) -> None:
        engine = await workspace.engine(limited(), clock=clock)
        (running,) = await engine.add(
            [workspace.request(fault_server.file("a", DATA, hold_after=HALF))]
        )
        await fault_server.held("a")
        await engine.limit(LimitChanges(rate=100_000))
        fault_server.release("a")
        await clock.asleep(2)
        assert (await engine.find(running.id)).progress.bytes_downloaded < SIZE
        await engine.limit(LimitChanges(rate=0))
        clock.advance()
        assert (await settled(engine, running)).status is Status.COMPLETED


class TestCounts:
    async def test_fewer_active_sends_the_last_back_to_wait_and_more_lets_it_go_on(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine(limited())
        urls = [fault_server.file(name, DATA, hold_after=2 * HALF) for name in "ab"]
        first, last = await engine.add([workspace.request(url) for url in urls])
        await until(engine, last, lambda v: v.progress.bytes_downloaded > 0)
        await engine.limit(LimitChanges(active=1))
        view = await until(engine, last, lambda v: v.download.status is Status.PENDING)
        assert view.download.wait_reason is WaitReason.QUEUED
        assert view.progress.bytes_downloaded > 0
        assert (await engine.find(first.id)).download.status is Status.ACTIVE
        await engine.limit(LimitChanges(active=2))
        fault_server.release("b")
        done = await settled(engine, last)
        assert done.status is Status.COMPLETED
        assert workspace.content("b") == DATA
        assert fault_server.requests_to("b")[-1].range != "bytes=0-"

    async def test_a_waiting_one_is_started_at_once_and_the_last_makes_room(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine(limited(active=2))
        urls = [fault_server.file(name, DATA, hold_after=HALF) for name in "abc"]
        first, second, third = await engine.add([workspace.request(url) for url in urls])
        await fault_server.held("a")
        await fault_server.held("b")
        await engine.start_now([third.id])
        await until(engine, second, lambda v: v.download.status is Status.PENDING)
        await fault_server.held("c")
        for running in (first, third):
            assert (await engine.find(running.id)).download.status is Status.ACTIVE

    async def test_one_that_makes_room_before_its_first_step_comes_to_its_end(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine(limited(active=1))
        urls = [fault_server.file(name, DATA, hold_after=HALF) for name in "ab"]
        _, waiting = await engine.add([workspace.request(url) for url in urls])
        await fault_server.held("a")
        runner = engine._runner
        runner.queue.scheduler.force(waiting.id)
        runner._assign()  # as when many are to start now, and another change comes in between
        runner._stop(waiting.id, "waits again: it made room")
        for name in "ab":
            fault_server.release(name)
        assert (await settled(engine, waiting)).status is Status.COMPLETED

    async def test_connections_of_what_runs_follow(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine(limited(min_split="100k"))
        (running,) = await engine.add(
            [workspace.request(fault_server.file("a", DATA, hold_after=HALF // 5))]
        )
        await until(engine, running, lambda v: v.progress.connections == 1)
        await engine.set([running.id], Changes(connections=3))
        await until(engine, running, lambda v: v.progress.connections == 3)
        await engine.set([running.id], Changes(connections=1))
        await until(engine, running, lambda v: v.progress.connections == 1)
        fault_server.release("a")
        assert (await settled(engine, running)).status is Status.COMPLETED
        assert workspace.content("a") == DATA


class TestKept:
    async def test_what_was_changed_outlives_the_engine(self, workspace: Workspace) -> None:
        engine = await workspace.engine(limited(rate="5M"))
        before = await engine.limit(LimitChanges(rate=123, active=2))
        await engine.close()
        engine = await workspace.engine(limited(rate="5M"))
        assert await engine.limit(LimitChanges()) == before
        assert before.rate == 123
        back = await engine.limit(LimitChanges(reset=True))
        await engine.close()
        engine = await workspace.engine(limited(rate="5M"))
        assert await engine.limit(LimitChanges()) == back
        assert (back.rate, back.active) == (5 * 1024 * 1024, 4)


class TestTimetable:
    async def test_its_rate_holds_from_the_boundary_on(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        clock = Hourglass(local("08:59:30"))
        engine = await workspace.engine(limited(schedule=(OFFICE,)), clock=clock)
        limits = await engine.limit(LimitChanges())
        assert (limits.rate, limits.rate_source) == (None, RateSource.SETTINGS)
        assert limits.until == local("09:00:00")
        (running,) = await engine.add(
            [workspace.request(fault_server.file("a", DATA, hold_after=HALF))]
        )
        await fault_server.held("a")
        while clock.now() < local("09:00:00"):
            await clock.asleep(2)
            clock.advance()
        assert clock.now() == local("09:00:00")
        await clock.asleep(2)
        fault_server.release("a")
        await clock.asleep(3)
        assert (await engine.find(running.id)).download.status is Status.ACTIVE
        limits = await engine.limit(LimitChanges())
        assert (limits.rate, limits.rate_source) == (100 * 1024, RateSource.SCHEDULE)

    async def test_whoever_watches_hears_of_its_rate(self, workspace: Workspace) -> None:
        clock = Hourglass(local("08:59:30"))
        engine = await workspace.engine(limited(schedule=(OFFICE,)), clock=clock)
        async with engine.subscribe() as events:
            snapshot = await anext(events)
            assert isinstance(snapshot, Snapshot)
            assert snapshot.limit is None
            await clock.asleep(1)
            clock.advance()
            told = await anext(events)
            assert isinstance(told, Noticed)
            assert told.limit == 100 * 1024

    async def test_a_jump_of_the_wall_clock_is_noticed_within_a_minute(
        self, workspace: Workspace, fault_server: FaultServer, clock: Hourglass
    ) -> None:
        engine = await workspace.engine(limited(schedule=(OFFICE,)), clock=clock)
        await engine.add([workspace.request(fault_server.file("a", DATA, hold_after=HALF))])
        await fault_server.held("a")
        await clock.asleep(1)
        clock.jump(timedelta(hours=4))
        clock.advance()
        assert clock.passed <= 60
        await clock.asleep(1)
        fault_server.release("a")
        await clock.asleep(2)

    async def test_a_command_goes_before_it_until_it_is_taken_back(
        self, workspace: Workspace, clock: Hourglass
    ) -> None:
        clock.jump(timedelta(hours=4))
        engine = await workspace.engine(limited(schedule=(OFFICE,)), clock=clock)
        limits = await engine.limit(LimitChanges(rate=0))
        assert (limits.rate, limits.rate_source) == (None, RateSource.COMMAND)
        limits = await engine.limit(LimitChanges(reset=True))
        assert (limits.rate, limits.rate_source) == (100 * 1024, RateSource.SCHEDULE)
        assert limits.until == local("18:00:00")
