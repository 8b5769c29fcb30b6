"""The list of downloads with everything that hangs on a change of it.

A change is applied in memory, handed to the catalog and published in one step, so that what is
shown is what is so and what is so gets stored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from core.adapters.state.catalog import Catalog, LoadResult
from core.adapters.system.clock import Clock
from core.domain.errors import WinchError
from core.domain.events import Added, Changed, Noticed, ProgressBatch, Removed, Snapshot
from core.domain.lifecycle import Action, next_status
from core.domain.models import DownloadRecord, Progress, Status, TimelineEntry
from core.domain.service import LimitChanges, Totals
from core.engine.downloads.events import EventBus
from core.engine.downloads.index import DownloadIndex
from core.engine.downloads.totals import ListTotals, Moving, Prospects

log = logging.getLogger(__name__)

TIMELINE_LENGTH = 50
"""Entries of a timeline: the first one and the last of all others."""
_NOTHING = Progress()


class DownloadList(DownloadIndex):
    """The only place where a download changes."""

    def __init__(self, catalog: Catalog, clock: Clock) -> None:
        super().__init__()
        self._catalog = catalog
        self._clock = clock
        self._revision = 0
        self._progress: dict[str, Progress] = {}
        self._sums = ListTotals()
        self.bus = EventBus(self._snapshot)
        self.notices: list[str] = []
        self.paused = False
        self.limits = LimitChanges()
        self.limit: int | None = None
        self._asked: set[str] = set()
        self._question = ""
        self.live_progress: Callable[[str], Progress | None] = lambda _: None
        self._unsaved: str | None = None
        catalog.clock = clock
        catalog.document.on_error = self._saving_failed
        catalog.document.on_recovered = self._saving_works_again

    async def load(self) -> LoadResult:
        """Read the list as it was when winch ended; raises StateError."""
        loaded = await self._catalog.load()
        self.notices += loaded.notices
        self.limits = loaded.limits
        self.paused = loaded.paused
        for download in loaded.downloads:
            self._put(download)
            self._sums.count(download, 0, 1)
            if download.status is Status.COMPLETED:
                self.settle(download.id, download.total_bytes or 0, download.completed_at)
        if not loaded.verified:
            # Saved once, it is a sound generation again for the next start.
            self._catalog.put_paused(self.paused)
        return loaded

    def keep_limits(self, limits: LimitChanges) -> None:
        """Store what a person changed of the limits, for the next start as well."""
        self.limits = limits
        self._catalog.put_limits(limits)

    def tell_limit(self, limit: int | None) -> None:
        """Tell the watchers the rate in bytes/s that all downloads together may have by now."""
        if limit != self.limit:
            self.limit = limit
            self._publish_whole()

    def hold(self, paused: bool) -> None:
        """Store whether the queue as a whole stands still, and tell the watchers."""
        if paused != self.paused:
            self.paused = paused
            self._catalog.put_paused(paused)
            self._publish_whole()

    def notice(self, text: str) -> None:
        """Tell the person something until `unnotice` takes it back."""
        if text not in self.notices:
            self.notices.append(text)
            self._publish_whole()

    def unnotice(self, text: str) -> None:
        """Take back what is no longer so."""
        if text in self.notices:
            self.notices.remove(text)
            self._publish_whole()

    def ask(self, ids: Collection[str], question: str) -> None:
        """Have a notice stand until the last of these downloads is interrupted no more."""
        self._asked, self._question = set(ids), question
        if ids:
            self.notice(question)

    async def flush(self) -> None:
        """Return once every change made before is on disk; raises StateError, DiskFullError."""
        await self._catalog.flush()

    async def close(self) -> None:
        """End the subscriptions and write what is not yet written."""
        self.bus.close()
        await self._catalog.close()

    def add(self, download: DownloadRecord, text: str) -> DownloadRecord:
        """Take a download into the list, with a sentence on how it came."""
        entry = TimelineEntry(at=self._clock.now(), text=text, after=download.status)
        download = download.replace(timeline=(*download.timeline, entry), updated_at=entry.at)
        self.enter(download)
        return download

    def enter(self, download: DownloadRecord) -> None:
        """Take a download into the list as it is, its timeline begun already."""
        self._put(download)
        self._sums.count(download, 0, 1)
        self._catalog.put(download)
        self._revision += 1
        self.bus.publish(Added(revision=self._revision, downloads=(download,)))

    def update(self, download: DownloadRecord, **fields: object) -> DownloadRecord:
        """Replace fields of a download; nothing happens where they are so already."""
        changed = download.replace(**fields)
        before = self[download.id]
        if changed == before:
            return changed
        if _place_in_life(changed) != _place_in_life(before):
            changed = changed.replace(updated_at=self._clock.now())
        self._put(changed)
        done = self._settled(before.id).bytes_downloaded
        self._sums.count(before, done, -1)
        self._sums.count(changed, done, 1)
        self._catalog.put(changed)
        if changed.interrupted is None:
            self._answered(changed.id)
        self._revision += 1
        self.bus.publish(Changed(revision=self._revision, downloads=(changed,)))
        return changed

    def note(self, download_id: str, text: str) -> None:
        """Write a sentence into a download's timeline."""
        self.update(self._stamped(self[download_id], text))

    def step(
        self, download: DownloadRecord, action: Action, text: str, **fields: object
    ) -> DownloadRecord:
        """Take a step of the lifecycle; raises NotAllowedError.

        What belonged to the state that is left (phase, reason to wait, error) goes with it.
        """
        cleared: dict[str, object] = {
            "phase": None,
            "wait_reason": None,
            "retry_at": None,
            "error": None,
            "interrupted": None,
        }
        status = next_status(download.status, action)
        stamped = self._stamped(download, text, before=download.status, after=status)
        return self.update(stamped, **cleared | fields, status=status)

    def remove(self, downloads: Sequence[DownloadRecord]) -> None:
        """Take downloads off the list."""
        for download in downloads:
            done = self._settled(download.id).bytes_downloaded
            self._sums.count(self[download.id], done, -1)
            self._discard(download.id)
            self._catalog.discard(download.id)
            self._answered(download.id)
            self._progress.pop(download.id, None)
        if downloads:
            self._revision += 1
            ids = tuple(download.id for download in downloads)
            self.bus.publish(Removed(revision=self._revision, ids=ids))

    def settle(
        self,
        download_id: str,
        bytes_downloaded: int,
        updated_at: datetime | None = None,
    ) -> None:
        """Remember how far a download is that does not move, and when its last bytes came."""
        before = self._settled(download_id)
        self._sums.count(self[download_id], before.bytes_downloaded, -1)
        self._sums.count(self[download_id], bytes_downloaded, 1)
        self._progress[download_id] = Progress(
            bytes_downloaded=bytes_downloaded, updated_at=updated_at or before.updated_at
        )

    def progress_of(self, download_id: str) -> Progress:
        """Return how far a download is."""
        live, settled = self.live_progress(download_id), self._settled(download_id)
        if live is None or live.updated_at is not None:
            return live or settled
        return replace(live, updated_at=settled.updated_at)

    def totals(self, running: Iterable[str], prospects: Prospects) -> Totals:
        """Return the sums over the list; costs a step for each that runs."""
        now = self._clock.monotonic()
        return self._sums.totals(self._moving(running), prospects=prospects, now=now)

    def eta(self, running: Iterable[str], prospects: Prospects) -> float | None:
        """Return seconds until all is done that goes on by itself, None where nobody can say."""
        moving = self._moving(running)
        return self._sums.eta(moving, prospects, self._clock.monotonic()) if moving else None

    def _moving(self, running: Iterable[str]) -> list[Moving]:
        return [
            Moving(self[id_], self._settled(id_).bytes_downloaded, self.progress_of(id_))
            for id_ in running
        ]

    @property
    def counts(self) -> Mapping[Status, int]:
        """How many downloads there are in each state."""
        return self._sums.counts

    def _settled(self, download_id: str) -> Progress:
        return self._progress.get(download_id, _NOTHING)

    def publish_progress(self, progress: Mapping[str, Progress], eta: float | None = None) -> None:
        """Tell the watchers how far these downloads are, and how long all of them still take."""
        if self.bus.has_subscribers:
            self._revision += 1
            self.bus.publish(ProgressBatch(revision=self._revision, progress=progress, eta=eta))

    def _answered(self, download_id: str) -> None:
        if download_id in self._asked:
            self._asked.discard(download_id)
            if not self._asked:
                self.unnotice(self._question)

    def _stamped(
        self,
        download: DownloadRecord,
        text: str,
        *,
        before: Status | None = None,
        after: Status | None = None,
    ) -> DownloadRecord:
        entry = TimelineEntry(at=self._clock.now(), text=text, before=before, after=after)
        past = download.timeline
        if len(past) >= TIMELINE_LENGTH:
            # How it began stays: what is left out is the middle of a long story.
            past = past[:1] + past[2 - TIMELINE_LENGTH :]
        return download.replace(timeline=(*past, entry))

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            revision=self._revision,
            downloads=tuple(self.ordered()),
            progress={d.id: self.progress_of(d.id) for d in self},
            notices=tuple(self.notices),
            paused=self.paused,
            limit=self.limit,
        )

    def _publish_whole(self) -> None:
        self._revision += 1
        self.bus.publish(
            Noticed(
                revision=self._revision,
                notices=tuple(self.notices),
                paused=self.paused,
                limit=self.limit,
            )
        )

    def _saving_failed(self, error: WinchError) -> None:
        log.error("the list could not be saved: %s", error.message)
        before, self._unsaved = self._unsaved, error.message
        if before is not None:
            self.unnotice(before)
        self.notice(error.message)

    def _saving_works_again(self) -> None:
        log.info("the list could be saved again")
        if self._unsaved is not None:
            self.unnotice(self._unsaved)
            self._unsaved = None


def _place_in_life(download: DownloadRecord) -> tuple[object, ...]:
    """Return what makes a change of a download a transition."""
    return (download.status, download.phase, download.wait_reason)
