"""What the list owes: everything that was acknowledged, as the simplest program would keep it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from core.domain.lifecycle import TRANSITIONS
from core.domain.models import Download, DownloadRequest, DownloadView, Status
from core.domain.service import MoveTo


class Wish(StrEnum):
    """What the person has last asked of a download."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


_STATUSES = {
    Wish.RUN: (Status.PENDING, Status.ACTIVE, Status.COMPLETED, Status.FAILED),
    Wish.PAUSE: (Status.PAUSED,),
    Wish.CANCEL: (Status.CANCELLED,),
}


@dataclass(slots=True)
class Owed:
    """One download that was acknowledged."""

    request: DownloadRequest
    wish: Wish


@dataclass(slots=True)
class Model:
    """Every download that was acknowledged and not removed, and whether the queue is held.

    `order` is the queue's without regard to priorities. While `in_doubt`, a request has failed or
    was cut off: what it asked for may be so or not. The next one that succeeds settles that, and so
    does the next start: then `is_settled`, and what is listed is what is owed.
    """

    order: list[str] = field(default_factory=list)
    owed: dict[str, Owed] = field(default_factory=dict)
    held: bool = False
    in_doubt: bool = False
    is_settled: bool = False
    may_come: set[str] = field(default_factory=set)
    """Addresses of downloads that nobody acknowledged, but that may be there."""
    may_go: set[str] = field(default_factory=set)

    def doubt(self, *, may_come: Iterable[str] = (), may_go: Iterable[str] = ()) -> None:
        """Take in that nobody knows what became of a request."""
        self.in_doubt, self.is_settled = True, False
        self.may_come.update(may_come)
        self.may_go.update(may_go)

    def take(self, downloads: Iterable[Download], wish: Wish | None) -> None:
        """Take in downloads that an answer told of; `wish` None leaves it as it was."""
        for download in downloads:
            if download.id not in self.owed:
                self.order.append(download.id)
                self.owed[download.id] = Owed(download.request, Wish.RUN)
            owed = self.owed[download.id]
            owed.request = download.request
            owed.wish = wish or owed.wish

    def drop(self, downloads: Iterable[Download]) -> None:
        """Take in that downloads were removed."""
        for download in downloads:
            self.order.remove(download.id)
            del self.owed[download.id]

    def expected_order(self) -> list[str]:
        """Return the ids as they ought to be listed."""
        return sorted(self.order, key=lambda id_: -self.owed[id_].request.priority)

    def move(self, id_: str, to: MoveTo | int) -> None:
        """Move one download among those of its priority."""
        priority = self.owed[id_].request.priority
        places = [n for n, i in enumerate(self.order) if self.owed[i].request.priority == priority]
        peers = [self.order[place] for place in places]
        before = sum(owed.request.priority > priority for owed in self.owed.values())
        at = peers.index(id_)
        peers.remove(id_)
        if isinstance(to, int):
            target = to - 1 - before
        else:
            target = {
                MoveTo.TOP: 0,
                MoveTo.UP: at - 1,
                MoveTo.DOWN: at + 1,
                MoveTo.BOTTOM: len(peers),
            }[to]
        peers.insert(min(max(target, 0), len(peers)), id_)
        for place, peer in zip(places, peers, strict=True):
            self.order[place] = peer

    def check(self, found: Sequence[DownloadView], held: bool) -> None:
        """Fail where the list is not what was acknowledged; settle what was in doubt."""
        downloads = [view.download for view in found]
        if self.in_doubt:
            self._check_in_doubt(downloads)
            if not self.is_settled:
                return
            self._settle(downloads, held)
        ids = [download.id for download in downloads]
        assert sorted(ids) == sorted(self.order), "downloads are lost or came back"
        assert ids == self.expected_order(), "the order is another"
        assert [view.position for view in found] == list(range(1, len(found) + 1))
        assert held == self.held
        for download in downloads:
            owed = self.owed[download.id]
            assert download.request == owed.request, (download.request, owed.request)
            assert download.status in _STATUSES[owed.wish], (download.id, download.status, owed)
            assert not (held and download.status is Status.ACTIVE), "it runs though all is held"

    def check_stored(self, stored: Sequence[Download], held: bool) -> None:
        """Fail where the list on disk lacks anything that was acknowledged."""
        if self.in_doubt:
            self._check_in_doubt(stored)
            return
        assert held == self.held
        by_id = {download.id: download for download in stored}
        assert by_id.keys() == self.owed.keys(), "the disk does not have what was acknowledged"
        for id_, owed in self.owed.items():
            assert by_id[id_].request == owed.request
            assert by_id[id_].status in _STATUSES[owed.wish], (id_, by_id[id_].status, owed.wish)
        ordered = sorted(stored, key=lambda download: download.sort_key)
        assert [download.id for download in ordered] == self.expected_order()

    def _check_in_doubt(self, downloads: Sequence[Download]) -> None:
        ids = {download.id for download in downloads}
        assert self.owed.keys() - ids <= self.may_go, "an acknowledged download is lost"
        for download in downloads:
            new = download.id not in self.owed
            assert not new or download.request.url in self.may_come, "an unknown download is there"

    def _settle(self, downloads: Sequence[Download], held: bool) -> None:
        self.order = [d.id for d in sorted(downloads, key=lambda d: d.order)]
        self.owed = {d.id: Owed(d.request, _wish_of(d.status)) for d in downloads}
        self.held = held
        self.in_doubt = self.is_settled = False
        self.may_come, self.may_go = set(), set()


def _wish_of(status: Status) -> Wish:
    return {Status.PAUSED: Wish.PAUSE, Status.CANCELLED: Wish.CANCEL}.get(status, Wish.RUN)


_STEPS = {(before, after) for (before, _), after in TRANSITIONS.items()}


def check_step(before: Status, after: Status) -> None:
    """Fail where the lifecycle has no such step."""
    assert before is after or (before, after) in _STEPS, f"{before} became {after}"
