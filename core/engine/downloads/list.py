"""The list of downloads: found, kept in order, updated, and made to last.

An update is applied in memory, handed to the catalog and published in one step, so that what is
shown is what is so and what is so gets stored. Nothing else changes a download.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from core.adapters.state.catalog import Catalog, LoadResult
from core.adapters.system.clock import Clock
from core.domain.bounds import cut
from core.domain.collections import CollectionRecord
from core.domain.errors import UnknownIdError, WinchError
from core.domain.events import (
    Noticed,
    Snapshot,
)
from core.domain.figures import ChangesSince
from core.domain.hooks import QueueRun
from core.domain.lifecycle import Action, next_status
from core.domain.models import (
    Download,
    DownloadRecord,
    DownloadView,
    Progress,
    Status,
    TimelineEntry,
)
from core.domain.service import LimitChanges
from core.domain.value import replace
from core.engine.downloads.index import DownloadIndex
from core.engine.downloads.notices import Notices
from core.engine.downloads.totals import InProgress, ListTotals
from core.engine.downloads.views import ProgressOf, Views
from core.engine.downloads.watchers import Watchers

log = logging.getLogger(__name__)

TIMELINE_LENGTH = 50
"""Entries of a timeline: the first one and the last of all others."""
_NOTHING = Progress()
_AT_ONCE = timedelta(milliseconds=10)
"""What is told of many downloads within this time is one entry: there may be very many of them."""
_PLACE_IN_LIFE = ("status", "phase", "wait_reason")
"""What makes a change of a download a transition."""
_LEFT_BEHIND: dict[str, object] = dict.fromkeys(
    ("phase", "wait_reason", "retry_at", "error", "interrupted", "paused_with")
)


class DownloadList(DownloadIndex):
    """Every download, and what is so of all together.

    `paused` tells that the queue as a whole is held, `limits` what a person changed of the limits,
    `limit` the bytes/s that all may have together by now (None: no limit).
    """

    def __init__(self, catalog: Catalog, clock: Clock) -> None:
        super().__init__(catalog.downloads)
        self._catalog = catalog
        self._clock = clock
        self._settled: dict[str, Progress] = {}
        self._live: dict[str, Callable[[], Progress | None]] = {}
        self._unsaved = ""
        self._last_entry: TimelineEntry | None = None
        self.sums = ListTotals()
        self._watchers = Watchers(self._snapshot)
        self.bus = self._watchers.bus
        self.notices = Notices(self._publish_whole)
        self.paused = False
        self.limits = LimitChanges()
        self.limit: int | None = None
        self.collections: dict[str, CollectionRecord] = {}
        self.on_collection: Callable[[str, CollectionRecord | None], None] = lambda *_: None
        """Hears of every collection that was loaded, changed or (None) taken off."""
        self.on_member: Callable[[DownloadRecord], None] = lambda _: None
        """Hears of every download of a group that has changed."""
        self.on_step: Callable[[DownloadRecord, DownloadRecord], None] = lambda *_: None
        """Hears of every step of the lifecycle: the download before and after it."""
        self.on_removed: Callable[[Sequence[DownloadRecord]], None] = lambda _: None
        """Hears of downloads that have left the list."""
        catalog.document.now = clock.now
        catalog.document.on_error = self._saving_failed
        catalog.document.on_recovered = self._saving_works_again

    def views(self) -> Sequence[DownloadView]:
        """Return everything in the list, in the order of the queue, with how far it is."""
        return Views(self.in_order(), self._progress_of)

    def view(self, prefix: str) -> DownloadView:
        """Return one download as `views` does; raises UnknownIdError, AmbiguousIdError."""
        (found,) = self.resolve([prefix])
        position = 1 + sum(other.sort_key < found.sort_key for other in self)
        progress = self.progress_of(found.id)
        return DownloadView(download=found, progress=progress, position=position)

    # -- on disk ----------------------------------------------------------------------------------

    async def load(self) -> LoadResult:
        """Read the list as it was when winch ended; raises StateError."""
        loaded = await self._catalog.load()
        self.notices.extend(loaded.notices)
        self.limits = loaded.limits
        self.paused = loaded.paused
        self.collections = dict(loaded.collections)
        for name, collection in self.collections.items():
            self.on_collection(name, collection)
        for download in loaded.downloads:
            self._take_up(download)
            self.sums.count(download, 0, 1)
        if not loaded.is_whole:
            # Saved once, it is a sound generation again for the next start.
            self._catalog.put_paused(self.paused)
        return loaded

    async def flush(self) -> None:
        """Return once every change made before is on disk; raises StateError, DiskFullError."""
        await self._catalog.flush()

    async def close(self) -> None:
        """End the subscriptions and write what is not yet written; raises as `flush` does."""
        self._watchers.flush()
        self.bus.close()
        await self._catalog.close()

    def _saving_failed(self, error: WinchError) -> None:
        log.error("the list could not be saved: %s", error.message)
        self.notices.take_back(self._unsaved)
        self._unsaved = error.message
        self.notices.put(self._unsaved)

    def _saving_works_again(self) -> None:
        log.info("the list could be saved again")
        self.notices.take_back(self._unsaved)

    # -- updates ----------------------------------------------------------------------------------

    def add(self, download: DownloadRecord, text: str) -> DownloadRecord:
        """Take a download into the list, with a sentence on how it came."""
        entry = TimelineEntry(at=self._clock.now(), text=text, after=download.status)
        download = download.replace(timeline=(*download.timeline, entry), updated_at=entry.at)
        self.enter(download)
        return download

    def enter(self, download: DownloadRecord) -> None:
        """Take a download into the list as it is, its timeline begun already."""
        self._put(download)
        self.sums.count(download, 0, 1)
        self._catalog.put(download)
        self._watchers.entered(download)

    def update(self, download: DownloadRecord, **fields: object) -> DownloadRecord:
        """Replace fields of a download; nothing happens where they are so already."""
        before = self[download.id]
        if download is before and all(getattr(before, n) == value for n, value in fields.items()):
            return before
        if any(fields.get(n, getattr(download, n)) != getattr(before, n) for n in _PLACE_IN_LIFE):
            fields.setdefault("updated_at", self._clock.now())
        changed = download.replace(**fields)
        return before if changed == before else self._take_over(before, changed)

    def _take_over(self, before: DownloadRecord, changed: DownloadRecord) -> DownloadRecord:
        self._put(changed)
        self.sums.move(before, changed, self._settled_bytes(before.id))
        self._catalog.put(changed)
        if changed.interrupted is None:
            self.notices.answered(changed.id)
        if changed.status is Status.COMPLETED:
            self._settled.pop(changed.id, None)  # the record says how far it is
        if changed.request.group is not None:
            self.on_member(changed)
        self._watchers.changed(changed)
        return changed

    def note(self, download_id: str, text: str) -> None:
        """Write a sentence into a download's timeline."""
        download = self[download_id]
        self.update(download, timeline=self._told(download, self._entry(download, text)))

    def step(
        self,
        download: DownloadRecord,
        action: Action,
        *texts: str,
        **fields: object,
    ) -> DownloadRecord:
        """Take a step of the lifecycle, of which the last text tells; raises NotAllowedError.

        What belonged to the state that is left (phase, reason to wait, error) goes with it.
        """
        status = next_status(download.status, action)
        *notes, text = texts
        entries = [self._entry(download, note) for note in notes]
        entries.append(self._entry(download, text, before=download.status, after=status))
        changed = _LEFT_BEHIND | fields
        changed["status"], changed["updated_at"] = status, entries[-1].at
        changed["timeline"] = self._told(download, *entries)
        before = self[download.id]
        stepped = self._take_over(before, download.replace(**changed))
        self.on_step(before, stepped)
        return stepped

    def remove(self, downloads: Sequence[DownloadRecord]) -> None:
        for download in downloads:
            self.sums.count(self[download.id], self._settled_bytes(download.id), -1)
            self._discard(download.id)
            self._catalog.discard(download.id)
            self.notices.answered(download.id)
            self._settled.pop(download.id, None)
        if downloads:
            ids = tuple(download.id for download in downloads)
            self._watchers.removed(ids)
            self.on_removed(downloads)

    def _entry(
        self,
        download: DownloadRecord,
        text: str,
        *,
        before: Status | None = None,
        after: Status | None = None,
    ) -> TimelineEntry:
        """Return what to tell of a download now: the last entry, where that says it already."""
        now, last = self._clock.now(), self._last_entry
        if (
            last is not None
            and (last.text, last.before, last.after) == (text, before, after)
            and timedelta(0) <= now - last.at < _AT_ONCE
            and (not download.timeline or download.timeline[-1].at <= last.at)
        ):
            return last
        self._last_entry = TimelineEntry(at=now, text=text, before=before, after=after)
        return self._last_entry

    def _told(self, download: DownloadRecord, *entries: TimelineEntry) -> tuple[TimelineEntry, ...]:
        past = download.timeline
        if len(past) + len(entries) > TIMELINE_LENGTH:
            # How it began stays: what is left out is the middle of a long story.
            past = past[:1] + past[1 + len(entries) - TIMELINE_LENGTH :]
        return (*past, *entries)

    # -- progress ---------------------------------------------------------------------------------

    def follow(self, download_id: str, progress: Callable[[], Progress | None]) -> None:
        """Ask `progress` how far a download is that moves, until `unfollow`; None: as settled."""
        self._live[download_id] = progress

    def unfollow(self, download_id: str) -> None:
        """Take a download for one that does not move any more, and is as far as it was settled."""
        del self._live[download_id]

    def settle(
        self, download_id: str, bytes_downloaded: int, updated_at: datetime | None = None
    ) -> None:
        """Remember how far a download is that does not move, and when its last bytes came."""
        download, before = self[download_id], self._settled.get(download_id, _NOTHING)
        if download.status is Status.COMPLETED:
            return
        if bytes_downloaded != before.bytes_downloaded:
            self.sums.count(download, before.bytes_downloaded, -1)
            self.sums.count(download, bytes_downloaded, 1)
        self._settled[download_id] = Progress(
            bytes_downloaded=bytes_downloaded, updated_at=updated_at or before.updated_at
        )

    def progress_of(self, download_id: str) -> Progress:
        """Return how far a download is."""
        return self._progress_of(self[download_id])

    def _progress_of(self, download: Download) -> Progress:
        """Return how far a download is now, which was that at some time and may be gone."""
        settled = self._settled.get(download.id, _NOTHING)
        if download.status is Status.COMPLETED:
            size, at = download.total_bytes or 0, download.completed_at
            settled = Progress(bytes_downloaded=size, updated_at=at)
        live = self._live[download.id]() if download.id in self._live else None
        if live is None or live.updated_at is not None:
            return live or settled
        return replace(live, updated_at=settled.updated_at)

    def in_progress(self, ids: Iterable[str]) -> list[InProgress]:
        """Return how far downloads are that run, and how far they are in the sums."""
        return [InProgress(self[i], self._settled_bytes(i), self.progress_of(i)) for i in ids]

    def publish_progress(self, progress: Mapping[str, Progress], eta: float | None = None) -> None:
        """Tell the watchers how far these downloads are, and the seconds that all still take."""
        self._watchers.progress(progress, eta)

    def _settled_bytes(self, download_id: str) -> int:
        return self._settled.get(download_id, _NOTHING).bytes_downloaded

    # -- collections ------------------------------------------------------------------------------

    def collection(self, name: str) -> CollectionRecord:
        """Return a collection; raises UnknownIdError."""
        if (found := self.collections.get(name)) is None:
            raise UnknownIdError(
                f"there is no collection '{cut(name, 80)}'", hint="see `winch collections`"
            )
        return found

    def put_collection(self, collection: CollectionRecord) -> CollectionRecord:
        """Add or replace a collection, and tell the watchers."""
        if self.collections.get(collection.name) != collection:
            self.collections[collection.name] = collection
            self._catalog.put_collection(collection)
            self.on_collection(collection.name, collection)
            self._watchers.collection(collection.summary)
        return collection

    def discard_collection(self, name: str) -> None:
        """Take a collection off the list; its members stay what they are."""
        del self.collections[name]
        self._catalog.discard_collection(name)
        self.on_collection(name, None)
        self._watchers.collection_removed(name)

    # -- all together -----------------------------------------------------------------------------

    def hold(self, paused: bool) -> None:
        """Store whether the queue as a whole stands still, and tell the watchers."""
        if paused != self.paused:
            self.paused = paused
            self._catalog.put_paused(paused)
            self._publish_whole()

    def keep_limits(self, limits: LimitChanges) -> None:
        """Store what a person changed of the limits, for the next start as well."""
        self.limits = limits
        self._catalog.put_limits(limits)

    def tell_limit(self, limit: int | None) -> None:
        """Tell the watchers the rate in bytes/s that all downloads together may have by now."""
        if limit != self.limit:
            self.limit = limit
            self._publish_whole()

    def tell_ended(self, run: QueueRun) -> None:
        """Tell the watchers that a run of the queue has ended."""
        self._publish_whole(run)

    def _publish_whole(self, ended: QueueRun | None = None) -> None:
        whole = Noticed(
            revision=0,
            notices=tuple(self.notices),
            paused=self.paused,
            limit=self.limit,
            ended=ended,
        )
        self._watchers.noticed(whole)

    def changes_since(self, life: str, revision: int) -> ChangesSince:
        """Return which downloads and collections have changed since a revision of a life."""
        return self._watchers.since(life, revision)

    def _snapshot(self, revision: int) -> Snapshot:
        downloads = self.told_in_order()
        return Snapshot(
            revision=revision,
            downloads=downloads,
            progress=ProgressOf(downloads, self._progress_of),
            notices=tuple(self.notices),
            paused=self.paused,
            limit=self.limit,
            collections=tuple(each.summary for each in self.collections.values()),
        )
