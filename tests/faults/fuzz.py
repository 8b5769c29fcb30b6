"""`python -m tests.faults.fuzz`: nothing that a server says is an unexpected error.

The answers of the conformance table are spoilt (bytes, numbers, lines, two answers in one) and
served to a real engine on the loopback, as first answers, as later ones and to a second connection.
Each must end in a stable code, which does not blame the person, or in a whole file: with a digest
that is known, in no other file.
The seed decides about everything but the order of what runs at the same time.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import logging
import re
import shutil
import socket
import sys
import tempfile
import time
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from core.adapters.net.http import HttpClient
from core.adapters.net.network import Network
from core.adapters.state.stores import State
from core.adapters.system.clock import Clock
from core.domain.errors import ErrorCode
from core.domain.history import HistoryQuery
from core.domain.models import Checksum, Download, DownloadRequest, Status
from core.domain.settings import (
    DaemonSettings,
    LimitSettings,
    NetworkSettings,
    RetrySettings,
    Settings,
)
from core.engine.service import Engine
from core.rpc import codec
from tests.faults.corpus import FILE, FOREIGN, SMALL, Template, good, templates

SEED = 20
BATCH = 200
"""Downloads that one engine sees."""
AT_ONCE = 24
PATIENCE = 60.0
"""Seconds in which a batch has to be done."""

_EVIL = [
    b"Content-Range: bytes " + b"9" * 5000 + b"-" + b"9" * 5000 + b"/*",
    b"Content-Range: bytes \xff",
    b"Content-Length: " + b"9" * 5000,
    b"Content-Length: -1",
    b"Content-Length: 18446744073709551615",
    b"Content-Length: 999999999999999999",
    b"Content-Length: 0x10",
    b"Location: ht\x1btp://127.0.0.1/",
    b"Location: http://me:pw@127.0.0.1:0/x",
    b"Location: //\xff\xfe/",
    b"Location: http://[::1",
    b"Location: http://127.0.0.1:99999999999/",
    b"Location: http://" + "ü".encode() * 80 + b"/",
    b"Location: http://127.0.0.1:0/caf\xe9",
    b"Location: \x00",
    b"Location: http://%zz/",
    b"Location: http://127.0.0.1\\@127.0.0.2/",
    b"Content-Disposition: attachment; filename*=punycode''abc-\xff",
    b"Content-Disposition: attachment; filename*=idna''" + b"x" * 300,
    b"Content-Disposition: attachment; filename*=utf-16''%00%d8",
    b"Content-Disposition: attachment; filename*=undefined''x",
    b'Content-Disposition: attachment; filename="../../\xe9\x00\x1b[31m"',
    b"Content-Disposition: attachment; filename=" + b"a" * 4000,
    b"Retry-After: " + b"9" * 400,
    b"Retry-After: Mon, 99 Foo 99999999999 99:99:99 +9999",
    b"Retry-After: Fri, 31 Dec 9999 23:59:59 -2359",
    b"Date: Fri, 31 Dec 9999 23:59:59 -2359",
    b"Last-Modified: Mon, 01 Jan 0001 00:00:00 +2359",
    b"Last-Modified: " + b"1" * 4000,
    b"Last-Modified: Thu, 01 Jan 1970 00:00:00",
    b"ETag: \xe9\x01",
    b'ETag: W/"' + b"e" * 8000 + b'"',
    b'ETag: "a\tb\x7f"',
    b"Repr-Digest: sha-256=:" + b"A" * 43 + b":",
    b"Repr-Digest: sha-256=:====:",
    b"Digest: md5=\xff, sha-256=" + b"=" * 100,
    b"Content-Digest: sha-512=:" + b"a" * 7000 + b":",
    b"Set-Cookie: a=\xff; expires=" + b"9" * 999,
    b"Content-Type: \xff; charset=undefined",
    b"Content-Type: multipart/byteranges; boundary=" + b"x" * 99,
    b"Content-Encoding: gzip, br, \xff",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: gzip",
    b"Connection: upgrade\r\nUpgrade: \xff",
    b'WWW-Authenticate: Digest realm="\xff", nonce=' + b"n" * 4000 + b", qop=auth",
    b'WWW-Authenticate: Digest realm="a\\", nonce="x", algorithm=\xe9',
    b"WWW-Authenticate: " + b"Basic " * 900,
    b"Authentication-Info: nextnonce=\xff\x01",
    b"Proxy-Authenticate: \xff",
    b"Link: <" + b"a" * 5000 + b">; rel=duplicate",
    b": nameless",
    b"\xffName: x",
    b"X" * 9000 + b": y",
    b" folded: line",
    b"HTTP/1.1 200 OK",
]
_STATUS = (0, 99, 100, 101, 103, 199, 200, 201, 203, 204, 205, 206, 226, 299, 300, 301, 302, 303)
_STATUSES = (*_STATUS, 304, 305, 307, 308, 400, 401, 403, 404, 407, 408, 410, 416, 421, 425, 429)
_CODES = (*_STATUSES, 451, 500, 501, 502, 503, 504, 511, 599, 600, 999, 1000, 99999)
_DIGITS = re.compile(rb"[0-9]+")
_STRANGE = (b"\xff", b"\x00", b"\x1b", b"\r", b"\n", b"\t", b":", b";", b"\xc3", b"\xed\xa0\x80")


class Spoiler:
    """Spoils answers; the same random numbers spoil them in the same way."""

    def __init__(self, random: Random, corpus: Sequence[bytes]) -> None:
        self._random = random
        self._corpus = corpus
        self._ways: tuple[Callable[[bytes], bytes], ...] = (
            self._flip,
            self._insert,
            self._delete,
            self._truncate,
            self._renumber,
            self._renumber,
            self._evil,
            self._evil,
            self._restatus,
            self._repeat,
            self._swap,
            self._drop,
            self._splice,
            self._splice_lines,
        )

    def spoil(self, answer: bytes) -> bytes:
        """Return an answer with one to four things wrong, mostly in its head."""
        for _ in range(self._random.choice((1, 1, 1, 2, 2, 3))):
            answer = self._random.choice(self._ways)(answer)
        return answer

    def _place(self, answer: bytes) -> int:
        head = answer.find(b"\r\n\r\n")
        end = head if head > 0 and self._random.random() < 0.8 else len(answer)
        # Nothing behind a spoilt status line is read.
        first = answer.find(b"\r\n") if self._random.random() < 0.85 else 0
        return self._random.randint(min(max(first, 0), end), end)

    def _flip(self, answer: bytes) -> bytes:
        at = self._place(answer)
        return answer[:at] + self._random.randbytes(1) + answer[at + 1 :]

    def _insert(self, answer: bytes) -> bytes:
        at = self._place(answer)
        what = self._random.choice((*_STRANGE, self._random.randbytes(3)))
        return answer[:at] + what * self._random.choice((1, 1, 2, 300)) + answer[at:]

    def _delete(self, answer: bytes) -> bytes:
        at = self._place(answer)
        return answer[:at] + answer[at + self._random.choice((1, 2, 7, 40)) :]

    def _truncate(self, answer: bytes) -> bytes:
        return answer[: self._random.randrange(len(answer) + 1)]

    def _renumber(self, answer: bytes) -> bytes:
        head, blank, body = answer.partition(b"\r\n\r\n")
        numbers = list(_DIGITS.finditer(head))
        if not numbers:
            return answer
        found = self._random.choice(numbers[3:] or numbers)
        old = int(found[0][:18])
        new = self._random.choice(
            (
                b"9" * self._random.choice((2, 10, 18, 19, 20, 40, 400, 5000)),
                b"%d" % (old + 1),
                b"%d" % max(0, old - 1),
                b"-%d" % old,
                b"+%d" % old,
                b"0" * 30 + b"%d" % old,
                b"0",
                b"",
                "٣".encode(),
                b"1_0",
                b"1e3",
                b"%d" % self._random.randrange(2 * SMALL),
            )
        )
        return head[: found.start()] + new + head[found.end() :] + blank + body

    def _lines(self, answer: bytes) -> tuple[list[bytes], bytes]:
        head, _, body = answer.partition(b"\r\n\r\n")
        return head.split(b"\r\n"), body

    @staticmethod
    def _joined(lines: list[bytes], body: bytes) -> bytes:
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    def _evil(self, answer: bytes) -> bytes:
        lines, body = self._lines(answer)
        line = self._random.choice(_EVIL)
        if self._random.random() < 0.5:
            name = line.partition(b":")[0].lower()
            lines = [old for old in lines if old.partition(b":")[0].lower() != name]
        lines.insert(self._random.randint(1, len(lines)) if lines else 0, line)
        return self._joined(lines, body)

    def _restatus(self, answer: bytes) -> bytes:
        lines, body = self._lines(answer)
        reason = self._random.choice((b"OK", b"", b"\xe9\xff", b"x" * 500, b"\x1b]52;c;x\x07"))
        lines[:1] = [b"HTTP/1.1 %d %b" % (self._random.choice(_CODES), reason)]
        return self._joined(lines, body)

    def _repeat(self, answer: bytes) -> bytes:
        lines, body = self._lines(answer)
        line = self._random.choice(lines)
        return self._joined(lines + [line] * self._random.choice((1, 2, 200)), body)

    def _swap(self, answer: bytes) -> bytes:
        lines, body = self._lines(answer)
        fields = lines[1:]
        self._random.shuffle(fields)
        return self._joined(lines[:1] + fields, body)

    def _drop(self, answer: bytes) -> bytes:
        lines, body = self._lines(answer)
        del lines[self._random.randrange(len(lines)) or -1]
        return self._joined(lines, body)

    def _splice(self, answer: bytes) -> bytes:
        other = self._random.choice(self._corpus)
        return answer[: self._place(answer)] + other[self._place(other) :]

    def _splice_lines(self, answer: bytes) -> bytes:
        lines, body = self._lines(answer)
        more, _ = self._lines(self._random.choice(self._corpus))
        lines += self._random.sample(more, min(len(more), 2))
        return self._joined(lines, body)


@dataclass
class Trial:
    """A download and what it is answered, one after the other; what comes later is right."""

    number: int
    seed: int
    is_known: bool
    """Whether the file's digest is."""
    connections: int
    answers: list[Callable[[int, int], bytes]]
    sent: list[bytes] = field(default_factory=list)

    def answer(self, first: int, end: int) -> bytes:
        """Return the next answer to a request for a stretch."""
        turn = len(self.sent)
        make = self.answers[turn] if turn < len(self.answers) else self._right
        self.sent.append(make(first, end))
        return self.sent[-1]

    def _right(self, first: int, end: int) -> bytes:
        return good(first, end, digest=self.is_known)


