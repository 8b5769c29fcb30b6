"""Servers that are slow on each connection: all connections are used, and no request is wasted."""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest

from core.adapters.net.http import HttpClient
from core.adapters.system.clock import Clock
from core.domain.inspection import Cause, ConnectionState, Figures
from core.domain.models import Phase
from core.domain.service import LimitChanges
from core.domain.settings import LimitSettings
from core.domain.value import replace
from core.engine.transfer.body import Body, StateTimer
from core.engine.transfer.connection import TRUSTED_AFTER, PoolConnection, straggler
from core.engine.transfer.source import Source
from core.policy.transfer.buffers import BufferPool
from core.policy.transfer.ranges import OVERLAP_BEFORE
from core.policy.transfer.segments import Claim
from core.policy.transfer.slowness import Situation, explain
from core.policy.transfer.throttle import TokenBucket
from tests.core.engine.conftest import SETTINGS, Workspace, fetch, until
from tests.core.engine.requests.test_limits import local
from tests.faults.model import File, Request, content
from tests.faults.server import FaultServer
from tests.hourglass import Hourglass

SIZE = 8_000_000
DATA = content(SIZE)
SIX = replace(SETTINGS, limits=LimitSettings(connections=6, min_split="64k"))
SLOW = 60_000
"""Bytes/s at which the proof of a connection takes far longer than one may be mute."""
assert OVERLAP_BEFORE / SLOW > 1.5 * TRUSTED_AFTER


