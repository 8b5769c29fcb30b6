"""What a person changes in a collection as a whole; its members follow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.adapters.files.below import remove_empty, remove_if_empty
from core.adapters.files.publishing import remove_staging
from core.adapters.files.threads import run_to_end
from core.domain.collections import CollectionChanges, CollectionRecord
from core.domain.errors import UsageError
from core.domain.lifecycle import Action, allowed_actions
from core.domain.models import DownloadRecord, Status
from core.domain.outcomes import KeptFile, Removal
from core.domain.service import Changes
from core.domain.value import replace
from core.engine.collections.collector import Collector
from core.engine.collections.sync import Syncer
from core.engine.collections.together import Publisher
from core.engine.downloads.list import DownloadList
from core.engine.requests.change import Changer
from core.engine.requests.remove import Remover
from core.engine.transfer.context import TransferContext


class CollectionChanger:
    """Changes and removes collections, as `DownloadService` says."""

    def __init__(
        self,
        downloads: DownloadList,
        collector: Collector,
        syncer: Syncer,
        publisher: Publisher,
        *,
        changer: Changer,
        remover: Remover,
        context: TransferContext,
    ) -> None:
        self._downloads = downloads
        self._collector = collector
        self._syncer = syncer
        self._publisher = publisher
        self._changer = changer
        self._remover = remover
        self._context = context

    async def change(self, name: str, changes: CollectionChanges) -> CollectionRecord:
        self._downloads.collection(name)
        if changes.limit is not None and changes.limit < 0:
            raise UsageError("a limit is 1 byte/s or more", hint="0 takes it away")
        # First, so that what joins meanwhile joins as it is to be, and between two portions of it.
        async with self._collector.between_portions(name):
            collection = self._downloads.collection(name)
            self._downloads.put_collection(_changed(collection, changes))
        if changes.priority is not None:
            members = self._downloads.members(name)
            await self._changer.set(members, Changes(priority=changes.priority))
        if changes.paused is not None:
            await (self._pause(name) if changes.paused else self._resume(collection))
        await self._downloads.flush()
        # Whoever asks for anything of it has what could not get its name tried again.
        self._publisher.look(name)
        return self._downloads.collection(name)

    async def _pause(self, name: str) -> None:
        moving = [
            download.id
            for download in self._downloads.members(name)
            if Action.PAUSE in allowed_actions(download.status)
        ]
        await self._changer.take(Action.PAUSE, moving, paused_with=name)

    async def _resume(self, collection: CollectionRecord) -> None:
        """Resume what was paused with a collection; all that rest where it was not paused itself.

        That one is asked to go on because of something else, such as an interruption.
        """
        paused = [
            download.id
            for download in self._downloads.members(collection.name)
            if download.status is Status.PAUSED
            and (download.paused_with == collection.name or not collection.paused)
        ]
        await self._changer.take(Action.RESUME, paused)

    async def remove(self, name: str, *, files: bool, dry_run: bool) -> Removal:
        self._downloads.collection(name)
        if dry_run:
            return await self._remover.would_remove(self._downloads.members(name), files=files)
        await self._collector.stop(name)
        await self._syncer.stop(name)
        # A portion that somebody hands over meanwhile is all there, or finds no collection.
        async with self._collector.between_portions(name):
            await self._publisher.settled(name)
            collection, members = self._downloads.collection(name), self._downloads.members(name)
            removal = await self._remover.remove(members, files=files)
            if name in self._downloads.collections:
                self._downloads.discard_collection(name)
            await self._downloads.flush()
        if files:
            removal = await self._remove_directories(collection, members, removal)
        return removal

    async def _remove_directories(
        self, collection: CollectionRecord, members: Sequence[DownloadRecord], removal: Removal
    ) -> Removal:
        """Remove directories that are empty by now, and the one in which members gathered."""
        directories = {download.request.directory for download in members}
        await remove_empty(collection.directory, directories)
        if collection.is_directory_own and not self._is_needed(collection.directory):
            await remove_if_empty(collection.directory)
        staging = collection.staging
        if staging is None or (why := await run_to_end(remove_staging, staging)) is None:
            return removal
        return replace(removal, kept=(*removal.kept, KeptFile(path=staging, reason=why)))

    def _is_needed(self, directory: str) -> bool:
        """Tell whether an empty directory is one that files go to, or are about to."""
        usual = Path(self._context.downloads.directory).expanduser()
        if directory.rstrip("/") == str(usual):
            return True
        root = directory.rstrip("/") + "/"
        if any(f"{c.directory}/".startswith(root) for c in self._downloads.collections.values()):
            return True
        return any(f"{d.request.directory}/".startswith(root) for d in self._downloads)


def _changed(collection: CollectionRecord, changes: CollectionChanges) -> CollectionRecord:
    wanted: dict[str, object] = {}
    if changes.priority is not None:
        wanted["priority"] = changes.priority
    if changes.limit is not None:
        wanted["limit"] = changes.limit or None
    if changes.paused is not None:
        wanted["paused"] = changes.paused
    return replace(collection, **wanted)
