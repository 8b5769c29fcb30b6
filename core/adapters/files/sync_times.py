"""How long the disks take to say that something is safe: every sync of this process is counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from core.domain.figures import DurationCounter

SYNC_TIMES = DurationCounter()
"""Of the whole process: a disk has no idea which service waits for it."""


@contextmanager
def timed_sync() -> Iterator[None]:
    """Count how long the context lasts, also where it fails."""
    began = time.perf_counter()
    try:
        yield
    finally:
        SYNC_TIMES.add(time.perf_counter() - began)
