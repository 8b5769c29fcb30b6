"""The screen on a terminal of 160 x 50: what it sends and uses, and how long a person waits.

The real program on a pty, as on a local terminal with all colours. The service is one in memory, in
a process of its own, so that processor and memory are the screen's alone. Bytecode is written
before, as an installation does. A paint has ended when nothing more comes for a tenth of a second;
until the last byte it counts.
"""

from __future__ import annotations

import asyncio
import os
import random
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles

from core.adapters.paths import Paths
from core.domain.models import (
    Download,
    DownloadRequest,
    Phase,
    Progress,
    Status,
    TimelineEntry,
    WaitReason,
)
from tests.bench.measure import FailedError, memory_of
from tests.fakes import FakeService
from tests.pty import LIMIT, ROOT, Pty
from tests.unix import serving

NAME = "screen"
TITLE = "the screen in 160 x 50: traffic, processor, memory, from key to paint"

_SIZE = (160, 50)
_SECONDS = 10.0
_QUIET = 0.1
_MOVING = 30
_QUEUED = 1_000
_MANY = 100_000
_KEYS = (b"j", b"j", b"\x04", b"k", b"j", b"\x15") * 10 + (b"G", b"k", b"g", b"j") * 5
_FILTERS = (b"0", b"9", b"9")  # typed one after the other
_SORTS = (b"n", b"s", b"n")
_STATES = (Status.PAUSED, Status.COMPLETED, Status.PENDING)


@dataclass(frozen=True, slots=True)
class Goal:
    """At most `limit` for a figure; one without a limit is only told."""

    figure: str
    unit: str
    limit: float | None = None


GOALS = {
    f"{_MOVING} of {_MOVING + _QUEUED:,} downloads change once a second": (
        Goal("to the terminal", "kB/s", 3.0),
        Goal("processor", "%", 2.0),
    ),
    f"{_QUEUED:,} downloads, nothing changes": (
        Goal("to the terminal", "kB/s", 0.0),
        Goal("processor", "%", 0.0),
        Goal("start to first paint", "ms", 500.0),
    ),
    f"{_MANY:,} downloads": (
        Goal("attach to first paint", "ms", 1000.0),
        Goal("start to first paint", "ms"),
        Goal("key to first frame, p95", "ms"),
        Goal("key to last frame, p95", "ms", 30.0),
        Goal("filter, slowest key", "ms", 150.0),
        Goal("sort, slowest", "ms", 150.0),
        Goal("memory", "MB", 150.0),
        Goal("memory, peak", "MB"),
    ),
}


def measure(runs: int, directory: str) -> str:
    """Return the table: the median of the runs for each figure, and what became of its goal."""
    if not Path("/proc/self/status").exists():
        return f"{NAME}: not run, this machine has no /proc"
    with tempfile.TemporaryDirectory(prefix="wb", dir=directory) as bytecode:
        with _service(0, 1, bytecode) as service, service.screen() as pty:
            _first_paint(pty)
        found = [[_busy(bytecode), _idle(bytecode), _full(bytecode)] for _ in range(runs)]
    lines = [f"{NAME}: {TITLE}"]
    for number, (part, goals) in enumerate(GOALS.items()):
        lines.append(f"  {part}")
        for place, goal in enumerate(goals):
            lines.append(_row(goal, sorted(run[number][place] for run in found)))
    return "\n".join(lines)


def _row(goal: Goal, values: Sequence[float]) -> str:
    middle = median(values)
    row = f"    {goal.figure:24}{middle:8.1f} {goal.unit:5}{values[0]:.1f} to {values[-1]:.1f}"
    if goal.limit is None:
        return row
    # A goal of nothing is met by what rounds to it: a process is woken now and then.
    verdict = "met" if round(middle, 1) <= goal.limit else "MISSED"
    return f"{row:60}  goal ≤ {goal.limit:g} {goal.unit}: {verdict}"


def _busy(bytecode: str) -> list[float]:
    with _service(_MOVING, _QUEUED, bytecode) as service, service.screen() as pty:
        _first_paint(pty)
        return _over_time(pty)


def _idle(bytecode: str) -> list[float]:
    with _service(0, _QUEUED, bytecode) as service, service.screen() as pty:
        start = _first_paint(pty) - service.began
        return [*_over_time(pty), start * 1e3]


def _full(bytecode: str) -> list[float]:
    with _service(0, _MANY, bytecode) as service, service.screen() as pty:
        painted = _first_paint(pty)
        attach, start = painted - float(service.line()), painted - service.began
        first, last = zip(*(_paint(pty, key) for key in _KEYS), strict=True)
        _paint(pty, b"/")
        filters = [_paint(pty, key)[1] for key in _FILTERS]
        _paint(pty, b"\r")
        _paint(pty, b"\\")
        sorts = []
        for key in _SORTS:
            _paint(pty, b"s")
            sorts.append(_paint(pty, key)[1])
        seconds = [attach, start, _p95(first), _p95(last), max(filters), max(sorts)]
        pid = pty.process.pid
        memory = [_memory_now(pid), memory_of(pid) or 0]
        return [*(value * 1e3 for value in seconds), *(value / 1e6 for value in memory)]


