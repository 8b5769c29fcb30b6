"""As much of HTTP/1.1 as a file server needs: a request read, a byte range judged.

Separate from the demo's files, so that a server which misbehaves in other ways can be built on it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class BadRequestError(Exception):
    """What arrived is not a request that this server understands."""


class UnsatisfiableRangeError(Exception):
    """The range begins beyond the end of the file (416)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request without a body; the names of its headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def keeps_alive(self) -> bool:
        """Whether the client wants to ask again on the same connection."""
        return self.headers.get("connection", "").lower() != "close"


async def read_request(reader: asyncio.StreamReader) -> Request | None:
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
        case [method, path, "HTTP/1.1"]:
            pairs = (line.partition(":") for line in lines)
            headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
            return Request(method=method, path=path.partition("?")[0], headers=headers)
        case _:
            raise BadRequestError(f"not a request: {first!r}")


def requested_range(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """Return the asked for stretch, end exclusive, or None where the whole file is the answer.

    That is so without a Range, with one that cannot be read or names several (RFC 9110 section
    14.2), and with an If-Range that names another version (section 13.1.5). Raises
    UnsatisfiableRangeError.
    """
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or match[0] == "bytes=-":
        return None
    if request.headers.get("if-range", etag) != etag:
        return None
    if not match[1]:  # bytes=-N, the last N
        start, end = max(0, size - int(match[2])), size
    else:
        start = int(match[1])
        end = min(int(match[2]) + 1, size) if match[2] else size
    if start >= size:
        raise UnsatisfiableRangeError
    return (start, end) if start < end else None
