"""Every answer of the conformance table as bytes, made small, to be spoilt by the fuzz test.

What is of the table's big file in an answer (its length, offsets and bytes) becomes a mark, filled
in for the request that is answered.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from asyncio import StreamWriter
from dataclasses import dataclass
from typing import cast

from core.policy.transfer.ranges import OVERLAP_BEFORE
from tests.faults.answers import answer_to
from tests.faults.cases import DATA, HAVE, NAME, OTHER, REST, SIZE, Ask, Stage, Way
from tests.faults.matrix import CASES
from tests.faults.model import File, Request, content
from tests.faults.server import FaultServer

SMALL = 3000
"""Bytes of the file that is served."""
FILE = content(SMALL, seed=7)
FOREIGN = content(SMALL, seed=8)
_DIGEST = f"sha-256=:{base64.b64encode(hashlib.sha256(FILE).digest()).decode()}:"

_FIRST = HAVE - OVERLAP_BEFORE
_MARKS = {SIZE: b"SIZE", SIZE - 1: b"LAST", SIZE - _FIRST: b"LEFT", _FIRST: b"FIRST", HAVE: b"HAVE"}
_NUMBER = re.compile(rb"(?<![0-9A-Za-z])[0-9]+(?![0-9A-Za-z])")
_MARK = re.compile(rb"\{(SIZE|LAST|LEFT|FIRST|HAVE)\}")
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Template:
    """An answer's head with marks, and its body: a stretch of a file, or bytes as they were."""

    head: bytes
    body: bytes
    file: bytes | None = None
    is_chunked: bool = False

    def fill(self, first: int, end: int, port: int) -> bytes:
        """Return the answer to a request for the bytes from `first` up to `end`."""
        values = {
            b"SIZE": SMALL,
            b"LAST": end - 1,
            b"LEFT": end - first,
            b"FIRST": first,
            b"HAVE": SMALL // 3,
        }
        head = _MARK.sub(lambda mark: b"%d" % values[mark[1]], self.head)
        head = head.replace(b"127.0.0.1:0", b"127.0.0.1:%d" % port)
        body = self.body
        if self.file is not None:
            starts_over = b" 200 " in head.partition(b"\r\n")[0]
            body = self.file[0 if starts_over else first : end]
        if self.is_chunked:
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        return head + body


def good(first: int, end: int, *, digest: bool) -> bytes:
    """Return the right answer to a request for a stretch."""
    extra = f"Repr-Digest: {_DIGEST}\r\n" if digest else ""
    head = (
        f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{end - 1}/{SMALL}\r\n"
        f'Content-Length: {end - first}\r\nETag: "v1"\r\n{extra}\r\n'
    )
    return head.encode() + FILE[first:end]


async def templates() -> list[Template]:
    """Return every answer of the table, each once, to a first request and to a continuation."""
    found: dict[Template, None] = {}
    server, elsewhere = FaultServer(), FaultServer()
    for case in CASES:
        for way, wanted in ((Way.FRESH, "bytes=0-"), (Way.RESUMED, REST)):
            stage = Stage(way=way, server=server, elsewhere=elsewhere)
            server.script(NAME, _nothing)
            if case.prepare is not None:
                case.prepare(stage)
            request = Request(
                method="GET",
                target=f"/{NAME}",
                path=NAME,
                headers={"range": wanted},
                number=1,
                connection=1,
            )
            for turn in (1, 2):
                raw = await _rendered(
                    case.answer(Ask(request=request, turn=turn, stage=stage)), request
                )
                if raw:
                    found[_template(raw)] = None
            for site in list(server._sites.values()):
                if site.file is not None:
                    found[_template(await _rendered(site.file, request))] = None
    return list(found)


async def _nothing(request: Request, writer: StreamWriter) -> None:
    del request, writer


class _Tape:
    """A writer that keeps the beginning of what is written."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes) -> None:
        if len(self.written) < 2 * SIZE:
            self.written += data

    async def drain(self) -> None:
        await asyncio.sleep(0)

    def is_closing(self) -> bool:
        return len(self.written) >= 2 * SIZE

    def __getattr__(self, name: str) -> object:
        raise ConnectionError(name)


async def _rendered(answer: object, request: Request) -> bytes:
    if isinstance(answer, bytes):
        return answer
    if isinstance(answer, File):
        sent = answer_to(request, answer)
        body = sent.content[sent.start : min(sent.end, sent.start + 2 * SIZE)]
        return sent.head() + body
    tape = _Tape()
    try:
        async with asyncio.timeout(0.05):
            await cast("type[_Tape]", answer)(tape)  # type: ignore[misc,call-arg]
    except (TimeoutError, OSError, AttributeError):
        pass
    return bytes(tape.written)


def _template(raw: bytes) -> Template:
    head, blank, body = raw.partition(b"\r\n\r\n")
    head = _NUMBER.sub(_marked, head[: 4 * _LONGEST]) + blank
    is_chunked = re.search(rb"(?i)transfer-encoding: *chunked", head) is not None
    for whole, small in ((DATA, FILE), (OTHER, FOREIGN)):
        if len(body) > _LONGEST and body[-64:] in (whole[-64:], whole[: len(body)][-64:]):
            return Template(head, b"", small, is_chunked)
    return Template(head, body[:_LONGEST])


def _marked(found: re.Match[bytes]) -> bytes:
    mark = _MARKS.get(int(found[0])) if len(found[0]) < 20 else None
    return found[0] if mark is None else b"{%b}" % mark
