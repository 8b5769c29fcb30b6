"""Rows 38 to 51: errors, time, names, digests and trust."""

from __future__ import annotations

import hashlib
from asyncio import StreamWriter
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate

from core.domain.errors import ErrorCode
from core.domain.models import Checksum
from tests.faults.cases import (
    AGAIN,
    ALONE,
    DATA,
    EVERY,
    GOOD,
    JOINED,
    NAME,
    OTHER,
    REFUSED,
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
    partial,
    raw,
    then,
)
from tests.faults.model import File

PAGE = raw(
    'HTTP/1.1 200 OK\nContent-Type: text/html; charset=utf-8\nContent-Length: 20\nETag: W/"p"',
    b"<html>log in</html>\n",
)
BIG_ERROR = raw(f"HTTP/1.1 500 Oops\nContent-Length: {SIZE}\nConnection: close", OTHER)
TIMEOUTS = {"network": {"read_timeout": 0.2}}
CAPPED = {"retry": {"retry_after_cap": 1.0}}


def says(text: str) -> Callable[[Stage], None]:
    """Look for a sentence in the download's timeline."""

    def check(stage: Stage) -> None:
        assert stage.download is not None
        told = [entry.text for entry in stage.download.timeline]
        assert any(text in sentence for sentence in told), told

    return check


def busy(status: int, after: str) -> Serve:
    """Return how to refuse once with a Retry-After."""
    head = f"HTTP/1.1 {status} X\nRetry-After: {after}\nContent-Length: 4\nConnection: close"
    return then(raw(head, b"busy"), GOOD)


def crowded(ask: Ask) -> File:
    """Refuse whoever comes while three others are being served."""
    open_now = [r for r in ask.stage.asked() if not r.finished and r.status in (200, 206)]
    return replace(GOOD, statuses=lambda _: 503 if len(open_now) >= 3 else 200)


def stalled_once(ask: Ask) -> File:
    """Let the first body stand still for ever."""
    return replace(GOOD, hold_after=100_000) if ask.turn == 1 else GOOD


def trickling_once(ask: Ask) -> File:
    """Let the first body trickle, so that it would take minutes."""
    return replace(GOOD, rate=2_000, hold_after=SIZE) if ask.turn == 1 else GOOD


async def endless(writer: StreamWriter) -> None:
    """Announce the file's length and never stop."""
    writer.write(raw(f'HTTP/1.1 200 OK\nContent-Length: {SIZE}\nETag: "v1"', DATA))
    while not writer.is_closing():
        writer.write(OTHER)
        await writer.drain()


def named(disposition: str) -> File:
    """Return the file with a Content-Disposition."""
    return replace(GOOD, disposition=disposition)


def digest_of(content: bytes) -> str:
    """Return a digest as header fields carry it (RFC 9530 section 2)."""
    return f"sha-256=:{b64encode(hashlib.sha256(content).digest()).decode()}:"


def only_secured(stage: Stage) -> None:
    """Look that nobody was asked without proof of who it is."""
    assert stage.server.requests == []
    assert stage.elsewhere.requests == []


def _asked_once(stage: Stage) -> None:
    if stage.way is not Way.EIGHT:
        assert len(stage.faulty()) == 1