def _over_time(pty: Pty) -> list[float]:
    """Return kB/s and processor in percent, once the screen has settled."""
    settled = time.monotonic() + 2.0
    while pty._read(settled):
        pass
    sent, used, began = len(pty.output), _processor(pty.process.pid), time.monotonic()
    while pty._read(began + _SECONDS):
        pass
    seconds = time.monotonic() - began
    used = _processor(pty.process.pid) - used
    return [(len(pty.output) - sent) / seconds / 1e3, used / seconds * 1e2]


def _processor(pid: int) -> float:
    """Return the seconds that all threads have run; finer than the hundredths of `stat`."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def _first_paint(pty: Pty) -> float:
    """Return when the first rows are there, all that fit."""
    pty.read_until("\x1b[?2026$p")
    # As a terminal does that shows a frame only when it is whole.
    pty.type(b"\x1b[?2026;2$y")
    pty.read_until("set-000000")
    return _end_of_paint(pty)


def _paint(pty: Pty, key: bytes) -> tuple[float, float]:
    """Return the seconds from a key to the end of the first and of the last frame it changes."""
    began, sent = time.monotonic(), len(pty.output)
    pty.type(key)
    while b"\x1b[?2026l" not in pty.output[sent:]:
        if not pty._read(began + LIMIT):
            raise FailedError(f"{key!r} changes nothing")
    first = time.monotonic() - began
    return first, _end_of_paint(pty) - began


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[18]


def _end_of_paint(pty: Pty) -> float:
    last = time.monotonic()
    while select.select([pty.master], [], [], _QUIET)[0] and pty._read(last + LIMIT):
        last = time.monotonic()
    return last


def _memory_now(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class _Service:
    """A service in a process of its own, and the screens that are opened on it."""

    def __init__(self, process: subprocess.Popen[str], home: str, bytecode: str) -> None:
        self._process = process
        self._environment = {
            "WINCH_HOME": home,
            "COLORTERM": "truecolor",
            "NO_COLOR": "",
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": bytecode,
        }
        self.began = 0.0

    def screen(self) -> Pty:
        """Open the screen."""
        self.began = time.monotonic()
        main = ("-c", "from tui.cli.main import main; main()")
        return Pty(*main, size=_SIZE, **self._environment)

    def line(self) -> str:
        """Return what the service says next: that it is ready, then when the screen came."""
        assert self._process.stdout is not None
        if not (line := self._process.stdout.readline()):
            raise FailedError("the service ended")
        return line


@contextmanager
def _service(moving: int, still: int, bytecode: str) -> Iterator[_Service]:
    with tempfile.TemporaryDirectory(prefix="wb", dir="/tmp") as home:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.screen", str(moving), str(still)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"WINCH_HOME": home},
        )
        try:
            service = _Service(process, home, bytecode)
            service.line()
            yield service
        finally:
            process.communicate()  # closes its input, at which it ends


# What the other process does.


def _a_download(number: int, status: Status) -> Download:
    """Return a download as it is after a while in the queue."""
    added = datetime(2026, 3, 1, 12, 0, tzinfo=UTC) + timedelta(seconds=number)
    name = f"set-{number:06}.tar.zst"
    is_pending = status is Status.PENDING
    return Download(
        id=f"{number * 0x9E3779B1 % 2**32:08x}{number:024x}",
        request=DownloadRequest(url=f"https://data.example.org/2026/{name}", directory="/data"),
        name=name,
        order=float(number),
        created_at=added,
        status=status,
        phase=Phase.DOWNLOADING if status is Status.ACTIVE else None,
        wait_reason=WaitReason.QUEUED if is_pending else None,
        total_bytes=None if is_pending else 2 * 10**9 + number * 7919,
        completed_at=added if status is Status.COMPLETED else None,
        timeline=(TimelineEntry(at=added, text="added"), TimelineEntry(at=added, text="started")),
    )


async def _serve(moving: int, still: int) -> None:
    places = Paths.discover(os.environ)
    places.prepare()
    service = FakeService()
    states = _STATES if still >= _MANY else (Status.PENDING,)
    for number in range(moving + still):
        status = Status.ACTIVE if number < moving else states[number % len(states)]
        download = _a_download(number, status)
        service._records[download.id] = download
    active = list(service._records)[:moving]
    async with serving(service, places.socket) as server:
        server.on_clients_changed = lambda: print(time.monotonic(), flush=True)
        print("ready", flush=True)
        change = asyncio.create_task(_change(service, active))
        await asyncio.to_thread(sys.stdin.read)  # until the other end is closed
        change.cancel()


async def _change(service: FakeService, active: list[str]) -> None:
    luck = random.Random(1)
    rates = {id_: luck.uniform(2e5, 9e6) for id_ in active}
    done = {id_: luck.uniform(0.0, 1e9) for id_ in active}
    while active:
        for id_, rate in rates.items():
            rates[id_] = rate * luck.uniform(0.9, 1.1)
            done[id_] += rates[id_]
        service.emit_progress({id_: _progress(done[id_], rates[id_]) for id_ in active})
        await asyncio.sleep(1.0)


def _progress(done: float, rate: float) -> Progress:
    left = 2e9 - done
    return Progress(bytes_downloaded=int(done), rate=rate, eta=left / rate, connections=8)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
