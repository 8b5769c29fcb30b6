"""The words of the conformance table: a case, the ways it is run, and how it may end."""

from __future__ import annotations

import hashlib
from asyncio import StreamWriter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from core.domain.errors import ErrorCode
from core.domain.models import Checksum, Download
from core.policy.transfer.ranges import OVERLAP_BEFORE
from tests.faults.model import Content, File, Request, content
from tests.faults.server import FaultServer

NAME = "a.bin"
SIZE = 1_000_000
HAVE = 400_000
"""Bytes that are on disk when a download is continued."""
HOLD = 16_000
"""Bytes after which bodies wait for the other connections to come."""
DATA = content(SIZE)
OTHER = content(SIZE, seed=1)
GOOD = File(content=DATA)
REST = f"bytes={HAVE - OVERLAP_BEFORE}-{SIZE - 1}"
"""The Range of a continuation: from the overlap on."""


@dataclass(frozen=True)
class Sparse:
    """So many bytes 0, made up as they are asked for, and DATA behind them."""

    zeros: int

    def __len__(self) -> int:
        return self.zeros + SIZE

    def __getitem__(self, part: slice, /) -> bytes:
        start, stop, _ = part.indices(len(self))
        nothing = bytes(max(0, min(stop, self.zeros) - start))
        return nothing + DATA[max(0, start - self.zeros) : max(0, stop - self.zeros)]


class Way(StrEnum):
    """How the server's fault meets the download."""

    FRESH = "fresh"
    """One connection, nothing there yet; every request meets the fault."""
    RETRIED = "retried"
    """The first answer is cut after HAVE bytes; what the same run asks then meets the fault."""
    RESUMED = "resumed"
    """The same, but another engine goes on, as after a restart."""
    EIGHT = "8-connections"
    """Up to eight; the first answer is right, and the connections that join meet the fault."""
    EIGHT_ALL = "8-connections-all"
    """Up to eight; every request meets the fault, the first too."""


ALONE = (Way.FRESH,)
JOINED = (Way.EIGHT,)
AGAIN = (Way.RETRIED, Way.RESUMED)
EVERY = (Way.FRESH, *AGAIN, Way.EIGHT)
ALL = (Way.FRESH, *AGAIN, Way.EIGHT_ALL)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A request that meets the fault; `turn` counts them from 1."""

    request: Request
    turn: int
    stage: Stage

    @property
    def first(self) -> int:
        """The first byte that the Range header asks for."""
        return int((self.request.range or "bytes=0-").partition("=")[2].partition("-")[0])

    @property
    def last(self) -> int:
        """The last byte that it asks for."""
        asked = (self.request.range or "bytes=0-").partition("-")[2]
        return int(asked) if asked else SIZE - 1


Write = Callable[[StreamWriter], Awaitable[object]]
Answer = File | bytes | Write
Serve = Callable[[Ask], Answer]


@dataclass(frozen=True, kw_only=True)
class Whole:
    """The file has its final name and these bytes; `verdict` begins the stored verdict."""

    content: Content = DATA
    verdict: str | None = None
    name: str = NAME

    @property
    def sha256(self) -> str:
        """What the file's digest must be."""
        return hashlib.sha256(self.content[:]).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Failed:
    """There is no final name, and the error has this code.

    The part file holds what was there before (nothing, and is not there, in a fresh download),
    or exactly `kept`. `aside` names a file that was set aside instead.
    """

    code: ErrorCode
    kept: bytes | None = None
    aside: bytes | None = None


Outcome = Whole | Failed
VERIFIED = Whole(verdict="verified: same validator")
COMPARED = Whole(verdict="verified: same bytes at the seam, no strong validator")
ANEW = Whole(verdict="restarted: ")
REPLACED = Whole(content=OTHER, verdict="restarted: ")
PROTOCOL = Failed(code=ErrorCode.PROTOCOL)


@dataclass(kw_only=True)
class Stage:
    """Where a case is played: the servers, and what became of the download."""

    way: Way
    server: FaultServer
    elsewhere: FaultServer
    download: Download | None = None

    def asked(self, name: str = NAME) -> list[Request]:
        """Return the requests to a file of the main server."""
        return self.server.requests_to(name)

    def faulty(self) -> list[Request]:
        """Return the requests that met the fault."""
        return self.asked()[0 if self.way in (Way.FRESH, Way.EIGHT_ALL) else 1 :]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One fault, the ways it is met and how each way must end.

    `serve` gives the answer to each request that meets the fault: a file with its options, raw
    bytes after which the connection is closed, or a function that writes. `good` is what is served
    before. With eight connections bodies wait until the server has seen `peers` requests.
    `prepare` lays out more than one address and returns the one to ask for. `ranges` are the exact
    Range headers of all requests to the file; `check` looks at whatever else matters. With
    `public` the main server's address is taken for one of the world.
    """

    row: int
    title: str
    serve: File | bytes | Serve
    ends: Mapping[Way, Outcome]
    good: File = field(default_factory=lambda: GOOD)
    peers: int = 8
    ranges: Mapping[Way, Sequence[str]] = field(default_factory=dict)
    prepare: Callable[[Stage], str] | None = None
    check: Callable[[Stage], None] = lambda stage: None
    checksum: Checksum | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tls: bool = False
    trusted: bool = True
    public: bool = False

    def answer(self, ask: Ask) -> Answer:
        """Return the answer to a request that meets the fault."""
        return self.serve if isinstance(self.serve, File | bytes) else self.serve(ask)

    def id(self, way: Way) -> str:
        """Return how pytest calls this case: `row12-wrong-bytes-resumed`."""
        return f"row{self.row}-{self.title.replace(' ', '-')}-{way.value}"


def ends(ways: Sequence[Way], outcome: Outcome | None = None) -> dict[Way, Outcome]:
    """Return the same end for several ways: the whole file, unless told otherwise."""
    return dict.fromkeys(ways, outcome or Whole())


REFUSED = ends((Way.FRESH, *AGAIN), PROTOCOL) | ends(JOINED)
"""Of an answer like this nothing is used, and connections that are right go on."""


def then(*answers: Answer) -> Serve:
    """Give these answers one after the other; the last one stays."""
    return lambda ask: answers[min(ask.turn, len(answers)) - 1]


def raw(head: str, body: bytes = b"") -> bytes:
    """Return an answer as it is sent, from its lines."""
    return "\r\n".join([*head.splitlines(), "", ""]).encode("latin-1") + body


def partial(ask: Ask, body: bytes, *more: str, etag: str | None = '"v1"') -> bytes:
    """Return a 206 with the right Content-Range for what was asked, and any body."""
    size = ask.last + 1 - ask.first
    lines = [
        "HTTP/1.1 206 Partial Content",
        f"Content-Range: bytes {ask.first}-{ask.last}/{SIZE}",
        f"Content-Length: {size}",
        "Connection: close",
        *more,
    ]
    lines += [] if etag is None else [f"ETag: {etag}"]
    return raw("\n".join(lines), body)
