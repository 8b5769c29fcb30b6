"""Row 52: text that is not UTF-8 in the head of an answer; Latin-1 is meant, as browsers have it.

In these answers a lone surrogate stands for a byte (PEP 383).
"""

from __future__ import annotations

from dataclasses import replace

from tests.faults.cases import (
    AGAIN,
    ALL,
    ALONE,
    COMPARED,
    DATA,
    GOOD,
    PROTOCOL,
    REST,
    SIZE,
    VERIFIED,
    Case,
    Stage,
    Whole,
    ends,
    raw,
)
from tests.faults.model import File

CAFE = replace(GOOD, etag='"caf\udce9"')
UTF8 = replace(GOOD, etag='"café"')
STAMP = "Mon, 01 Jan 2024 00:00:00 GMT"


def sent_back(etag: bytes):  # type: ignore[no-untyped-def]
    """Look that the validator came back byte by byte."""

    def check(stage: Stage) -> None:
        fields = [request.headers.get("if-range") for request in stage.asked()[1:]]
        assert fields
        assert all((field or "").encode("latin-1") == etag for field in fields), fields

    return check


def named(disposition: str) -> File:
    return replace(GOOD, disposition=disposition)


def moved(location: str, target: str, path: str) -> dict[str, object]:
    """Return a case's ways to a redirect and a look at what was asked for then."""

    def prepare(stage: Stage) -> str:
        stage.server.file(path, DATA)
        return stage.server.file("begin", redirect_to=location)

    def check(stage: Stage) -> None:
        (asked, *_) = stage.asked(path)
        assert asked.target == target

    return {"prepare": prepare, "check": check}


CASES = (
    Case(
        row=52,
        title="ETag in Latin-1",
        serve=CAFE,
        good=CAFE,
        ends=ends(AGAIN, VERIFIED),
        ranges=dict.fromkeys(AGAIN, ("bytes=0-", REST)),
        check=sent_back(b'"caf\xe9"'),
    ),
    Case(
        row=52,
        title="ETag in UTF-8",
        serve=UTF8,
        good=UTF8,
        ends=ends(AGAIN, VERIFIED),
        ranges=dict.fromkeys(AGAIN, ("bytes=0-", REST)),
        check=sent_back('"café"'.encode()),
    ),
    Case(
        row=52,
        title="ETag that cannot be sent back",
        serve=replace(GOOD, etag='"v\x1b\udce9"'),
        good=replace(GOOD, etag='"v\x1b\udce9"'),
        ends=ends(AGAIN, COMPARED),
    ),
    *(
        Case(
            row=52,
            title=f"{name} in Latin-1",
            serve=replace(GOOD, headers={name: value}),
            ends=ends(ALL),
        )
        for name, value in (
            ("Content-Type", "caf\udce9/x"),
            ("Last-Modified", "d\udce9c"),
            ("Date", "d\udce9c"),
            ("X-Anything", "\udcff\udcfe"),
            ("Retry-After", "\udcff"),
            ("Repr-Digest", "sha-256=:\udcff:"),
        )
    ),
    *(
        Case(
            row=52,
            title=f"file name in {kind}",
            serve=named(disposition),
            good=named(disposition),
            ends=ends(ALL, Whole(name=name)),
        )
        for kind, disposition, name in (
            ("Latin-1", 'attachment; filename="\udcfcn\udcefc\udcf6d\udce9.bin"', "ünïcödé.bin"),
            ("UTF-8", 'attachment; filename="ünï-文件.bin"', "ünï-文件.bin"),
            ("neither", 'inline; filename="\udcff\udcfe文.bin"', "ÿþæ.bin"),
            ("an unknown charset", "attachment; filename*=punycode''abc-; filename=b.bin", "b.bin"),
            ("a broken charset", "attachment; filename*=utf-8''%ff; filename=c.bin", "c.bin"),
        )
    ),
    Case(
        row=52,
        title="reason in Latin-1",
        serve=raw(f"HTTP/1.1 200 D\xe9sol\xe9\nContent-Length: {SIZE}\nConnection: close", DATA),
        ends=ends(ALONE),
    ),
    Case(
        row=52,
        title="Content-Range that is no text",
        serve=raw("HTTP/1.1 206 Partial Content\nContent-Range: bytes \xff\nContent-Length: 0"),
        ends=ends((*ALONE, *AGAIN), PROTOCOL),
    ),
    Case(
        row=52,
        title="Location in Latin-1",
        serve=GOOD,
        ends=ends(ALONE, Whole(name="begin")),
        **moved("/caf\udce9 au lait.bin", "/caf%E9%20au%20lait.bin", "caf\ufffd au lait.bin"),
    ),
    Case(
        row=52,
        title="Location in UTF-8",
        serve=GOOD,
        ends=ends(ALONE, Whole(name="begin")),
        **moved("/café.bin?q=é", "/caf%C3%A9.bin?q=%C3%A9", "café.bin"),
    ),
)
