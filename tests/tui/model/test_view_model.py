"""The rows of the table are those that a sorted, filtered list would have, after any history."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.domain.collections import Collection, CollectionState, Verdict, verdict_of
from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.events import (
    Added,
    Changed,
    CollectionsChanged,
    Event,
    ProgressBatch,
    Removed,
    Snapshot,
)
from core.domain.models import Download, DownloadRequest, Phase, Progress, Status
from core.domain.value import replace
from tests.tui.model.listed import Table, one
from tests.tui.samples import NOW, sample
from tui.model.collection_sums import CollectionSums, cause_of
from tui.model.ordering import Order, SortKey
from tui.model.rows import DownloadRow, GroupRow, Row
from tui.model.running_sums import RunningSums
from tui.model.stand_in import stand_in
from tui.model.store import DownloadStore
from tui.model.view import CALM, Tab, View

NAMES = st.sampled_from(["a", "B", "ab", "b.iso", "ÄÖ"])
FILTERS = ["", "a", "!b", "status:active,queued", "size:>3", "group:g", "rate:>2", "done:<50%"]


def placed(view: View, store: DownloadStore) -> list[Download]:
    """Return what is to be shown, in order, before groups gather any of it.

    With what stands in for the members of collections.
    """
    wanted = [
        d
        for d in [*store.by_id.values(), *map(stand_in, store.memberless)]
        if d.status in view.tab.statuses and view.filter.matches(d, store.progress(d.id), NOW)
    ]
    return sorted(wanted, key=lambda d: view.order.place(d, store.progress(d.id)))


def gathered(view: View, downloads: list[Download]) -> list[Row]:
    rows: list[Row] = []
    seen = set()
    for download in downloads:
        group = download.request.group
        if group is None:
            rows.append(DownloadRow(download.id))
        elif group not in seen:
            seen.add(group)
            rows.append(GroupRow(group))
            if not view.is_folded(group):
                members = [d for d in downloads if d.request.group == group]
                rows += [DownloadRow(d.id) for d in members if is_real(d)]
    return rows


def is_real(download: Download) -> bool:
    return not download.id.startswith("collection")


ERRORS = st.none() | st.builds(
    ErrorInfo,
    code=st.sampled_from([ErrorCode.CHECKSUM, ErrorCode.NOT_FOUND]),
    message=st.just("no"),
    status=st.sampled_from([None, 404]),
)
RECORDS = st.builds(
    lambda number, order, priority, group, status, total, name, error: sample(
        number,
        name=name,
        order=float(order),
        status=status,
        phase=Phase.DOWNLOADING if status is Status.ACTIVE else None,
        total_bytes=total,
        error=error,
        request=replace(sample(number).request, group=group, priority=priority),
    ),
    st.integers(0, 7),
    st.integers(0, 3),
    st.integers(0, 1),
    st.sampled_from([None, None, "g", "h"]),
    st.sampled_from(Status),
    st.none() | st.integers(0, 9),
    NAMES,
    ERRORS,
)
COLLECTIONS = st.lists(
    st.builds(
        Collection,
        name=st.sampled_from(["g", "c", "d"]),
        request=st.just(DownloadRequest(url="", directory="/data")),
        created_at=st.just(NOW),
        state=st.sampled_from([CollectionState.READING, CollectionState.READY]),
        paused=st.booleans(),
        priority=st.integers(0, 1),
        refused_count=st.integers(0, 1),
    ),
    max_size=3,
    unique_by=lambda each: each.name,
).map(tuple)
BATCHES = st.lists(RECORDS, max_size=5, unique_by=lambda d: d.id).map(tuple)
PROGRESS = st.dictionaries(
    st.integers(0, 7).map(lambda number: sample(number).id),
    st.builds(
        Progress,
        bytes_downloaded=st.integers(0, 9),
        rate=st.none() | st.integers(0, 4).map(float),
        eta=st.none() | st.integers(0, 4).map(float),
    ),
    max_size=4,
)
ORDERS = st.builds(Order, st.sampled_from(SortKey), st.booleans())


class AnyHistory(RuleBasedStateMachine):
    """A person and a queue, and after each step the table against the model."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Table()
        # What the person knows of: the cursor's download, and what is marked.
        self.marks: set[str] = set()
        self.unsettled = False

    @rule(batch=BATCHES, is_new=st.booleans())
    def change(self, batch: tuple[Download, ...], is_new: bool) -> None:
        kind = Added if is_new else Changed
        self._apply(kind(revision=1, downloads=batch))

    @rule(ids=PROGRESS.map(tuple))
    def remove(self, ids: tuple[str, ...]) -> None:
        self._apply(Removed(revision=1, ids=ids))

    @rule(batch=BATCHES, progress=PROGRESS, collections=COLLECTIONS)
    def begin_again(
        self,
        batch: tuple[Download, ...],
        progress: dict[str, Progress],
        collections: tuple[Collection, ...],
    ) -> None:
        self._apply(
            Snapshot(revision=1, downloads=batch, progress=progress, collections=collections)
        )

    @rule(collections=COLLECTIONS, removed=st.lists(st.sampled_from(["g", "c"]), max_size=1))
    def collect(self, collections: tuple[Collection, ...], removed: list[str]) -> None:
        gone = tuple(set(removed) - {each.name for each in collections})
        self._apply(CollectionsChanged(revision=1, collections=collections, removed=gone))

    @rule(progress=PROGRESS)
    def progress(self, progress: dict[str, Progress]) -> None:
        self._apply(ProgressBatch(revision=1, progress=progress))

    @rule(batch=BATCHES, order=ORDERS)
    def change_and_look_otherwise_before_it_is_told(
        self, batch: tuple[Download, ...], order: Order
    ) -> None:
        changed = self.table.store.apply(Changed(revision=1, downloads=batch))
        self.table.show(order=order)
        self.table.update(changed)

    @rule(order=ORDERS)
    def sort(self, order: Order) -> None:
        row = self.table.selection.row
        self.table.show(order=order)
        # A filter is asked again by then, of what has progressed since rows were last moved.
        assert self.table.selection.row == row or row not in self.table.view

    @rule(text=st.sampled_from(FILTERS))
    def filter(self, text: str) -> None:
        self.table.show(matching=text)

    @rule(tab=st.sampled_from(Tab))
    def turn_to(self, tab: Tab) -> None:
        self.table.show(tab=tab)

    @rule(group=st.sampled_from(["g", "h"]), folded=st.booleans())
    def fold(self, group: str, folded: bool) -> None:
        self.table.view.fold(group, folded=folded)
        self.table.selection.follow()

    @rule()
    def wait(self) -> None:
        self.table.clock += CALM
        self.table.update(set())
        assert self.table.view.due_in is None

    @rule(index=st.integers(0, 9))
    def go_to(self, index: int) -> None:
        self.table.selection.move_to(index)

    @precondition(lambda self: self.table.selection.row is not None)
    @rule()
    def toggle(self) -> None:
        row = self.table.selection.row
        assert row is not None
        assert not (isinstance(row, GroupRow) and not self.table.view.members(row.name)) or (
            not self.table.selection.is_marked(row)
        )
        ids = {row.id} if isinstance(row, DownloadRow) else set(self.table.view.members(row.name))
        self.marks = self.marks - ids if ids <= self.marks else self.marks | ids
        self.table.selection.toggle(row)

    @rule()
    def invert(self) -> None:
        self.marks ^= set(self.table.view.ids)
        self.table.selection.invert()

    def _apply(self, event: Event) -> None:
        selection = self.table.selection
        before, index, rows = selection.row, selection.index, self.table.rows
        moved = self.table.apply(event)
        assert moved or self.table.rows == rows
        if before is not None and before in self.table.view:
            assert selection.row is not None
            hides = isinstance(before, DownloadRow) and self.table.view.is_folded(
                self.table.view.group_of(before) or ""
            )
            assert hides or selection.row == before
        elif not moved:
            assert selection.index == index

    @invariant()
    def the_rows_are_those_of_the_model(self) -> None:
        view, store = self.table.view, self.table.store
        rows = self.table.rows
        assert [view.index_of(row) for row in rows] == list(range(len(rows)))
        assert all(row in view for row in rows)
        if view.due_in is not None:
            # Rows that are being kept calm: nothing is shown twice, lost, or in a wrong tab.
            assert len(rows) == len(set(rows))
            assert {d.id for d in placed(view, store) if is_real(d)} <= set(view.ids)
            return
        downloads = placed(view, store)
        assert rows == gathered(view, downloads)
        downloads = [d for d in downloads if is_real(d)]
        assert set(view.ids) == {d.id for d in downloads}
        for group in {d.request.group for d in downloads} - {None}:
            running = RunningSums()
            for download in downloads:
                if download.request.group == group:
                    running.add(download, store.progress(download.id))
            assert view.sums(group) == running.now(store.progress)
        every = [
            d for d in store.by_id.values() if view.filter.matches(d, store.progress(d.id), NOW)
        ]
        assert view.counts == {tab: sum(d.status in tab.statuses for d in every) for tab in Tab}

    @invariant()
    def the_sums_of_collections_are_those_of_all_their_members(self) -> None:
        store = self.table.store
        for name in store.collections:
            members = [d for d in store.by_id.values() if d.request.group == name]
            fresh = CollectionSums()
            for download in members:
                fresh.add(download, store.progress(download.id))
            sums = store.members(name)
            assert sums.now(store.progress) == fresh.now(store.progress)
            assert +sums.verdicts == +fresh.verdicts
            lacking = [d for d in members if verdict_of(d) in (Verdict.BAD, Verdict.MISSING)]
            assert {(cause, id_) for cause, ids in sums.lacking.items() for id_ in ids} == {
                (cause_of(d), d.id) for d in lacking
            }

    @invariant()
    def the_cursor_is_on_a_row(self) -> None:
        selection, view = self.table.selection, self.table.view
        assert (selection.row is None) == (len(view) == 0)
        if selection.row is not None:
            assert view.row_at(selection.index) == selection.row

    @invariant()
    def marks_are_where_they_were_put(self) -> None:
        self.marks &= set(self.table.store.by_id)
        assert self.table.selection.marks == self.marks


AnyHistory.TestCase.settings = settings(max_examples=150, stateful_step_count=30)
TestAnyHistory = AnyHistory.TestCase


@pytest.mark.parametrize("count", [50, 3000])
def test_many_changes_at_once_are_treated_as_few(count: int) -> None:
    numbers = range(count)
    table = Table(*(one(number, str(number), "g" if number % 3 else None) for number in numbers))
    table.show(tab=Tab.PAUSED)
    paused = tuple(d.replace(status=Status.PAUSED) for d in table.store.downloads()[::2])
    assert table.apply(Changed(revision=2, downloads=paused))
    assert table.rows == gathered(table.view, placed(table.view, table.store))
    assert table.view.counts[Tab.PAUSED] == len(paused)
