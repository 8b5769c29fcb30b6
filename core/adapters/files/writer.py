"""The thread that writes what arrives, one for each device: a disk that hangs holds up no other.

All blocks that wait when the thread comes are taken together and their ends told together, with one
wakeup: a thousand slow downloads cost few more of them than one fast one. What is given up by
whoever waits is written all the same: nobody may use its memory, or its place in the file, before
that.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import NamedTuple

Buffers = Sequence[bytes | memoryview]
Ended = Callable[[OSError | None, float], None]
"""Hears what went wrong, and how many seconds of CPU it took."""
_Result = tuple[Ended, OSError | None, float]
_MOST_AT_ONCE = 512


class _Job(NamedTuple):
    loop: asyncio.AbstractEventLoop
    fd: int
    offset: int
    buffers: Buffers
    ended: Ended


class Writer:
    """Writes in the order in which it is asked to."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def write(self, fd: int, offset: int, buffers: Buffers, ended: Ended) -> None:
        """Write all of `buffers` at `offset`; the loop then calls `ended` with what went wrong."""
        self._jobs.put(_Job(asyncio.get_running_loop(), fd, offset, buffers, ended))
        # One that was started before a fork does not live in the child.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
            self._thread.start()

    @property
    def waiting(self) -> int:
        """How many writes have not begun."""
        return self._jobs.qsize()

    def _run(self) -> None:
        while True:
            jobs = [self._jobs.get()]
            jobs += [self._jobs.get() for _ in range(self._jobs.qsize())]
            results: dict[asyncio.AbstractEventLoop, list[_Result]] = {}
            began = time.thread_time()
            for job in jobs:
                error, now = _failure_of(job), time.thread_time()
                results.setdefault(job.loop, []).append((job.ended, error, now - began))
                began = now
            for loop, told in results.items():
                # A loop that is closed has nobody left who waits.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(_tell, told)
            del jobs, results, job, told, error


def _tell(results: Sequence[_Result]) -> None:
    for ended, error, seconds in results:
        ended(error, seconds)


def _failure_of(job: _Job) -> OSError | None:
    try:
        write_all(job.fd, job.offset, job.buffers)
    except OSError as error:
        return error
    return None


_WRITERS: dict[int, Writer] = {}


def writer_of(device: int) -> Writer:
    """Return the writer for files of a device."""
    return _WRITERS.setdefault(device, Writer())


def writes_waiting() -> int:
    """Return how many writes have not begun, on all devices."""
    return sum(writer.waiting for writer in list(_WRITERS.values()))


def write_all(fd: int, offset: int, buffers: Buffers) -> None:
    """Write all of `buffers` at `offset`, however few bytes the system takes at a time."""
    left = [memoryview(buffer) for buffer in buffers]
    while left:
        written = os.pwritev(fd, left[:_MOST_AT_ONCE], offset)
        offset += written
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if written:
            left[0] = left[0][written:]
