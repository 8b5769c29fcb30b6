"""What goes on beside everything else, from a start to its own end or until it is closed."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod


class Background(ABC):
    """A task named `name`, of which there is one at the most."""

    name: str
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, unless it runs."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=self.name)

    async def close(self) -> None:
        """Stop it and wait until it has stopped; what it failed with is not raised."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    @abstractmethod
    async def _run(self) -> None: ...
