"""What a download keeps that is stopped in good order: all that had come."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
import sys
import time

import pytest
import trustme

from core.adapters.files import writer
from core.domain.models import Status
from core.domain.value import replace
from core.policy.transfer.ranges import OVERLAP_BEFORE
from tests.core.engine.conftest import Workspace, settled, until
from tests.faults.model import File, Request, content
from tests.faults.server import FaultServer

DATA = content(8_000_000)
LARGE = content(30_000_000)
RATE = 1_000_000


def _first(request: Request) -> int:
    return int((request.range or "bytes=0-").removeprefix("bytes=").split("-")[0])


@pytest.mark.parametrize(("connections", "how"), [(1, "paused"), (4, "paused"), (4, "closed")])
async def test_only_what_proves_the_seam_is_fetched_again(
    workspace: Workspace, fault_server: FaultServer, connections: int, how: str
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, rate=RATE)
    (download,) = await engine.add([replace(workspace.request(url), connections=connections)])
    begun = connections * RATE // 4
    await until(engine, download, lambda view: view.progress.bytes_downloaded >= begun)
    asked = fault_server.requests_to("a")
    assert len(asked) == connections
    served = fault_server.bytes_served("a")
    await fault_server.until(lambda: fault_server.bytes_served("a") > served)
    sent = {_first(request): request.body_bytes for request in asked}
    fault_server.change("a", rate=None)
    if how == "paused":
        await engine.pause([download.id])
        await engine.resume([download.id])
    else:
        await engine.close()
        engine = await workspace.engine()
    assert (await settled(engine, download)).status is Status.COMPLETED
    assert workspace.content("a") == DATA
    again = [_first(request) for request in fault_server.requests_to("a")[connections:]]
    for first, count in sent.items():
        went_on = min(other for other in again if first < other)
        assert first + count - went_on <= OVERLAP_BEFORE


@pytest.fixture(scope="module")
def tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server shows, and what believes it."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


def _slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    write = writer.write_all

    def write_slowly(fd: int, offset: int, buffers: writer.Buffers) -> None:
        time.sleep(0.04)
        write(fd, offset, buffers)

    monkeypatch.setattr(writer, "write_all", write_slowly)


def _acknowledged(wire: socket.socket) -> int:
    """Return how many bytes the other end's kernel has said to have."""
    info = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128)
    return int(struct.unpack_from("Q", info, 120)[0])  # tcpi_bytes_acked


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what the other end has")
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("slowed_by", ["limit", "disk"])
async def test_all_that_has_reached_this_machine_is_kept(  # noqa: PLR0917 (a case has three sides)
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext],
    slowed_by: str,
    tls: bool,
    framing: str,
) -> None:
    wires: list[tuple[socket.socket, int]] = []
    file = File(
        content=LARGE,
        chunked=framing == "chunked",
    )

    async def answer(request: Request, writer: asyncio.StreamWriter) -> bool:
        number = os.dup(writer.get_extra_info("socket").fileno())
        wires.append((wire := socket.socket(fileno=number), _acknowledged(wire)))
        return await server.answer(request, writer, file)

    if slowed_by == "disk":
        _slow_disk(monkeypatch)
    server_side, client_side = tls_contexts
    async with FaultServer(server_side if tls else None) as server:
        engine = await workspace.engine(tls=client_side)
        # Of several, one whose stretch has ended brings more than is wanted of it.
        request = replace(workspace.request(server.script("a", answer)), connections=1)
        if slowed_by == "limit":
            request = replace(request, limit=RATE)
        (download,) = await engine.add([request])
        await until(engine, download, lambda view: view.progress.bytes_downloaded >= RATE // 4)
        await engine.pause([download.id])
        kept = (await engine.find(download.id)).progress.bytes_downloaded
        ((wire, before),) = wires
        sent = _acknowledged(wire) - before
        wire.close()
    # The head of the answer, what TLS and chunks are wrapped in, and a record that was cut.
    assert sent - kept < 1024 + (16_384 if tls else 0) + sent // 100
