"""A web server on the loopback whose every fault is a switch, for the tests of the engine.

Built on the demo's raw sockets, because a framework's server keeps the rules: it sends no wrong
Content-Range, never cuts a body in the middle and never says more than it announced. Tests wait
for what the server has seen (`until`, `held`), never for a time.
"""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from tests.faults.answers import Answer, answer_to, error
from tests.faults.model import Content, File, Request
from tui.demo.loopback_http import LoopbackServer, read_request

Handler = Callable[[Request, asyncio.StreamWriter], Awaitable[object]]

SLICE = 64 * 1024


@dataclass
class _Site:
    """A path: what is there, and how often something happened to it."""

    file: File | None = None
    handler: Handler | None = None
    requests: int = 0
    cuts: int = 0
    holding: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)


class _CutError(Exception):
    """The connection is to end here, in the middle of a body."""


class FaultServer(LoopbackServer):
    """Serves files at http://127.0.0.1:PORT/ and spoils them as told; an async context manager.

    `requests` holds every request in the order of arrival. What a script raises is raised again
    at the end of the context, so that a broken script fails its test. With `tls` it speaks https.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.requests: list[Request] = []
        self.connections = 0
        self.open_connections = 0
        self._sites: dict[str, _Site] = {}
        self._errors: list[Exception] = []
        self._changed = asyncio.Event()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error_: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await super().__aexit__(kind, error_, trace)
        if error_ is None and self._errors:
            raise self._errors[0]

    @property
    def url(self) -> str:
        """The address of the server, without a slash at its end."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def url_of(self, name: str) -> str:
        """Return the address of a file."""
        return f"{self.url}/{quote(name)}"

    def file(self, name: str, content: Content = b"", **options: Any) -> str:
        """Serve a file and return its URL; the options are those of `File`."""
        self._sites[name] = _Site(file=File(content=content, **options))
        return self.url_of(name)

    def script(self, name: str, handler: Handler) -> str:
        """Let a function answer every request to a path and return its URL.

        It writes what it likes. The connection is closed after it, unless it returns True.
        """
        self._sites[name] = _Site(handler=handler)
        return self.url_of(name)

    def replace(self, name: str, content: Content, **options: Any) -> None:
        """Change a file on the server; bodies on their way go on with what they began with."""
        site = self._sites[name]
        assert site.file is not None
        site.file = dataclasses.replace(site.file, content=content, **options)

    def change(self, name: str, **options: Any) -> None:
        """Change options of a file and leave its content."""
        site = self._sites[name]
        assert site.file is not None
        site.file = dataclasses.replace(site.file, **options)

    def requests_to(self, name: str) -> list[Request]:
        """Return the requests to a path, in order."""
        return [request for request in self.requests if request.path == name]

    def bytes_served(self, name: str) -> int:
        """Return how many body bytes of a path the kernel was given, over all requests."""
        return sum(request.body_bytes for request in self.requests_to(name))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once a condition on what the server has seen holds."""
        while not condition():
            await self._changed.wait()

    async def wait_for_request(self, count: int, name: str | None = None) -> Request:
        """Return the request with this number (from 1), to a path or over all, once it came."""

        def seen() -> list[Request]:
            return self.requests if name is None else self.requests_to(name)

        await self.until(lambda: len(seen()) >= count)
        return seen()[count - 1]

    async def held(self, name: str, count: int = 1) -> None:
        """Return once that many bodies of a file stand still at `hold_after`."""
        await self.until(lambda: self._sites[name].holding >= count)

    def release(self, name: str) -> None:
        """Let the bodies that stand still go on, and hold none of this file any more."""
        self._sites[name].released.set()

    async def answer(self, request: Request, writer: asyncio.StreamWriter, file: File) -> bool:
        """Answer a request the way `file` would, from a script; return whether to keep alive."""
        return await self._respond(request, writer, file, self._sites[request.path])

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection as the files and scripts want it."""
        self.connections += 1
        self.open_connections += 1
        number = self.connections
        # What drain() has let through is with the kernel, so that a cut loses none of it.
        # (TLS in asyncio would pause for ever at 0.)
        writer.transport.set_write_buffer_limits(high=1 if self._tls else 0, low=0)
        try:
            while await self._exchange(reader, writer, number):
                pass
        except _CutError:
            pass
        except (ConnectionError, asyncio.IncompleteReadError):
            raise
        except Exception as problem:
            self._errors.append(problem)
        finally:
            self.open_connections -= 1
            self._notify()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> bool:
        """Answer the next request; return whether the connection stays open."""
        if (asked := await read_request(reader)) is None:
            return False
        await reader.readexactly(int(asked.headers.get("content-length", "0")))
        path = unquote(urlsplit(asked.target).path).removeprefix("/")
        site = self._sites.get(path, _Site())
        site.requests += 1
        request = Request(
            method=asked.method,
            target=asked.target,
            path=path,
            headers=asked.headers,
            number=site.requests,
            connection=connection,
        )
        self.requests.append(request)
        self._notify()
        try:
            if site.handler is not None:
                keep = await site.handler(request, writer) is True
                await writer.drain()
            else:
                keep = await self._respond(request, writer, site.file, site)
        finally:
            request.finished = True
            self._notify()
        return keep and asked.keeps_alive

    async def _respond(
        self, request: Request, writer: asyncio.StreamWriter, file: File | None, site: _Site
    ) -> bool:
        if file is None:
            file, answer = File(content=b""), error(404, {})
        else:
            await asyncio.sleep(file.latency)
            answer = answer_to(request, file)
        request.status = answer.status
        writer.write(answer.head())
        await writer.drain()
        if request.method != "HEAD":
            await self._send_body(request, writer, answer, file, site)
        return answer.headers.get("Connection", "").lower() != "close"

    async def _send_body(
        self,
        request: Request,
        writer: asyncio.StreamWriter,
        answer: Answer,
        file: File,
        site: _Site,
    ) -> None:
        size = answer.end - answer.start
        spoiled = answer.status in (200, 206)
        hold_at = file.hold_after if spoiled else None
        cut_at = file.fail_after if spoiled else None
        if file.fail_times is not None and site.cuts >= file.fail_times:
            cut_at = None
        chunked = "Transfer-Encoding" in answer.headers
        sent = 0
        for stop in _stops(size, file.rate, hold_at, cut_at):
            piece = answer.content[answer.start + sent : answer.start + stop]
            if piece:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                await writer.drain()
                request.body_bytes += len(piece)
                sent = stop
                self._notify()
            if sent == hold_at and sent < size:
                await self._hold(site)
            if sent == cut_at and sent < size:
                site.cuts += 1
                _cut(writer, reset=file.reset)
            if file.rate is not None:
                await asyncio.sleep(len(piece) / file.rate)
        if chunked:
            writer.write(b"0\r\n\r\n")
            await writer.drain()

    async def _hold(self, site: _Site) -> None:
        site.holding += 1
        self._notify()
        try:
            await site.released.wait()
        finally:
            site.holding -= 1

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _stops(size: int, rate: float | None, *points: int | None) -> Iterator[int]:
    """Give the offsets at which a body pauses: after every slice, and at the points inside it."""
    step = SLICE if rate is None else max(1, min(SLICE, int(rate / 20)))
    inside = [point for point in points if point is not None and point < size]
    offset = 0
    if 0 in inside:
        yield 0
    while offset < size:
        offset = min([offset + step, size, *(point for point in inside if point > offset)])
        yield offset


def _cut(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    if reset:
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    raise _CutError
