"""The screen's copy of the queue: events go in, the ids that changed come out.

Keeps the order of the queue and the sums over all of it; which rows are shown, and in which order,
is decided in view.py. Nothing here costs more than a lookup per progress report, so that a queue of
100,000 is as quick to follow as one of ten.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from core.domain.collections import Collection
from core.domain.events import (
    Added,
    Changed,
    CollectionsChanged,
    Event,
    Noticed,
    ProgressBatch,
    Removed,
    Snapshot,
)
from core.domain.garbage import making_lasting
from core.domain.hooks import QueueRun
from core.domain.models import Download, Progress, Status, WaitReason
from core.domain.value import replace
from tui.model.collection_sums import CollectionSums
from tui.model.running_sums import RunningSums
from tui.text.sums import Sums

_NOTHING = Progress()
# Above this many downloads at once, one pass over all of them is cheaper than a step for each.
_BULK = 1000


def was_interrupted(download: Download) -> bool:
    """Tell whether a download was under way when winch ended and has to be asked about."""
    return download.status is Status.PAUSED and download.interrupted is not None


class DownloadStore:
    """All downloads in the order of the queue, with their progress."""

    def __init__(self) -> None:
        self.notices: tuple[str, ...] = ()
        """What the person ought to read now."""
        self.paused = False
        """Whether the queue as a whole is held."""
        self.limit: int | None = None
        """Bytes/s that all downloads together may have; None for no limit."""
        self._ended: QueueRun | None = None
        self._eta: float | None = None
        self._clear()

    def apply(self, event: Event) -> set[str]:
        """Take in what happened and return the ids that look different now."""
        match event:
            case Snapshot(downloads=downloads, progress=progress):
                before = set(self._downloads)
                self._clear()
                self._take(event)
                self._gather(event.collections, ())
                self._progress.update(progress)
                with making_lasting():
                    self._put(downloads)
                return before | set(self._downloads)
            case Added(downloads=downloads) | Changed(downloads=downloads):
                self._put(downloads)
                return {download.id for download in downloads}
            case Removed(ids=ids):
                return self._drop(ids)
            case Noticed():
                self._take(event)
                self._ended = event.ended or self._ended
                return set()
            case CollectionsChanged(collections=collections, removed=names):
                self._gather(collections, names)
                return set()
            case ProgressBatch(progress=progress, eta=eta):
                self._eta = eta
                return {id_ for id_, value in progress.items() if self._advance(id_, value)}

    def stand_still(self, *, stopped: bool = False) -> set[str]:
        """Forget every rate, because nobody knows any more whether it is so; returns the ids.

        With `stopped` it is known that nothing runs: what did waits for its turn.
        """
        self._eta = None
        moving = {id_: p for id_, p in self._progress.items() if p.rate or p.eta is not None}
        for id_, progress in moving.items():
            self._advance(id_, replace(progress, rate=None, eta=None, connections=0))
        if not stopped:
            return set(moving)
        waiting = tuple(
            download.replace(status=Status.PENDING, phase=None, wait_reason=WaitReason.QUEUED)
            for download in self._downloads.values()
            if download.status is Status.ACTIVE
        )
        self._put(waiting)
        return moving.keys() | {download.id for download in waiting}

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._downloads

    def downloads(self) -> list[Download]:
        """Return all of them, in no order."""
        return list(self._downloads.values())

    def download(self, id_: str) -> Download:
        """Return a download that is in the list."""
        return self._downloads[id_]

    @property
    def by_id(self) -> Mapping[str, Download]:
        """All downloads by their ids, in no order."""
        return self._downloads

    def progress(self, id_: str) -> Progress:
        """Return how far a download is; nothing is known of most."""
        return self._progress.get(id_, _NOTHING)

    @property
    def known_progress(self) -> Mapping[str, Progress]:
        """The progress of all downloads of which something is known."""
        return self._progress

    @property
    def ids(self) -> Sequence[str]:
        """All of them in the order of the queue; only to be read, and only until the next event."""
        return self._order

    def position(self, id_: str) -> int:
        """Return the place of a download in the queue, which counts from 1."""
        return self._index(id_) + 1

    @property
    def collections(self) -> Mapping[str, Collection]:
        """All collections by their names, in the order in which they came."""
        return self._collections

    @property
    def memberless(self) -> list[Collection]:
        """The collections without members: their source named none by now, or they are gone."""
        sums = self._members
        return [each for name, each in self._collections.items() if not sums[name].members]

    def members(self, collection: str) -> CollectionSums:
        """Return the sums over all members of a collection that there is; only to be read."""
        return self._members[collection]

    @property
    def is_counting_down(self) -> bool:
        """Whether something is shown that changes with the time alone."""
        return bool(self._reasons[WaitReason.RETRY])

    @property
    def trouble(self) -> WaitReason | None:
        """What keeps downloads waiting that is none of theirs: no network, or a full disk."""
        waits = (WaitReason.NO_NETWORK, WaitReason.DISK_LOW)
        return next((reason for reason in waits if self._reasons[reason]), None)

    @property
    def interrupted(self) -> list[str]:
        """The downloads that wait for somebody to decide on them, in the order of the queue."""
        members = self._interrupted
        return [id_ for id_ in self._order if id_ in members] if members else []

    @property
    def sums(self) -> Sums:
        """The sums; costs a step per active download."""
        sums = self._running.now(self.progress)
        moves = sums.counts.get(Status.ACTIVE)
        return dataclasses.replace(sums, eta=self._eta if moves else None)

    def take_ended(self) -> QueueRun | None:
        """Return the run of the queue that has ended since this was asked last, None for none."""
        ended, self._ended = self._ended, None
        return ended

    def _take(self, event: Snapshot | Noticed) -> None:
        self.notices, self.paused, self.limit = event.notices, event.paused, event.limit

    def _gather(self, changed: Iterable[Collection], removed: Iterable[str]) -> None:
        """Take in collections; what is new among them may have had members before it had a name."""
        for name in removed:
            self._collections.pop(name, None)
            self._members.pop(name, None)
        new: dict[str, CollectionSums] = {}
        for each in changed:
            self._collections[each.name] = each
            if each.name not in self._members:
                new[each.name] = self._members[each.name] = CollectionSums()
        for download in self._downloads.values() if new else ():
            if (sums := new.get(download.request.group or "")) is not None:
                sums.add(download, self.progress(download.id))

    def _clear(self) -> None:
        self._collections: dict[str, Collection] = {}
        self._members: dict[str, CollectionSums] = {}
        self._downloads: dict[str, Download] = {}
        self._progress: dict[str, Progress] = {}
        # Their places are not held: a bisection asks for a few of them.
        self._order: list[str] = []
        self._reasons: Counter[WaitReason | None] = Counter()
        self._interrupted: set[str] = set()
        self._eta = None
        self._running = RunningSums()

    def _put(self, downloads: tuple[Download, ...]) -> None:
        """Insert or replace downloads, and keep the order of the queue."""
        bulk = len(downloads) > _BULK
        for download in downloads:
            id_, old = download.id, self._downloads.get(download.id)
            moves = not bulk and (old is None or old.sort_key != download.sort_key)
            if old is not None:
                self._count(old, -1)
                if moves:
                    del self._order[self._index(id_)]
            self._downloads[id_] = download
            self._count(download, 1)
            if moves:
                insort(self._order, id_, key=self._place)
        if bulk:
            self._order = sorted(self._downloads, key=self._place)

    def _place(self, id_: str) -> tuple[tuple[int, float], str]:
        """Return the order of the queue, and the id where that leaves a tie."""
        return self._downloads[id_].sort_key, id_

    def _index(self, id_: str) -> int:
        return bisect_left(self._order, self._place(id_), key=self._place)

    def _drop(self, ids: tuple[str, ...]) -> set[str]:
        known = {id_ for id_ in ids if id_ in self._downloads}
        bulk = len(known) > _BULK
        if bulk:
            self._order = [id_ for id_ in self._order if id_ not in known]
        for id_ in known:
            if not bulk:
                del self._order[self._index(id_)]
            self._count(self._downloads.pop(id_), -1)
            self._progress.pop(id_, None)
        return known

    def _advance(self, id_: str, progress: Progress) -> bool:
        download = self._downloads.get(id_)
        if download is None or self._progress.get(id_) == progress:
            return False
        before = self.progress(id_)
        self._running.advance(download, before, progress)
        if (sums := self._members.get(download.request.group or "")) is not None:
            sums.advance(download, before, progress)
        self._progress[id_] = progress
        return True

    def _count(self, download: Download, sign: int) -> None:
        """Put a download into the sums (1) or take it out (-1)."""
        progress = self.progress(download.id)
        self._running.add(download, progress, sign)
        if (sums := self._members.get(download.request.group or "")) is not None:
            sums.add(download, progress, sign)
        if download.status is Status.PENDING:
            self._reasons[download.wait_reason] += sign
        if was_interrupted(download) and sign > 0:
            self._interrupted.add(download.id)
        else:
            self._interrupted.discard(download.id)
