"""Rows 59 to 61: what comes is more than the file: coded, growing, or without end."""

from __future__ import annotations

import asyncio
from asyncio import StreamWriter
from dataclasses import replace
from itertools import repeat

from core.domain.errors import ErrorCode
from tests.faults.cases import (
    AGAIN,
    ALONE,
    DATA,
    EVERY,
    GOOD,
    JOINED,
    OTHER,
    REFUSED,
    SIZE,
    Answer,
    Ask,
    Case,
    Failed,
    Outcome,
    Serve,
    Way,
    Whole,
    ends,
    partial,
    raw,
    then,
)
from tests.faults.matrix_framing import ZIPPED
from tests.faults.model import File

IMPATIENT = {"network": {"connect_timeout": 0.1, "read_timeout": 0.1}}
LATE = Failed(code=ErrorCode.TIMEOUT)
NOTHING = Failed(code=ErrorCode.PROTOCOL, kept=b"")
"""Its head was right, so that there is a part file."""
CHUNKED = "HTTP/1.1 206 Partial Content\nTransfer-Encoding: chunked\nConnection: close"


def drip(head: bytes, piece: bytes, *, pause: float = 0.0) -> Serve:
    """Return how to send a beginning, and then the same piece until the client has had enough."""

    async def write(writer: StreamWriter) -> None:
        writer.write(head)
        for again in repeat(piece):
            if writer.is_closing():
                return
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(pause)

    return lambda _: write


def chunked(first: bytes, tail: bytes, *, pause: float = 0.0) -> Serve:
    """Return how to answer rightly but for the framing, which has no end."""

    def serve(ask: Ask) -> Answer:
        fields = f'Content-Range: bytes {ask.first}-{ask.last}/{SIZE}\nETag: "v1"'
        return drip(raw(f"{CHUNKED}\n{fields}", first), tail, pause=pause)(ask)

    return serve


def tiny(ask: Ask) -> bytes:
    """Return the file in chunks of one byte each, every one with an extension."""
    body = b"".join(b"1;name=value\r\n%c\r\n" % byte for byte in DATA[:50_000])
    head = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nConnection: close"
    return raw(head, body + b"0\r\n\r\n")


def eventually(count: int) -> Serve:
    """Return how to send so many interim answers before the right one."""
    hints = raw("HTTP/1.1 103 Early Hints\nLink: </x>") * count
    return lambda ask: hints + partial(ask, DATA[ask.first : ask.last + 1])


def encoded(*fields: str, name: str = "") -> File:
    """Return the file in these codings."""
    return replace(
        GOOD,
        content=ZIPPED,
        headers={"Content-Encoding": ", ".join(fields)},
        disposition=f"attachment; filename={name}" if name else None,
    )


def named(name: str) -> dict[Way, Outcome]:
    """Return that the bytes are kept as they came, under this name."""
    return ends((*ALONE, *AGAIN, *JOINED), Whole(content=ZIPPED, name=name))


MORE = OTHER[:50_000]
GROWN = replace(GOOD, content=DATA + MORE, etag='"v2"')
FRONT = Whole(verdict="verified: it grew on the server meanwhile")


def growing(ask: Ask) -> File:
    """Return a log that is longer and cut again at every request."""
    cut = 500_000 + 100_000 * ask.turn if ask.turn < 5 else None
    return replace(GROWN, content=DATA + MORE[: 1000 * ask.turn], fail_after=cut)


CASES = (
    *(
        Case(row=60, title=title, serve=serve, ends=ends((*AGAIN, *more), FRONT), peers=2)
        for title, serve, more in (
            ("a log that grew", GROWN, JOINED),
            ("grown and without ranges", replace(GROWN, ranges=False), ()),
            ("grown and without validators", replace(GROWN, etag=None), JOINED),
            ("grown and with the old validator", replace(GROWN, etag='"v1"'), JOINED),
            ("growing all the time on a bad line", growing, ()),
        )
    ),
    Case(
        row=60,
        title="longer and another file",
        serve=replace(GROWN, content=OTHER + MORE),
        ends=ends(AGAIN, Whole(content=OTHER + MORE, verdict="restarted: ")),
    ),
    Case(
        row=60,
        title="longer and the same only before the cut",
        serve=replace(GROWN, content=OTHER[:1000] + DATA[1000:] + MORE, etag=None),
        ends=ends(AGAIN, Whole(content=OTHER[:1000] + DATA[1000:] + MORE, verdict="restarted: ")),
    ),
    *(
        Case(row=59, title=title, good=file, serve=file, ends=named(name))
        for title, file, name in (
            ("gzip", encoded("x-gzip"), "a.bin.gz"),
            ("brotli over gzip", encoded("gzip", "br"), "a.bin.gz.br"),
            ("gzip under a name that says so", encoded("gzip", name="a.TGZ"), "a.TGZ"),
            ("what is no coding", encoded("identity", "utf-8", "aws-chunked"), "a.bin"),
        )
    ),
    Case(
        row=59,
        title="gzip in one answer and not in the other",
        serve=replace(GOOD, headers={"Content-Encoding": "gzip"}),
        ends=ends(AGAIN, Failed(code=ErrorCode.FILE_CHANGED)) | ends(JOINED),
        peers=2,
    ),
    Case(
        row=59,
        title="gzip after a restart",
        serve=then(
            replace(GOOD, ranges=False, etag='"v2"', fail_after=0),
            replace(GOOD, ranges=False, etag='"v2"', headers={"Content-Encoding": "gzip"}),
        ),
        ends=ends(AGAIN, Failed(code=ErrorCode.FILE_CHANGED, kept=b"")),
    ),
    Case(
        row=61,
        title="head that drips",
        serve=drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", pause=0.05),
        ends=ends((Way.FRESH, Way.RESUMED), LATE),
        settings=IMPATIENT,
    ),
    Case(row=61, title="20 interim answers", serve=eventually(20), ends=ends(EVERY), peers=4),
    Case(row=61, title="21 interim answers", serve=eventually(21), ends=REFUSED, peers=2),
    Case(
        row=61,
        title="interim answers without end",
        serve=drip(b"", raw("HTTP/1.1 103 Early Hints\nLink: </x>") * 1000),
        ends=REFUSED,
        peers=2,
    ),
    Case(
        row=61,
        title="interim answers that drip",
        serve=drip(b"", raw("HTTP/1.1 102 Processing"), pause=0.1),
        ends=ends((Way.FRESH, Way.RESUMED), LATE),
        settings=IMPATIENT,
    ),
    Case(
        row=61,
        title="chunk extension without end",
        serve=chunked(b"10;", b"a" * 250_000),
        ends=REFUSED | ends(ALONE, NOTHING),
        peers=2,
    ),
    Case(
        row=61,
        title="one byte in each chunk",
        good=replace(GOOD, content=DATA[:50_000]),
        serve=tiny,
        ends=ends(ALONE, Whole(content=DATA[:50_000])),
    ),
    Case(
        row=61,
        title="trailers without end",
        serve=chunked(b"0\r\n", b"X-A: b\r\n" * 100_000),
        ends=REFUSED,
        peers=2,
    ),
    Case(
        row=61,
        title="chunk extension that drips",
        serve=chunked(b"10;", b"a" * 10, pause=0.05),
        ends=ends(ALONE, replace(NOTHING, code=ErrorCode.TIMEOUT)) | ends(AGAIN, LATE),
        settings=IMPATIENT,
    ),
)
