"""The cursor and the marks of the table: bound to downloads and groups, never to row numbers.

Both survive every refresh, sort and filter. A mark goes when its download is gone, and the cursor
then to the neighbour; a mark that a filter hides stays, so `hidden` counts those for whoever acts
on all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence, Set

from core.domain.collections import Collection
from core.domain.models import Download, Status
from tui.model.ordering import Order
from tui.model.rows import DownloadRow, GroupRow, Row, Spot
from tui.model.store import DownloadStore
from tui.model.view import View


class Selection:
    """Where the cursor is in a view, and which downloads are marked."""

    def __init__(self, view: View, store: DownloadStore) -> None:
        self._view = view
        self._store = store
        self._marks: set[str] = set()
        # Where a range began, and what was marked before that.
        self._anchor: Row | None = None
        self._before: frozenset[str] = frozenset()
        self._spot: Spot | None = None
        self._order: Order = view.order
        self.row: Row | None = None
        """What the cursor is on; None in an empty list."""
        self.index = 0
        """Where that is; 0 in an empty list."""

    # The cursor.

    def move_to(self, index: int) -> None:
        """Put the cursor on a row, or on the nearest that exists."""
        count = len(self._view)
        self.index = min(max(index, 0), max(count - 1, 0))
        self.row = self._view.row_at(self.index) if count else None
        self._spot = self._view.spot_of(self.row) if self.row is not None else None
        self._order = self._view.order

    def follow(self) -> bool:
        """Find the cursor's row again after the view changed, and tell whether it is another now.

        In place of what is gone comes the row that moved up, and in place of a member that was
        folded away its group.
        """
        before = self.row
        if self.row is not None and self.row in self._view:
            self.move_to(self._view.index_of(self.row))
        elif self._spot is not None and self._order == self._view.order:
            self.move_to(self._view.index_at(self._spot))
        else:
            self.move_to(self.index)
        return self.row != before

    # The marks.

    @property
    def marks(self) -> Set[str]:
        """The ids of the marked downloads; only to be read."""
        return self._marks

    @property
    def hidden(self) -> int:
        """How many marked downloads are not shown."""
        if self._view.counts[self._view.tab] == len(self._store):
            return 0
        return sum(DownloadRow(id_) not in self._view for id_ in self._marks)

    @property
    def chosen_set(self) -> Set[str]:
        """What is chosen, in no order: all marked ones, else what the cursor is on."""
        return self._marks or set(self._under(self.row))

    @property
    def chosen_ids(self) -> list[str]:
        """What is chosen and is not gone meanwhile, in the order of the queue."""
        wanted = self.chosen_set
        if len(wanted) < 2:
            return [id_ for id_ in wanted if id_ in self._store]
        return [id_ for id_ in self._store.ids if id_ in wanted]

    @property
    def chosen_count(self) -> int:
        """How many downloads are chosen, without a look at each."""
        return len(self._marks) or len(self._under(self.row))

    @property
    def chosen_statuses(self) -> Set[Status]:
        """The states of what is chosen; of a row over many, without a look at each."""
        if not self._marks and isinstance(self.row, GroupRow):
            if whole := self.chosen_collections:
                counts = self._store.members(whole[0].name).counts
                return {status for status, count in counts.items() if count}
            return self._view.sums(self.row.name).counts.keys()
        held = self._store.by_id
        return {held[id_].status for id_ in self.chosen_set if id_ in held}

    @property
    def has_unsound(self) -> bool:
        """Whether a finished file is chosen that a verification found damaged or gone.

        Of a group that is no collection nobody looks at each member to know.
        """
        if not self._marks and isinstance(self.row, GroupRow):
            known = self.row.name in self._store.collections
            return known and bool(self._store.members(self.row.name).lacking)
        held = self._store.by_id
        return any(is_unsound(held[id_]) for id_ in self.chosen_set if id_ in held)

    @property
    def chosen_collections(self) -> list[Collection]:
        """The collections that are chosen as a whole: no member is left out.

        One without members is, under the cursor.
        """
        known, store = self._store.collections, self._store
        if not known:
            return []
        if self._marks:
            held = store.by_id
            groups = Counter(held[id_].request.group for id_ in self._marks if id_ in held)
        elif isinstance(self.row, GroupRow):
            groups = Counter({self.row.name: len(self._under(self.row))})
        else:
            return []
        return [
            collection
            for name, count in groups.items()
            if name is not None
            and (collection := known.get(name)) is not None
            and count == store.members(name).members
        ]

    def is_marked(self, row: Row) -> bool:
        """Tell whether a download is marked, or all of a group that is shown."""
        if isinstance(row, DownloadRow):
            return row.id in self._marks
        if not self._marks:
            return False
        under = self._under(row)
        return bool(under) and self._marks.issuperset(under)

    def forget(self, changed: Iterable[str]) -> None:
        """Drop the marks of those among the changed downloads that are gone."""
        if self._marks:
            self._marks.difference_update(id_ for id_ in changed if id_ not in self._store)

    def mark(self, row: Row) -> None:
        """Mark a download, or all of a group that is shown."""
        self._marks.update(self._under(row))

    def unmark(self, row: Row) -> None:
        self._marks.difference_update(self._under(row))

    def toggle(self, row: Row) -> None:
        """Mark a row, or take its mark off."""
        if self.is_marked(row):
            self.unmark(row)
        else:
            self.mark(row)

    def mark_between(self, one: Row, other: Row) -> None:
        """Mark two rows that are shown and all between them, with what folded groups hide."""
        first, last = sorted((self._view.index_of(one), self._view.index_of(other)))
        for index in range(first, last + 1):
            row = self._view.row_at(index)
            if isinstance(row, DownloadRow) or self._view.is_folded(row.name):
                self.mark(row)

    @property
    def has_range(self) -> bool:
        """Whether a range has been begun that follows the cursor."""
        return self._anchor is not None

    def begin_range(self) -> None:
        """From now on mark all between this row and the cursor, beside what is marked already."""
        self._anchor, self._before = self.row, frozenset(self._marks)
        self.stretch_range()

    def stretch_range(self) -> None:
        """Let a range that was begun reach to the cursor."""
        if self._anchor is None or self.row is None:
            return
        if self._anchor not in self._view:
            self.end_range()
            return
        self._marks = {id_ for id_ in self._before if id_ in self._store}
        self.mark_between(self._anchor, self.row)

    def end_range(self) -> None:
        """Let the range be as it is."""
        self._anchor = None

    def mark_all(self) -> None:
        self._marks.update(self._view.ids)

    def invert(self) -> None:
        """Mark what is shown and not marked, and the other way round."""
        self._marks.symmetric_difference_update(self._view.ids)

    def clear(self) -> None:
        """Take off all marks, also those that are not shown."""
        self._marks.clear()
        self._anchor = None

    def _under(self, row: Row | None) -> Sequence[str]:
        match row:
            case DownloadRow(id=id_):
                return (id_,)
            case GroupRow(name=name):
                return self._view.members(name)
        return ()


def is_unsound(download: Download) -> bool:
    """Tell whether a finished file is not what it was when it was finished."""
    return download.status is Status.COMPLETED and download.error is not None
