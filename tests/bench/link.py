"""A screen at the far end of a link: what it costs, in bytes a second that the link carries.

A real OpenSSH server on another machine (see tests/ssh), and a link of 200 ms there and back which
counts what TCP carries in both ways, all that ssh adds included. Over there is a service in memory
that tells of its progress as often as the daemon does.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import figures
from tests.bench.checkout import source
from tests.bench.figures import Figure, Part
from tests.bench.goals import Line
from tests.bench.measure import FailedError
from tests.bench.terminal import SIZE, first_paint, read_for
from tests.pty import Pty
from tests.ssh.laptop import Laptop
from tests.ssh.link import Link
from tests.ssh.machine import PERSON
from tests.ssh.server import missing, ssh_server

NAME = "link"
TITLE = "a screen at the far end of a link of 200 ms: what it carries"

_MOVING = 30
_QUEUED = 970
_TICK = 0.25
"""Seconds between two tellings of the daemon."""
_DELAY = 0.1
_COUNTS = "counts"
_SETTLED = 3.0
_SECONDS = 20.0
_COUNT = """
import os, select, subprocess, sys
counts = open(sys.argv[1], "w")
program = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
there, back = program.stdin.fileno(), program.stdout.fileno()
ends = {0: there, back: 1}
total = 0
while back in ends:
    for fd in select.select(list(ends), [], [])[0]:
        data = os.read(fd, 65536)
        if not data:
            os.close(ends.pop(fd))
            continue
        view = memoryview(data)
        while view:
            view = view[os.write(ends[fd], view):]
        total += len(data)
        counts.seek(0)
        counts.write(str(total))
        counts.flush()
"""


def measure(runs: int, directory: str, against: Path | None = None) -> tuple[list[str], list[Line]]:
    """Return the rows of the table, and what became of its goals."""
    if why := missing():
        return [f"{NAME}: not run, {why}"], []
    rows, lines = figures.measure(_PARTS, runs, directory, against)
    return [f"{NAME}: {TITLE}", *rows], lines


@contextmanager
def _far_service() -> Iterator[tuple[Laptop, Link]]:
    """Have a service on another machine, and a laptop that reaches it by a link."""
    with (
        ssh_server() as server,
        tempfile.TemporaryDirectory(prefix="wb", dir="/tmp") as place,
        Link(server.port, delay=_DELAY) as link,
    ):
        counted = (sys.executable, "-IS", "-c", _COUNT, f"{place}/{_COUNTS}", *link.inside)
        laptop = Laptop(Path(place) / "laptop", counted)
        laptop.meet(server)
        words = ("-P", "-m", "tests.bench.screen_service", str(_MOVING), str(_QUEUED), str(_TICK))
        there = server.machine.run("env", f"PYTHONPATH={source()}", sys.executable, *words)
        try:
            assert there.stdout is not None
            if there.stdout.readline() != "ready\n":
                raise FailedError("the service on the other machine does not come up")
            yield laptop, link
        finally:
            there.communicate()


def _here(_: str) -> list[float]:
    """Return kB/s that a screen here takes of the link, and those of them that winch said."""
    with _far_service() as (laptop, link), laptop.screen("-H", PERSON, size=SIZE) as pty:
        counts = laptop.directory.parent / _COUNTS
        first_paint(pty)
        read_for(pty, _SETTLED)
        before, since = int(counts.read_text()), time.monotonic()
        read_for(pty, _SECONDS)
        seconds = time.monotonic() - since
        said = int(counts.read_text()) - before
        return [sum(link.carried(since)) / seconds / 1e3, said / seconds / 1e3]


def _there(_: str) -> list[float]:
    """Return kB/s that a screen over there takes of the link, and those that it draws."""
    with _far_service() as (laptop, link):
        argv = [*link.inside, "ssh", *laptop.options, "-t", PERSON, "winch"]
        run = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"
        with Pty("-IS", "-c", run, *argv, size=SIZE, NO_COLOR="") as pty:
            first_paint(pty)
            read_for(pty, _SETTLED)
            drawn, since = len(pty.output), time.monotonic()
            read_for(pty, _SECONDS)
            seconds = time.monotonic() - since
            drawn = len(pty.output) - drawn
        return [sum(link.carried(since)) / seconds / 1e3, drawn / seconds / 1e3]


_ACTIVE = f"{_MOVING} of {_MOVING + _QUEUED:,} downloads run"
_PARTS = (
    Part(
        f"{_ACTIVE}, the screen runs here (`winch -H`)",
        _here,
        (Figure("over the link", "kB/s", 3.0), Figure("said by the protocol", "kB/s")),
    ),
    Part(
        f"{_ACTIVE}, the screen runs there (`ssh -t`)",
        _there,
        (Figure("over the link", "kB/s", 3.0), Figure("written to the terminal", "kB/s")),
    ),
)
