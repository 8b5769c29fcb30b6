"""The thread that writes what arrives, one for each device: a disk that hangs holds up no other.

A block is handed over and its end told with one wakeup each, and what is given up by whoever waits
is written all the same: nobody may use its memory, or its place in the file, before that.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import NamedTuple

Buffers = Sequence[bytes | memoryview]
_MOST_AT_ONCE = 512


class _Job(NamedTuple):
    fd: int
    offset: int
    buffers: Buffers
    loop: asyncio.AbstractEventLoop
    ended: Callable[[OSError | None], None]


class Writer:
    """Writes in the order in which it is asked to."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def write(
        self, fd: int, offset: int, buffers: Buffers, ended: Callable[[OSError | None], None]
    ) -> None:
        """Write all of `buffers` at `offset`; the loop then calls `ended` with what went wrong."""
        self._jobs.put(_Job(fd, offset, buffers, asyncio.get_running_loop(), ended))
        # One that was started before a fork does not live in the child.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            job, error = self._jobs.get(), None
            try:
                _write_all(job.fd, job.offset, job.buffers)
            except OSError as failed:
                error = failed
            # A loop that is closed has nobody left who waits.
            with suppress(RuntimeError):
                job.loop.call_soon_threadsafe(job.ended, error)
            del job


_WRITERS: dict[int, Writer] = {}


def writer_of(device: int) -> Writer:
    """Return the writer for files of a device."""
    return _WRITERS.setdefault(device, Writer())


def _write_all(fd: int, offset: int, buffers: Buffers) -> None:
    left = [memoryview(buffer) for buffer in buffers]
    while left:
        written = os.pwritev(fd, left[:_MOST_AT_ONCE], offset)
        offset += written
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if written:
            left[0] = left[0][written:]
