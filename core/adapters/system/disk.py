"""How much room a file system has, looked up by a directory on it."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A file system: its device number, its size and what an ordinary user may still write."""

    device: int
    size: int
    free: int


def space(directory: str) -> Space | None:
    """Return the file system that holds `directory`, None where it cannot be asked.

    Blocks for as long as the file system takes to answer: microseconds, unless it hangs.
    """
    try:
        found = os.statvfs(directory)
        device = os.stat(directory).st_dev  # noqa: PTH116 (one call less than a Path's)
    except OSError:
        return None
    return Space(
        device=device,
        size=found.f_blocks * found.f_frsize,
        free=found.f_bavail * found.f_frsize,
    )


def allocated(path: str) -> int:
    """Return how many bytes of its file system a file takes already, 0 where there is none.

    A preallocated file takes more than was written to it, a compressed one less.
    """
    try:
        return os.stat(path).st_blocks * 512  # noqa: PTH116
    except OSError:
        return 0
