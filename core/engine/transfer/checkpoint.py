"""When and in which order progress becomes durable.

First the bytes (fdatasync of the part file), then the record that claims them, so that a record
never claims a byte which the disk may lose. A checkpoint runs beside the transfer: what is claimed
is what was written before the sync began.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from core.adapters.system.clock import Clock

INTERVAL = 0.75
"""Seconds between checkpoints while many bytes move. A kill costs little more than a second of
them: the next one begins with a write, which a slow file makes each half second."""
FEW = 512 * 1024
"""Bytes that a kill may cost beside that: so few are worth no checkpoint of their own so soon."""
LATEST = 5.0
"""Seconds after which few bytes are recorded too, which a slow server took long to send."""


class Checkpointer:
    """Runs `save` at the first byte, then at intervals while bytes move, and at the end.

    The intervals are longer while few bytes move: a thousand slow downloads would do little else.
    """

    def __init__(self, save: Callable[[], Awaitable[None]], clock: Clock) -> None:
        self._save = save
        self._clock = clock
        self._began = -LATEST
        """When the last checkpoint began."""
        self._unsaved = 0
        """Bytes written since then."""
        self._dirty = False
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether one is on its way beside the transfer."""
        return self._task is not None and not self._task.done()

    def note(self, count: int) -> None:
        """Say that so many bytes were written; starts a checkpoint when one is due.

        Raises what the last checkpoint failed with (StateError, DiskError): a transfer that cannot
        be recorded must not run on as if it were.
        """
        self._dirty = True
        self._unsaved += count
        if self._task is not None and self._task.done():
            task, self._task = self._task, None
            task.result()
        interval = LATEST if self._unsaved < FEW else INTERVAL
        if self._task is None and self._clock.monotonic() >= self._began + interval:
            self._task = asyncio.create_task(self._run())

    async def start(self) -> None:
        """Record the file before its first byte, so that a crash leaves no part file unknown."""
        self._dirty = True
        await self.flush()

    async def flush(self) -> None:
        """Return once everything written before is on disk and recorded."""
        if self._task is not None:
            task, self._task = self._task, None
            await task
        if self._dirty:
            await self._run()

    async def _run(self) -> None:
        self._dirty, self._unsaved = False, 0
        self._began = self._clock.monotonic()
        try:
            await self._save()
        except BaseException:
            self._dirty = True
            raise
