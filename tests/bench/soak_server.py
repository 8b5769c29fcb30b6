"""Servers that cut, stall, refuse and change what they have, in a process of their own.

`python -m tests.bench.soak_server HOSTS` prints a port for each host. `/KIND/NAME-SIZE` is a file
of so many bytes; what goes wrong with it says its kind, and how often its name. On SIGUSR1 nothing
goes wrong any more and all is fast; at the end of its input it ends.
"""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.bench.measure import FailedError
from tui.demo.files import KIB, DemoFile
from tui.demo.loopback_http import (
    HttpRequest,
    LoopbackServer,
    UnsatisfiableRangeError,
    head,
    read_request,
    requested_range,
)

KINDS = ("plain", "cuts", "resets", "stalls", "refuses", "changes", "whole")
SILENCE = 8.0
"""Seconds for which one that stalls says nothing."""
MOST_FAULTS = 3
"""How often something goes wrong with one file."""
_MOST = 60
"""Connections that the first host takes."""
_SLOWEST, _FASTEST = 40 * KIB, 200 * KIB


def version_of(path: str, number: int) -> DemoFile:
    """Return what a path is, or was: of one that changes there are two, of one size."""
    return DemoFile(f"{path}@{number}", int(path.rpartition("-")[2]))


@dataclass
class _State:
    """What has become of one file so far."""

    chance: random.Random
    version: int = 0
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.chance.randint(1, MOST_FAULTS)


class _Host(LoopbackServer):
    """One host, which takes so many connections at the most; `faults` are counted by kind."""

    def __init__(self, faults: Counter[str], most: int | None) -> None:
        super().__init__()
        self.is_kind = False
        self._most = most
        self._connections = 0
        self._faults = faults
        self._states: dict[str, _State] = {}

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            while (request := await read_request(reader)) is not None:
                if not await self._answer(request, writer):
                    return
        finally:
            self._connections -= 1

    async def _answer(self, request: HttpRequest, writer: asyncio.StreamWriter) -> bool:
        """Answer a request; return whether the connection may be used for another."""
        path = request.path
        kind = path.split("/")[1]
        state = self._states.setdefault(path, _State(random.Random(path)))
        goes_wrong = kind != "plain" and state.left > 0 and not self.is_kind
        if self._is_refused(kind, state, goes_wrong):
            fields = {"Retry-After": "1", "Content-Length": "0"}
            writer.write(head(state.chance.choice((429, 503)), fields))
            return True
        file = version_of(path, state.version)
        try:
            has_ranges = kind != "whole"
            stretch = requested_range(request.headers if has_ranges else {}, file.size, file.etag)
        except UnsatisfiableRangeError:
            fields = {"Content-Range": f"bytes */{file.size}", "Content-Length": "0"}
            writer.write(head(416, fields))
            return True
        start, end = stretch or (0, file.size)
        fields = {"ETag": file.etag, "Content-Length": str(end - start)}
        if has_ranges:
            fields["Accept-Ranges"] = "bytes"
        if stretch is not None:
            fields["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
        writer.write(head(200 if stretch is None else 206, fields))
        if not goes_wrong:
            await self._send(file, start, end, writer, state)
            return True
        await self._send(file, start, state.chance.randrange(start, end), writer, state)
        await self._go_wrong(kind, state, writer)
        return False

    def _is_refused(self, kind: str, state: _State, goes_wrong: bool) -> bool:
        if self._most is not None and self._connections > self._most and not self.is_kind:
            self._faults["full"] += 1
            return True
        if goes_wrong and kind == "refuses":
            self._count(kind, state)
            return True
        return False

    async def _go_wrong(self, kind: str, state: _State, writer: asyncio.StreamWriter) -> None:
        """Have happen in the middle of a body what its kind says."""
        self._count(kind, state)
        if kind == "changes":
            state.version, state.left = 1, 0
        if kind == "stalls":
            await asyncio.sleep(SILENCE)
        if kind == "resets":
            writer.transport.abort()

    def _count(self, kind: str, state: _State) -> None:
        state.left -= 1
        self._faults[kind] += 1

    async def _send(
        self, file: DemoFile, start: int, end: int, writer: asyncio.StreamWriter, state: _State
    ) -> None:
        rate = state.chance.randrange(_SLOWEST, _FASTEST)
        for piece in file.pieces(start, end):
            writer.write(piece)
            await writer.drain()
            if not self.is_kind:
                await asyncio.sleep(len(piece) / rate)


async def _serve(count: int) -> None:
    faults: Counter[str] = Counter()
    hosts = [_Host(faults, _MOST if number == 0 else None) for number in range(count)]
    loop = asyncio.get_running_loop()

    def be_kind() -> None:
        for host in hosts:
            host.is_kind = True

    loop.add_signal_handler(signal.SIGUSR1, be_kind)
    for host in hosts:
        await host.start()
    print(*(host.port for host in hosts), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for host in hosts:
        await host.stop()
    print(*(f"{kind}={count}" for kind, count in sorted(faults.items())), flush=True)


class Servers:
    """The process, and the addresses of its hosts."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._process = process
        ports = process.stdout.readline().split()
        if not ports:
            raise FailedError("the servers did not start")
        self.urls = tuple(f"http://127.0.0.1:{port}" for port in ports)

    def be_kind(self) -> None:
        """Let nothing go wrong from now on."""
        self._process.send_signal(signal.SIGUSR1)

    def end(self) -> dict[str, int]:
        """Stop, and return how often each kind of thing went wrong."""
        said, _ = self._process.communicate(timeout=60)
        return {kind: int(count) for kind, count in (pair.split("=") for pair in said.split())}


@contextmanager
def servers(count: int) -> Iterator[Servers]:
    """Run so many hosts while the block lasts."""
    command = [sys.executable, "-m", "tests.bench.soak_server", str(count)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Servers(process)
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
