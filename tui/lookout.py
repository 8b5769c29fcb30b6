"""What is around the downloads, asked for now and then: the limit in force and the free space.

Only while something happens, and never so that a key has to wait for a mount that hangs.
"""

from __future__ import annotations

from collections.abc import Callable

from core.domain.errors import WinchError
from core.domain.service import DownloadService, LimitChanges, Limits
from tui.disk import Disk

EVERY = 15.0
"""Seconds between two looks."""


class Lookout:
    """Remembers the last look; `monotonic` seconds say when the next one is due."""

    def __init__(self, service: Callable[[], DownloadService], disk: Disk) -> None:
        self._service = service
        self._disk = disk
        self._due = 0.0
        self.limit: int | None = None
        """Bytes/s for all downloads together; None for none, or where it is not known."""
        self.free: int | None = None
        """Bytes that may still be written to the directory of new downloads."""

    def is_due(self, monotonic: float) -> bool:
        """Tell whether it is time for a look, which then counts as taken."""
        if monotonic < self._due:
            return False
        self._due = monotonic + EVERY
        return True

    async def look(self, directory: str) -> None:
        """Ask for everything; what does not answer is not known."""
        self.free = (await self._disk.place(directory)).free
        try:
            self.take(await self._service().limit(LimitChanges()))
        except WinchError:
            self.limit = None

    def take(self, limits: Limits) -> None:
        """Remember limits that somebody was told."""
        self.limit = limits.rate
