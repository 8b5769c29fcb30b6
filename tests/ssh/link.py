"""A link with a delay, of which every byte is counted, and which dies on command in two ways.

A relay that listens inside a network namespace of its own, out of which nothing else leads: what
runs in there reaches the other machine by this link or not at all.
"""

from __future__ import annotations

import array
import asyncio
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

_CHUNK = 65536
_RESET = struct.pack("ii", 1, 0)
_LISTEN = """
import array, socket, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
listener = socket.create_server(("127.0.0.1", int(sys.argv[2])), backlog=64)
with socket.socket(fileno=int(sys.argv[1])) as channel:
    channel.sendmsg([b"\\n"], [(
        socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener.fileno()])
    )])
listener.close()
sys.stdin.read()
"""


@dataclass(frozen=True)
class Piece:
    """Bytes that were taken on at one end: when, how many, and whether they go to the server."""

    at: float
    count: int
    is_sent: bool


class Link:
    """The way to `port` of this machine, from a place where it is the only one.

    `delay` is in seconds for each way, `pieces` what came over it so far. Its methods may be
    called from any thread.
    """

    def __init__(self, port: int, *, delay: float = 0.0) -> None:
        self.delay = delay
        self.pieces: list[Piece] = []
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self._passing = asyncio.Event()
        self._passing.set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)
        self._far = _far_away(port)

    @property
    def inside(self) -> tuple[str, ...]:
        """What goes before a command that is to run at the near end."""
        return ("nsenter", "--target", str(self._far.pid), "--net", "--")

    def carried(self, since: float = 0.0) -> tuple[int, int]:
        """Return the bytes that went to the server, and those that came from it."""
        sent = sum(each.count for each in self.pieces if each.is_sent and each.at >= since)
        came = sum(each.count for each in self.pieces if not each.is_sent and each.at >= since)
        return sent, came

    def cut(self) -> None:
        """Reset every connection, and every later one."""
        self._ask(self._cut)

    def stall(self) -> None:
        """Let nothing through any more, and nobody hear of it."""
        self._ask(self._passing.clear)

    def mend(self) -> None:
        """Be as before; what was stalled goes on."""

        def mend() -> None:
            self._is_cut = False
            self._passing.set()

        self._ask(mend)

    def __enter__(self) -> Link:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ask(self._cut)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._far.end()

    def _ask(self, what: Callable[[], object]) -> None:
        done = threading.Event()

        def do() -> None:
            what()
            done.set()

        self._loop.call_soon_threadsafe(do)
        done.wait()

    def _run(self) -> None:
        self._loop.run_until_complete(self._listen())
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, sock=self._far.listener)

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _cut(self) -> None:
        self._is_cut = True
        for writer in self._writers:
            _reset(writer)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            _reset(writer)
            return
        self._writers.add(writer)
        try:
            there = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            _reset(writer)
            return
        self._writers.add(there[1])
        ways = (self._carry(reader, there[1], is_sent=True), self._carry(there[0], writer))
        # Cancelled at the end of the link, which is no failure.
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*ways)
        self._writers -= {writer, there[1]}

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_sent: bool = False
    ) -> None:
        """Carry one way: each piece arrives `delay` after it came, and none waits for another."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arriving = asyncio.create_task(self._arrive(under_way, writer))
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                self.pieces.append(Piece(time.monotonic(), len(data), is_sent))
                under_way.put_nowait((self._loop.time() + self.delay, data))
        under_way.put_nowait((self._loop.time() + self.delay, b""))
        await arriving

    async def _arrive(
        self, under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while True:
                due, data = await under_way.get()
                await asyncio.sleep(due - self._loop.time())
                await self._passing.wait()
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        writer.close()


class _Far:
    """A namespace that lives as long as this process does, and a socket that listens in it."""

    def __init__(self, process: subprocess.Popen[bytes], listener: socket.socket) -> None:
        self._process = process
        self.pid = process.pid
        self.listener = listener

    def end(self) -> None:
        self._process.communicate()


def _far_away(port: int) -> _Far:
    here, there = socket.socketpair()
    process = subprocess.Popen(
        ["unshare", "--net", sys.executable, "-IS", "-c", _LISTEN, str(there.fileno()), str(port)],
        stdin=subprocess.PIPE,
        pass_fds=[there.fileno()],
    )
    there.close()
    with here:
        _, sent, _, _ = here.recvmsg(1, socket.CMSG_SPACE(4))
    assert sent, "the near end of the link does not come up"
    return _Far(process, socket.socket(fileno=array.array("i", sent[0][2])[0]))


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


@contextmanager
def a_black_hole() -> Iterator[int]:
    """A port of the loopback at which nobody ever answers, not even that nobody is there."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(listener.getsockname())
        try:
            yield listener.getsockname()[1]
        finally:
            for each in waiting:
                each.close()
