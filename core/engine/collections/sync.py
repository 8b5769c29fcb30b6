"""Collections compared with their sources: one comparison of each at a time, whoever asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from core.domain.collections import CollectionRecord, CollectionState, SyncOptions, SyncPlan
from core.domain.errors import NotAllowedError, StoppedError
from core.domain.settings import Settings
from core.engine.collections.reading import SourceReader
from core.engine.collections.sync_run import SyncHands, SyncRun
from core.engine.collections.versions import HostGates, VersionCheck
from core.engine.transfer.context import TransferContext

log = logging.getLogger(__name__)


class Syncer:
    """Compares collections with their sources, as `DownloadService.sync` says.

    `on_change` is called when `is_busy` may have changed.
    """

    def __init__(
        self,
        hands: SyncHands,
        reader: SourceReader,
        context: TransferContext,
        settings: Callable[[], Settings],
        on_change: Callable[[], None],
    ) -> None:
        self._hands = hands
        self._reader = reader
        self._context = context
        self._settings = settings
        self._on_change = on_change
        self._gates = HostGates(lambda: context.limits.connections_per_host)
        self._tasks: dict[str, asyncio.Task[SyncPlan]] = {}

    @property
    def is_busy(self) -> bool:
        return bool(self._tasks)

    def is_running(self, name: str) -> bool:
        """Tell whether a collection is being compared with its source."""
        return name in self._tasks

    async def sync(self, name: str, options: SyncOptions) -> SyncPlan:
        """Compare a collection; whoever asked may leave, and what was begun goes on to its end.

        Raises what `DownloadService.sync` says, and StoppedError.
        """
        collection = self._hands.downloads.collection(name)
        self._refuse_unready(collection)
        versions = VersionCheck(self._context, self._settings().retry, self._gates)
        run = SyncRun(self._hands, name, options, self._reader.open(collection), versions)
        self._tasks[name] = task = asyncio.create_task(run.run(), name=f"sync {name}")
        task.add_done_callback(lambda _: self._ended(name))
        self._on_change()
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise StoppedError(
                    f"the comparison of '{name}' was stopped before its end",
                    hint="`winch sync` goes on with what is left",
                ) from None
            if options.dry_run:
                task.cancel()
            raise

    async def stop(self, name: str) -> None:
        """Compare a collection no further."""
        if (task := self._tasks.get(name)) is not None:
            task.cancel()
            await asyncio.wait([task])

    async def close(self) -> None:
        """Compare nothing any more; what was found so far is kept."""
        for name in list(self._tasks):
            await self.stop(name)

    def _refuse_unready(self, collection: CollectionRecord) -> None:
        """Raise NotAllowedError for a collection that cannot be compared now."""
        if collection.name in self._tasks:
            raise NotAllowedError(
                f"'{collection.name}' is being compared with its source already",
                hint="wait until that has ended",
            )
        if collection.state is CollectionState.READING:
            raise NotAllowedError(
                f"the source of '{collection.name}' is still being read",
                hint="`winch collections` tells when that is done",
            )
        if collection.state is CollectionState.PUBLISHING:
            raise NotAllowedError(
                f"'{collection.name}' is about to get its name", hint="try again in a moment"
            )

    def _ended(self, name: str) -> None:
        task = self._tasks.pop(name)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Whoever asked may be gone.
            log.warning("the comparison of %s ended early: %s", name, error)
        self._on_change()
