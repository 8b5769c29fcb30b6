"""A server in a thread that sends what a test has written down, byte for byte, and its client."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import trustme

from core.adapters.net.http import HttpClient
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
