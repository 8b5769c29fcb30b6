"""The screen on a terminal of 160 x 50: what it sends and uses, and how long a person waits.

The real program on a pty. The service is one in memory but where downloads themselves are measured,
in a process of its own, so that processor and memory are the screen's alone. Bytecode is written
before, as an installation does.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from tests.bench import aria2p, unread
from tests.bench.measure import FailedError, memory_of
from tests.bench.screen_service import MANY, serving_downloads
from tests.bench.terminal import end_of_paint, first_paint, over_time
from tests.pty import LIMIT, Pty

NAME = "screen"
TITLE = "the screen in 160 x 50: traffic, processor, memory, from key to paint"

_MOVING = 30
_QUEUED = 1_000
_KEYS = (b"j", b"j", b"\x04", b"k", b"j", b"\x15") * 10 + (b"G", b"k", b"g", b"j") * 5
_FILTERS = (b"0", b"9", b"9")  # typed one after the other
_SORTS = (b"n", b"s", b"n")


@dataclass(frozen=True, slots=True)
class Goal:
    """At most `limit` for a figure; one without a limit is only told."""

    figure: str
    unit: str
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Figures of one kind; `run` takes where bytecode and where files are kept."""

    title: str
    run: Callable[[str, str], Sequence[float]]
    goals: tuple[Goal, ...]
    missing: str = ""


def measure(runs: int, directory: str) -> str:
    """Return the table: the median of the runs for each figure, and what became of its goal."""
    if not Path("/proc/self/status").exists():
        return f"{NAME}: not run, this machine has no /proc"
    parts = _parts()
    with tempfile.TemporaryDirectory(prefix="wb", dir=directory) as bytecode:
        with serving_downloads(0, 1, bytecode) as service, service.screen() as pty:
            first_paint(pty)
        found = [
            {part.title: part.run(bytecode, directory) for part in parts if not part.missing}
            for _ in range(runs)
        ]
    return _table(parts, found)


def _table(parts: Sequence[Part], found: Sequence[Mapping[str, Sequence[float]]]) -> str:
    lines = [f"{NAME}: {TITLE}"]
    for part in parts:
        lines.append(f"  {part.title}")
        if part.missing:
            lines.append(f"    not run, {part.missing} is not installed")
            continue
        for place, goal in enumerate(part.goals):
            lines.append(_row(goal, sorted(run[part.title][place] for run in found)))
    return "\n".join(lines)


def _row(goal: Goal, values: Sequence[float]) -> str:
    middle = median(values)
    row = f"    {goal.figure:24}{middle:8.1f} {goal.unit:5}{values[0]:.1f} to {values[-1]:.1f}"
    if goal.limit is None:
        return row
    # A goal of nothing is met by what rounds to it: a process is woken now and then.
    verdict = "met" if round(middle, 1) <= goal.limit else "MISSED"
    return f"{row:60}  goal ≤ {goal.limit:g} {goal.unit}: {verdict}"


def _parts() -> tuple[Part, ...]:
    return (
        Part(
            f"{_MOVING} of {_MOVING + _QUEUED:,} downloads change once a second",
            _busy,
            (Goal("to the terminal", "kB/s", 3.0), Goal("processor", "%", 2.0)),
        ),
        Part(
            "as many downloads of aria2c, in the screen of aria2p",
            lambda _, directory: aria2p.measure(_MOVING, _QUEUED, directory),
            (Goal("to the terminal", "kB/s"), Goal("processor", "%")),
            missing=aria2p.missing(),
        ),
        Part(
            f"{_QUEUED:,} downloads, nothing changes",
            _idle,
            (
                Goal("to the terminal", "kB/s", 0.0),
                Goal("processor", "%", 0.0),
                Goal("start to first paint", "ms", 500.0),
            ),
        ),
        Part(
            f"{MANY:,} downloads",
            _full,
            (
                Goal("attach to first paint", "ms", 1000.0),
                Goal("start to first paint", "ms"),
                Goal("key to first frame, p95", "ms"),
                Goal("key to last frame, p95", "ms", 30.0),
                Goal("filter, slowest key", "ms", 150.0),
                Goal("sort, slowest", "ms", 150.0),
                Goal("memory", "MB", 150.0),
                Goal("memory, peak", "MB"),
            ),
        ),
        Part(
            f"{unread.COUNT} downloads of {unread.RATE / 1e6:g} MB/s, a terminal not read for"
            f" {unread.UNREAD:g} s",
            unread.measure,
            (
                Goal("downloads while read", "kB/s"),
                Goal("downloads while not", "kB/s"),
                Goal("lost by it", "%", 2.0),
                Goal("read again to present", "ms", 1000.0),
            ),
        ),
    )


def _busy(bytecode: str, _: str) -> list[float]:
    with serving_downloads(_MOVING, _QUEUED, bytecode) as service, service.screen() as pty:
        first_paint(pty)
        return over_time(pty)


def _idle(bytecode: str, _: str) -> list[float]:
    with serving_downloads(0, _QUEUED, bytecode) as service, service.screen() as pty:
        start = first_paint(pty) - service.began
        return [*over_time(pty), start * 1e3]


def _full(bytecode: str, _: str) -> list[float]:
    with serving_downloads(0, MANY, bytecode) as service, service.screen() as pty:
        painted = first_paint(pty)
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


def _paint(pty: Pty, key: bytes) -> tuple[float, float]:
    """Return the seconds from a key to the end of the first and of the last frame it changes."""
    began, sent = time.monotonic(), len(pty.output)
    pty.type(key)
    while b"\x1b[?2026l" not in pty.output[sent:]:
        if not pty._read(began + LIMIT):
            raise FailedError(f"{key!r} changes nothing")
    first = time.monotonic() - began
    return first, end_of_paint(pty) - began


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[18]


def _memory_now(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
