"""A client of raw sockets, to prove what the fault server sends: it repairs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.faults.server import FaultServer


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool


class Client:
    """One connection that says exactly what it is told and keeps what it gets."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, target: str, method: str = "GET", **headers: str) -> None:
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        await self.writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines)
        return int(first.split()[1]), {name.lower(): value for name, value in fields.items()}

    async def receive(self, method: str = "GET") -> Response:
        status, headers = await self.head()
        if method == "HEAD":
            return Response(status, headers, b"", whole=True)
        if "transfer-encoding" in headers:
            return Response(status, headers, *await self._chunks())
        if "content-length" not in headers:
            return Response(status, headers, await self.reader.read(), whole=True)
        length, body = int(headers["content-length"]), b""
        try:
            body = await self.reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            body = error.partial
        return Response(status, headers, body, whole=len(body) == length)

    async def _chunks(self) -> tuple[bytes, bool]:
        body = b""
        while line := await self.reader.readline():
            size = int(line, 16)
            body += (await self.reader.readexactly(size + 2))[:-2]
            if size == 0:
                return body, True
        return body, False


@asynccontextmanager
async def connect(server: FaultServer) -> AsyncIterator[Client]:
    port = int(server.url.rpartition(":")[2])
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield client
    finally:
        client.writer.close()


async def fetch(server: FaultServer, target: str, method: str = "GET", **headers: str) -> Response:
    """Ask once on a connection of its own."""
    async with connect(server) as client:
        await client.send(target, method, **headers)
        return await client.receive(method)
