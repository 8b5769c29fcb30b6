"""A server in a thread that sends what a test has written down, its client, and how both run."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import trustme
import uvloop

from core.adapters.net.http import HttpClient
from core.adapters.net.response import Response
from core.domain.settings import NetworkSettings

AUTHORITY = trustme.CA()
TALKS: list[threading.Thread] = []
Wire = socket.socket
Script = Callable[[Wire], object]
"""What a server does with one request of a connection; that ends unless it returns True."""


@contextmanager
def serving(script: Script, *, tls: bool) -> Iterator[tuple[str, list[int]]]:
    """Let a script answer every request; yields the address, and which connection each came by."""
    asked: list[int] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)

    def converse(wire: Wire, number: int) -> None:
        with contextlib.suppress(OSError), wire:
            wire = context.wrap_socket(wire, server_side=True) if tls else wire
            with wire:
                while request(wire):
                    asked.append(number)
                    if script(wire) is not True:
                        return

    def request(wire: Wire) -> bool:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (piece := wire.recv(65536)):
                return False
            head += piece
        return True

    def accept() -> None:
        number = 0
        with contextlib.suppress(OSError):
            while True:
                wire, _ = listener.accept()
                number += 1
                talk = threading.Thread(target=converse, args=(wire, number), daemon=True)
                talk.start()
                TALKS.append(talk)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http{'s' if tls else ''}://127.0.0.1:{listener.getsockname()[1]}/", asked
        listener.shutdown(socket.SHUT_RDWR)


def sends(*pieces: bytes, keep: bool = False) -> Script:
    """Return what sends these bytes."""

    def script(wire: Wire) -> bool:
        for piece in pieces:
            wire.sendall(piece)
        return keep

    return script


@asynccontextmanager
async def asking(patience: float = 20.0) -> AsyncIterator[HttpClient]:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    client = HttpClient(NetworkSettings(read_timeout=patience), tls=context)
    try:
        yield client
    finally:
        await client.close()


async def body_of(response: Response, limit: int | None = None) -> bytes:
    got = bytearray()
    while piece := await response.read(limit):
        got += piece
        response.recycle()
    return bytes(got)


async def turns() -> None:
    """Let the loop take in what the kernel has for it."""
    for _ in range(20):
        await asyncio.sleep(0)


class Setup:
    """How a test runs: on which loop, over TCP or TLS, read past the library or by it."""

    def __init__(self, loop: str, *, tls: bool, past: bool) -> None:
        self.tls, self.past = tls, past
        self._factory = uvloop.new_event_loop if loop == "uvloop" else asyncio.new_event_loop

    def run(self, test: Callable[[], Awaitable[object]]) -> None:
        """Run a test, and see that it leaves nothing that the loop complains about."""
        faults: list[object] = []

        async def watched() -> None:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: faults.append(context))
            await test()
            # Connections end at both ends, before their loop does.
            while TALKS:
                await asyncio.to_thread(TALKS.pop().join)
            await turns()

        with asyncio.Runner(loop_factory=self._factory) as runner:
            runner.run(watched())
        assert faults == []

    def takes_over(self, response: Response) -> None:
        """Take a body over where that is the way to be tested; all that can be, is."""
        if self.past:
            assert response.take_over()
