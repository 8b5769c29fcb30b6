"""What the fault server serves and what it has seen: the words that its tests are written in."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Headers = Mapping[str, str | None]
Status = int | tuple[int, Headers]


class Content(Protocol):
    """Bytes, or anything that makes them up when a slice is asked for (files over 4 GiB)."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes: ...


def content(size: int, seed: int = 0) -> bytes:
    """Return bytes that look random and are the same for the same size and seed."""
    return random.Random(seed).randbytes(size)


@dataclass(kw_only=True)
class Request:
    """One request as it arrived, and what became of it.

    `headers` have lower-cased names; `number` counts the requests to this path from 1,
    `connection` the connections to the server. `body_bytes` are bytes of the body (without chunk
    framing) given to the kernel so far, `finished` tells that the server is done with it.
    """

    method: str
    target: str
    path: str
    headers: Mapping[str, str]
    number: int
    connection: int
    status: int = 0
    body_bytes: int = 0
    finished: bool = False

    @property
    def range(self) -> str | None:
        """The Range header."""
        return self.headers.get("range")


@dataclass(kw_only=True)
class File:
    """A resource and everything that goes wrong with it; without options, a correct answer.

    `etag` and `last_modified` are sent and obeyed in If-Range, If-None-Match, If-Modified-Since.
    `ranges=False` answers every Range with 200. `chunked` and `until_close` say how the body is
    framed, else by Content-Length.
    `gzip` compresses for clients that accept it; ranges then count compressed bytes.

    `fail_after` cuts the connection after that many bytes of a body that has more, the first
    `fail_times` times (None: always); with `reset` by RST instead of FIN, which may cost the
    client bytes that it has not read yet. `hold_after` stops there until `server.release`.
    `latency` is seconds before each answer, `rate` bytes per second on each connection.

    `statuses` are taken one per request: 200 is the answer without fault, anything else an error
    with a short body, `(503, {"Retry-After": "1"})` one with headers; when they are used up, it is
    200. A function of the request does the same without an order. `headers` are added to every
    answer with content or replace what is sent; None leaves a header out.
    """

    content: Content
    etag: str | None = '"v1"'
    last_modified: str | None = None
    ranges: bool = True
    chunked: bool = False
    until_close: bool = False
    gzip: bool = False
    content_type: str = "application/octet-stream"
    disposition: str | None = None
    headers: Headers = field(default_factory=dict)
    redirect_to: str | None = None
    redirect_status: int = 302
    statuses: Sequence[Status] | Callable[[Request], Status] = ()
    latency: float = 0.0
    rate: float | None = None
    fail_after: int | None = None
    fail_times: int | None = None
    reset: bool = False
    hold_after: int | None = None

    def status_for(self, request: Request) -> tuple[int, Headers]:
        """Return the status that the script of this file has for a request, and its headers."""
        if callable(self.statuses):
            status = self.statuses(request)
        elif request.number <= len(self.statuses):
            status = self.statuses[request.number - 1]
        else:
            status = 200
        return (status, {}) if isinstance(status, int) else status
