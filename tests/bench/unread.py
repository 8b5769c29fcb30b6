"""A terminal that nobody reads for a minute: what downloads lose by it, and when it is back.

The real daemon and the real screen. The server's rate is the bound, far below what the machine can
do, so that a download that waits for the screen shows. The terminal is full before the minute
begins, and what is added in it is in no frame that was drawn before.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

from tests.bench.measure import FailedError
from tests.bench.raw import Manner
from tests.bench.servers import Raw
from tests.bench.terminal import first_paint, open_screen, read_for
from tests.bench.tools import Job, ask
from tests.pty import Pty

COUNT = 8
RATE = 1_000_000
"""Bytes/s of each of them."""
UNREAD = 60.0

_READ = 30.0
_SETTLED = 3.0
_STEP = 0.5
_LOOKS = 8
_SIZE = 400 * RATE  # longer than it all takes
_ADDED = "added-meanwhile.iso"


def measure(bytecode: str, directory: str) -> list[float]:
    """Return kB/s while it is read and while not, the loss in percent, and ms until it is back."""
    with tempfile.TemporaryDirectory(prefix="wb", dir=directory) as place:
        scratch = Path(place)
        files, got = scratch / "files", scratch / "got"
        files.mkdir()
        got.mkdir()
        names = [f"set-{number:06}" for number in range(COUNT)]
        for name in names:
            with (files / name).open("wb") as file:
                file.truncate(_SIZE)
        with Raw(Manner(rate=RATE)).serve(files, scratch) as url:
            urls = tuple(f"{url}/{name}" for name in names)
            job = Job(urls, got, scratch, connections=1, parallel=COUNT, timeout=0.0)
            env = job.environment()
            try:
                ask("add", "-d", str(job.directory), "-i", job.list_file, env=env)
                with open_screen(env["WINCH_HOME"], bytecode) as pty:
                    first_paint(pty)
                    return _figures(pty, job, env)
            finally:
                ask("daemon", "stop", env=env)


def _figures(pty: Pty, job: Job, env: Mapping[str, str]) -> list[float]:
    read_for(pty, _SETTLED)
    before = _done(env)
    read_for(pty, _READ)
    read = _rate(before, _done(env))

    _fill(pty)
    before = _done(env)
    later = f"{job.urls[0]}/{_ADDED}"
    ask("add", "--paused", "-d", str(job.directory), later, env=env)
    time.sleep(UNREAD)
    unread = _rate(before, _done(env))
    if not pty.is_full():
        raise FailedError("the terminal was not full all the time")

    began = time.monotonic()
    pty.read_until(_ADDED)
    back = time.monotonic() - began
    return [read / 1e3, unread / 1e3, (1 - unread / read) * 1e2, back * 1e3]


def _fill(pty: Pty) -> None:
    """Have the screen draw until the terminal takes no more."""
    while not pty.is_full():
        for key in (b"?", b"\x1b"):
            pty.type(key)
            time.sleep(_STEP)


def _done(env: Mapping[str, str]) -> tuple[float, float]:
    """Return the time, and how many bytes the downloads have by then.

    In the middle of several looks: each of them grows by half a second's bytes at a time.
    """
    looks = [_look(env) for _ in range(_LOOKS)]
    return fmean(when for when, _ in looks), fmean(done for _, done in looks)


def _look(env: Mapping[str, str]) -> tuple[float, int]:
    shown = json.loads(ask("ls", "--json", env=env))
    return time.monotonic(), sum(download["bytes_downloaded"] for download in shown)


def _rate(before: tuple[float, float], after: tuple[float, float]) -> float:
    return (after[1] - before[1]) / (after[0] - before[0])
