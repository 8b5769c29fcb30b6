"""Rows 13 to 20: validators, 416 and lengths (RFC 9110 sections 8.8, 14 and 15)."""

from __future__ import annotations

from dataclasses import replace
from email.utils import formatdate

from core.domain.errors import ErrorCode
from tests.faults.cases import (
    AGAIN,
    ALONE,
    ANEW,
    COMPARED,
    DATA,
    GOOD,
    JOINED,
    OTHER,
    REPLACED,
    SIZE,
    VERIFIED,
    Ask,
    Case,
    Failed,
    Serve,
    Stage,
    Way,
    Whole,
    ends,
    raw,
)
from tests.faults.matrix_ranges import CONTINUED, if_range
from tests.faults.model import File

STAMP = formatdate(1_700_000_000, usegmt=True)
WEAK = replace(GOOD, etag='W/"v1"')
BARE = replace(GOOD, etag=None)
DATED = replace(GOOD, etag=None, last_modified=STAMP)
YOUNG = replace(DATED, headers={"Date": formatdate(1_700_000_059, usegmt=True)})
EMPTY = File(content=b"", etag='"v2"')
NO_FILE = Whole(content=b"")


def unsatisfied(total: object, content: File = GOOD) -> Serve:
    """Return how to answer all but the whole file with 416, whose body looks like content."""
    head = f"Content-Range: bytes */{total}\nContent-Length: {SIZE}\nConnection: close"
    refusal = raw(f'HTTP/1.1 416 Range Not Satisfiable\n{head}\nETag: "v1"', OTHER)
    return lambda ask: refusal if ask.first else content


def end_not_marked(ask: Ask) -> bytes:
    """Send all in a body that is cut before its end mark, then a 416: that was all."""
    if ask.turn == 1:
        head = 'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nETag: "v1"'
        return raw(head, b"%x\r\n%b\r\n" % (SIZE, DATA))
    head = f"Content-Range: bytes */{SIZE}\nContent-Length: 9\nConnection: close"
    return raw(f'HTTP/1.1 416 Range Not Satisfiable\n{head}\nETag: "v1"', b"not bytes")


def of_unknown_length(ask: Ask) -> bytes:
    """Send at most 300,000 bytes at a time and never say how long the file is."""
    if ask.first >= SIZE:
        head = f"Content-Range: bytes */{SIZE}\nContent-Length: 0"
        return raw(f'HTTP/1.1 416 Range Not Satisfiable\n{head}\nETag: "v1"')
    last = min(ask.first + 299_999, SIZE - 1)
    head = f"Content-Range: bytes {ask.first}-{last}/*\nContent-Length: {last + 1 - ask.first}"
    head = f'HTTP/1.1 206 Partial Content\n{head}\nETag: "v1"\nConnection: close'
    return raw(head, DATA[ask.first : last + 1])


def one_request(stage: Stage) -> None:
    """Look that no other connection was opened."""
    assert len(stage.asked()) == 1


def together(stage: Stage) -> None:
    """Look that there were eight connections at once: each waited for the others."""
    assert len({request.connection for request in stage.asked()[:8]}) == 8


def one_by_one(stage: Stage) -> None:
    """Look that each request came only when the one before was done with."""
    starts = [
        int((request.range or "").partition("=")[2].partition("-")[0]) for request in stage.asked()
    ]
    assert starts == sorted(starts)


CASES = (
    Case(
        row=13,
        title="weak ETag",
        good=WEAK,
        serve=WEAK,
        ends=ends(AGAIN, COMPARED) | ends(JOINED),
        ranges=CONTINUED,
        check=if_range(None),
    ),
    Case(
        row=13,
        title="weak ETag of another version",
        good=WEAK,
        serve=replace(WEAK, content=OTHER, etag='W/"v2"'),
        ends=ends(AGAIN, REPLACED) | ends(JOINED),
        peers=2,
    ),
    Case(
        row=14,
        title="old Last-Modified",
        good=DATED,
        serve=DATED,
        ends=ends(AGAIN, VERIFIED) | ends(JOINED),
        ranges=CONTINUED,
        check=if_range(STAMP),
    ),
    Case(
        row=14,
        title="young Last-Modified",
        good=YOUNG,
        serve=YOUNG,
        ends=ends(AGAIN, COMPARED) | ends(JOINED),
        check=if_range(None),
    ),
    Case(
        row=14,
        title="another Last-Modified",
        good=DATED,
        serve=replace(DATED, content=OTHER, last_modified=formatdate(1_700_009_000, usegmt=True)),
        ends=ends(AGAIN, REPLACED) | ends(JOINED),
        peers=2,
    ),
    Case(
        row=15,
        title="no validator and same bytes",
        good=BARE,
        serve=BARE,
        ends=ends(AGAIN, COMPARED) | ends(JOINED),
        ranges=CONTINUED,
        check=if_range(None),
    ),
    Case(
        row=15,
        title="no validator and other bytes",
        good=BARE,
        serve=replace(BARE, content=OTHER),
        ends=ends(AGAIN, REPLACED),
    ),
    Case(
        row=15,
        title="no validator and no ranges",
        good=replace(BARE, ranges=False),
        serve=replace(BARE, ranges=False),
        ends=ends(AGAIN, ANEW),
    ),
    Case(row=16, title="416 when all is here", serve=end_not_marked, ends=ends(ALONE)),
    Case(
        row=17,
        title="416",
        serve=unsatisfied(SIZE),
        ends=ends(AGAIN, ANEW) | ends(JOINED),
        peers=2,
    ),
    Case(
        row=17,
        title="416 of a shorter file",
        serve=unsatisfied(100, File(content=DATA[:100], etag='"v2"')),
        ends=ends(AGAIN, Whole(content=DATA[:100], verdict="restarted: ")),
    ),
    Case(
        row=17,
        title="416 that says nothing",
        serve=unsatisfied("?"),
        ends=ends(AGAIN, ANEW) | ends(JOINED),
        peers=2,
    ),
    Case(
        row=17,
        title="416 to everything",
        serve=replace(GOOD, statuses=lambda request: 416),
        ends=ends(ALONE, Failed(code=ErrorCode.PROTOCOL)),
    ),
    Case(row=18, title="empty", serve=EMPTY, ends=ends((*ALONE, *AGAIN), NO_FILE)),
    Case(
        row=18,
        title="empty and no ranges",
        serve=replace(EMPTY, ranges=False),
        ends=ends((*ALONE, *AGAIN, Way.EIGHT_ALL), NO_FILE),
        peers=1,
    ),
    Case(
        row=19,
        title="Accept-Ranges none",
        serve=replace(GOOD, headers={"Accept-Ranges": "none"}, rate=2_000_000),
        ends=ends((Way.EIGHT_ALL,)),
        peers=1,
        check=one_request,
    ),
    Case(
        row=19,
        title="no Accept-Ranges",
        serve=replace(GOOD, headers={"Accept-Ranges": None}),
        ends=ends((*ALONE, Way.EIGHT_ALL)) | ends(AGAIN, VERIFIED),
        check=lambda stage: together(stage) if stage.way is Way.EIGHT_ALL else None,
    ),
    Case(
        row=20,
        title="unknown total",
        serve=of_unknown_length,
        ends=ends((*ALONE, *AGAIN, Way.EIGHT_ALL)),
        peers=1,
        check=one_by_one,
    ),
)