async def test_a_connection_that_proves_itself_slowly_is_let_go_on(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    rates: dict[int, int] = {}

    async def paced(request: Request, writer: asyncio.StreamWriter) -> bool:
        file = File(content=DATA, rate=rates.get(request.number, SLOW) if rates else 1_000_000)
        return await fault_server.answer(request, writer, file)

    engine = await workspace.engine(SIX)
    (download,) = await engine.add([workspace.request(fault_server.script("a", paced))])
    await until(engine, download, lambda v: v.progress.bytes_downloaded > 6 * 2 * OVERLAP_BEFORE)
    await engine.pause([download.id])
    before = len(fault_server.requests)
    # Four are fast enough to make the other two look mute while they prove themselves.
    rates.update({before + n: 5 * SLOW for n in range(1, 5)})
    await engine.resume([download.id])
    async with asyncio.timeout(20):
        states: list[ConnectionState] = []
        while len(states) < 6 or ConnectionState.CONNECTING in states:
            await asyncio.sleep(0)
            connections = (await engine.inspect(download.id)).connections
            states = [connection.state for connection in connections]
    asked = [request.range for request in fault_server.requests[before:]]
    assert len(asked) == len(set(asked)) == 6


async def test_a_total_limit_is_blamed_by_those_that_wait_for_it(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    limits = LimitSettings(connections=4, min_split="64k")
    engine = await workspace.engine(replace(SETTINGS, limits=limits))
    await engine.limit(LimitChanges(rate=500_000))
    fast = workspace.request(fault_server.file("fast", DATA))
    slow = workspace.request(fault_server.file("slow", DATA, ranges=False, rate=150_000))
    first, second = await engine.add([fast, slow])
    await until(engine, second, lambda view: view.progress.bytes_downloaded > 200_000)
    await engine.inspect(first.id)
    await engine.inspect(second.id)
    await until(engine, second, lambda view: view.progress.bytes_downloaded > 400_000)
    for download, cause in ((first, Cause.TOTAL_LIMIT), (second, Cause.SERVER)):
        slowness = (await engine.inspect(download.id)).slowness
        assert slowness is not None
        assert (slowness.cause, slowness.figures.others) == (cause, 1)


async def test_a_limit_is_shared_by_downloads_and_not_by_their_connections(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    limits = LimitSettings(connections=6, min_split="64k")
    engine = await workspace.engine(replace(SETTINGS, limits=limits))
    await engine.limit(LimitChanges(rate=600_000))
    # Each connection alone is slow enough that some are opened, all together are too fast.
    many = workspace.request(fault_server.file("many", DATA, rate=100_000))
    one = workspace.request(fault_server.file("one", DATA, ranges=False))
    first, second = await engine.add([many, one])
    await until(engine, first, lambda view: view.progress.connections > 3)
    before = [(await engine.find(d.id)).progress.bytes_downloaded for d in (first, second)]
    await until(engine, second, lambda view: view.progress.bytes_downloaded - before[1] > 500_000)
    gained = (await engine.find(first.id)).progress.bytes_downloaded - before[0]
    assert 250_000 < gained < 1_000_000


class Stream:
    """An answer that comes at a rate, in bursts of so many seconds."""

    buffer = 1_000_000

    def __init__(self, clock: Clock, rate: float, burst: float) -> None:
        self._clock, self._rate, self._burst = clock, rate, burst
        self._given = 0

    def read_ahead(self, most: int | None) -> None:
        """Send whatever comes."""

    async def read(self, limit: int, *, enough: int | None = None) -> bytes:
        while not (there := self._arrived - self._given):
            await self._clock.sleep(0.001)
        piece = bytes(min(limit, there))
        self._given += len(piece)
        return piece

    @property
    def _arrived(self) -> int:
        return int(self._clock.monotonic() // self._burst * self._burst * self._rate)


@pytest.mark.parametrize("burst", [0.001, 0.05])
async def test_who_sends_less_than_its_share_of_a_limit_neither_waits_for_it_nor_blames_it(
    burst: float,
) -> None:
    clock = Hourglass(local("08:00:00"))
    limit = TokenBucket(1_000_000, 0.0)
    fast = [Stream(clock, 1e9, 0.001) for _ in range(8)]
    got: list[int] = []
    spent: list[dict[ConnectionState, float]] = []

    async def use(number: int, stream: Stream, limit_parts: int) -> None:
        body = Body(stream, None, clock, [limit])  # type: ignore[arg-type]
        body.timer, body.limit_parts = StateTimer(clock, spent[number]), lambda: limit_parts
        body.timer.enter(ConnectionState.RECEIVING)
        while True:
            got[number] += len(await body.read())

    async with asyncio.TaskGroup() as group:
        tasks = []
        for number, stream in enumerate([*fast, Stream(clock, 200_000, burst)]):
            got.append(0)
            spent.append({})
            tasks.append(group.create_task(use(number, stream, 8 if stream in fast else 1)))
        while clock.passed < 4.0:
            await clock.asleep(len(tasks))
            clock.advance()
        for task in tasks:
            task.cancel()

    assert got[8] == pytest.approx(4 * 200_000, rel=0.05)
    assert sum(got) == pytest.approx(4 * 1_000_000, rel=0.1)
    for seconds, cause in ((spent[0], Cause.TOTAL_LIMIT), (spent[8], Cause.SERVER)):
        figures = Figures(
            rate=1.0,
            total=1e6,
            others=1,
            limited=seconds.get(ConnectionState.LIMITED, 0.0) / 4,
            receiving=seconds.get(ConnectionState.RECEIVING, 0.0) / 4,
        )
        situation = Situation(
            figures=figures, phase=Phase.DOWNLOADING, host="h", total_limit=1_000_000
        )
        assert explain(situation).cause is cause


def connections(clock: Hourglass, source: Source, rates: list[int]) -> list[PoolConnection]:
    """Return connections that have received at these rates for two seconds."""
    made = []
    for number in range(len(rates)):
        claim = Claim(number * SIZE, (number + 1) * SIZE)
        connection = PoolConnection(source, claim, clock.monotonic(), StateTimer(clock, {}))
        connection.timer.enter(ConnectionState.RECEIVING)
        made.append(connection)
    for _ in range(20):
        clock.passed += 0.1
        for connection, rate in zip(made, rates, strict=True):
            if rate:
                connection.took(rate // 10, clock.monotonic())
    return made


def test_only_a_connection_that_its_server_slows_is_a_straggler(workspace: Workspace) -> None:
    clock = Hourglass(local("08:00:00"))
    source = Source("http://h/", {}, None, clock, BufferPool())  # type: ignore[arg-type]
    *_, mute = found = connections(clock, source, [SLOW, SLOW, SLOW, 0])
    now = clock.monotonic()
    assert straggler(found, now, 0.1) is mute
    assert straggler(found, now, 0.5) is None, "a first byte may take its time there"
    mute.timer.enter(ConnectionState.LIMITED)
    assert straggler(found, now, 0.1) is None, "it waits for a limit of ours"


async def test_little_lies_unread_while_a_limit_holds_and_as_much_as_fits_once_it_is_gone(
    fault_server: FaultServer,
) -> None:
    url, client = fault_server.file("a", DATA), HttpClient(SETTINGS.network)
    async with await client.get(url, {}, buffer=1_000_000, ahead=64_000) as response:
        unread = response._answer.content
        assert unread.get_read_buffer_limits() == (32_000, 64_000)
        response.read_ahead(None)
        assert unread.get_read_buffer_limits() == (1_000_000, 2_000_000)
        response.read_ahead(100_000)
        assert unread.get_read_buffer_limits() == (50_000, 100_000)
    await client.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel's buffer is left alone")
async def test_the_kernel_holds_little_while_a_limit_does() -> None:
    sent, stuck = 0, asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (256 * 2**20))
        piece = bytes(64 * 1024)
        writer.transport.set_write_buffer_limits(0)
        while not writer.is_closing():
            writer.write(piece)
            try:
                async with asyncio.timeout(0.6):
                    await writer.drain()
            except TimeoutError:
                stuck.set()
                break
            sent += len(piece)
        writer.close()

    server = socket.create_server(("127.0.0.1", 0))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
    port, client = server.getsockname()[1], HttpClient(SETTINGS.network)
    async with (
        await asyncio.start_server(serve, sock=server),
        await client.get(
            f"http://127.0.0.1:{port}/", {}, buffer=1_000_000, ahead=200_000
        ) as response,
    ):
        response.read_ahead(200_000)
        received = 0
        # As a limit reads: that is what the kernel tunes its buffer by.
        while received < 2**20:
            received += len(await response.read(10_000))
            await asyncio.sleep(0.005)
        await stuck.wait()
        assert sent - received < 2**20
    await client.close()


async def test_servers_behind_one_name_that_differ_are_named_as_the_reason(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    async def serve(request: Request, writer: asyncio.StreamWriter) -> bool:
        backend = File(content=DATA, rate=400_000, etag=f'"v{min(2, request.number)}"')
        return await fault_server.answer(request, writer, backend)

    engine = await workspace.engine(SIX)
    (download,) = await engine.add([workspace.request(fault_server.script("a", serve))])
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 200_000)
    slowness = (await engine.inspect(download.id)).slowness
    assert slowness is not None
    assert "answer with different files (another ETag)" in slowness.sentence


async def test_the_next_download_begins_with_what_served_best_also_after_a_restart(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    limits = LimitSettings(connections=4, min_split="64k")
    settings = replace(SETTINGS, limits=limits)
    began = []
    for name in ("first", "second"):
        engine = await workspace.engine(settings)
        url = fault_server.file(name, DATA, rate=2_000_000)
        done = await fetch(engine, workspace.request(url))
        began += [[e.text for e in done.timeline if e.text.startswith("began with")]]
        await engine.close()
    day = f"{done.created_at.astimezone():%-d %b}"
    assert began == [[], [f"began with 4 connections, as served best on {day}"]]
