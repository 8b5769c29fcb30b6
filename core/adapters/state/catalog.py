"""The list of downloads on disk, a TinyDB document: for the engine, which owns it alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from core.adapters.state import records
from core.adapters.state.document import Document
from core.adapters.state.tables import Format
from core.domain.collections import CollectionRecord
from core.domain.hooks import HookCall
from core.domain.models import DownloadRecord, PendingCommit
from core.domain.service import LimitChanges
from core.domain.sharing import Sharing
from core.domain.value import Value, field

_DOWNLOADS = "downloads"
_QUEUE = "queue"
_COMMITS = "commits"
_COLLECTIONS = "collections"
_HOOKS = "hooks"
_ONLY = "1"  # the id of the one document in the table `queue`


class LoadResult(Value, frozen=True, kw_only=True):
    """What was found at the start.

    `limits` are what a person has changed of the limits in the settings, `notices` sentences for
    that person; `commits` are, by the id of their download, the small files that were about to get
    their names; `collections` are by name; `saved_at` is the wall time of the last change that was
    saved, None where nobody wrote it down. `is_found` is False where there is no list, and so no
    more than what was changed last. `is_whole` is False when the newest generation was not
    readable: then the list may lack downloads, and nothing that looks orphaned may be removed.
    """

    downloads: list[DownloadRecord]
    commits: Mapping[str, PendingCommit] = field(default_factory=dict)
    collections: Mapping[str, CollectionRecord] = field(default_factory=dict)
    limits: LimitChanges = field(default_factory=LimitChanges)
    paused: bool = False
    saved_at: datetime | None = None
    notices: tuple[str, ...] = ()
    is_found: bool = True
    is_whole: bool = True


class _Queue(msgspec.Struct, frozen=True):
    """What is stored of the queue as a whole."""

    limits: LimitChanges = LimitChanges()
    paused: bool = False
    run_began: datetime | None = None


class _Commit(Value, frozen=True, kw_only=True):
    """What is stored of a commit: whose it is, and what."""

    id: str
    commit: PendingCommit


class _Collection(Value, frozen=True, kw_only=True):
    """What is stored of a collection: its name, and all of it."""

    id: str
    collection: CollectionRecord


FORMAT = Format(
    title="list of downloads",
    tables={
        _DOWNLOADS: DownloadRecord,
        _QUEUE: _Queue,
        _COMMITS: _Commit,
        _COLLECTIONS: _Collection,
        _HOOKS: HookCall,
    },
    numbered=frozenset({_DOWNLOADS, _COMMITS, _COLLECTIONS}),
    sharing={_DOWNLOADS: Sharing},
    migrations=records.DOWNLOADS,
    covered={1: _DOWNLOADS},
)


class Catalog:
    """state/downloads.json and its journal: every download, durable on request.

    Only for the thread of the event loop. A change is saved at most `debounce` seconds after it
    was made; `core.adapters.state.document` says how, and what happens where that fails.
    """

    document: Document
    """What it is stored in, for the hooks that it has."""

    downloads: dict[str, DownloadRecord]
    """Every record by its id: the very ones that are written, for whoever keeps the list.

    Whoever changes it says so by `put` and `discard`.
    """

    hooks: Mapping[str, HookCall]
    """Every hook that is to run or has begun, by its number as text."""

    def __init__(self, directory: Path, *, debounce: float = 0.5) -> None:
        self.document = Document(directory / "downloads.json", FORMAT, debounce=debounce)
        self.downloads = self.document.tables[_DOWNLOADS]
        self.hooks = self.document.tables[_HOOKS]
        self._queue = _Queue()

    async def load(self) -> LoadResult:
        """Return every download of the newest state that can be believed.

        Raises StateError when the list was written by a newer winch (it is left untouched) or
        cannot be read at all.
        """
        loaded = await self.document.load()
        self._queue = queue = loaded.tables[_QUEUE].get(_ONLY, _Queue())
        return LoadResult(
            downloads=list(self.downloads.values()),
            commits={id_: found.commit for id_, found in loaded.tables[_COMMITS].items()},
            collections={
                name: found.collection for name, found in loaded.tables[_COLLECTIONS].items()
            },
            limits=queue.limits,
            paused=queue.paused,
            saved_at=loaded.saved_at,
            notices=loaded.notices,
            is_found=loaded.is_found,
            is_whole=loaded.is_whole,
        )

    def put(self, download: DownloadRecord) -> None:
        """Add or replace a record; it is saved within the debounce time."""
        self.document.put(_DOWNLOADS, download.id, download)

    def discard(self, download_id: str) -> None:
        """Remove a record, if it is there; saved within the debounce time."""
        self.document.discard(_DOWNLOADS, download_id)

    def put_commit(self, download_id: str, commit: PendingCommit) -> None:
        """Store that a file on disk is to get its name; acknowledged as every change by `flush`."""
        self.document.put(_COMMITS, download_id, _Commit(id=download_id, commit=commit))

    def discard_commit(self, download_id: str) -> None:
        """Forget a commit, if it is there, once the record of its download tells how it ended."""
        self.document.discard(_COMMITS, download_id)

    def put_collection(self, collection: CollectionRecord) -> None:
        """Add or replace a collection; saved within the debounce time."""
        stored = _Collection(id=collection.name, collection=collection)
        self.document.put(_COLLECTIONS, collection.name, stored)

    def discard_collection(self, name: str) -> None:
        """Remove a collection, if it is there; saved within the debounce time."""
        self.document.discard(_COLLECTIONS, name)

    def put_limits(self, limits: LimitChanges) -> None:
        """Replace what was changed of the limits; saved within the debounce time."""
        self._put_queue(msgspec.structs.replace(self._queue, limits=limits))

    def put_paused(self, paused: bool) -> None:
        """Store whether the queue as a whole stands still; saved within the debounce time."""
        self._put_queue(msgspec.structs.replace(self._queue, paused=paused))

    @property
    def run_began(self) -> datetime | None:
        """When the run of the queue began that has not ended, None where there is none."""
        return self._queue.run_began

    def put_run(self, began: datetime | None) -> None:
        """Store since when the queue has run, or that it is idle; saved in the debounce time."""
        self._put_queue(msgspec.structs.replace(self._queue, run_began=began))

    def put_hook(self, call: HookCall) -> None:
        """Add or replace a hook; acknowledged as every change by `flush`."""
        self.document.put(_HOOKS, str(call.number), call)

    def discard_hook(self, number: int) -> None:
        """Forget a hook, if it is there; saved within the debounce time."""
        self.document.discard(_HOOKS, str(number))

    async def flush(self) -> None:
        """Return once everything put or discarded before is on disk.

        Raises StateError, or DiskFullError where space is missing; what was saved before is then
        still there, and saving is tried again.
        """
        await self.document.flush()

    async def close(self) -> None:
        """Flush and stop: no change is accepted any more. Raises what `flush` raises."""
        await self.document.close()

    def _put_queue(self, queue: _Queue) -> None:
        self._queue = queue
        self.document.put(_QUEUE, _ONLY, queue)
