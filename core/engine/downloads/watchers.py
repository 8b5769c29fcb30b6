"""What becomes of the list, told to whoever watches, in the order of its revisions.

Nobody is waited for, and where nobody watches nothing is made to be told: then only which download
has changed is remembered, for a watcher that comes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

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
    as_told,
)
from core.domain.figures import ChangesSince
from core.domain.models import Download, Progress
from core.domain.value import replace
from core.engine.downloads.events import EventBus, GatheredChanges

_ADDED_TOGETHER = 1000
"""Downloads in one event: what there is of very many, no line could hold."""


class Watchers:
    """Numbers and tells what happens; `snapshot` makes what a watcher begins with, as of then."""

    def __init__(self, snapshot: Callable[[int], Snapshot]) -> None:
        self._revision = 0
        self._changes = GatheredChanges(self._tell_changed)
        self._entered: list[Download] = []
        self.bus = EventBus(lambda: snapshot(self._revision))

    def entered(self, download: Download) -> None:
        """Tell of a new download; those that come in one turn of the loop are told together."""
        if not self.bus.has_subscribers:
            self._note_unheard(download.id)
            return
        if not self._entered:
            asyncio.get_running_loop().call_soon(self._tell_entered)
        self._entered.append(download)

    def changed(self, download: Download) -> None:
        """Tell of a download that is another one now, at once or soon."""
        if self.bus.has_subscribers:
            self._changes.add(download)
        else:
            self._note_unheard(download.id, *self._changes.forget())

    def removed(self, ids: tuple[str, ...]) -> None:
        """Tell of downloads that are gone."""
        self._publish(lambda revision: Removed(revision=revision, ids=ids))

    def progress(self, progress: Mapping[str, Progress], eta: float | None) -> None:
        """Tell how far downloads are, and the seconds that all still take."""
        if self.bus.has_subscribers:
            self._publish(
                lambda revision: ProgressBatch(revision=revision, progress=progress, eta=eta)
            )

    def collection(self, collection: Collection) -> None:
        """Tell of a collection that is new or another one now."""
        told = (collection,)
        self._publish(lambda revision: CollectionsChanged(revision=revision, collections=told))

    def collection_removed(self, name: str) -> None:
        """Tell of a collection that is gone."""
        self._publish(lambda revision: CollectionsChanged(revision=revision, removed=(name,)))

    def noticed(self, whole: Noticed) -> None:
        """Tell what is so of the whole; it gets its revision here."""
        self._publish(lambda revision: replace(whole, revision=revision))

    def since(self, life: str, revision: int) -> ChangesSince:
        """Return which downloads and collections have changed since a revision of a life."""
        self.flush()
        return self.bus.change_log.since(life, revision, now=self._revision)

    def flush(self) -> None:
        """Tell at once of all that was gathered."""
        self._tell_entered()
        self._changes.flush()

    def _tell_entered(self) -> None:
        entered, self._entered = self._entered, []
        for start in range(0, len(entered), _ADDED_TOGETHER):
            self._revision += 1
            together = tuple(map(as_told, entered[start : start + _ADDED_TOGETHER]))
            self.bus.publish(Added(revision=self._revision, downloads=together))

    def _tell_changed(self, changed: tuple[Download, ...]) -> None:
        self._tell_entered()
        self._revision += 1
        self.bus.publish(Changed(revision=self._revision, downloads=tuple(map(as_told, changed))))

    def _publish(self, event: Callable[[int], Event]) -> None:
        self.flush()
        self._revision += 1
        self.bus.publish(event(self._revision))

    def _note_unheard(self, *ids: str) -> None:
        self._revision += 1
        self.bus.change_log.note_changed(ids, self._revision)
