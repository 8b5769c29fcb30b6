"""Clients that misbehave, with 100,000 downloads in the list, and one beside them that does not.

Each kind is a process of its own, which does its worst and stays until it is told to leave: once
with a single connection, once with many. Counted is what the daemon's memory peaks at, until it has
nothing left to do for them and they have gone, above what it had before the first of them came;
what a well-behaved client waits for its answers meanwhile; and the descriptors that are left open.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.adapters.system.paths import Paths
from core.domain.version import PROTOCOL
from tests.bench import figures
from tests.bench.checkout import source
from tests.bench.commands import timed
from tests.bench.figures import Figure, Part
from tests.bench.goals import Line
from tests.bench.held_daemon import COUNT, LONG_LIST, held_daemon
from tests.bench.measure import FailedError, cpu_of, memory_now, memory_of
from tests.bench.tools import add_command, ask

NAME = "clients"
TITLE = f"clients that misbehave, beside one that does not; {COUNT:,} downloads in the list"

_MANY = 10_000
_READERS = 64
_ATTACH = "attach"
_CYCLES, _AT_ONCE = 1_000, 10
_MOST_MB, _MOST_OF_ONE_MB = 64.0, 8.0
_LOOK = 0.05
_SETTLED = 1.0
_QUIET, _QUIET_CPU, _PATIENCE = 0.5, 0.05, 60.0
_LASTS = 3.0
_HELLO = b'{"hello":{"protocol":%d,"client":"bench"}}\n' % PROTOCOL
_ASKED = b'{"id":1,"method":"downloads"}\n'
_FOLLOWED = b'{"id":1,"method":"subscribe"}\n'
_WORD = b'{"id":1,"method":"pause","params":{"ids":["'


def measure(runs: int, directory: str, against: Path | None = None) -> tuple[list[str], list[Line]]:
    """Return the rows of the table, and what became of its goals."""
    kinds = [
        figure
        for name in _KINDS
        for figure in (Figure(f"{name}: peak above", "MB", _MOST_MB), Figure("worst answer", "ms"))
    ]
    single = [Figure(f"one of: {name}", "MB", _MOST_OF_ONE_MB) for name in _KINDS]
    part = Part(
        "the queue is held, the state on a disk",
        _run,
        (
            *single,
            *kinds,
            Figure("1,000 attached and killed: memory", "MB", 8.0),
            Figure("worst answer", "ms"),
            Figure("descriptors more than before", "", 2.0),
            Figure(f"list of {COUNT:,} afterwards", "s", 5.0),
        ),
    )
    rows, lines = figures.measure((part,), runs, directory, against)
    return [f"{NAME}: {TITLE}", *rows], lines


def _run(directory: str) -> list[float]:
    with held_daemon(directory, LONG_LIST) as job:
        env = job.environment()
        timed(add_command(job), env)
        # What adding took and gave back would hide what the clients take.
        ask("daemon", "stop", env=env)
        ask("daemon", "start", env=env)
        return _figures(env)


def _figures(env: Mapping[str, str]) -> list[float]:
    path = str(Paths.discover(env).socket)
    pid = json.loads(ask("daemon", "status", "--json", env=env))["pid"]
    files = _files(pid)
    _settle(pid)
    idle = _begin(pid)
    found: list[float] = []
    for name in _KINDS:
        _begin(pid)
        with _beside(name, path, 1):
            _settle(pid)
        found.append(_peak(pid, idle))
    for name, kind in _KINDS.items():
        _begin(pid)
        with _beside(name, path, kind.count):
            worst = _worst(path, _LASTS)
            _settle(pid)
        found += [_peak(pid, idle), worst]
    before = _begin(pid)
    with _beside(_ATTACH, path, waits=False) as attaching:
        worst = max(_while(attaching, path))
    time.sleep(_SETTLED)
    found += [((memory_now(pid) or 0) - before) / 1e6, worst]
    if json.loads(ask("daemon", "status", "--json", env=env))["pid"] != pid:
        raise FailedError("it is another daemon")
    began = time.monotonic()
    ask("ls", env=env)
    return [*found, _files(pid) - files, time.monotonic() - began]


def _begin(pid: int) -> int:
    """Have the kernel count the peak anew, and return what is used now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return memory_now(pid) or 0


def _peak(pid: int, idle: int) -> float:
    """Return the MB of the peak above what the daemon had at first, once all that is left is done.

    At first, and not before the last ones came: what those before them left would not count.
    """
    _settle(pid)
    return ((memory_of(pid) or 0) - idle) / 1e6


