"""Servers that send without end, beside downloads that are to feel nothing of it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from core.domain.errors import ErrorCode
from core.domain.models import Status
from core.domain.value import replace
from tests.core.engine.conftest import Workspace, settled
from tests.faults.model import content
from tests.faults.server import FaultServer

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 20_000
EXTENSION = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10;" + b"a" * 1_000_000

CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
DROP = b"1;" + b"a" * 200_000 + b"\r\nx\r\n"


@contextmanager
def flood(first: bytes, again: bytes) -> Iterator[Callable[[], str]]:
    """Send as fast as the kernel takes it, from a thread: it waits for nobody here."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=pour, args=(peer,), daemon=True).start()

        def pour(peer: socket.socket) -> None:
            with peer:
                try:
                    peer.recv(65536)
                    peer.sendall(first)
                    while True:
                        peer.sendall(again)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        host, port = listener.getsockname()
        yield lambda: f"http://{host}:{port}/endless"
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("first", "again"),
    [(b"", HINTS), (EXTENSION, EXTENSION[-1_000_000:]), (CHUNKS, DROP)],
    ids=["interim-answers", "chunk-extension", "a-byte-now-and-then"],
)
async def test_a_flood_without_a_file_is_refused_and_no_neighbour_feels_it(
    workspace: Workspace, fault_server: FaultServer, first: bytes, again: bytes
) -> None:
    data = content(3_000_000)
    engine = await workspace.engine()
    with flood(first, again) as url:
        floods = [replace(workspace.request(url()), name=f"f{n}") for n in range(3)]
        good = workspace.request(fault_server.file("good", data))
        async with asyncio.timeout(20):
            *bad, neighbour = await engine.add([*floods, good])
            assert (await settled(engine, neighbour)).status is Status.COMPLETED
            ended = [await settled(engine, download) for download in bad]
    assert [d.error and d.error.code for d in ended] == [ErrorCode.PROTOCOL] * 3
    assert workspace.content("good") == data
