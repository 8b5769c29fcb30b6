"""What `get`, `wait` and the demo know about their downloads: the latest of each, and whether all
have ended.

Pure: fed with the service's events, asked by the progress display and for the exit status.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from core.domain.errors import ExitCode
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
from core.domain.models import TELLING, Download, Progress, Status, WaitReason

_NONE_YET = Progress()
_TURN = (None, WaitReason.QUEUED, WaitReason.HOST_LIMIT)
"""Reasons to wait that are a matter of whose turn it is."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one stands that waits for its turn: 1 is first.

    `others` count those of somebody else that are before it, `active` those that run.
    """

    number: int
    others: int
    active: int


class Following:
    """Some downloads, in the order they were asked for, and what became of them."""

    def __init__(self, downloads: Iterable[Download], *, embedded: bool = False) -> None:
        self._embedded = embedded
        self._paused = False
        self._downloads = {download.id: download for download in downloads}
        self._others: dict[str, Download] = {}
        self._places: dict[str, Place] = {}
        self._knows_queue = False
        self._progress: dict[str, Progress] = {}
        self._eta: float | None = None
        self._removed: set[str] = set()
        # Kept beside the downloads: with ten thousand, none may be looked at after every event.
        self._order = {id_: number for number, id_ in enumerate(self._downloads)}
        self._unfinished = {d.id for d in self if not d.status.is_settled}
        self._lively = {d.id for d in self if _is_lively(d)}
        self._whole = {d.id for d in self if d.status is Status.COMPLETED}
        self._revision = 0
        self._changed = dict.fromkeys(self._downloads, 0)  # the latest last

    def apply(self, event: Event) -> list[Download]:
        """Take in what the service says and return those that ended by it.

        Of other downloads only their places in the queue matter.
        """
        match event:
            case Snapshot(downloads=downloads, progress=progress, paused=paused):
                self._paused = paused
                self._advance(progress)
                gone = set(self._downloads) - {download.id for download in downloads}
                self._others.clear()
                self._knows_queue = True
                return self._update(downloads) + self._remove(gone)
            case Added(downloads=downloads) | Changed(downloads=downloads):
                return self._update(downloads)
            case Removed(ids=ids):
                self._forget_others(ids)
                return self._remove(set(ids) & set(self._downloads))
            case ProgressBatch(progress=progress, eta=eta):
                self._advance(progress)
                self._eta = eta
                return []
            case Noticed(paused=paused):
                self._paused = paused
                return []
            case CollectionsChanged():
                return []

    def __iter__(self) -> Iterator[Download]:
        return iter(self._downloads.values())

    def __len__(self) -> int:
        return len(self._downloads)

    def knows(self, download_id: str) -> bool:
        """Tell whether a download is among them."""
        return download_id in self._downloads

    def join(self, download: Download) -> None:
        """Take one more in, behind the others."""
        self._downloads[download.id] = download
        self._order[download.id] = len(self._order)
        self._note_change(download.id)
        self._others.pop(download.id, None)
        if not download.status.is_settled:
            self._unfinished.add(download.id)

    def progress(self, download_id: str) -> Progress:
        """Return how far a download is."""
        return self._progress.get(download_id, _NONE_YET)

    def is_removed(self, download_id: str) -> bool:
        """Tell whether somebody took a download off the list."""
        return download_id in self._removed

    def has_ended(self, download_id: str) -> bool:
        """Tell whether nothing more will happen to a download of itself."""
        return download_id not in self._unfinished

    def place(self, download: Download) -> Place | None:
        """Return where one stands that waits for its turn; None before the queue is known."""
        if not self._knows_queue:
            return None
        if (known := self._places.get(download.id)) is None:
            before = [d for d in self._others.values() if _is_before(d, download)]
            own = sum(_is_before(self._downloads[id_], download) for id_ in self._unfinished)
            active = sum(d.status is Status.ACTIVE for d in self._others.values())
            known = Place(1 + own + len(before), len(before), active)
            self._places[download.id] = known
        return known

    @property
    def eta(self) -> float | None:
        """Seconds until all of them are done as they move, None where others share the queue."""
        return None if self._others else self._eta

    @property
    def is_held(self) -> bool:
        """Whether they wait for the queue as a whole; a command's own downloads never do."""
        return self._paused and not self._embedded

    @property
    def is_done(self) -> bool:
        """Whether all have ended."""
        return not self._unfinished

    @property
    def unfinished(self) -> list[Download]:
        """Those that still have something to do."""
        return self._in_order(self._unfinished)

    @property
    def left(self) -> int:
        """How many still have something to do."""
        return len(self._unfinished)

    @property
    def whole(self) -> int:
        """How many are complete."""
        return len(self._whole)

    @property
    def lively(self) -> list[Download]:
        """Those that run, or wait for something that is worth a word."""
        return self._in_order(self._lively)

    @property
    def revision(self) -> int:
        """A number that grows with each change of any of them; see `changed_since`."""
        return self._revision

    def changed_since(self, revision: int) -> set[str]:
        """Return the ids of those that changed after a revision: all of them after -1."""
        newest = itertools.takewhile(
            lambda id_: self._changed[id_] > revision, reversed(self._changed)
        )
        return set(newest)

    def worth_a_look(self, since: int, *, few: bool) -> list[Download]:
        """Return those that changed after a revision, and what may have more to tell by now.

        That is those that are lively, and with `few` all that have something to do.
        """
        return self._in_order(
            self.changed_since(since) | (self._unfinished if few else self._lively)
        )

    def _in_order(self, ids: Iterable[str]) -> list[Download]:
        return [self._downloads[id_] for id_ in sorted(ids, key=self._order.__getitem__)]

    @property
    def exit_code(self) -> int:
        """The status of the first that is not whole, in the order they were asked for."""
        return next((code for code in map(self._code, self) if code), ExitCode.OK)

    def _code(self, download: Download) -> int:
        if download.status is Status.COMPLETED:
            return ExitCode.OK
        if download.status is Status.FAILED and download.error is not None:
            return download.error.code.exit_status
        return ExitCode.UNFINISHED

    def _update(self, downloads: Iterable[Download]) -> list[Download]:
        ended = []
        self._places.clear()
        for download in downloads:
            if download.id not in self._downloads:
                self._take_note(download)
                continue
            self._downloads[download.id] = download
            self._removed.discard(download.id)
            self._note_change(download.id)
            if not download.status.is_settled:
                self._unfinished.add(download.id)
            elif download.id in self._unfinished:
                self._unfinished.remove(download.id)
                ended.append(download)
        return ended

    def _take_note(self, other: Download) -> None:
        if other.status.is_settled:
            self._others.pop(other.id, None)
        else:
            self._others[other.id] = other

    def _forget_others(self, ids: Iterable[str]) -> None:
        self._places.clear()
        for id_ in ids:
            self._others.pop(id_, None)

    def _remove(self, ids: Set[str]) -> list[Download]:
        self._removed |= ids
        ended = [self._downloads[id_] for id_ in ids & self._unfinished]
        self._unfinished -= ids
        for id_ in ids:
            self._note_change(id_)
        self._lively -= ids
        return ended

    def _note_change(self, id_: str) -> None:
        """Take in that a download is another one."""
        download = self._downloads[id_]
        for kept, belongs in (
            (self._lively, _is_lively(download)),
            (self._whole, download.status is Status.COMPLETED),
        ):
            (kept.add if belongs else kept.discard)(id_)
        self._revision += 1
        self._changed.pop(id_, None)
        self._changed[id_] = self._revision

    def _advance(self, progress: Mapping[str, Progress]) -> None:
        self._progress.update(
            {id_: value for id_, value in progress.items() if id_ in self._downloads}
        )


def _is_lively(download: Download) -> bool:
    waits = download.status is Status.PENDING and download.wait_reason in TELLING
    return waits or download.status is Status.ACTIVE


def waits_for_its_turn(download: Download) -> bool:
    """Tell whether nothing but others, or its host, keeps a download from running."""
    return download.status is Status.PENDING and download.wait_reason in _TURN


def _is_before(other: Download, download: Download) -> bool:
    return waits_for_its_turn(other) and other.sort_key < download.sort_key
