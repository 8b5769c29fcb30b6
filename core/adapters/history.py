"""Every attempt that was made: the newest in a TinyDB document, older ones in monthly archives."""

from __future__ import annotations

from pathlib import Path

from core.domain.history import History, HistoryEntry, HistoryQuery


class HistoryStore:
    """state/history.json and history-YYYY-MM.jsonl.gz."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._entries: list[HistoryEntry] = []

    async def load(self) -> tuple[str, ...]:
        """Read the live entries and return sentences for the person, if anything was damaged."""
        return ()

    def append(self, entry: HistoryEntry) -> None:
        """Add an attempt; saved within the debounce time."""
        self._entries.append(entry)

    async def query(self, query: HistoryQuery) -> History:
        """Return attempts, the newest first."""
        return History(entries=tuple(reversed(self._entries))[: query.limit])

    async def clear(self) -> int:
        """Forget every attempt and return how many there were."""
        count = len(self._entries)
        self._entries.clear()
        return count

    async def close(self) -> None:
        """Write what is not yet written."""
