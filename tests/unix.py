"""What tests of the socket share: a short path, servers good and bad, a client without manners."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from core.domain.errors import WinchError
from core.domain.service import DownloadService
from core.rpc.codec import PROTOCOL
from core.rpc.server import RpcServer

HELLO = b'{"hello":{"protocol":%d,"client":"test/1"}}' % PROTOCOL


class SocketLine:
    """What leads to a daemon elsewhere (`core.rpc.link.Line`), by a socket and without a program.

    `reason` is why it ended, as ssh would have said.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.reason: WinchError | None = None

    @classmethod
    async def open(cls, path: Path) -> SocketLine:
        return cls(*await asyncio.open_unix_connection(path))

    async def why(self) -> WinchError | None:
        return self.reason

    async def close(self) -> None:
        self.writer.transport.abort()


@contextmanager
def short_directory() -> Iterator[Path]:
    """Make a directory whose path leaves room for a Unix socket's name."""
    directory = Path(tempfile.mkdtemp(prefix="w", dir="/tmp"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@asynccontextmanager
async def serving(
    service: DownloadService, path: Path, *, name: str = "winch/test", **options: Any
) -> AsyncIterator[RpcServer]:
    """Serve a service on a socket while the context lasts."""
    server = RpcServer(service, path, name=name, **options)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def listening_as(path: Path, answer: bytes) -> AsyncIterator[None]:
    """Something at the socket that answers every connection's first line with these bytes."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_unix_server(connected, path)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def in_its_place(
    path: Path, *answers: bytes, stays: bool = False, once: bool = False
) -> AsyncIterator[asyncio.Queue[bytes]]:
    """Something in the daemon's place, which says these pieces to whoever says something.

    With `once` only to the first, and with `stays` it hangs up at the end only. Yields what it
    hears.
    """
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    ended = asyncio.Event()
    connections: list[asyncio.Task[None] | None] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.current_task())
        is_first = len(connections) == 1
        try:
            heard.put_nowait(await reader.read(2**20))
            with contextlib.suppress(ConnectionError):
                for answer in answers if is_first or not once else ():
                    writer.write(answer)
                    await writer.drain()
                    await asyncio.sleep(0)
            if stays:
                await ended.wait()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_unix_server(connected, path)
    try:
        yield heard
    finally:
        ended.set()
        server.close()
        await server.wait_closed()
        await asyncio.gather(*(task for task in connections if task is not None))


@asynccontextmanager
async def silent_server() -> AsyncIterator[str]:
    """Take HTTP connections and never answer, so that what is active stays active; yields a URL."""
    ended = asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await ended.wait()
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        ended.set()
        await server.wait_closed()


async def until(condition: Callable[[], bool]) -> None:
    """Return once a condition holds that nothing announces; the test's timeout is the limit."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


class RawClient:
    """Sends what it is told to, byte for byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, *, hello: bytes = HELLO) -> AsyncIterator[RawClient]:
        reader, writer = await asyncio.open_unix_connection(path, limit=2**26)
        client = cls(reader, writer)
        try:
            if hello:
                assert (await client.ask(hello))["hello"]["protocol"] == PROTOCOL
            yield client
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def send(self, line: bytes) -> None:
        self.writer.write(line + b"\n")

    async def receive(self) -> dict[str, Any]:
        """Return the next line, decoded; an empty object at the end."""
        line = await self.reader.readline()
        answer: dict[str, Any] = msgspec.json.decode(line) if line else {}
        return answer

    async def ask(self, line: bytes) -> dict[str, Any]:
        self.send(line)
        return await self.receive()

    async def status(self) -> dict[str, Any]:
        """Return a sane request's result: proof that the server lives and listens."""
        answer = await self.ask(b'{"id":"alive","method":"status"}')
        assert answer["id"] == "alive"
        result: dict[str, Any] = answer["result"]
        return result
