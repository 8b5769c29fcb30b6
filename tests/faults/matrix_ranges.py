"""Rows 1 to 12: answers to a Range request (RFC 9110 sections 13 to 15)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from core.domain.errors import ErrorCode
from core.domain.models import Checksum
from tests.faults.cases import (
    AGAIN,
    ALONE,
    ANEW,
    COMPARED,
    DATA,
    EVERY,
    GOOD,
    HAVE,
    JOINED,
    OTHER,
    REFUSED,
    REPLACED,
    REST,
    SIZE,
    VERIFIED,
    Ask,
    Case,
    Failed,
    Serve,
    Stage,
    Way,
    ends,
    partial,
    raw,
)
from tests.faults.model import File

NEW = replace(GOOD, content=OTHER, etag='"v2"')
CONTINUED = dict.fromkeys(AGAIN, ("bytes=0-", REST))
LIE = DATA[: HAVE + 6_000] + OTHER[HAVE + 6_000 :]
"""Right as far as the overlap of a continuation reaches, and wrong behind it."""


def if_range(expected: str | None) -> Callable[[Stage], None]:
    """Look at the If-Range of all requests but the first, which knows nothing yet."""

    def check(stage: Stage) -> None:
        first, *others = stage.asked()
        assert "if-range" not in first.headers
        assert {request.headers.get("if-range") for request in others} == {expected}

    return check


def ranged(stage: Stage) -> None:
    """Look that winch asks for a range each time, so that no 206 can come unasked."""
    assert all(request.range for request in stage.asked())


def stretch(first: int, last: int, *more: str) -> bytes:
    """Return an honest 206 of these bytes."""
    lines = [
        "HTTP/1.1 206 Partial Content",
        f"Content-Range: bytes {first}-{last}/{SIZE}",
        f"Content-Length: {last + 1 - first}",
        "Connection: close",
        *more,
    ]
    return raw("\n".join(lines), DATA[first : last + 1])


def beyond(ask: Ask) -> bytes | File:
    """Answer a stretch with all that follows it, too."""
    return stretch(ask.first, SIZE - 1, 'ETag: "v1"')


def later(ask: Ask) -> bytes:
    """Answer with what begins 100 bytes behind the one asked for."""
    return stretch(ask.first + 100, min(ask.last + 100, SIZE - 1), 'ETag: "v1"')


def marked(field: str) -> Serve:
    """Return how to answer with right bytes and this Content-Range."""
    return lambda ask: replace(
        GOOD, headers={"Content-Range": field.format(first=ask.first, last=ask.last, size=SIZE)}
    )


def several(ask: Ask) -> bytes:
    """Answer with two ranges in one multipart body."""
    part = f"--B\r\nContent-Range: bytes {ask.first}-{ask.first + 9}/{SIZE}\r\n\r\n0123456789\r\n"
    body = (part * 2 + "--B--\r\n").encode()
    head = f"Content-Type: multipart/byteranges; boundary=B\nContent-Length: {len(body)}"
    return raw(f"HTTP/1.1 206 Partial Content\n{head}\nConnection: close", body)


def from_zero(ask: Ask) -> bytes | File:
    """Answer a continuation with the right headers and the file's first bytes."""
    return partial(ask, DATA[: ask.last + 1 - ask.first]) if ask.first else GOOD


CASES = (
    Case(
        row=1,
        title="range answered 200",
        serve=replace(GOOD, ranges=False, rate=2_000_000),
        ends=ends((Way.FRESH, Way.EIGHT_ALL)) | ends(AGAIN, ANEW),
        peers=1,
        ranges=CONTINUED | dict.fromkeys((Way.FRESH, Way.EIGHT_ALL), ("bytes=0-",)),
    ),
    Case(
        row=1,
        title="joining answered 200",
        serve=replace(GOOD, ranges=False),
        ends=ends(JOINED),
        peers=2,
    ),
    Case(
        row=2,
        title="changed and no ranges",
        serve=replace(NEW, ranges=False),
        ends=ends(AGAIN, REPLACED) | ends(JOINED),
        peers=2,
        check=if_range('"v1"'),
    ),
    Case(
        row=2,
        title="changed",
        serve=NEW,
        ends=ends(AGAIN, REPLACED) | ends(JOINED),
        ranges=CONTINUED,
        peers=2,
        check=if_range('"v1"'),
    ),
    Case(
        row=3,
        title="exact 206",
        serve=GOOD,
        ends=ends(JOINED) | ends(AGAIN, VERIFIED),
        ranges=CONTINUED,
        check=if_range('"v1"'),
    ),
    Case(row=3, title="first 206", serve=GOOD, ends=ends(ALONE), ranges={Way.FRESH: ("bytes=0-",)}),
    Case(row=4, title="another offset", serve=later, ends=REFUSED, peers=2),
    Case(
        row=5, title="longer than asked", serve=beyond, ends=ends(EVERY), ranges=CONTINUED, peers=2
    ),
    Case(
        row=6,
        title="no Content-Range",
        serve=replace(GOOD, headers={"Content-Range": None}),
        ends=REFUSED,
        peers=2,
    ),
    Case(row=7, title="unreadable", serve=marked("bytes {first}-z/9"), ends=REFUSED, peers=2),
    Case(row=7, title="unit", serve=marked("items {first}-{last}/{size}"), ends=REFUSED, peers=2),
    Case(
        row=7, title="too far", serve=marked("bytes {first}-{size}/{size}"), ends=REFUSED, peers=2
    ),
    Case(row=8, title="multipart", serve=several, ends=REFUSED, peers=2),
    Case(row=9, title="always a Range", serve=GOOD, ends=ends(EVERY), check=ranged),
    Case(
        row=9,
        title="206 of its own choice",
        serve=stretch(500_000, 599_999),
        ends=REFUSED,
        peers=2,
    ),
    Case(
        row=10,
        title="206 with another ETag",
        serve=lambda ask: partial(ask, OTHER[ask.first : ask.last + 1], etag='"v2"'),
        ends=ends(AGAIN, REPLACED) | ends(JOINED),
        peers=2,
    ),
    Case(
        row=11,
        title="lost ETag and same bytes",
        serve=lambda ask: partial(ask, DATA[ask.first : ask.last + 1], etag=None),
        ends=ends(AGAIN, COMPARED) | ends(JOINED),
        ranges=CONTINUED,
        peers=4,
    ),
    Case(
        row=11,
        title="lost ETag and other bytes",
        serve=lambda ask: partial(ask, OTHER[ask.first : ask.last + 1], etag=None),
        ends=ends(AGAIN, REPLACED) | ends(JOINED, REPLACED),
        peers=2,
    ),
    Case(
        row=12, title="wrong bytes", serve=from_zero, ends=ends(AGAIN, ANEW) | ends(JOINED), peers=4
    ),
    Case(
        row=12,
        title="wrong bytes behind the overlap",
        serve=lambda ask: partial(ask, LIE[ask.first : ask.last + 1]),
        ends=ends(AGAIN, Failed(code=ErrorCode.CHECKSUM, aside=LIE)),
        checksum=Checksum("sha256", hashlib.sha256(DATA).hexdigest()),
    ),
)
