"""Run blocking work in a thread so that it is over, one way or the other, before anyone goes on.

A write that has begun cannot be taken back: were its caller cancelled while the thread still runs,
the next write to the same file would meet the first one half done.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class UncancellableFuture(asyncio.Future[R]):
    """A future that no cancellation ends: it hits whoever awaits this, but only once this is done.

    That is what `ended` does for futures of others, with one turn of the loop less.
    """

    def cancel(self, msg: object = None) -> bool:
        """Do nothing, which has the task that awaits this cancelled as soon as it goes on."""
        return False


class Backlog:
    """How many pieces of blocking work are with the threads of the loop, or wait for one."""

    def __init__(self) -> None:
        self._under_way = 0

    def begin(self, work: asyncio.Future[Any]) -> None:
        """Count some work, until it is done."""
        self._under_way += 1
        work.add_done_callback(self._end)

    def _end(self, _: asyncio.Future[Any]) -> None:
        self._under_way -= 1

    @property
    def waiting(self) -> int:
        """How many wait, as far as all threads are at work that there may be."""
        return max(0, self._under_way - _THREADS)


# As many as concurrent.futures gives a loop that was told nothing else.
_THREADS = min(32, (os.cpu_count() or 1) + 4)
BACKLOG = Backlog()


async def run_to_end(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what `function` returns, called in a thread; a cancellation waits for its end.

    Raises what the function raises, or CancelledError once the function has ended.
    """
    # An executor's future and no task: the end of asyncio.run cancels tasks, and a thread that
    # nobody waits for any more would go on writing.
    work = asyncio.get_running_loop().run_in_executor(None, lambda: function(*args, **kwargs))
    BACKLOG.begin(work)
    if (cancelled := await ended(work)) is not None:
        work.exception()
        raise cancelled
    return work.result()


async def ended(work: asyncio.Future[Any]) -> asyncio.CancelledError | None:
    """Return once something has ended, and the cancellation, if there was one meanwhile."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        # As asyncio.wait does it for many: a cancellation hits this future, and not the work.
        waiter = asyncio.get_running_loop().create_future()
        wake = partial(_wake, waiter)
        work.add_done_callback(wake)
        try:
            await waiter
        except asyncio.CancelledError as error:
            cancelled = error
        finally:
            work.remove_done_callback(wake)
    return cancelled


def _wake(waiter: asyncio.Future[None], _: asyncio.Future[Any]) -> None:
    if not waiter.done():
        waiter.set_result(None)


async def past_recall(work: Coroutine[Any, Any, R]) -> R:
    """Return what `work` returns; a cancellation comes too late for it and is dropped.

    For steps after which the world is another one: whoever wanted to stop them has to be told that
    they are done, and cannot if their result is lost. Raises what `work` raises.
    """
    task = asyncio.ensure_future(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task])
    return task.result()
