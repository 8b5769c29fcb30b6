"""Work that is done some time later, in the background, and once for all who asked meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from core.domain.errors import WinchError


class Deferred:
    """Calls `work` at the earliest of the times that were asked for.

    Only for the thread of the event loop. A WinchError of the work is dropped: whoever does the
    work has told of it.
    """

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_running(self) -> bool:
        """Whether the work is being done."""
        return bool(self._tasks)

    def within(self, seconds: float) -> None:
        """Do the work so many seconds from now, unless it is due sooner."""
        loop = asyncio.get_running_loop()
        if self._timer is None or self._timer.when() > loop.time() + seconds:
            self.cancel()
            self._timer = loop.call_later(seconds, self._start)

    def cancel(self) -> None:
        """Forget the time; what has begun goes on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def end(self) -> None:
        """Begin nothing more, and return once all that has begun is done."""
        self.cancel()
        while self._tasks:
            await asyncio.gather(*self._tasks)
            self.cancel()

    def _start(self) -> None:
        self._timer = None
        task = asyncio.get_running_loop().create_task(self._quietly())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _quietly(self) -> None:
        with contextlib.suppress(WinchError):
            await self._work()