def _settle(pid: int) -> None:
    """Wait until the daemon has next to nothing to do; answers that wait cost it nothing."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        before = cpu_of(pid) or 0.0
        time.sleep(_QUIET)
        if (cpu_of(pid) or 0.0) - before < _QUIET_CPU:
            return
    raise FailedError("the daemon is never done with them")


def _files(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def _worst(path: str, seconds: float) -> float:
    """Return the longest that a client which is there all the time, or comes anew, waits, in ms."""
    began = time.monotonic()
    end = began + seconds
    with _connected(path) as staying:
        waits = [time.monotonic() - began]
        while time.monotonic() < end:
            waits.append(_answer(staying))
            began = time.monotonic()
            with _connected(path) as another:
                _answer(another)
            waits.append(time.monotonic() - began)
            time.sleep(_LOOK)
    return max(waits) * 1e3


def _while(process: subprocess.Popen[bytes], path: str) -> Iterator[float]:
    yield 0.0
    while process.poll() is None:
        yield _worst(path, _LOOK)
    if process.returncode:
        raise FailedError("the clients that come and go failed")


@contextmanager
def _connected(path: str) -> Iterator[socket.socket]:
    with _dialled(path) as connection:
        connection.settimeout(60)
        connection.sendall(_HELLO)
        connection.recv(4096)
        yield connection


def _answer(connection: socket.socket) -> float:
    began = time.monotonic()
    connection.sendall(b'{"id":1,"method":"status"}\n')
    said = connection.recv(65536)
    if b'"result"' not in said:
        raise FailedError(f"a well-behaved client heard {said[:200]!r}")
    return time.monotonic() - began


@contextmanager
def _beside(
    name: str, path: str, count: int = 1, *, waits: bool = True
) -> Iterator[subprocess.Popen[bytes]]:
    """Have clients of a kind do their worst, in a process of their own, and then stay."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.bench.clients", name, path, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": source()},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        if waits:
            process.stdout.readline()
        try:
            yield process
        finally:
            process.stdin.close()


# -- what they do, in their own process -----------------------------------------------------------


def _dialled(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection


def _said(connection: socket.socket, *lines: bytes) -> None:
    """Say something for as long as somebody listens, or a second."""
    connection.settimeout(1)
    try:
        for line in lines:
            connection.sendall(line)
    except OSError:
        pass


def _connects(path: str, count: int, *lines: bytes) -> list[socket.socket]:
    made = []
    for _ in range(count):
        try:
            made.append(_dialled(path))
        except OSError:
            # No more of them than this process may have open.
            made = made[len(made) // 2 :]
            continue
        _said(made[-1], *lines)
    return made


def _attach(path: str, line: bytes) -> None:
    """Say something and read what comes, until somebody kills this process."""
    try:
        connection = _dialled(path)
        _said(connection, line)
        while connection.recv(65536):
            pass
    except OSError:
        pass
    finally:
        signal.pause()


def _attach_and_die(path: str) -> None:
    """Let so many clients at a time come, ask for something, and be killed, a thousand times."""
    chance = random.Random(14)
    lines = [b"", _HELLO[:20], _HELLO, _HELLO + _ASKED, _HELLO + _FOLLOWED, _HELLO + _WORD]
    for _ in range(_CYCLES // _AT_ONCE):
        children = []
        for _ in range(_AT_ONCE):
            child = os.fork()
            if not child:
                _attach(path, chance.choice(lines))
            children.append(child)
        time.sleep(chance.uniform(0, 0.05))
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


@dataclass(frozen=True)
class Kind:
    """So many connections, each of which says these lines and reads nothing."""

    count: int
    lines: Callable[[], tuple[bytes, ...]] = tuple


_READS = (
    b'{"id":%d,"method":"history","params":{"query":{"limit":null}}}\n'
    b'{"id":%d,"method":"tail_log","params":{"lines":2000}}\n'
)

_KINDS = {
    "10,000 that say nothing": Kind(_MANY),
    "10,000 that say hello": Kind(_MANY, lambda: (_HELLO,)),
    "6 lines of 40 MB": Kind(6, lambda: (_HELLO, b"x" * 40_000_000 + b"\n")),
    "6 requests of 40 MB": Kind(6, lambda: (_HELLO, _WORD + b'a","' * 9_990_000 + b'"]}}\n')),
    "20 nested, wrong, too many values": Kind(20, lambda: (_HELLO, *_odd_lines())),
    "200 half frames of 3 MB": Kind(200, lambda: (_HELLO + b"x" * 3_000_000,)),
    "64 ask for all, read nothing": Kind(_READERS, lambda: (_HELLO + _ASKED * 64,)),
    "64 follow, read nothing": Kind(_READERS, lambda: (_HELLO + _FOLLOWED,)),
    "20 x 20,000 requests, unread": Kind(
        20, lambda: (_HELLO + b'{"id":1,"method":"status"}\n' * 20_000,)
    ),
    "64 x 64 long reads, unread": Kind(
        _READERS, lambda: (_HELLO + b"".join(_READS % (n, n) for n in range(64)),)
    ),
    "8 change all, read nothing": Kind(
        8, lambda: (_HELLO + b'{"id":1,"method":"resume","params":{"ids":null}}\n',)
    ),
}


def _odd_lines() -> tuple[bytes, ...]:
    return (
        b'{"id":1,"method":"find","params":' + b'{"id":' * 500_000 + b"\n",
        b"[" * 4_000_000 + b"\n",
        _WORD + b'aa","' * 700_000 + b'"]}}\n',
        b'{"id":1,"method":"add","params":{"requests":[' + b"{}," * 1_000_000 + b"{}]}}\n",
        b'{"id":1,"method":5,"params":[]}\n' * 10_000,
    )


def main() -> None:
    """Be the clients of a kind until stdin ends."""
    name, path, count = sys.argv[1:]
    if name == _ATTACH:
        _attach_and_die(path)
        return
    made = _connects(path, int(count), *_KINDS[name].lines())
    print(len(made), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
