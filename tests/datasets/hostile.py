"""What a source may say that nobody means well by, and what may be seen of it from outside.

All of it goes through the whole program: the command line, the daemon, the report.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from core.domain.collections import MOST_REFUSED
from core.engine.collections.collector import MOST_ENTRIES
from tests.datasets.home import Home

NAME = "trap"
ROOM = 48 * 1024
"""KiB that a daemon may take more than one that has done nothing, whatever it is told."""
_DIGEST = "0" * 64
_COMPONENT = "n" * 4096


def bomb(levels: int = 9) -> str:
    """A Metalink in which each entity is ten of the one before: a billion laughs."""
    entities = "".join(
        f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' for level in range(1, levels + 1)
    )
    return (
        f'<?xml version="1.0"?><!DOCTYPE metalink [<!ENTITY l0 "laugh">{entities}]>'
        f'<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="&l{levels};">'
        "<url>http://127.0.0.1:9/a</url></file></metalink>"
    )


OUTSIDE = {
    "leaves the destination": "../outside.bin",
    "leaves it by a detour": "sub/../../outside.bin",
    "absolute": "/dev/shm/winch-outside.bin",
    "NUL": "nul\0outside.bin",
    "control characters": "\x1b]52;c;b3V0c2lkZQ==\x07",
    "4 KiB of one name": _COMPONENT,
    "a path longer than any": "/".join(["d" * 200] * 30),
    "an empty name": "a//b",
    "a dot": ".",
    "a directory": "sub/",
    "below a link": "link/inside.bin",
}
"""Paths that must not be written to, by what is wrong with each."""


def as_list(url: str) -> str:
    """Name all of these in JSON Lines, and two files that are as they should be."""
    paths = ["good.bin", *OUTSIDE.values(), "deep/good.bin"]
    return "".join(json.dumps({"url": url, "path": path}) + "\n" for path in paths)


def as_sums(digest: str) -> bytes:
    """Name all of these in a list of checksums, and two files that are as they should be."""
    paths = ["good.bin", *OUTSIDE.values(), "deep/good.bin"]
    return "".join(f"{digest}  {path}\n" for path in paths).encode()


def write_lines(file: Path, count: int) -> None:
    """Write a list of checksums in which no line is one that a file can be made of."""
    portion = 10_000
    with file.open("w") as out:
        # The first line tells what kind of text this is.
        out.write(f"{_DIGEST}  ../first\n")
        for start in range(1, count, portion):
            lines = (
                f"{_DIGEST}  ../up{number}\n" if number % 2 else f"no line of a manifest {number}\n"
                for number in range(start, min(count, start + portion))
            )
            out.write("".join(lines))


class _Endless(BaseHTTPRequestHandler):
    """Answers with a document that has no end: checksums, or an index of directories."""

    protocol_version = "HTTP/1.1"
    server: EndlessServer

    def do_GET(self) -> None:
        self.server.asked += 1
        if "list-type=2" in self.path:
            self._send(_keys(self.server.asked))
            return
        self.send_response(200)
        is_manifest = self.path.endswith("SUMS")
        self.send_header("Content-Type", "text/plain" if is_manifest else "text/html")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            if is_manifest:
                for number in itertools.count():
                    self._chunk(_sums(number))
            self._chunk(_link(self.path))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.server.broken_off.set()
            self.close_connection = True

    def _send(self, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _chunk(self, text: str) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(text), text.encode()))

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _sums(number: int) -> str:
    return "".join(f"{_DIGEST}  ../{number}-{line}\n" for line in range(1000))


def _keys(page: int) -> str:
    """A page of a bucket's keys, of which none can be a path, and behind which there are more."""
    keys = "".join(
        f"<Contents><Key>set/../{page}-{number}</Key><Size>1</Size>"
        '<ETag>"0"</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>'
        for number in range(1000)
    )
    return (
        '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>bucket</Name><Prefix>set/</Prefix><KeyCount>1000</KeyCount><MaxKeys>1000</MaxKeys>"
        f"<IsTruncated>true</IsTruncated><NextContinuationToken>{page}</NextContinuationToken>"
        f"{keys}</ListBucketResult>"
    )


def _link(path: str) -> str:
    """A page that leads to one directory, and no two of them in the world to the same."""
    name = f"{zlib.crc32(path.encode()):x}"
    return f'<a href="{name}/">{name}/</a>\n'


class EndlessServer(ThreadingHTTPServer):
    """Counts what it is `asked`; `broken_off` tells that somebody left in the middle."""

    daemon_threads = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.asked = 0
        self.broken_off = threading.Event()

    @property
    def url(self) -> str:
        """Its address, without a slash at its end."""
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def endless() -> Iterator[EndlessServer]:
    """Serve documents without an end."""
    server = EndlessServer(("127.0.0.1", 0), _Endless)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def surroundings(root: Path) -> dict[str, tuple[int, int]]:
    """Return what lies around a destination, but not in it nor in winch's own home."""
    return {
        str(path): (found.st_size, found.st_mtime_ns)
        for path in [*root.rglob("*"), *Path("/dev/shm").glob("winch-outside*")]
        if not path.is_relative_to(root / "home") and not path.is_relative_to(root / "files")
        for found in [path.lstat()]
    }


def peak(pid: int) -> int:
    """Return the most memory that a process had at a time, in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise AssertionError("the kernel does not tell")


def peak_of_an_idle_daemon(home: Home) -> int:
    """Return what a daemon takes that has done nothing, in KiB; it runs from now on."""
    assert home.run("daemon", "start").returncode == 0
    return peak(home.pid)


def live_with_lines(root: Path, count: int) -> str:
    """Have a list of so many lines read of which none can be meant; returns what that took."""
    home = Home(root)
    file = root / "cwd" / "SHA256SUMS"
    write_lines(file, count)
    idle = peak_of_an_idle_daemon(home)
    try:
        began = time.monotonic()
        words = ("--collection", NAME, "-d", str(home.files), "--manifest", str(file))
        assert home.run("add", *words).returncode == 0
        assert home.run("wait", NAME, patience=1200).returncode != 0
        seconds = time.monotonic() - began
        collection = home.collection(NAME)
        if count > MOST_ENTRIES:
            assert "names more than" in collection["error_message"], collection
        else:
            assert collection["refused_count"] == count
        rows, status = home.report(NAME)
        assert len(rows) == MOST_REFUSED
        assert status != 0
        more = peak(home.pid) - idle
        assert more < ROOM
    finally:
        home.run("daemon", "stop")
    read = collection["refused_count"]
    cost = f"{seconds:.0f} s and {more / 1024:.0f} MiB of memory"
    return f"{read:,} of {count:,} lines were read and refused, in {cost}"
