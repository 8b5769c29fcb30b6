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
    width = 1
    """How many directories each directory has in it."""

    def do_GET(self) -> None:
        self.send_response(200)
        is_manifest = self.path.endswith("SUMS")
        self.send_header("Content-Type", "text/plain" if is_manifest else "text/html")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for number in itertools.count() if is_manifest else range(1):
                self._chunk(_sums(number) if is_manifest else _links(self.path, self.width))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.server.broken_off.set()  # type: ignore[attr-defined]
            self.close_connection = True

    def _chunk(self, text: str) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(text), text.encode()))

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _sums(number: int) -> str:
    return "".join(f"{_DIGEST}  ../{number}-{line}\n" for line in range(1000))


def _links(path: str, count: int) -> str:
    """Lead to directories, of which no two in the world have the same in them."""
    names = (f"{zlib.crc32(path.encode()):x}-{number}" for number in range(count))
    return "".join(f'<a href="{name}/">{name}/</a>\n' for name in names)


@contextmanager
def endless(width: int = 1) -> Iterator[tuple[str, threading.Event]]:
    """Serve documents without an end; yields the address, and what tells that somebody left.

    Each directory of an index has `width` others in it.
    """
    handler = type("Endless", (_Endless,), {"width": width})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.broken_off = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.broken_off  # type: ignore[attr-defined]
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
        assert home.collection(NAME)["refused_count"] == count
        rows, status = home.report(NAME)
        assert len(rows) == MOST_REFUSED
        assert status != 0
        more = peak(home.pid) - idle
        assert more < ROOM
    finally:
        home.run("daemon", "stop")
    return f"{count:,} lines refused in {seconds:.0f} s, with {more / 1024:.0f} MiB more memory"
