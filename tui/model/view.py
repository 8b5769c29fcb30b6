"""What the table shows of a store: which downloads, in which order, under which groups.

The records are those that the store held at the last update, so that a row is found again by what
it was when it was placed, without a second list of places. Rows do not dance: a record that changed
moves its row at once, but what follows from progress alone (a sort by rate, a filter by what is
done) waits until CALM seconds after the last such move. Only what a filter newly lets in is shown
at once.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from core.domain.garbage import not_collecting
from core.domain.models import Download, Progress, Status
from tui.model import filters
from tui.model.filters import Filter
from tui.model.ordering import Order, SortPlace
from tui.model.rows import DownloadRow, GroupRow, Row, Rows, Spot
from tui.model.running_sums import RunningSums
from tui.model.stand_in import stand_in
from tui.model.store import DownloadStore
from tui.text.sums import Sums

CALM = 3.0
"""Seconds between two moves of rows that follow from progress alone."""
RECHECK = 30.0
"""Seconds between two looks at all rows for a filter by age."""

_NOTHING = Progress()
# Above this many changes at once, one pass over everything is cheaper than a step for each.
_BULK = 1000


class Tab(StrEnum):
    """The parts of the list that have a key of their own: `show_` and the value is its action.

    What they are called is that action's label, a word of tui.text.vocabulary.
    """

    ALL = "all"
    ACTIVE = "active"
    QUEUED = "queued"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"

    @property
    def statuses(self) -> frozenset[Status]:
        """The states whose downloads it shows."""
        return _STATUSES[self]


_STATUSES: Mapping[Tab, frozenset[Status]] = MappingProxyType(
    {
        Tab.ALL: frozenset(Status),
        Tab.ACTIVE: frozenset({Status.ACTIVE}),
        Tab.QUEUED: frozenset({Status.PENDING}),
        Tab.PAUSED: frozenset({Status.PAUSED}),
        Tab.DONE: frozenset({Status.COMPLETED}),
        Tab.FAILED: frozenset({Status.FAILED}),
    }
)


class _Position(NamedTuple):
    """Where a download stands in the order, and in which group."""

    place: SortPlace
    group: str | None


class View:
    """The rows of the table over a store: a tab, a filter and an order, with groups.

    `now` is asked for ages only, `monotonic` for how long rows have been calm.
    """

    def __init__(
        self,
        store: DownloadStore,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._now = now
        self._monotonic = monotonic
        self.tab = Tab.ALL
        """Read only, like filter and order; `show` changes them."""
        self.filter: Filter = filters.parse("")
        self.order = Order()
        self._rows = Rows(self._place)
        # The collections that were there already, and what stands in for members, by its id.
        self._known: Set[str] = frozenset()
        self._stand_ins: dict[str, Download] = {}
        # What progressed since rows were last moved because of it.
        self._late: set[str] = set()
        self._settled = self._checked = monotonic()
        self._take_in()

    def show(
        self,
        *,
        tab: Tab | None = None,
        matching: Filter | None = None,
        order: Order | None = None,
    ) -> None:
        """Change what is shown; what is not given stays."""
        self.tab = tab or self.tab
        self.order = order or self.order
        with not_collecting():
            if matching is not None or self._late or self._is_behind():
                self.filter = matching or self.filter
                self._take_in()
            else:
                self._arrange()

    def update(self, changed: Set[str]) -> bool:
        """Follow the store after these ids changed, and tell whether rows came, went or moved.

        Call it after every event, and when `due_in` is over.
        """
        clock = self._monotonic()
        is_over = self.filter.is_timed and clock - self._checked >= RECHECK
        settles = False
        if self.order.is_live or self.filter.is_live:
            self._late |= changed
            if settles := clock - self._settled >= CALM:
                changed, self._late, self._settled = self._late, set(), clock
        if is_over or len(changed) > _BULK:
            self._take_in()
            return True
        now, moved = self._now(), self._fold_new()
        for id_ in changed:
            moved |= self._follow(id_, now, settles=settles)
        return self._let_stand_in(now) or moved

    @property
    def due_in(self) -> float | None:
        """Seconds until an update is wanted though nothing changes; None while there is none."""
        clock = self._monotonic()
        waits = []
        if self._late:
            waits.append(self._settled + CALM - clock)
        if self.filter.is_timed and len(self._store):
            waits.append(self._checked + RECHECK - clock)
        return max(min(waits), 0.0) if waits else None

    @property
    def counts(self) -> dict[Tab, int]:
        """How many downloads each tab has under the filter."""
        return {tab: sum(self._counts[s] for s in tab.statuses) for tab in Tab}

    def __len__(self) -> int:
        return len(self._rows)

    def row_at(self, index: int) -> Row:
        return self._rows.at(index)

    def download(self, id_: str) -> Download:
        """Return a download that is shown as it was at the last update, or is gone since then."""
        return self._seen[id_]

    def __contains__(self, row: object) -> bool:
        """Tell whether a row is shown; members of a folded group are, by its row."""
        match row:
            case DownloadRow(id=id_):
                download = self._seen.get(id_)
                return download is not None and self._is_in_tab(download)
            case GroupRow(name=name):
                return self._rows.has(name)
        return False

    def spot_of(self, row: Row) -> Spot:
        """Return what `index_at` takes of a row that is shown; it outlives the row.

        It is good for the order in which it was taken.
        """
        if isinstance(row, GroupRow):
            return self._rows.group_spot(row.name)
        download = self._seen[row.id]
        return self._rows.spot(row.id, _group(download))

    def index_at(self, spot: Spot) -> int:
        """Return the index of a spot's row, or of the row that moved up into it."""
        return self._rows.index_at(spot)

    def index_of(self, row: Row) -> int:
        """Return where a row is that is shown; a member of a folded group is in the group's row."""
        return self.index_at(self.spot_of(row))

    def group_of(self, row: Row) -> str | None:
        """Return the group that a shown row is of, or is a member of."""
        return row.name if isinstance(row, GroupRow) else _group(self._seen[row.id])

    def sums(self, group: str) -> Sums:
        """Return the sums over the members of a group that are shown."""
        if (sums := self._group_sums.get(group)) is None:
            sums = self._group_sums[group] = RunningSums()
            for id_ in self.members(group):
                self._sum(self._seen[id_], sums)
        return sums.now(self._store.progress)

    def fold(self, group: str, *, folded: bool = True) -> None:
        """Hide the members of a group behind its row, or show them again."""
        self._rows.fold(group, folded=folded)

    def is_folded(self, group: str) -> bool:
        """Tell whether only the row of a group is shown."""
        return self._rows.is_folded(group)

    def members(self, group: str) -> Sequence[str]:
        """Return the downloads of a group that are shown, in their order.

        Only to be read, and only until the next update.
        """
        return self._rows.members(group)

    @property
    def ids(self) -> list[str]:
        """All downloads that are shown, in no order, those of folded groups too."""
        return [id_ for id_, download in self._seen.items() if self._is_in_tab(download)]

    def _is_behind(self) -> bool:
        """Tell whether the store has changes that no update has told of yet."""
        held = self._store.by_id.get
        return any(held(id_) is not download for id_, download in self._seen.items())

    def _take_in(self) -> None:
        """Ask the filter about everything there is."""
        held = self._store.by_id
        if self.filter.is_empty:
            self._seen = dict(held)
        else:
            matches, now = self.filter.matches, self._now()
            # A filter that does not look at the progress is spared the search for it.
            known = self._store.known_progress if self.filter.is_live else {}
            self._seen = {
                id_: download
                for id_, download in held.items()
                if matches(download, known.get(id_, _NOTHING), now)
            }
        self._group_of = {
            id_: group for id_, download in self._seen.items() if (group := download.request.group)
        }
        self._counts = Counter(download.status for download in self._seen.values())
        self._checked = self._monotonic()
        self._arrange()

    def _arrange(self) -> None:
        """Put what is seen in order; the store still holds all of it."""
        seen, statuses = self._seen, self.tab.statuses
        ids = self._store.ids
        if len(seen) < len(ids):
            ids = [id_ for id_ in ids if id_ in seen]
        if self.tab is not Tab.ALL:
            ids = [id_ for id_ in ids if seen[id_].status in statuses]
        self._settled = self._monotonic()
        self._late.clear()
        # As far as the downloads were when they were placed, where places depend on it.
        self._placed: dict[str, Progress] = {}
        if self.order.is_live:
            known = self._store.known_progress.items()
            self._placed = {id_: progress for id_, progress in known if id_ in seen}
        self._fold_new()
        self._rows.fill(self.order.arrange(ids, seen, self._placed), self._group_of)
        self._stand_ins = {}
        self._let_stand_in(self._now())
        # The sums of the groups that were asked for, and how far their members were then.
        self._group_sums: dict[str, RunningSums] = {}
        self._summed: dict[str, Progress] = {}

    def _fold_new(self) -> bool:
        """Fold the collections that were not there before: each is one thing to begin with.

        Tells whether there were any.
        """
        names = self._store.collections.keys()
        if names == self._known:
            return False
        new = names - self._known
        for name in new:
            self._rows.fold(name)
        self._known = frozenset(names)
        return bool(new)

    def _let_stand_in(self, now: datetime) -> bool:
        """Give the collections without members their rows, and tell whether that changed any.

        Those that have some are in the list already.
        """
        admits, statuses = self.filter.matches, self.tab.statuses
        wanted = {
            download.id: download
            for download in map(stand_in, self._store.memberless)
            if download.status in statuses and admits(download, _NOTHING, now)
        }
        if wanted == self._stand_ins:
            return False
        for download in self._stand_ins.values():
            if wanted.get(download.id) != download and (group := _group(download)):
                self._rows.leave(group)
        before, self._stand_ins = self._stand_ins, wanted
        for download in wanted.values():
            if before.get(download.id) != download and (group := _group(download)):
                self._rows.stand_in(download.id, group)
        return True

    def _follow(self, id_: str, now: datetime, *, settles: bool) -> bool:
        """Follow one download, and tell whether rows came, went or moved."""
        old, new = self._seen.get(id_), self._store.by_id.get(id_)
        if old is new and not settles:
            if new is not None and self._is_in_tab(new):
                self._advance(new)
            return False
        progress = self._store.progress(id_)
        if new is not None and not self.filter.matches(new, progress, now):
            new = None
        was = self._position(old, self._placed.get(id_, _NOTHING))
        is_ = self._position(new, progress)
        # The rows find it by what is held of it: it leaves them before that is dropped.
        if was is not None and was != is_:
            self._rows.remove(id_, was.group)
        if old is not None:
            self._drop(old)
        if new is not None:
            self._hold(new, progress)
        if is_ is not None and was != is_:
            self._rows.add(id_, is_.group)
        return was != is_

    def _drop(self, download: Download) -> None:
        del self._seen[download.id]
        self._placed.pop(download.id, None)
        self._counts[download.status] -= 1
        sums = self._group_sums.get(self._group_of.pop(download.id, ""))
        if sums is not None and self._is_in_tab(download):
            sums.add(download, self._summed.pop(download.id), -1)

    def _hold(self, download: Download, progress: Progress) -> None:
        """Remember a download as it is placed."""
        self._seen[download.id] = download
        if self.order.is_live:
            self._placed[download.id] = progress
        self._counts[download.status] += 1
        if group := download.request.group:
            self._group_of[download.id] = group
            if group in self._group_sums and self._is_in_tab(download):
                self._sum(download, self._group_sums[group])

    def _position(self, download: Download | None, progress: Progress) -> _Position | None:
        """Return where a download is to stand; None for one that is not shown."""
        if download is None or not self._is_in_tab(download):
            return None
        return _Position(self.order.place(download, progress), _group(download))

    def _is_in_tab(self, download: Download) -> bool:
        return download.status in self.tab.statuses

    def _place(self, id_: str) -> SortPlace:
        """Return where a download stands, as far as it was when it was placed."""
        download = self._seen.get(id_) or self._stand_ins[id_]
        return self.order.place(download, self._placed.get(id_, _NOTHING))

    def _sum(self, download: Download, sums: RunningSums) -> None:
        """Count a member into the sums of its group."""
        progress = self._summed[download.id] = self._store.progress(download.id)
        sums.add(download, progress)

    def _advance(self, download: Download) -> None:
        """Bring the sums of a group up to the progress of a member."""
        if (sums := self._group_sums.get(download.request.group or "")) is not None:
            progress = self._store.progress(download.id)
            sums.advance(download, self._summed[download.id], progress)
            self._summed[download.id] = progress


def _group(download: Download) -> str | None:
    return download.request.group or None