@dataclass
class Findings:
    """What became of all trials, and what was wrong with them."""

    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Fuzz:
    """Plays trials against one engine after the other."""

    def __init__(self, seed: int, root: Path, corpus: Sequence[Template]) -> None:
        self._seed = seed
        self._root = root
        self._corpus = corpus
        self._trials: dict[int, Trial] = {}
        self._port = 0
        self._others: list[bytes] = []
        self.found = Findings()

    async def run(self, numbers: range) -> None:
        """Play the trials with these numbers."""
        loop = asyncio.get_running_loop()
        handler = _Unforeseen(self.found)
        logging.getLogger().addHandler(handler)
        loop.set_exception_handler(lambda _, context: self._unhandled(context))
        loop.getaddrinfo = _no_names(loop.getaddrinfo)  # type: ignore[method-assign]
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        self._port = server.sockets[0].getsockname()[1]
        self._others = [template.fill(0, SMALL, self._port) for template in self._corpus]
        try:
            for begin in range(numbers.start, numbers.stop, BATCH):
                await self._batch(range(begin, min(begin + BATCH, numbers.stop)))
        finally:
            server.close()
            logging.getLogger().removeHandler(handler)

    def _unhandled(self, context: dict[str, Any]) -> None:
        self.found.wrong.append(f"unhandled: {context.get('message')} {context.get('exception')!r}")

    def _trial(self, number: int) -> Trial:
        seed = self._seed * 1_000_003 + number
        random = Random(seed)
        spoiler = Spoiler(random, self._others)

        def spoilt(first: int, end: int) -> bytes:
            if random.random() < 0.5:
                return spoiler.spoil(good(first, end, digest=is_known))
            return spoiler.spoil(random.choice(self._corpus).fill(first, end, self._port))

        def begun(first: int, end: int) -> bytes:
            whole = good(first, end, digest=is_known)
            return whole[: len(whole) - (end - first) * 2 // 3]

        is_known = random.random() < 0.6
        way = random.choice(("first", "later", "all", "second"))
        later = [begun, spoilt, *([spoilt] if random.random() < 0.3 else [])]
        answers = {"first": [spoilt], "all": [spoilt] * 4, "later": later, "second": later}[way]
        connections = 4 if way == "second" else 1
        return Trial(number, seed, is_known, connections, answers)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = re.search(rb"/t(\d+)", head)
            wanted = re.search(rb"(?i)\r\nrange: *bytes=(\d+)-(\d*)", head)
            first = int(wanted[1]) if wanted else 0
            end = min(SMALL, int(wanted[2]) + 1) if wanted and wanted[2] else SMALL
            trial = self._trials.get(int(path[1])) if path else None
            if trial is None:
                writer.write(good(first, end, digest=False))
            else:
                writer.write(trial.answer(first, end))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def _batch(self, numbers: range) -> None:
        home = Path(tempfile.mkdtemp(dir=self._root))
        (home / "state").mkdir(mode=0o700)
        engine = Engine(
            SETTINGS,
            state=State.at(home / "state"),
            http=HttpClient(SETTINGS.network),
            clock=Clock(),
            network=_Up(),
        )
        await engine.start()
        self._trials = {number: self._trial(number) for number in numbers}
        try:
            await self._play(engine, home)
        finally:
            await engine.close()
            shutil.rmtree(home)

    async def _play(self, engine: Engine, home: Path) -> None:
        requests = [self._request(trial, home) for trial in self._trials.values()]
        added = await engine.add(requests)
        trials = {
            download.id: trial for download, trial in zip(added, self._trials.values(), strict=True)
        }
        try:
            async with asyncio.timeout(PATIENCE), engine.subscribe() as events:
                left = set(trials)
                async for event in events:
                    b"".join(codec.event_pieces(event, 1))
                    for download in getattr(event, "downloads", ()):
                        if download.status.is_settled:
                            left.discard(download.id)
                    if not left:
                        break
        except TimeoutError:
            pass
        views = await engine.downloads()
        b"".join(codec.result_pieces(1, views))
        codec.encode(await engine.history(HistoryQuery()))
        for view in views:
            codec.encode(await engine.inspect(view.download.id))
            self._look(trials[view.download.id], view.download)

    def _request(self, trial: Trial, home: Path) -> DownloadRequest:
        directory = home / f"{trial.number}"
        directory.mkdir()
        return DownloadRequest(
            url=f"http://me:pw@127.0.0.1:{self._port}/t{trial.number}",
            directory=str(directory),
            checksum=Checksum("sha256", _SHA256) if trial.is_known else None,
            connections=trial.connections,
            retries=3,
        )

    def _look(self, trial: Trial, download: Download) -> None:
        error = download.error
        end = download.status.value if error is None else error.code.value
        self.found.ends[end] += 1
        names = list(Path(download.request.directory).iterdir())
        if download.status is Status.FAILED and error is not None:
            if error.code in (ErrorCode.INTERNAL, ErrorCode.USAGE, ErrorCode.CONFIG):
                self._complain(trial, download, error.message)
            elif any(path.suffix not in (".part", ".mismatch") for path in names):
                self._complain(trial, download, "a final name without a whole file")
        elif download.status is Status.COMPLETED:
            content = (Path(download.request.directory) / download.name).read_bytes()
            if trial.is_known and content != FILE:
                self._complain(trial, download, "another file than its digest says")
            if trial.connections == 1 and not _was_sent(content, trial.sent):
                self._complain(trial, download, "bytes that nobody sent")
        else:
            self._complain(trial, download, f"it does not end: {download.wait_reason}")

    def _complain(self, trial: Trial, download: Download, what: str) -> None:
        said = b" | ".join(sent[:300] for sent in trial.sent)
        self.found.wrong.append(
            f"trial {trial.number} (seed {trial.seed}): {what}; {download.error}; {said!r}"
        )


def _was_sent(content: bytes, answers: Sequence[bytes]) -> bool:
    """Tell whether each stretch of a file was in some answer; chunks may lie between its bytes."""
    sent = b"\0".join(answers)
    if content in sent or content in FILE or content in FOREIGN:
        return True
    at = 0
    while at < len(content):
        size = min(16, len(content) - at)
        if content[at : at + size] not in sent:
            if size < 16 or not any(content[at : at + k] in sent for k in range(1, size)):
                return all(content[i : i + 1] in sent for i in range(at, at + size))
            size = max(k for k in range(1, size) if content[at : at + k] in sent)
        at += size
    return True


class _Up(Network):
    """A network that is never down: every fault here is the server's."""

    def has_way_out(self) -> bool:
        return True

    async def reaches(self, host: str) -> bool:
        return True


class _Unforeseen(logging.Handler):
    """Whatever is logged with a traceback was not foreseen."""

    def __init__(self, found: Findings) -> None:
        super().__init__(logging.ERROR)
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self._found.wrong.append(f"logged: {record.getMessage()} {record.exc_info[1]!r}")


def _no_names(ask: Any) -> Any:
    """Resolve addresses only: a name in a spoilt Location is nobody's, and must not take time."""

    async def getaddrinfo(host: Any, port: Any, **options: Any) -> Any:
        options["flags"] = options.get("flags", 0) | socket.AI_NUMERICHOST
        return await ask(host, port, **options)

    return getaddrinfo


_SHA256 = hashlib.sha256(FILE).hexdigest()
SETTINGS = Settings(
    limits=LimitSettings(active=AT_ONCE, connections_per_host=1000, min_split="256"),
    retry=RetrySettings(attempts=3, base=0.0, cap=0.0, retry_after_cap=0.0, give_up_after="5s"),
    network=NetworkSettings(connect_timeout=1.0, read_timeout=2.0),
    daemon=DaemonSettings(linger=0.0),
)


async def play(count: int, seed: int, root: Path) -> Findings:
    """Play that many trials and return what became of them."""
    fuzz = Fuzz(seed, root, await templates())
    await fuzz.run(range(count))
    return fuzz.found


def main(argv: Sequence[str] | None = None) -> int:
    """Play the long form and return 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=SEED)
    args = parser.parse_args(argv)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as root:
        found = asyncio.run(play(args.count, args.seed, Path(root)))
    seconds = time.monotonic() - began
    ends = ", ".join(f"{end} {count:,}" for end, count in found.ends.most_common())
    print(f"fuzz: {args.count:,} downloads with seed {args.seed} in {seconds:.0f} s: {ends}")
    for line in found.wrong[:40]:
        print(line[:1500])
    print(f"fuzz: {len(found.wrong)} wrong")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
