"""What is written down of every attempt, and what the figures of many of them say."""

from __future__ import annotations

from core.adapters.clock import Clock
from core.adapters.history import HistoryStore
from core.domain.history import History, HistoryQuery, Statistics


class Chronicle:
    """Turns attempts into history entries and entries into statistics."""

    def __init__(self, store: HistoryStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def history(self, query: HistoryQuery) -> History:
        """Return attempts; see `DownloadService.history`."""
        return await self._store.query(query)

    async def clear(self) -> int:
        """Forget every attempt; see `DownloadService.clear_history`."""
        return await self._store.clear()

    async def statistics(self, days: int) -> Statistics:
        """Return the figures of the last days; see `DownloadService.statistics`."""
        raise NotImplementedError
