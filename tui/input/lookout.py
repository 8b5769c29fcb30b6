"""The free space where new downloads go, looked at now and then.

Only while something happens, and never so that a key has to wait for a mount that hangs.
"""

from __future__ import annotations

from tui.input.disk import Disk

EVERY = 15.0
"""Seconds between two looks."""


class Lookout:
    """Remembers the last look; `monotonic` seconds say when the next one is due."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._due = 0.0
        self.free: int | None = None
        """Bytes that may still be written there; None where it is not known."""

    def is_due(self, monotonic: float) -> bool:
        """Tell whether it is time for a look, which then counts as taken."""
        if monotonic < self._due:
            return False
        self._due = monotonic + EVERY
        return True

    async def look(self, directory: str) -> None:
        """Look at a directory; what does not answer is not known."""
        self.free = (await self._disk.place(directory)).free
