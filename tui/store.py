"""The screen's copy of the queue: events go in, the ids that changed come out.

Decides the order of the rows and the totals, for the table and the header. Nothing here costs more
than a lookup per progress report, so that a queue of 100,000 is as quick to follow as one of ten.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from dataclasses import dataclass, replace

from core.domain.events import Added, Changed, Event, Noticed, ProgressBatch, Removed, Snapshot
from core.domain.models import Download, Progress, Status, WaitReason
from tui.columns import bytes_done

# A row's place: the queue's order, and the id where that leaves a tie.
Place = tuple[tuple[int, float], str]

_NOTHING = Progress()
# Above this many rows at once, one pass over all of them is cheaper than a step for each.
_BULK = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over the list. `known` is false while the size of some download is not known."""

    counts: dict[Status, int]
    rate: float
    bytes_done: int
    bytes_total: int
    known: bool

    @property
    def unfinished(self) -> int:
        """How many downloads go on without anybody asking."""
        return self.counts.get(Status.PENDING, 0) + self.counts.get(Status.ACTIVE, 0)


class DownloadStore:
    """All downloads in the order in which they are shown, with their progress."""

    def __init__(self) -> None:
        self.notices: tuple[str, ...] = ()
        """What the person ought to read now."""
        self.paused = False
        """Whether the queue as a whole is held."""
        self._clear()

    def apply(self, event: Event) -> set[str]:
        """Take in what happened and return the ids that look different now."""
        match event:
            case Snapshot(downloads=downloads, progress=progress):
                before = set(self._downloads)
                self._clear()
                self.notices, self.paused = event.notices, event.paused
                self._progress.update(progress)
                self._put(downloads)
                return before | set(self._downloads)
            case Added(downloads=downloads) | Changed(downloads=downloads):
                self._put(downloads)
                return {download.id for download in downloads}
            case Removed(ids=ids):
                return self._drop(ids)
            case Noticed(notices=notices, paused=paused):
                self.notices, self.paused = notices, paused
                return set()
            case ProgressBatch(progress=progress):
                return {id_ for id_, value in progress.items() if self._advance(id_, value)}

    def stand_still(self) -> set[str]:
        """Forget every rate, because nobody knows any more whether it is so; returns the ids."""
        moving = {id_: p for id_, p in self._progress.items() if p.rate or p.eta is not None}
        for id_, progress in moving.items():
            self._advance(id_, replace(progress, rate=None, eta=None, connections=0))
        return set(moving)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._downloads

    def download(self, id_: str) -> Download:
        """Return a download that is in the list."""
        return self._downloads[id_]

    def progress(self, id_: str) -> Progress:
        """Return how far a download is; nothing is known of most."""
        return self._progress.get(id_, _NOTHING)

    def id_at(self, index: int) -> str:
        """Return which download stands in a row."""
        return self._rows[index][1]

    def place_of(self, id_: str) -> Place:
        """Return what `index_at` takes; it stays meaningful after the download is gone."""
        return self._downloads[id_].sort_key, id_

    def index_at(self, place: Place) -> int:
        """Return the row of a place, or the row that moved up into it."""
        return bisect_left(self._rows, place)

    @property
    def is_counting_down(self) -> bool:
        """Whether something is shown that changes with the time alone."""
        return bool(self._retrying)

    @property
    def totals(self) -> Totals:
        """The sums; costs a step per active download."""
        rates = (self.progress(id_).rate for id_ in self._active)
        return Totals(
            counts={status: count for status, count in self._counts.items() if count},
            rate=sum(rate for rate in rates if rate),
            bytes_done=self._bytes_done,
            bytes_total=self._bytes_total,
            known=not self._unknown,
        )

    def _clear(self) -> None:
        self._downloads: dict[str, Download] = {}
        self._progress: dict[str, Progress] = {}
        self._rows: list[Place] = []
        self._active: set[str] = set()
        self._retrying: set[str] = set()
        self._counts: Counter[Status] = Counter()
        self._bytes_done = 0
        self._bytes_total = 0
        self._unknown = 0

    def _put(self, downloads: tuple[Download, ...]) -> None:
        """Insert or replace downloads, and keep the rows in order."""
        bulk = len(downloads) > _BULK
        for download in downloads:
            old = self._downloads.get(download.id)
            if old is not None:
                self._count(old, -1)
            self._downloads[download.id] = download
            self._count(download, 1)
            if bulk or (old is not None and old.sort_key == download.sort_key):
                continue
            if old is not None:
                del self._rows[self.index_at((old.sort_key, old.id))]
            insort(self._rows, (download.sort_key, download.id))
        if bulk:
            self._rows = sorted((d.sort_key, d.id) for d in self._downloads.values())

    def _drop(self, ids: tuple[str, ...]) -> set[str]:
        known = {id_ for id_ in ids if id_ in self._downloads}
        bulk = len(known) > _BULK
        if bulk:
            self._rows = [row for row in self._rows if row[1] not in known]
        for id_ in known:
            if not bulk:
                del self._rows[self.index_at(self.place_of(id_))]
            self._count(self._downloads.pop(id_), -1)
            self._progress.pop(id_, None)
        return known

    def _advance(self, id_: str, progress: Progress) -> bool:
        download = self._downloads.get(id_)
        if download is None or self._progress.get(id_) == progress:
            return False
        if self._is_summed(download):
            self._bytes_done += bytes_done(download, progress)
            self._bytes_done -= bytes_done(download, self.progress(id_))
        self._progress[id_] = progress
        return True

    def _count(self, download: Download, sign: int) -> None:
        """Put a download into the sums (1) or take it out (-1)."""
        self._counts[download.status] += sign
        for members, belongs in (
            (self._active, download.status is Status.ACTIVE),
            (
                self._retrying,
                download.status is Status.PENDING and download.wait_reason is WaitReason.RETRY,
            ),
        ):
            if belongs and sign > 0:
                members.add(download.id)
            else:
                members.discard(download.id)
        if self._is_summed(download):
            self._bytes_done += sign * bytes_done(download, self.progress(download.id))
            self._bytes_total += sign * (download.total_bytes or 0)
        elif download.total_bytes is None and download.status is not Status.CANCELLED:
            self._unknown += sign

    @staticmethod
    def _is_summed(download: Download) -> bool:
        """Only what has an end counts towards the whole, and only while it is wanted."""
        return download.total_bytes is not None and download.status is not Status.CANCELLED
