"""What a front end may ask of collections: one line per request of `CollectionService`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from core.domain.collection_service import MOST_REPORT_ROWS
from core.domain.collections import (
    CollectionChanges,
    CollectionRecord,
    CollectionRequest,
    CollectionView,
    ReportPage,
    SyncOptions,
    SyncPlan,
)
from core.domain.entries import Entry, Refused
from core.domain.outcomes import AddedPortion, Removal
from core.engine.collections.handlers import CollectionHandlers
from core.engine.collections.view import view_of


class CollectionRequests(ABC):
    """The half of an engine that collections are asked of."""

    _handlers: CollectionHandlers

    @abstractmethod
    def _refuse_if_closing(self) -> None: ...

    async def collections(self) -> list[CollectionView]:
        every = sorted(self._handlers.downloads.collections.values(), key=lambda each: each.name)
        return [await view_of(self._handlers.downloads, each, with_lists=False) for each in every]

    async def collection(self, name: str) -> CollectionView:
        return await self._view(self._handlers.downloads.collection(name))

    async def report(
        self, name: str, *, after: str | None = None, most: int = MOST_REPORT_ROWS
    ) -> ReportPage:
        return await self._handlers.reporter.page(name, after=after, most=most)

    async def collect(self, request: CollectionRequest, *, fed: bool = False) -> CollectionView:
        self._refuse_if_closing()
        return await self._view(await self._handlers.collector.collect(request, fed=fed))

    async def add_entries(
        self,
        name: str,
        entries: Sequence[Entry],
        refused: Sequence[Refused] = (),
        *,
        more: bool = False,
    ) -> AddedPortion:
        self._refuse_if_closing()
        return await self._handlers.collector.add_entries(name, entries, refused, more=more)

    async def sync(self, name: str, options: SyncOptions) -> SyncPlan:
        self._refuse_if_closing()
        return await self._handlers.syncer.sync(name, options)

    async def change_collection(self, name: str, changes: CollectionChanges) -> CollectionView:
        self._refuse_if_closing()
        return await self._view(await self._handlers.changer.change(name, changes))

    async def remove_collection(
        self, name: str, *, files: bool = False, dry_run: bool = False
    ) -> Removal:
        self._refuse_if_closing()
        return await self._handlers.changer.remove(name, files=files, dry_run=dry_run)

    async def _view(self, collection: CollectionRecord) -> CollectionView:
        return await view_of(self._handlers.downloads, collection)
