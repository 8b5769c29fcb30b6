"""A hundred thousand downloads in the list of a daemon: adding, listing, a change, and memory.

The queue is held, so that nothing but the commands is done. The state lies on a disk.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from core.adapters.system.paths import Paths
from tests.bench import figures
from tests.bench.checkout import source
from tests.bench.commands import timed
from tests.bench.figures import Figure, Part
from tests.bench.goals import Line
from tests.bench.held_daemon import COUNT, LONG_LIST, held_daemon
from tests.bench.measure import cpu_of, memory_now, memory_of
from tests.bench.tools import add_command, ask, winch

NAME = "listed"
TITLE = f"{COUNT:,} downloads in the list of a daemon"

_CHANGED = 10
_LISTED = 3
_CALLS = """
import asyncio, pathlib, sys, time
from core.rpc.client import RemoteService

async def main(socket, *ids):
    service = await RemoteService.open(pathlib.Path(socket))
    for id_ in ids:
        began = time.monotonic()
        await service.pause([id_])
        print(time.monotonic() - began)
    await service.close()

asyncio.run(main(*sys.argv[1:]))
"""


def measure(runs: int, directory: str, against: Path | None = None) -> tuple[list[str], list[Line]]:
    """Return the rows of the table, and what became of its goals."""
    part = Part(
        "the queue is held, the state on a disk",
        _run,
        (
            Figure("add -i", "s", 6.0),
            Figure("pause ID", "ms", 30.0),
            Figure("the same, the call alone", "ms", 30.0),
            Figure("ls", "s", 1.5),
            Figure("daemon, memory", "MB", 250.0),
            Figure("daemon, peak memory", "MB", 300.0),
            Figure("daemon, processor", "s"),
            Figure("started anew, memory", "MB", 250.0),
            Figure("started anew, peak", "MB", 300.0),
        ),
    )
    rows, lines = figures.measure((part,), runs, directory, against)
    return [f"{NAME}: {TITLE}", *rows], lines


def _run(directory: str) -> list[float]:
    with held_daemon(directory, LONG_LIST) as job:
        env = job.environment()
        seconds, printed = timed(add_command(job), env)
        ids = printed.split()
        commands, calls = ids[:_CHANGED], ids[_CHANGED : 2 * _CHANGED]
        pausing = median(timed(winch("pause", id_), env)[0] for id_ in commands)
        calling = median(_calls(calls, env))
        listing = median(timed(winch("ls"), env)[0] for _ in range(_LISTED))
        now, peak, used = _daemon(env)
        ask("daemon", "stop", env=env)
        ask("daemon", "start", env=env)
        anew, anew_peak, _ = _daemon(env)
    return [seconds, pausing * 1e3, calling * 1e3, listing, now, peak, used, anew, anew_peak]


def _calls(ids: list[str], env: Mapping[str, str]) -> list[float]:
    """Return what each pause takes a client that is connected already."""
    socket = str(Paths.discover(env).socket)
    there = {**env, "PYTHONPATH": source()}
    _, printed = timed([sys.executable, "-P", "-c", _CALLS, socket, *ids], there)
    return [float(line) for line in printed.splitlines()]


def _daemon(env: Mapping[str, str]) -> list[float]:
    """Return a daemon's memory now and its peak in MB, and its processor seconds."""
    pid = json.loads(ask("daemon", "status", "--json", env=env))["pid"]
    return [(memory_now(pid) or 0) / 1e6, (memory_of(pid) or 0) / 1e6, cpu_of(pid) or 0.0]
