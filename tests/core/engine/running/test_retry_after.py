"""A server that wants to be left alone is: by the next engine, by the others, for a whole night."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.domain.models import Download, Status, WaitReason
from core.domain.settings import RetrySettings, Settings
from core.domain.value import replace
from core.engine.service import Engine
from tests.core.engine.conftest import SETTINGS, Workspace, settled, until
from tests.core.engine.requests.test_limits import local
from tests.faults.model import content
from tests.faults.server import FaultServer
from tests.hourglass import Hourglass

DATA = content(100_000)
NIGHT = 3000
BUSY = (503, {"Retry-After": str(NIGHT)})


def patient(give_up_after: str) -> Settings:
    retry = RetrySettings(attempts=1, base=0.0, cap=0.0, give_up_after=give_up_after)
    return replace(SETTINGS, retry=retry)


@pytest.fixture
def clock() -> Hourglass:
    return Hourglass(local("20:00:00"))


async def put_off(engine: Engine, download: Download, times: int = 1) -> Download:
    """Return a download once its server has asked so often to come again later."""
    view = await until(
        engine,
        download,
        lambda v: (
            (v.download.wait_reason is WaitReason.RETRY and v.download.retry_count == times)
            or v.download.status.is_settled
        ),
    )
    return view.download


def wake(engine: Engine, clock: Hourglass, seconds: float = NIGHT) -> None:
    """Let the machine sleep through a wait."""
    clock.suspend(seconds)
    engine._wall_clock.look()


async def test_it_is_left_alone_by_the_next_engine_too(
    workspace: Workspace, fault_server: FaultServer, clock: Hourglass
) -> None:
    url = fault_server.file("a", DATA, statuses=[BUSY])
    engine = await workspace.engine(patient("24h"), clock=clock)
    (download,) = await engine.add([workspace.request(url)])
    before = await put_off(engine, download)
    await engine.close()
    clock.suspend(NIGHT / 2)
    engine = await workspace.engine(patient("24h"), clock=clock)
    after = (await engine.find(download.id)).download
    assert after.wait_reason is WaitReason.RETRY
    assert (after.retry_at, after.error, after.retry_count) == (before.retry_at, before.error, 1)
    assert after.failing_since == before.failing_since
    assert engine.has_work
    wake(engine, clock, NIGHT / 2)
    assert (await settled(engine, download)).status is Status.COMPLETED
    assert len(fault_server.requests_to("a")) == 2


@pytest.mark.parametrize("by", [timedelta(days=-10), timedelta(days=10)])
async def test_a_clock_that_was_set_between_two_starts_makes_nobody_wait_for_days(
    workspace: Workspace, fault_server: FaultServer, clock: Hourglass, by: timedelta
) -> None:
    url = fault_server.file("a", DATA, statuses=[BUSY])
    engine = await workspace.engine(patient("off"), clock=clock)
    (download,) = await engine.add([workspace.request(url)])
    await put_off(engine, download)
    await engine.close()
    clock.jump(by)
    engine = await workspace.engine(patient("off"), clock=clock)
    retry_at = (await engine.find(download.id)).download.retry_at
    longest = timedelta(seconds=RetrySettings().retry_after_cap)
    assert retry_at is None or retry_at - clock.now() <= longest


@pytest.mark.parametrize("word", ["resume", "retry", "start_now", "add"])
async def test_the_persons_word_goes_before_the_servers(
    workspace: Workspace, fault_server: FaultServer, clock: Hourglass, word: str
) -> None:
    request = workspace.request(fault_server.file("a", DATA, statuses=[BUSY]))
    engine = await workspace.engine(patient("24h"), clock=clock)
    (download,) = await engine.add([request])
    await put_off(engine, download)
    await engine.close()
    engine = await workspace.engine(patient("24h"), clock=clock)
    if word == "add":
        await engine.add([request])
    else:
        await getattr(engine, word)([download.id])
    done = await settled(engine, download)
    assert (done.status, done.failing_since) == (Status.COMPLETED, None)


async def test_a_night_of_it_fails_nothing_and_ends_one_day(
    workspace: Workspace, fault_server: FaultServer, clock: Hourglass
) -> None:
    """More often than there are attempts, over a restart in the middle."""
    url = fault_server.file("a", DATA, statuses=[BUSY] * 50)
    engine = await workspace.engine(patient("3h"), clock=clock)
    (download,) = await engine.add([workspace.request(url)])
    for times in range(1, 5):
        assert (await put_off(engine, download, times)).status is Status.PENDING
        if times == 2:
            await engine.close()
            engine = await workspace.engine(patient("3h"), clock=clock)
        wake(engine, clock)
    failed = await settled(engine, download)
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert failed.error.message.endswith("and has put it off for 3 h")
    assert len(fault_server.requests_to("a")) == 5


async def test_the_others_leave_their_host_alone_and_then_ask_one_by_one(
    workspace: Workspace, fault_server: FaultServer, clock: Hourglass
) -> None:
    statuses = {"a": [BUSY]} | {name: [BUSY, BUSY] for name in "bcd"}
    urls = [fault_server.file(n, DATA, statuses=statuses[n]) for n in "abcd"]
    limits = replace(SETTINGS.limits, active=1)
    engine = await workspace.engine(replace(patient("24h"), limits=limits), clock=clock)
    downloads = await engine.add([workspace.request(url) for url in urls])
    await put_off(engine, downloads[0])
    held = await until(
        engine, downloads[3], lambda v: v.download.wait_reason is WaitReason.HOST_LIMIT
    )
    assert held.download.retry_at == clock.now() + timedelta(seconds=30)
    asked = [len(fault_server.requests_to(name)) for name in "abcd"]
    assert asked == [1, 0, 0, 0]
    wake(engine, clock, 30)
    await put_off(engine, downloads[1])
    assert sum(len(fault_server.requests_to(name)) for name in "abcd") == 2
    # Its own wait is over: it serves again, and nobody has to wait for it any more.
    wake(engine, clock, NIGHT)
    assert (await settled(engine, downloads[0])).status is Status.COMPLETED
