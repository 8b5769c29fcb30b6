"""What a command costs: wall clock, processor time and memory, from the kernel's own books."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_TICKS = os.sysconf("SC_CLK_TCK")
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class FailedError(Exception):
    """Why a run does not count."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds and bytes; `lag` is the event loop's p99. None: it was not or cannot be measured."""

    wall: float
    cpu: float | None
    memory: int | None
    lag: float | None = None


def middle(usages: Sequence[Usage]) -> Usage:
    """Return the median of each figure."""
    cpu = [u.cpu for u in usages if u.cpu is not None]
    memory = [u.memory for u in usages if u.memory is not None]
    lags = [u.lag for u in usages if u.lag is not None]
    return Usage(
        wall=median(u.wall for u in usages),
        cpu=median(cpu) if cpu else None,
        memory=round(median(memory)) if memory else None,
        lag=median(lags) if lags else None,
    )


def run(command: Sequence[str], *, env: Mapping[str, str], cwd: Path, timeout: float) -> Usage:
    """Run a command to its end; raises FailedError.

    Its memory is at least that of this process, whose image a child briefly shares.
    """
    began = time.monotonic()
    with (cwd / "output").open("wb") as output:
        process = subprocess.Popen(
            command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    killer = threading.Timer(timeout, os.kill, (process.pid, signal.SIGKILL))
    killer.start()
    try:
        _, status, used = os.wait4(process.pid, 0)
    finally:
        killer.cancel()
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if wall >= timeout:
        raise FailedError(f"not done after {timeout:.0f} s")
    if process.returncode:
        said = (cwd / "output").read_text(errors="replace").strip().splitlines()
        raise FailedError(f"ended with {process.returncode}: {said[-1] if said else ''}")
    return Usage(wall, used.ru_utime + used.ru_stime, _bytes(used))


def _bytes(used: resource.struct_rusage) -> int:
    return used.ru_maxrss * _RSS_UNIT


def cpu_of(pid: int) -> float | None:
    """Return the processor seconds that a running process has used, all its threads together."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_of(pid: int) -> int | None:
    """Return the peak memory of a running process."""
    return _status(pid, "VmHWM")


def memory_now(pid: int) -> int | None:
    """Return the memory that a running process has now."""
    return _status(pid, "VmRSS")


def _status(pid: int, name: str) -> int | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), None)
