"""The lines of `winch events`: what a subscription tells, an object for each thing that happened.

The names are a contract with scripts: fields and kinds of lines are added, never renamed. Each line
has `time`, `event`, `revision` and `resume`; the latter is what `--since` takes to go on behind
this line, or null while there is nothing to go on from: a list that was told in half is to be told
again.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

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
from core.domain.figures import ChangesSince
from core.domain.hooks import QueueRun
from core.domain.models import Download, Progress
from tui.text.json_records import download_record, timestamp

Line = dict[str, object]
_NOTHING = Progress()
_REVISION = 19
"""Digits that a revision may have."""


class Mark(NamedTuple):
    """Up to where somebody has read, in which life of the service."""

    life: str
    revision: int

    def __str__(self) -> str:
        return f"{self.life}-{self.revision}"

    @classmethod
    def parse(cls, text: str) -> Mark | None:
        """Return what `str` of one means, None where that is nothing."""
        life, dash, revision = text.partition("-")
        is_number = revision.isascii() and revision.isdigit() and len(revision) <= _REVISION
        return cls(life, int(revision)) if dash and life.isalnum() and is_number else None


class EventLines:
    """Makes the lines, and keeps what a line has to say of a download beside what has changed."""

    def __init__(self, life: str, *, with_progress: bool) -> None:
        self._life = life
        self._with_progress = with_progress
        self._downloads: dict[str, Download] = {}
        self._progress: dict[str, Progress] = {}
        self._order: list[tuple[int, float]] = []
        self._collections: dict[str, Collection] = {}
        self._mark: str | None = None

    def all_of(self, snapshot: Snapshot, reason: str, now: datetime) -> Iterator[Line]:
        """Return everything there is, after a line that says why what was known counts no more."""
        self.take_up(snapshot)
        self._mark = None
        revision = snapshot.revision
        yield self._line("reset", revision, now, reason=reason)
        for name in self._collections:
            yield self._line("collection", revision, now, **self._collection(name))
        for id_ in self._downloads:
            yield self._line("listed", revision, now, download=self._download(id_))
        yield self.ready(snapshot, now)

    def missed(
        self, snapshot: Snapshot, since: ChangesSince, mark: Mark, now: datetime
    ) -> Iterator[Line]:
        """Return what has changed since somebody stopped reading there, as it is by now.

        What has changed after the snapshot is told by the events that follow.
        """
        self.take_up(snapshot)
        happened = [
            (revision, kind, name)
            for kind, names in (
                ("changed", since.changed),
                ("removed", since.removed),
                ("collection", since.collections),
                ("collection_removed", since.collections_removed),
            )
            for name, revision in names.items()
            if revision <= snapshot.revision
        ]
        happened.sort(key=lambda each: each[0])
        self._mark = str(mark)
        for index, (revision, kind, name) in enumerate(happened):
            is_last = index + 1 == len(happened) or happened[index + 1][0] > revision
            if is_last:
                self._mark = str(Mark(self._life, revision))
            yield self._line(kind, revision, now, **self._named(kind, name))
        yield self.ready(snapshot, now)

    def take_up(self, snapshot: Snapshot) -> None:
        """Know what there is."""
        self._downloads = {download.id: download for download in snapshot.downloads}
        self._progress = dict(snapshot.progress)
        self._order = sorted(download.sort_key for download in snapshot.downloads)
        self._collections = {each.name: each for each in snapshot.collections}

    def ready(self, snapshot: Snapshot, now: datetime) -> Line:
        """Return the line that says: from here on things are told as they happen."""
        self._mark = str(Mark(self._life, snapshot.revision))
        whole = _whole(snapshot)
        return self._line("ready", snapshot.revision, now, downloads=len(self._downloads), **whole)

    def of(self, event: Event, now: datetime) -> Iterator[Line]:
        """Return what an event tells."""
        if isinstance(event, Snapshot):
            # Who reads too slowly is not told the rest of it, but where that led.
            yield from self.all_of(event, "behind", now)
            return
        if isinstance(event, ProgressBatch):
            yield from self._of_progress(event, now)
            return
        found = self._taken_in(event)
        for left, (kind, fields) in zip(range(len(found) - 1, -1, -1), found, strict=True):
            if not left:
                self._mark = str(Mark(self._life, event.revision))
            yield self._line(kind, event.revision, now, **fields)

    def _taken_in(
        self, event: Noticed | Added | Changed | Removed | CollectionsChanged
    ) -> list[tuple[str, Line]]:
        """Take in what has happened, and return what to say of it."""
        match event:
            case Noticed():
                found: list[tuple[str, Line]] = [("noticed", _whole(event))]
                if event.ended is not None:
                    found.append(("queue_done", _outcome(event.ended)))
            case Added() | Changed():
                self._put(event.downloads)
                kind = "added" if isinstance(event, Added) else "changed"
                found = [(kind, {"download": self._download(each.id)}) for each in event.downloads]
            case Removed():
                for id_ in event.ids:
                    self._drop(id_)
                found = [("removed", {"id": id_}) for id_ in event.ids]
            case CollectionsChanged():
                self._collections |= {each.name: each for each in event.collections}
                found = [("collection", self._collection(e.name)) for e in event.collections]
                found += [("collection_removed", {"name": name}) for name in event.removed]
        return found

    def end(self, now: datetime) -> Line:
        """Return the last line: the service has ended well."""
        return self._line("end", None, now)

    def _of_progress(self, event: ProgressBatch, now: datetime) -> Iterator[Line]:
        self._progress.update(event.progress)
        if not self._with_progress:
            return
        for id_, progress in event.progress.items():
            yield self._line(
                "progress",
                event.revision,
                now,
                id=id_,
                bytes_downloaded=progress.bytes_downloaded,
                rate=round(progress.rate) if progress.rate else None,
                eta=None if progress.eta is None else round(progress.eta),
                connections=progress.connections,
            )

    def _line(self, event: str, revision: int | None, now: datetime, **fields: object) -> Line:
        head = {"time": timestamp(now), "event": event, "revision": revision, "resume": self._mark}
        return head | fields

    def _named(self, kind: str, name: str) -> Line:
        match kind:
            case "changed":
                return {"download": self._download(name)}
            case "removed":
                return {"id": name}
            case "collection":
                return self._collection(name)
            case _:
                return {"name": name}

    def _download(self, download_id: str) -> Line:
        download = self._downloads[download_id]
        position = bisect_left(self._order, download.sort_key) + 1
        return download_record(download, self._progress.get(download_id, _NOTHING), position)

    def _collection(self, name: str) -> Line:
        collection = self._collections[name]
        error = collection.trouble
        return {
            "name": name,
            "directory": collection.directory,
            "state": collection.state.value,
            "paused": collection.paused,
            "priority": collection.priority,
            "limit": collection.limit,
            "entries": collection.entries,
            "read_at": timestamp(collection.read_at),
            "error_code": error and error.code.value,
            "error_message": error and error.message,
        }

    def _put(self, downloads: Iterable[Download]) -> None:
        for download in downloads:
            self._forget_place(download.id)
            self._downloads[download.id] = download
            insort(self._order, download.sort_key)

    def _drop(self, download_id: str) -> None:
        self._forget_place(download_id)
        self._downloads.pop(download_id, None)
        self._progress.pop(download_id, None)

    def _forget_place(self, download_id: str) -> None:
        if (before := self._downloads.get(download_id)) is not None:
            del self._order[bisect_left(self._order, before.sort_key)]


def _outcome(run: QueueRun) -> Line:
    return {
        "began_at": timestamp(run.began_at),
        "seconds": round(run.seconds, 3),
        "done": run.done,
        "failed": run.failed,
        "bytes": run.bytes,
    }


def _whole(event: Snapshot | Noticed) -> Line:
    return {"paused": event.paused, "limit": event.limit, "notices": list(event.notices)}
