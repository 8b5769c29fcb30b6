"""A source read again: what is new joins, and what it names no longer is told."""

from __future__ import annotations

from core.domain.collections import SyncOptions, SyncPlan
from core.engine.collections.collector import Collector
from core.engine.collections.reading import SourceReader
from core.engine.downloads.list import DownloadList
from core.policy.collections.members import path_of
from core.policy.collections.paths import relative_path


class Syncer:
    """Compares collections with their sources, as `DownloadService.sync` says."""

    def __init__(self, downloads: DownloadList, collector: Collector, reader: SourceReader) -> None:
        self._downloads = downloads
        self._collector = collector
        self._reader = reader

    async def sync(self, name: str, options: SyncOptions) -> SyncPlan:
        collection = self._downloads.collection(name)
        known = {path_of(collection, d): d for d in self._downloads.members(name)}
        new: list[str] = []
        seen: set[str] = set()
        async for entries, refused in self._reader.open(collection).portions():
            for entry in entries:
                path = relative_path(entry.path or "")
                seen.add(path)
                if path not in known:
                    new.append(path)
            if not options.dry_run:
                await self._collector.take_in(name, entries, refused, more=True)
        vanished = sorted(known.keys() - seen)
        await self._downloads.flush()
        return SyncPlan(new=tuple(new), vanished=tuple(vanished), unchanged=len(known))
