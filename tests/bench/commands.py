"""What a short command takes beside an interpreter that does nothing, in turn with it.

A daemon runs, with a few downloads in its list and the queue held, so that nothing but the command
is done. A person feels the wall clock, the start of the process included.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from tests.bench import figures
from tests.bench.figures import Figure, Part
from tests.bench.goals import Line
from tests.bench.held_daemon import held_daemon
from tests.bench.tools import Job, winch

NAME = "commands"
TITLE = "`ls`, `add URL` and `pause ID` with a daemon, beside `python -c pass`"

_ROUNDS = 20
_LISTED = 20
_PASS = "x python -c pass"


def measure(runs: int, directory: str, against: Path | None = None) -> tuple[list[str], list[Line]]:
    """Return the rows of the table, and what became of its goals."""
    part = Part(
        f"medians of {_ROUNDS} rounds, in turn",
        _run,
        (
            *(Figure(name, _PASS, 2.5) for name in ("ls", "add URL", "pause ID")),
            *(Figure(f"{name}, time", "ms") for name in ("ls", "add URL", "pause ID")),
            Figure("python -c pass, time", "ms"),
        ),
    )
    rows, lines = figures.measure((part,), runs, directory, against)
    return [f"{NAME}: {TITLE}", *rows], lines


def _run(directory: str) -> list[float]:
    with held_daemon(directory) as job:
        env = job.environment()
        for number in range(_LISTED):
            _add(job, f"before{number}", env)
        rounds = [_round(job, number, env) for number in range(_ROUNDS)]
    nothing, *commands = (median(times) for times in zip(*rounds, strict=True))
    ratios = [seconds / nothing for seconds in commands]
    return [*ratios, *(seconds * 1e3 for seconds in (*commands, nothing))]


def _round(job: Job, number: int, env: Mapping[str, str]) -> list[float]:
    """Return the seconds of doing nothing, and of each command."""
    nothing, _ = timed([sys.executable, "-c", "pass"], env)
    listing, _ = timed(winch("ls"), env)
    adding, id_ = _add(job, f"file{number}", env)
    pausing, _ = timed(winch("pause", id_), env)
    return [nothing, listing, adding, pausing]


def _add(job: Job, name: str, env: Mapping[str, str]) -> tuple[float, str]:
    return timed(winch("add", "-d", str(job.directory), f"http://127.0.0.1:9/{name}"), env)


def timed(command: list[str], env: Mapping[str, str]) -> tuple[float, str]:
    """Return what a command takes and prints."""
    began = time.monotonic()
    done = subprocess.run(command, env=env, check=True, capture_output=True)
    return time.monotonic() - began, done.stdout.decode().strip()
