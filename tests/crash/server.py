"""The server of the crash tests: throttled for each connection, and it counts every byte it sends.

It runs in the loop of the test, so that its figures need no way back, and sends no digest: a wrong
byte must not be caught by luck.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter

from tests.crash.served import Served
from tui.demo.files import KIB, DemoFile
from tui.demo.loopback_http import (
    HttpRequest,
    LoopbackServer,
    UnsatisfiableRangeError,
    head,
    read_request,
    requested_range,
)

_PIECE = 32 * KIB
# Little may lie between the server's count and the client's disk.
_BUFFER = 64 * KIB


class CountingServer(LoopbackServer):
    """Serves files under `/<name>` from entering to leaving the context.

    `life` is raised at every kill; `again` tells for each life how many of the bytes that were
    sent last in it had to be sent once more.
    """

    def __init__(self) -> None:
        super().__init__()
        self.life = 0
        self.is_throttled = True
        self.again: Counter[int] = Counter()
        self.sent = 0
        self.peaks: Counter[int] = Counter()
        """The most connections at a time that sent a body, for each life."""
        self.most_of_one = 0
        """The most connections that one file had at a time."""
        self._files: dict[str, DemoFile] = {}
        self._served: dict[str, Served] = {}
        self._open: Counter[str] = Counter()
        self._moved = asyncio.Condition()

    def serve(self, file: DemoFile) -> str:
        """Serve a file from now on and return its URL."""
        self._files[file.name] = file
        self._served.setdefault(file.name, Served())
        return f"http://127.0.0.1:{self.port}/{file.name}"

    def drop(self, name: str) -> None:
        """Serve a file no more."""
        self._files.pop(name, None)
        self._served.pop(name, None)

    async def until_sent(self, name: str) -> None:
        """Return once every byte of a file has been sent at least once."""
        size = self._files[name].size
        async with self._moved:
            await self._moved.wait_for(lambda: self._served[name].covered >= size)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send files, and count what goes to each life of the client."""
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        writer.transport.set_write_buffer_limits(high=_PIECE)
        life = self.life  # that of the client: what is on its way to a dead one is lost with it
        while (request := await read_request(reader)) is not None:
            await self._answer(request, writer, life)

    async def _answer(self, request: HttpRequest, writer: asyncio.StreamWriter, life: int) -> None:
        file = self._files.get(request.path[1:])
        if file is None:
            writer.write(head(404, {"Content-Length": "0"}))
            return
        fields = {"ETag": file.etag, "Accept-Ranges": "bytes"}
        try:
            asked = requested_range(request.headers, file.size, file.etag)
        except UnsatisfiableRangeError:
            fields |= {"Content-Range": f"bytes */{file.size}", "Content-Length": "0"}
            writer.write(head(416, fields))
            return
        start, end = asked or (0, file.size)
        fields["Content-Length"] = str(end - start)
        if asked is not None:
            fields["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
        writer.write(head(200 if asked is None else 206, fields))
        self._open[file.name] += 1
        self.most_of_one = max(self.most_of_one, self._open[file.name])
        self.peaks[life] = max(self.peaks[life], self._open.total())
        try:
            await self._send(file, start, end, writer, life)
        finally:
            self._open[file.name] -= 1

    async def _send(
        self, file: DemoFile, start: int, end: int, writer: asyncio.StreamWriter, life: int
    ) -> None:
        clock = asyncio.get_running_loop().time
        begun, sent = clock(), 0
        while start < end:
            stop = min(end, start + _PIECE)
            writer.write(b"".join(file.pieces(start, stop)))
            await writer.drain()
            await self._count(file.name, start, stop, life)
            sent += stop - start
            start = stop
            if self.is_throttled and file.rate is not None:
                await asyncio.sleep(begun + sent / file.rate - clock())

    async def _count(self, name: str, start: int, end: int, life: int) -> None:
        if (served := self._served.get(name)) is None:
            return
        self.again.update(served.send(start, end, life))
        self.sent += end - start
        async with self._moved:
            self._moved.notify_all()
