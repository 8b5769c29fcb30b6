"""Rows 53 to 58: what real server programs were found to do with ranges and with connections."""

from __future__ import annotations

from asyncio import StreamWriter
from dataclasses import replace

from tests.faults.cases import (
    AGAIN,
    ALONE,
    ANEW,
    COMPARED,
    GOOD,
    JOINED,
    VERIFIED,
    Ask,
    Case,
    Serve,
    Stage,
    Way,
    Whole,
    ends,
    raw,
)
from tests.faults.matrix_validators import together
from tests.faults.model import File

ASKED_TWICE = dict.fromkeys((Way.FRESH, Way.EIGHT_ALL), ("bytes=0-", None))
BY_ITSELF = "bytes=0-"
EMPTY = File(content=b"")
ONE_BYTE = File(content=b"x")
STRANGE = replace(GOOD, etag="26e151-0-6b019e2a")
"""webrick and bottle leave the quotation marks of an ETag out."""


def stumbles(file: File, status: str, *fields: str) -> Serve:
    """Return how to answer every range of a file with this head, and a page where it is refused."""
    body = b"<h1>no</h1>" if status.startswith("416") else b""
    head = "\n".join([f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}"])
    return lambda ask: (
        file if ask.request.range is None else raw(f"{head}\nConnection: close", body)
    )


def tornado(ask: Ask) -> File:
    """Take a range that covers the file for none, and serve every other one."""
    covered = ask.request.range == BY_ITSELF
    return replace(GOOD, ranges=not covered, headers={"Accept-Ranges": "bytes"})


def webrick(file: File) -> Serve:
    """Return how to take If-Range for If-Modified-Since."""
    refusal = raw(f"HTTP/1.1 304 Not Modified\nETag: {file.etag}\nConnection: close")
    return lambda ask: refusal if "if-range" in ask.request.headers else file


def once_only(stage: Stage) -> None:
    """Look that If-Range was tried once and not again once it was known to be misunderstood."""
    tried = [request.status for request in stage.asked() if "if-range" in request.headers]
    assert len(tried) == 1 or stage.way is Way.EIGHT


def two_requests(stage: Stage) -> None:
    """Look that one connection was tried beside the first, and none after it."""
    assert len(stage.asked()) == 2


async def never(writer: StreamWriter) -> None:
    """Take a request and do nothing, for as long as the client waits."""
    await writer.wait_closed()


def few_requests(stage: Stage) -> None:
    """Look that what nobody served was not asked for again and again."""
    assert len(stage.asked()) <= 6


def said_why(stage: Stage) -> None:
    """Look that the timeline tells why there is one connection."""
    assert stage.download is not None
    texts = [entry.text for entry in stage.download.timeline]
    assert "one connection only: the file changed on the server: another ETag" in texts


CASES = (
    *(
        Case(
            row=53,
            title=title,
            good=file,
            serve=stumbles(file, *head),
            ends=ends((*ALONE, Way.EIGHT_ALL), Whole(content=file.content)),
            peers=1,
            ranges=ASKED_TWICE,
        )
        for title, file, head in (
            ("416 on nothing (bottle)", EMPTY, ("416 Requested Range Not Satisfiable",)),
            ("0 to -1 (webfsd)", EMPTY, ("206 Partial Content", "Content-Range: bytes 0--1/0")),
            ("206 of nothing", EMPTY, ("206 Partial Content",)),
            ("416 on a byte (whitenoise)", ONE_BYTE, ("416 Nope", "Content-Range: bytes */1")),
            ("416 on everything", GOOD, ("416 Range Not Satisfiable", "Accept-Ranges: none")),
        )
    ),
    Case(
        row=54,
        title="200 to the whole (tornado)",
        serve=tornado,
        ends=ends(ALONE) | ends((Way.EIGHT_ALL,)) | ends(AGAIN, VERIFIED),
        check=lambda stage: together(stage) if stage.way is Way.EIGHT_ALL else None,
    ),
    Case(
        row=54,
        title="200 to everything in spite of its word",
        serve=replace(GOOD, ranges=False, headers={"Accept-Ranges": "bytes"}),
        ends=ends((Way.EIGHT_ALL,)) | ends(AGAIN, ANEW),
        peers=2,
        check=two_requests,
    ),
    Case(
        row=54,
        title="503 to all but the first",
        serve=lambda ask: (
            tornado(ask) if ask.turn == 1 else raw("HTTP/1.1 503 No\nConnection: close")
        ),
        ends=ends((Way.EIGHT_ALL,)),
        peers=2,
        check=two_requests,
    ),
    *(
        Case(
            row=55,
            title=title,
            good=file,
            serve=webrick(file),
            ends=ends(AGAIN, verdict) | ends(JOINED),
            check=once_only,
        )
        for title, file, verdict in (
            ("304 to an ETag (webrick)", STRANGE, VERIFIED),
            ("304 to a good ETag", GOOD, VERIFIED),
        )
    ),
    Case(
        row=55,
        title="304 and bytes without an ETag",
        serve=webrick(replace(GOOD, etag=None)),
        ends=ends(AGAIN, COMPARED) | ends(JOINED),
    ),
    Case(
        row=57,
        title="one worker (gunicorn sync)",
        serve=lambda ask: GOOD if ask.turn == 1 else never,
        ends=ends((Way.EIGHT_ALL,)),
        peers=4,
        check=few_requests,
    ),
    Case(
        row=58,
        title="another ETag on each backend",
        serve=replace(GOOD, etag='"v2"'),
        ends=ends(JOINED),
        peers=2,
        check=said_why,
    ),
)
