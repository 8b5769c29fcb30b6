"""How long the disks take to say that something is safe: every sync of this process is counted."""

from __future__ import annotations

import time
from collections.abc import Callable

from core.domain.figures import DurationCounter

SYNC_TIMES = DurationCounter()
"""Of the whole process: a disk has no idea which service waits for it."""


def timed(sync: Callable[[int], object], descriptor: int) -> None:
    """Sync a descriptor, and count how long that took, also where it fails."""
    began = time.perf_counter()
    try:
        sync(descriptor)
    finally:
        SYNC_TIMES.add(time.perf_counter() - began)
