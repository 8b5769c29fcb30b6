"""A close look at a download: what it shows is what is so, and no secret is in it."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from core.adapters.system.clock import Clock
from core.domain.inspection import Cause, ConnectionState, Inspection
from core.domain.models import Download, Segment, Status
from core.domain.redact import redact_header
from core.domain.service import Changes, LimitChanges
from core.domain.settings import LimitSettings, RetrySettings
from core.domain.value import replace
from core.engine.service import Engine
from core.engine.transfer.body import StateTimer
from core.engine.transfer.last_responses import REMEMBERED, LastResponse, LastResponses
from tests.core.engine.conftest import SETTINGS, Workspace, fetch, settled, until
from tests.core.engine.requests.test_limits import local
from tests.faults.model import Headers, content
from tests.faults.server import FaultServer
from tests.hourglass import Hourglass

SIZE = 4_000_000
DATA = content(SIZE)
HALF = 1_500_000
ONE = replace(SETTINGS, limits=LimitSettings(connections=1))
MANY = replace(SETTINGS, limits=LimitSettings(min_split="64k"))
HEADERS: Headers = {
    "Set-Cookie": "id=hidden1",
    "X-Auth-Token": "hidden2",
    "Link": "<https://u:hidden3@cdn.example/a?sig=hidden4>; rel=x",
    "X-Trace": "a=b; session=hidden5",
    "X-Cache": "HIT",
}


async def moving(engine: Engine, download: Download) -> Inspection:
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 0)
    return await engine.inspect(download.id)


async def test_the_pieces_of_a_file_are_shown_as_they_are(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    url = fault_server.file("a", DATA, rate=300_000)
    (download,) = await engine.add([workspace.request(url)])
    await until(
        engine,
        download,
        lambda v: v.progress.connections > 3 and v.progress.bytes_downloaded > 300_000,
    )
    seen = await engine.inspect(download.id)
    assert (seen.id, seen.total) == (download.id, SIZE)
    progress = (await engine.find(download.id)).progress
    assert sum((s.end or 0) - s.start for s in seen.done) == progress.bytes_downloaded
    assert len(seen.claimed) == len(seen.connections) == progress.connections
    for claimed, connection in zip(seen.claimed, seen.connections, strict=True):
        assert (claimed.start, claimed.end) == (connection.position, connection.end)
        assert connection.start <= connection.position
        assert (connection.url, connection.peer) == (url, "127.0.0.1")
        assert connection.state is ConnectionState.RECEIVING
        assert connection.asked > 0
    assert max(connection.rate or 0 for connection in seen.connections) > 0
    stretches = sorted([*seen.done, *seen.claimed], key=lambda s: s.start)
    for before, after in itertools.pairwise(stretches):
        assert (before.end or SIZE) <= after.start
    await engine.pause([download.id])
    resting = await engine.inspect(download.id)
    assert (resting.connections, resting.claimed, resting.slowness) == ((), (), None)
    assert resting.done
    assert resting.answer is not None


async def test_a_finished_one_is_there_from_end_to_end(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    done = await fetch(engine, workspace.request(fault_server.file("a", DATA)))
    seen = await engine.inspect(done.id)
    assert (seen.total, seen.done, seen.slowness) == (SIZE, (Segment(0, SIZE),), None)


async def test_the_last_answer_is_shown_without_its_secrets(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(ONE)
    fault_server.file("b", DATA, headers=HEADERS, hold_after=HALF)
    url = fault_server.file("a", redirect_to=f"{fault_server.url_of('b')}?token=hidden6")
    (download,) = await engine.add([workspace.request(url)])
    seen = await moving(engine, download)
    assert seen.answer is not None
    assert (seen.answer.status, seen.answer.reason) == (206, "Partial Content")
    assert seen.answer.url == f"{fault_server.url_of('b')}?token=…"
    shown = dict(seen.answer.headers)
    assert shown["set-cookie"] == shown["x-auth-token"] == "…"
    assert shown["link"] == "<https://cdn.example/a?sig=…>; rel=x"
    assert (shown["x-trace"], shown["x-cache"]) == ("a=b; session=…", "HIT")
    assert "hidden" not in repr(seen)


async def test_the_answer_that_made_it_fail_is_still_there(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    many = {f"X-{number}": "v" * 1000 for number in range(100)}
    url = fault_server.file("a", DATA, statuses=[(404, many)])
    failed = await fetch(engine, workspace.request(url))
    assert failed.status is Status.FAILED
    seen = await engine.inspect(failed.id)
    assert seen.answer is not None
    assert seen.answer.status == 404
    assert len(seen.answer.headers) == 40
    assert max(len(value) for _, value in seen.answer.headers) == 300


async def test_a_limit_set_here_is_what_slows_it(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    clock = Hourglass(local("08:00:00"))
    engine = await workspace.engine(ONE, clock=clock)
    request = replace(workspace.request(fault_server.file("a", DATA)), limit=100_000)
    (download,) = await engine.add([request])
    # Beside the download, who looks for trickles sleeps.
    await clock.asleep(2)
    await engine.inspect(download.id)
    for _ in range(1000):
        clock.advance()
        await clock.asleep(2)
    (connection,) = (seen := await engine.inspect(download.id)).connections
    assert connection.state is ConnectionState.LIMITED
    assert seen.slowness is not None
    assert seen.slowness.cause is Cause.OWN_LIMIT
    assert seen.slowness.figures.limited == pytest.approx(1.0, abs=0.01)
    assert seen.slowness.figures.rate == pytest.approx(100_000, rel=0.1)
    assert seen.limits.own == 100_000
    await engine.set([download.id], Changes(limit=0))
    await engine.limit(LimitChanges(rate=50_000))
    for _ in range(1000):
        clock.advance()
        await clock.asleep(2)
    seen = await engine.inspect(download.id)
    assert seen.slowness is not None
    assert (seen.slowness.cause, seen.limits.total) == (Cause.TOTAL_LIMIT, 50_000)


async def test_a_server_that_gives_one_connection_is_named(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    url = fault_server.file("a", DATA, ranges=False, rate=400_000)
    (download,) = await engine.add([workspace.request(url)])
    # Longer than the shares of its time need to be measured.
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 300_000)
    seen = await engine.inspect(download.id)
    assert seen.slowness is not None
    assert seen.slowness.cause is Cause.SERVER
    assert "allows one connection for this file" in seen.slowness.sentence
    assert (seen.slowness.figures.receiving or 0) > 0.5
    assert seen.slowness.figures.allowed == 1


async def test_a_server_that_sends_nothing_is_named(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(ONE)
    url = fault_server.file("a", DATA, hold_after=0)
    (download,) = await engine.add([workspace.request(url)])
    await fault_server.held("a")
    await until(engine, download, lambda view: view.progress.connections == 1)
    slowness = (await engine.inspect(download.id)).slowness
    assert slowness is not None
    assert slowness.cause is Cause.SERVER
    assert slowness.sentence.startswith("nothing comes from 127.0.0.1:")


async def test_a_host_that_refuses_is_named_with_when_it_gets_more(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    url = fault_server.file(
        "a", DATA, rate=200_000, statuses=lambda request: 503 if request.number > 2 else 200
    )
    (download,) = await engine.add([workspace.request(url)])
    await until(
        engine,
        download,
        lambda v: v.progress.bytes_downloaded > 0 and len(fault_server.requests) > 2,
    )
    seen = await engine.inspect(download.id)
    (host,) = seen.limits.hosts
    assert host.refused
    assert host.connections < 8
    assert 0 < (host.more_in or 0) <= 15
    assert seen.slowness is not None
    assert "refuses more than" in seen.slowness.sentence


async def test_one_that_waits_for_its_next_try_says_so(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    settings = replace(SETTINGS, retry=RetrySettings(base=3600.0, cap=3600.0))
    engine = await workspace.engine(settings)
    url = fault_server.file("a", DATA, statuses=[503])
    (download,) = await engine.add([workspace.request(url)])
    await until(engine, download, lambda view: view.download.retry_at is not None)
    slowness = (await engine.inspect(download.id)).slowness
    assert slowness is not None
    assert slowness.cause is Cause.RETRY
    assert slowness.sentence.endswith("after: the server answered 503 (service unavailable)")


async def test_one_that_the_server_sent_away_for_a_while_says_so(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, statuses=[(503, {"Retry-After": "83"})])
    (download,) = await engine.add([workspace.request(url)])
    waiting = await until(engine, download, lambda view: view.download.retry_at is not None)
    assert waiting.download.timeline[-1].text.endswith("trying again in 83 s, as the server asks")
    slowness = (await engine.inspect(download.id)).slowness
    assert slowness is not None
    assert slowness.sentence.endswith("(the server asks to be left alone for 83 s)")


async def test_looking_changes_nothing(workspace: Workspace, fault_server: FaultServer) -> None:
    engine = await workspace.engine(MANY)
    url = fault_server.file("a", DATA, rate=2_000_000)
    (download,) = await engine.add([workspace.request(url)])
    while not (await engine.find(download.id)).download.status.is_settled:
        await engine.inspect(download.id)
        await asyncio.sleep(0)
    assert (await settled(engine, download)).status is Status.COMPLETED
    assert workspace.content("a") == DATA


def test_every_second_of_a_connection_is_in_one_state() -> None:
    spent: dict[ConnectionState, float] = {}
    clock = Hourglass(local("08:00:00"))
    watch = StateTimer(clock, spent)
    for seconds, state in (
        (1, ConnectionState.RECEIVING),
        (2, ConnectionState.WRITING),
        (4, ConnectionState.RECEIVING),
        (8, ConnectionState.LIMITED),
    ):
        clock.passed += seconds
        watch.enter(state)
    assert (watch.state, watch.since) == (ConnectionState.LIMITED, 15)
    assert spent == {
        ConnectionState.CONNECTING: 1,
        ConnectionState.RECEIVING: 2 + 8,
        ConnectionState.WRITING: 4,
    }


def test_only_the_latest_answers_are_kept() -> None:
    heads = LastResponses()
    head = LastResponse(Clock().now(), "http://h/", 200, "OK", {})
    for number in range(REMEMBERED + 1):
        heads.put(str(number), head)
    assert heads.get("0") is None
    assert heads.get("1") == head


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Set-Cookie", "a=b", "…"),
        ("Proxy-Authenticate", "Basic realm=x", "…"),
        ("location", "/a?X-Amz-Signature=abc&part=1", "/a?X-Amz-Signature=…&part=1"),
        ("content-type", "text/html; charset=utf-8", "text/html; charset=utf-8"),
        ("x-what", "see http://user:pw@h/a now", "see http://h/a now"),
        ("etag", '"v1"', '"v1"'),
    ],
)
def test_headers_are_shown_without_secrets(name: str, value: str, shown: str) -> None:
    assert redact_header(name, value) == shown
