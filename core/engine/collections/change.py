"""What a person changes in a collection as a whole; its members follow."""

from __future__ import annotations

from core.domain.collections import CollectionChanges, CollectionRecord
from core.domain.errors import UsageError
from core.domain.lifecycle import Action, allowed_actions
from core.domain.models import Status
from core.domain.service import Changes, Removal
from core.domain.value import replace
from core.engine.collections.collector import Collector
from core.engine.downloads.list import DownloadList
from core.engine.requests.change import Changer
from core.engine.requests.remove import Remover


class CollectionChanger:
    """Changes and removes collections, as `DownloadService` says."""

    def __init__(
        self, downloads: DownloadList, collector: Collector, changer: Changer, remover: Remover
    ) -> None:
        self._downloads = downloads
        self._collector = collector
        self._changer = changer
        self._remover = remover

    async def change(self, name: str, changes: CollectionChanges) -> CollectionRecord:
        collection = self._downloads.collection(name)
        if changes.limit is not None and changes.limit < 0:
            raise UsageError("a limit is 1 byte/s or more", hint="0 takes it away")
        changed = collection
        if changes.priority is not None:
            changed = replace(changed, priority=changes.priority)
        if changes.limit is not None:
            changed = replace(changed, limit=changes.limit or None)
        if changes.paused is not None:
            changed = replace(changed, paused=changes.paused)
        members = self._downloads.members(name)
        if changes.priority is not None:
            await self._changer.set(members, Changes(priority=changes.priority))
        # First, so that what joins meanwhile joins as it is to be.
        self._downloads.put_collection(changed)
        if changes.paused is not None:
            action = Action.PAUSE if changes.paused else Action.RESUME
            meant = [
                download.id
                for download in self._downloads.members(name)
                if action in allowed_actions(download.status)
                and (changes.paused or download.status is Status.PAUSED)
            ]
            await self._changer.take(action, meant)
        await self._downloads.flush()
        return self._downloads.collection(name)

    async def remove(self, name: str, *, files: bool, dry_run: bool) -> Removal:
        self._downloads.collection(name)
        if dry_run:
            return await self._remover.would_remove(self._downloads.members(name), files=files)
        await self._collector.stop(name)
        removal = await self._remover.remove(self._downloads.members(name), files=files)
        if name in self._downloads.collections:
            self._downloads.discard_collection(name)
        await self._downloads.flush()
        return removal
