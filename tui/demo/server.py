"""The demo's HTTP server: serves DemoFiles on a loopback port from a thread of its own.

A thread with its own loop, because the screen may be held up by a terminal that does not read, and
a server is somebody else's machine: it does not stop for that.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from tui.demo.files import DemoFile
from tui.demo.loopback_http import (
    BadRequestError,
    HttpRequest,
    LoopbackServer,
    UnsatisfiableRangeError,
    head,
    read_request,
    requested_range,
)


class DemoServer(LoopbackServer):
    """Serves files from entering to leaving the context; raises OSError if it cannot listen."""

    def __init__(self, files: Iterable[DemoFile]) -> None:
        super().__init__()
        self._files = {f"/{file.name}": file for file in files}
        self._requests: Counter[str] = Counter()
        self._dropped: set[str] = set()
        self._listening: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="demo-server", daemon=True)

    def url(self, file: DemoFile) -> str:
        """Return where a file is served."""
        return f"http://127.0.0.1:{self.port}/{file.name}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._listening.set_exception(error)

    async def _serve(self) -> None:
        async with self:
            self._loop = asyncio.get_running_loop()
            self._listening.set_result(None)
            await self._stop.wait()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send files for as long as the client asks for more."""
        try:
            while (request := await read_request(reader)) is not None:
                await self._answer(request, writer)
                if not request.keeps_alive:
                    break
        except BadRequestError:
            await _respond(writer, 400)

    async def _answer(self, request: HttpRequest, writer: asyncio.StreamWriter) -> None:
        file = self._files.get(request.path)
        if request.method not in ("GET", "HEAD"):
            await _respond(writer, 405, {"Allow": "GET, HEAD"})
        elif file is None:
            await _respond(writer, 404)
        else:
            await asyncio.sleep(file.latency)
            await self._send(file, request, writer)

    async def _send(
        self, file: DemoFile, request: HttpRequest, writer: asyncio.StreamWriter
    ) -> None:
        is_get = request.method == "GET"
        self._requests[file.name] += is_get
        if is_get and self._requests[file.name] <= file.fail_first:
            await _respond(writer, 503)
            return
        headers = {"ETag": file.etag, "Content-Type": "application/octet-stream"}
        start, end, status = 0, file.size, 200
        if file.ranges:
            headers["Accept-Ranges"] = "bytes"
            try:
                asked = requested_range(request.headers, file.size, file.etag) if is_get else None
            except UnsatisfiableRangeError:
                await _respond(writer, 416, {"Content-Range": f"bytes */{file.size}"})
                return
            if asked is not None:
                start, end = asked
                status = 206
                headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
        writer.write(head(status, {**headers, "Content-Length": str(end - start)}))
        if is_get:
            await self._body(file, start, end, writer)
        await writer.drain()

    async def _body(
        self, file: DemoFile, start: int, end: int, writer: asyncio.StreamWriter
    ) -> None:
        drop = file.drop_after if file.name not in self._dropped else None
        drops = drop is not None and start <= drop < end
        clock = asyncio.get_running_loop().time
        begun, sent = clock(), 0
        for piece in file.pieces(start, drop if drops and drop is not None else end):
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
            if file.rate is not None:
                await asyncio.sleep(begun + sent / file.rate - clock())
        if drops:
            self._dropped.add(file.name)
            raise ConnectionResetError


async def _respond(
    writer: asyncio.StreamWriter, status: int, headers: Mapping[str, str] | None = None
) -> None:
    writer.write(head(status, {**(headers or {}), "Content-Length": "0"}))
    await writer.drain()
