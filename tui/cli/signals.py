"""How a command ends on Ctrl-C, SIGTERM and SIGHUP: the first asks it to stop, a second leaves.

Handlers of the `signal` module rather than of the loop: a loop that is stuck in a write to a
terminal that no longer reads would never hear the second one.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any

from tui.input.remote import REMOTE

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Runs a coroutine until it ends or a signal cancels it; `received` is that signal's number.

    The coroutine sees CancelledError, may put things in order and raises it on.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._task: asyncio.Task[int] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(
        self,
        main: Coroutine[Any, Any, int],
        run: Callable[[Coroutine[Any, Any, int]], int] | None = None,
    ) -> int:
        """Return the coroutine's exit status, or 128+N when signal N ended it.

        `run` is what runs it in an event loop; without one that is a loop of its own, or the one of
        the connection to another machine.
        """
        remote = REMOTE.get()
        run = run or (remote and remote.run) or asyncio.run
        before = {}
        for number in _SIGNALS:
            # One that is ignored (nohup, a background job of a script) stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, self._handle)
        try:
            return run(self._main(main))
        except asyncio.CancelledError:
            if self.received is None:
                raise
            return 128 + self.received
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def _main(self, main: Coroutine[Any, Any, int]) -> int:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(main)
        if self.received is not None:
            self._task.cancel()
        return await self._task

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.received is not None:
            # At once: what is on disk survives a SIGKILL, so it survives this.
            os._exit(128 + number)
        self.received = number
        if self._loop is not None and self._task is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._task.cancel)
