"""What this process takes of the machine: time, memory, descriptors, threads."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from core.domain.figures import ProcessFigures

_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
_PAGES = Path("/proc/self/statm")
_DESCRIPTORS = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"


def process_figures() -> ProcessFigures:
    """Return what the process takes; to be asked in the thread of the loop, whose time is told."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT
    memory = _memory()
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ProcessFigures(
        cpu=time.process_time(),
        loop_cpu=time.thread_time(),
        memory=memory,
        # The kernel counts the peak in larger steps.
        peak_memory=max(peak, memory or 0),
        descriptors=_descriptors(),
        most_descriptors=None if soft == resource.RLIM_INFINITY else soft,
        threads=threading.active_count(),
    )


def _memory() -> int | None:
    """Return the bytes that lie in RAM, None where the system does not tell."""
    with suppress(OSError, ValueError, IndexError):
        return int(_PAGES.read_bytes().split()[1]) * resource.getpagesize()
    return None


def _descriptors() -> int | None:
    """Return how many are open, without the one that this takes."""
    with suppress(OSError):
        return len(os.listdir(_DESCRIPTORS)) - 1  # noqa: PTH208 (names alone)
    return None
