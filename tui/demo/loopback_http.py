"""As much of HTTP/1.1 as a file server needs: connections held, requests read, ranges judged.

The demo's server stands on it, and so do those of the tests, which misbehave in other ways: by raw
sockets, because a framework's server keeps the rules.
"""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from ssl import SSLContext
from types import TracebackType
from typing import Self

_RANGE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.IGNORECASE)


class BadRequestError(Exception):
    """What arrived is not a request that this server understands."""


class UnsatisfiableRangeError(Exception):
    """The range begins beyond the end of the file (416)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request without its body; the names of its headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def keeps_alive(self) -> bool:
        """Whether the client wants to ask again on the same connection."""
        return self.headers.get("connection", "").lower() != "close"


class LoopbackServer(ABC):
    """Listens on a port of 127.0.0.1 while its context lasts; what is said there is for `converse`.

    With `tls` it speaks https. Raises OSError if it cannot listen.
    """

    def __init__(self, tls: SSLContext | None = None) -> None:
        self.port = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._conversations: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer what is asked on a connection; it is closed afterwards."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; after `stop` on the same port again."""
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection, as a server that goes down does."""
        if self._server is not None:
            self._server.close()
            await self.drop_connections()
            await self._server.wait_closed()
            self._server = None

    async def drop_connections(self) -> None:
        """Cut every connection; the server goes on listening."""
        tasks = self._conversations - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._conversations.add(task)
        try:
            await self.converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # The end of a server ends connections too, and as quietly as a client that leaves.
            writer.transport.abort()
        finally:
            writer.close()
            self._conversations.discard(task)


async def read_request(reader: asyncio.StreamReader) -> HttpRequest | None:
    """Return the next request of a connection, None when the client has closed it.

    Raises BadRequestError; a head of more than 64 KiB, the limit of the reader, is one.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequestError("the head is too long") from error
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    match first.split(" "):
        case [method, target, "HTTP/1.1"]:
            pairs = (line.partition(":") for line in lines)
            headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
            return HttpRequest(method=method, target=target, headers=headers)
        case _:
            raise BadRequestError(f"not a request: {first!r}")


def requested_range(
    headers: Mapping[str, str], size: int, etag: str | None, last_modified: str | None = None
) -> tuple[int, int] | None:
    """Return the asked for stretch, end exclusive, or None where the whole file is the answer.

    That is so without a Range, with one that cannot be read or names several (RFC 9110 section
    14.2), and with an If-Range that names another version (section 13.1.5). Raises
    UnsatisfiableRangeError.
    """
    match = _RANGE.fullmatch(headers.get("range", ""))
    if match is None or not (match[1] or match[2]):
        return None
    if (condition := headers.get("if-range")) is not None:
        validator = etag if condition.startswith('"') else last_modified
        # Byte by byte: what came is a character for each, what is told may be UTF-8.
        if condition.encode("latin-1") != (validator or "").encode("utf-8", "surrogateescape"):
            return None
    if not match[1]:  # bytes=-N, the last N
        start, end = max(size - int(match[2]), 0), size
    else:
        start = int(match[1])
        end = int(match[2]) + 1 if match[2] else max(size, start + 1)
        if end <= start:
            return None
    if start >= size:
        raise UnsatisfiableRangeError
    return start, min(end, size)


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Return the status line and the headers as they are sent."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{key}: {value}" for key, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
