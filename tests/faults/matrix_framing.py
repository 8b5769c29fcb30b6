"""Rows 21 to 29: where a body ends, and answers that carry none (RFC 9112 sections 6 to 9)."""

from __future__ import annotations

import gzip
import os
import socket
from asyncio import StreamWriter
from collections.abc import Callable
from dataclasses import replace

from core.domain.errors import ErrorCode
from tests.faults.cases import (
    AGAIN,
    ALL,
    ALONE,
    ANEW,
    DATA,
    EVERY,
    GOOD,
    JOINED,
    OTHER,
    REFUSED,
    SIZE,
    VERIFIED,
    Answer,
    Ask,
    Case,
    Failed,
    Serve,
    Stage,
    Way,
    Whole,
    ends,
    partial,
    raw,
    then,
)
from tests.faults.matrix_ranges import CONTINUED
from tests.faults.model import File

ZIPPED = gzip.compress(DATA, mtime=0)
CODED = File(content=ZIPPED, headers={"Content-Encoding": "gzip"})
UNVERIFIED = Whole(verdict="unverified: ")
WHOLE_ONLY = replace(GOOD, ranges=False)
CHUNKED = replace(GOOD, chunked=True)
UNTIL_CLOSE = replace(GOOD, until_close=True, ranges=False)
HALF = raw('HTTP/1.1 200 OK\nETag: "v1"\nConnection: close', DATA[: SIZE // 2])


def cut_short(ask: Ask) -> File:
    """Cut four bodies, each after as many bytes as bring a continuation on."""
    return replace(GOOD, fail_after=90_000 if ask.turn <= 4 else None)


def too_much(ask: Ask) -> bytes:
    """Send what was asked for, announced rightly, and go on after it."""
    return partial(ask, DATA[ask.first : ask.last + 1] + OTHER[:100_000])


def headed(*lines: str) -> Serve:
    """Return how to answer a 206 with these framing headers in place of the right ones."""

    def serve(ask: Ask) -> bytes:
        first = f"HTTP/1.1 206 Partial Content\nContent-Range: bytes {ask.first}-{ask.last}/{SIZE}"
        body = DATA[ask.first : ask.last + 1]
        fields = [line.format(size=len(body)) for line in lines]
        chunked = any("chunked" in line for line in lines)
        framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
        return raw("\n".join([first, 'ETag: "v1"', "Connection: close", *fields]), framed)

    return serve


def after(*interim: str) -> Serve:
    """Return how to send interim answers before the right one."""
    heads = b"".join(raw(head) for head in interim)
    return lambda ask: heads + partial(ask, DATA[ask.first : ask.last + 1])


def bare(status: int) -> bytes:
    """Return an answer with this status that still claims to be of the file."""
    length = "" if status in (204, 304) else "\nContent-Length: 0"
    return raw(f'HTTP/1.1 {status} X\nETag: "v1"\nConnection: close{length}')


def ragged(head: str, *, times: int) -> Serve:
    """Return how to end a TLS connection in the middle of a body, without a close_notify."""

    async def write(writer: StreamWriter) -> None:
        writer.write(raw(head, DATA[: SIZE // 2]))
        await writer.drain()
        with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as sock:
            sock.shutdown(socket.SHUT_WR)

    def serve(ask: Ask) -> Answer:
        return write if ask.turn <= times else replace(GOOD, ranges=ask.first > 0)

    return serve


def requests(count: int) -> Callable[[Stage], None]:
    """Look that the fault was met by so many requests."""

    def check(stage: Stage) -> None:
        assert len(stage.faulty()) == count

    return check


CASES = (
    Case(row=21, title="shorter than announced", serve=cut_short, ends=ends(EVERY)),
    Case(
        row=21,
        title="cut without ranges",
        serve=then(replace(WHOLE_ONLY, fail_after=500_000), WHOLE_ONLY),
        ends=ends((*ALONE, *AGAIN, Way.EIGHT_ALL)),
        peers=1,
        check=requests(2),
    ),
    Case(
        row=21,
        title="never whole",
        serve=replace(GOOD, ranges=False, fail_after=500_000),
        ends=ends((*ALONE, *AGAIN), Failed(code=ErrorCode.INCOMPLETE, kept=DATA[:500_000])),
    ),
    Case(
        row=22,
        title="bytes beyond the end",
        serve=too_much,
        ends=ends(EVERY),
        peers=2,
        settings={"limits": {"min_split": "400k"}},
    ),
    Case(
        row=23,
        title="chunked and cut",
        serve=then(replace(CHUNKED, fail_after=300_000), CHUNKED),
        ends=ends(ALL),
        peers=1,
    ),
    Case(
        row=23,
        title="chunked and cut without ranges",
        serve=then(
            replace(CHUNKED, ranges=False, fail_after=300_000), replace(CHUNKED, ranges=False)
        ),
        ends=ends((*ALONE, *AGAIN)),
        check=requests(2),
    ),
    Case(
        row=24,
        title="ends by close",
        serve=UNTIL_CLOSE,
        ends=ends(ALONE, UNVERIFIED) | ends(AGAIN, ANEW),
    ),
    Case(
        row=24,
        title="ends by close and no validator",
        serve=replace(UNTIL_CLOSE, etag=None),
        ends=ends((*ALONE, *AGAIN), UNVERIFIED),
    ),
    Case(
        row=24,
        title="ends by close before the known length",
        serve=then(HALF, GOOD),
        ends=ends(AGAIN),
    ),
    Case(
        row=25,
        title="TLS cut",
        tls=True,
        serve=ragged(f'HTTP/1.1 200 OK\nETag: "v1"\nContent-Length: {SIZE}', times=1),
        ends=ends((*ALONE, *AGAIN)),
        check=requests(2),
    ),
    Case(
        row=25,
        title="TLS cut without length",
        tls=True,
        serve=ragged("HTTP/1.1 200 OK\nConnection: close", times=99),
        ends=ends(ALONE, Failed(code=ErrorCode.INCOMPLETE, kept=DATA[: SIZE // 2])),
    ),
    Case(
        row=25,
        title="TLS",
        tls=True,
        serve=GOOD,
        ends=ends(JOINED) | ends(AGAIN, VERIFIED),
        ranges=CONTINUED,
    ),
    Case(
        row=26,
        title="length and chunked",
        serve=headed("Content-Length: {size}", "Transfer-Encoding: chunked"),
        ends=REFUSED,
        peers=2,
    ),
    Case(row=26, title="bad length", serve=headed("Content-Length: 1x"), ends=REFUSED, peers=2),
    Case(
        row=26,
        title="signed length",
        serve=headed("Content-Length: +{size}"),
        ends=REFUSED,
        peers=2,
    ),
    Case(
        row=26,
        title="two lengths",
        serve=headed("Content-Length: {size}", "Content-Length: 5"),
        ends=REFUSED,
        peers=2,
    ),
    Case(
        row=27,
        title="coded although not asked",
        good=CODED,
        serve=CODED,
        ends=ends((*ALONE, *AGAIN, *JOINED), Whole(content=ZIPPED, name="a.bin.gz")),
    ),
    Case(
        row=29,
        title="interim answers",
        serve=after("HTTP/1.1 103 Early Hints\nLink: </x>", "HTTP/1.1 102 Processing"),
        ends=ends(EVERY),
        peers=4,
    ),
    *(
        Case(row=29, title=f"{status}", serve=bare(status), ends=REFUSED, peers=2)
        for status in (204, 205, 304)
    ),
)
