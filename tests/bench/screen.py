"""The screen on a terminal of 160 x 50: what it sends and uses, and how long a person waits.

The real program on a pty. The service is one in memory but where downloads themselves are measured,
in a process of its own, so that processor and memory are the screen's alone. Bytecode is written
before, as an installation does.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from statistics import quantiles

from tests.bench import aria2p, figures, unread
from tests.bench.checkout import source
from tests.bench.figures import Figure, Part
from tests.bench.goals import Line
from tests.bench.measure import FailedError, memory_now, memory_of
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


def measure(runs: int, directory: str, against: Path | None = None) -> tuple[list[str], list[Line]]:
    """Return the rows of the table, and what became of its goals."""
    if not Path("/proc/self/status").exists():
        return [f"{NAME}: not run, this machine has no /proc"], []
    with tempfile.TemporaryDirectory(prefix="wb", dir=directory) as bytecode:
        rows, lines = figures.measure(_parts(bytecode), runs, directory, against)
    return [f"{NAME}: {TITLE}", *rows], lines


def _parts(bytecode: str) -> tuple[Part, ...]:
    return (
        Part(
            f"{_MOVING} of {_MOVING + _QUEUED:,} downloads change once a second",
            partial(_busy, bytecode),
            (Figure("to the terminal", "kB/s", 3.0), Figure("processor", "%", 2.0)),
        ),
        Part(
            "as many downloads of aria2c, in the screen of aria2p",
            partial(aria2p.measure, _MOVING, _QUEUED),
            (Figure("to the terminal", "kB/s"), Figure("processor", "%")),
            missing=aria2p.missing(),
            is_foreign=True,
        ),
        Part(
            f"{_QUEUED:,} downloads, nothing changes",
            partial(_idle, bytecode),
            (
                Figure("to the terminal", "kB/s", 0.0),
                Figure("processor", "%", 0.0),
                Figure("start to first paint", "ms", 500.0),
            ),
        ),
        Part(
            f"{MANY:,} downloads",
            partial(_full, bytecode),
            (
                Figure("attach to first paint", "ms", 1000.0),
                Figure("start to first paint", "ms"),
                Figure("key to first frame, p95", "ms"),
                Figure("key to last frame, p95", "ms", 30.0),
                Figure("filter, slowest key", "ms", 150.0),
                Figure("sort, slowest", "ms", 150.0),
                Figure("memory", "MB", 150.0),
                Figure("memory, peak", "MB"),
            ),
        ),
        Part(
            f"{unread.COUNT} downloads of {unread.RATE / 1e6:g} MB/s, a terminal not read for"
            f" {unread.UNREAD:g} s",
            partial(unread.measure, bytecode),
            (
                Figure("downloads while read", "kB/s"),
                Figure("downloads while not", "kB/s"),
                Figure("lost by it", "%", 2.0),
                Figure("read again to present", "ms", 1000.0),
            ),
        ),
    )


@cache
def _compile(bytecode: str, _: str) -> None:
    """Open the screen once for each place that winch is taken from."""
    with serving_downloads(0, 1, bytecode) as service, service.screen() as pty:
        first_paint(pty)


def _busy(bytecode: str, _: str) -> list[float]:
    _compile(bytecode, source())
    with serving_downloads(_MOVING, _QUEUED, bytecode) as service, service.screen() as pty:
        first_paint(pty)
        return over_time(pty)


def _idle(bytecode: str, _: str) -> list[float]:
    _compile(bytecode, source())
    with serving_downloads(0, _QUEUED, bytecode) as service, service.screen() as pty:
        start = first_paint(pty) - service.began
        return [*over_time(pty), start * 1e3]


def _full(bytecode: str, _: str) -> list[float]:
    _compile(bytecode, source())
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
        memory = [memory_now(pid) or 0, memory_of(pid) or 0]
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