CASES = (
    *(
        Case(
            row=38,
            title=title,
            serve=busy(status, after),
            settings=CAPPED,
            ends=ends((*ALONE, *AGAIN)),
            check=says(told),
        )
        for title, status, after, told in (
            ("seconds", 503, "1", "trying again in 1 s"),
            ("date", 429, formatdate(4_000_000_000, usegmt=True), "trying again in 1 s"),
            ("past", 503, formatdate(1_000_000_000, usegmt=True), "trying again at once"),
            ("nonsense", 429, "soon", "trying again at once"),
        )
    ),
    Case(row=39, title="error body", serve=then(BIG_ERROR, GOOD), ends=ends(EVERY), peers=2),
    Case(
        row=39,
        title="nothing but error bodies",
        serve=BIG_ERROR,
        ends=ends((*ALONE, *AGAIN), Failed(code=ErrorCode.HTTP_STATUS)) | ends(JOINED),
        peers=2,
    ),
    Case(row=40, title="too many connections", serve=crowded, ends=ends(JOINED), peers=4),
    *(
        Case(
            row=41,
            title=f"{status}",
            serve=replace(GOOD, statuses=[status] * 99),
            ends=ends((*ALONE, *AGAIN), Failed(code=code)) | ends(JOINED),
            peers=2,
            check=_asked_once,
        )
        for status, code in (
            (401, ErrorCode.AUTH_REQUIRED),
            (407, ErrorCode.AUTH_REQUIRED),
            (403, ErrorCode.HTTP_STATUS),
            (404, ErrorCode.NOT_FOUND),
            (410, ErrorCode.NOT_FOUND),
        )
    ),
    Case(
        row=42,
        title="login page",
        serve=PAGE,
        ends=ends(AGAIN, Failed(code=ErrorCode.FILE_CHANGED)) | ends(JOINED),
        peers=2,
    ),
    Case(
        row=43,
        title="stall",
        serve=stalled_once,
        settings=TIMEOUTS,
        ends=ends(ALONE) | ends(AGAIN, VERIFIED),
    ),
    Case(
        row=44,
        title="all there is trickles",
        serve=replace(GOOD, content=DATA[:40_000], rate=100_000),
        ends=ends(ALONE, Whole(content=DATA[:40_000])),
        check=_asked_once,
    ),
    Case(row=44, title="one trickles", serve=trickling_once, ends=ends(JOINED)),
    Case(
        row=45,
        title="reset",
        serve=then(replace(GOOD, fail_after=90_000, reset=True), GOOD),
        ends=ends(EVERY),
    ),
    Case(
        row=45,
        title="refused",
        serve=raw("HTTP/1.1 302 Found\nLocation: http://127.0.0.1:1/a.bin\nContent-Length: 0"),
        ends=ends((*ALONE, *AGAIN), Failed(code=ErrorCode.NETWORK)),
    ),
    Case(
        row=45,
        title="no such name",
        serve=raw("HTTP/1.1 302 Found\nLocation: http://nowhere.invalid/\nContent-Length: 0"),
        ends=ends((*ALONE, *AGAIN), Failed(code=ErrorCode.DNS)),
    ),
    Case(
        row=46,
        title="long header",
        serve=lambda ask: partial(ask, DATA, f"X-Long: {'x' * 100_000}"),
        ends=REFUSED,
        peers=2,
    ),
    Case(
        row=46,
        title="many headers",
        serve=lambda ask: partial(ask, DATA, *(f"X-{n}: {'x' * 5000}" for n in range(400))),
        ends=REFUSED,
        peers=2,
    ),
    Case(row=47, title="endless", serve=lambda ask: endless, ends=ends((*ALONE, *AGAIN))),
    *(
        Case(
            row=48,
            title=title,
            serve=named(disposition),
            good=named(disposition),
            ends=ends((*ALONE, *AGAIN, Way.EIGHT), Whole(name=name)),
        )
        for title, disposition, name in (
            ("filename*", "attachment; filename=b.bin; filename*=UTF-8''%e2%82%ac.bin", "€.bin"),
            ("last segment", 'attachment; filename="../../etc/c.bin"', "c.bin"),
            ("decoded segment", "attachment; filename*=UTF-8''..%2F..%2Fd.bin", "d.bin"),
        )
    ),
    *(
        Case(
            row=49,
            title=f"{field} {'right' if known is DATA else 'wrong'}",
            serve=replace(GOOD, headers={field: digest_of(known)}),
            good=replace(GOOD, headers={field: digest_of(known)}),
            ends=ends(EVERY, end),
        )
        for field, known, end in (
            ("Repr-Digest", DATA, Whole(verdict="verified: sha256")),
            ("Repr-Digest", OTHER, Failed(code=ErrorCode.CHECKSUM, aside=DATA)),
        )
    ),
    Case(
        row=49,
        title="Content-Digest of a part",
        serve=lambda ask: replace(
            GOOD, headers={"Content-Digest": digest_of(DATA[ask.first : ask.last + 1])}
        ),
        ends=ends((*ALONE, *AGAIN, *JOINED)),
    ),
    Case(
        row=49,
        title="Content-Digest wrong",
        serve=replace(GOOD, ranges=False, headers={"Content-Digest": digest_of(OTHER)}),
        ends=ends(ALONE, Failed(code=ErrorCode.CHECKSUM, aside=DATA)),
    ),
    Case(
        row=50,
        title="digest mismatch",
        serve=replace(GOOD, content=OTHER),
        good=replace(GOOD, content=OTHER),
        checksum=Checksum("sha256", hashlib.sha256(DATA).hexdigest()),
        ends=ends(EVERY, Failed(code=ErrorCode.CHECKSUM, aside=OTHER)),
    ),
    Case(
        row=51,
        title="nobody's certificate",
        tls=True,
        trusted=False,
        serve=GOOD,
        ends=ends(ALONE, Failed(code=ErrorCode.TLS)),
        check=only_secured,
    ),
    Case(
        row=51,
        title="another name",
        tls=True,
        serve=GOOD,
        prepare=lambda stage: stage.server.url_of(NAME).replace("127.0.0.1", "localhost"),
        ends=ends(ALONE, Failed(code=ErrorCode.TLS)),
        check=only_secured,
    ),
)
