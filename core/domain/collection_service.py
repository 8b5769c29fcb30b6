"""What any front end may ask of collections: a part of `DownloadService`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.domain.collections import (
    CollectionChanges,
    CollectionRequest,
    CollectionView,
    ReportPage,
    SyncOptions,
    SyncPlan,
)
from core.domain.entries import Entry, Refused
from core.domain.outcomes import AddedPortion, Removal

MOST_REPORT_ROWS = 2000
"""Rows in a page of a report."""


class CollectionService(Protocol):
    """Collections of downloads, which somebody else reads, gathers and compares."""

    async def collect(self, request: CollectionRequest, *, fed: bool = False) -> CollectionView:
        """Make a collection and return it once that is on disk; its source is read from then on.

        With `fed` its entries come by `add_entries`, and the source is only remembered. Asking for
        one again that is there, from the same source to the same directory, reads that again and
        takes in what is new. Raises UsageError, DestinationError, and NotAllowedError where the
        name is another one's.
        """
        ...

    async def add_entries(
        self,
        name: str,
        entries: Sequence[Entry],
        refused: Sequence[Refused] = (),
        *,
        more: bool = False,
    ) -> AddedPortion:
        """Take entries into a collection, and say what of its source was none.

        With `more` another portion follows, and only the answer to the last, which may be empty,
        tells that all of them are on disk. An entry that cannot be fetched, or whose path leads out
        of the destination, is among the refused ones of the collection and stops no other. Raises
        UnknownIdError.
        """
        ...

    async def collections(self) -> list[CollectionView]:
        """Return all collections, by name, without their lists of what was refused or vanished."""
        ...

    async def collection(self, name: str) -> CollectionView:
        """Return one collection; raises UnknownIdError."""
        ...

    async def report(
        self, name: str, *, after: str | None = None, most: int = MOST_REPORT_ROWS
    ) -> ReportPage:
        """Return what there is to say of each file of a collection, by pages.

        `after` is the `next` of the page before. Raises UnknownIdError, UsageError.
        """
        ...

    async def sync(self, name: str, options: SyncOptions) -> SyncPlan:
        """Read the source of a collection again and queue what is new, changed or damaged.

        It goes on though whoever asked leaves, but for a dry run. Raises UnknownIdError,
        NotAllowedError for one whose source cannot be read again or is being read,
        DestinationError where its directory is not there, StoppedError, and what the reading of
        the source raises: what was found before that is queued, and nothing is deleted.
        """
        ...

    async def change_collection(self, name: str, changes: CollectionChanges) -> CollectionView:
        """Change a collection and its members; it holds at once, also for those that run.

        Raises UnknownIdError, and UsageError for a value that cannot be meant.
        """
        ...

    async def remove_collection(
        self, name: str, *, files: bool = False, dry_run: bool = False
    ) -> Removal:
        """Take a collection off the list with its members, as `remove` does with these.

        With `files`, directories that are empty then go too, but for the destination itself.
        Raises UnknownIdError.
        """
        ...
