"""Which rows the table shows, in which order, and when they move."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.events import Changed, ProgressBatch, Removed
from core.domain.models import Download, Progress, Status
from core.domain.value import replace
from tests.tui.model.listed import Table, moving, one
from tests.tui.samples import NOW, sample
from tui.model.ordering import Order, SortKey
from tui.model.rows import DownloadRow, GroupRow
from tui.model.view import CALM, RECHECK, Tab
from tui.text.sums import Sums


def test_without_groups_the_rows_are_the_queue() -> None:
    table = Table(one(2, "b"), one(1, "a"), one(3, "c"))
    assert table.names == "a b c"
    assert table.change(one(1, "a"), order=2.5)
    assert table.names == "b a c"
    assert not table.change(table.store.download(sample(2).id), retry_count=1)


def test_a_tab_shows_its_states_and_all_tabs_count_under_the_filter() -> None:
    table = Table(
        one(1, "a", status=Status.FAILED),
        one(2, "b"),
        one(3, "ab", status=Status.COMPLETED),
        one(4, "ac", status=Status.CANCELLED),
    )
    table.show(tab=Tab.FAILED)
    assert table.names == "a"
    table.show(matching="name:a")
    every = {Tab.ALL: 3, Tab.FAILED: 1, Tab.DONE: 1, Tab.ACTIVE: 0, Tab.QUEUED: 0, Tab.PAUSED: 0}
    assert table.view.counts == every
    table.change(table.store.download(sample(3).id), status=Status.FAILED)
    assert table.names == "a ab"
    assert table.view.counts == every | {Tab.FAILED: 2, Tab.DONE: 0}
    table.apply(Removed(revision=2, ids=(sample(1).id,)))
    assert table.view.counts[Tab.ALL] == 2


@pytest.mark.parametrize(
    ("key", "names"),
    [
        (SortKey.QUEUE, "c a b"),
        (SortKey.NAME, "a b c"),
        (SortKey.SIZE, "b c a"),
        (SortKey.PROGRESS, "c b a"),
        (SortKey.RATE, "c a b"),
        (SortKey.ETA, "c a b"),
        (SortKey.STATUS, "c b a"),
        (SortKey.AGE, "b a c"),
        (SortKey.UPDATED, "b a c"),
        (SortKey.PRIORITY, "c a b"),
        (SortKey.HOST, "a b c"),
    ],
)
def test_a_sort_stands_as_it_is_mostly_wanted_and_the_other_way_round(
    key: SortKey, names: str
) -> None:
    def at(download: Download, host: str, priority: int = 0) -> Download:
        request = replace(download.request, url=f"http://{host}/", priority=priority)
        return download.replace(request=request)

    ages = {"created_at": NOW - timedelta(hours=1)}
    table = Table(
        at(one(2, "a", **ages), "x.org"),
        at(one(3, "b", status=Status.FAILED, total_bytes=900), "x.org"),
        at(moving(1, "c", created_at=NOW - timedelta(days=1)), "y.org", priority=1),
    )
    progress = Progress(bytes_downloaded=5, rate=2.0, eta=9.0)
    table.apply(ProgressBatch(revision=2, progress={sample(1).id: progress}))
    order = Order.natural(key)
    table.show(order=order)
    assert table.names == names
    table.show(order=order.reversed)
    turned = table.names.split()
    known = {SortKey.SIZE: "bc", SortKey.PROGRESS: "cb", SortKey.RATE: "c", SortKey.ETA: "c"}
    shown = [name for name in names.split() if name in known.get(key, "abc")]
    if key in (SortKey.PRIORITY, SortKey.HOST):
        # Equals stay in the order of the queue.
        assert turned == (["a", "b", "c"] if key is SortKey.PRIORITY else ["c", "a", "b"])
    else:
        # What is not known stays below.
        assert turned[: len(shown)] == shown[::-1]


def test_a_group_stands_where_its_first_member_does_and_gathers_the_others() -> None:
    table = Table(one(1, "a"), one(2, "b", "g"), one(3, "c"), one(4, "d", "g"), one(5, "e"))
    assert table.names == "a [g] b d c e"
    table.change(table.store.download(sample(4).id), order=0.5)
    assert table.names == "[g] d b a c e"
    table.view.fold("g")
    assert table.names == "[g] a c e"
    assert table.view.index_of(DownloadRow(sample(2).id)) == 0
    table.show(order=Order(SortKey.NAME, descending=True))
    assert table.names == "e [g] c a"
    table.view.fold("g", folded=False)
    assert table.names == "e [g] d b c a"
    table.apply(Removed(revision=2, ids=(sample(2).id, sample(4).id)))
    assert table.names == "e c a"
    assert GroupRow("g") not in table.view


def test_a_group_sums_its_members_that_are_shown() -> None:
    table = Table(
        moving(1, "a", "g"), moving(2, "b", "g"), one(3, "c", "g", total_bytes=50), one(4, "d", "h")
    )
    table.report(a=10.0, b=20.0)
    expected = Sums(
        counts={Status.ACTIVE: 2, Status.PENDING: 1},
        rate=30.0,
        bytes_done=30,
        bytes_total=250,
        known=True,
    )
    assert table.view.sums("g") == expected
    assert not table.view.sums("h").known
    table.report(b=50.0)
    assert table.view.sums("g") == dataclasses.replace(expected, rate=60.0, bytes_done=60)
    table.show(tab=Tab.QUEUED)
    assert table.view.sums("g").bytes_total == 50
    table.change(table.store.download(sample(1).id), status=Status.PENDING)
    assert table.view.sums("g").counts == {Status.PENDING: 2}
    moved = table.store.download(sample(1).id)
    table.change(moved, request=replace(moved.request, group="h"))
    assert table.view.sums("g").counts == {Status.PENDING: 1}
    assert table.view.sums("h").counts == {Status.PENDING: 2}


def test_a_sort_by_a_live_figure_moves_rows_only_now_and_then() -> None:
    table = Table(moving(1, "a"), moving(2, "b"), moving(3, "c"))
    table.report(a=3.0, b=2.0, c=1.0)
    table.show(order=Order.natural(SortKey.RATE))
    assert not table.report(a=1.0, c=9.0)
    assert table.names == "a b c"
    assert table.view.due_in == CALM
    table.clock += CALM
    assert table.view.due_in == 0
    assert table.update(set())
    assert table.names == "c b a"
    assert table.view.due_in is None
    assert not table.report(b=99.0)
    # What happens to a download shows at once.
    assert table.change(table.store.download(sample(3).id), status=Status.PAUSED)
    assert table.names == "b a c"


def test_a_live_filter_lets_in_at_once_and_out_now_and_then() -> None:
    table = Table(moving(1, "a"), moving(2, "b"))
    table.show(matching="rate:>10")
    assert table.names == ""
    assert table.report(a=20.0)
    assert not table.report(a=1.0)
    assert table.names == "a"
    table.clock += CALM
    assert table.report(b=11.0)
    assert table.names == "b"
    assert table.view.counts[Tab.ALL] == 1
    # Whoever asks for other rows gets them as they are now.
    assert not table.report(b=1.0)
    table.show(order=Order(SortKey.NAME))
    assert table.names == ""


def test_a_filter_by_age_is_asked_again_when_time_goes_by() -> None:
    table = Table(one(1, "a"), one(2, "b", created_at=NOW - timedelta(days=2)))
    table.show(matching="age:>1d")
    assert table.names == "b"
    table.age, table.clock = timedelta(days=1.5), table.clock + RECHECK / 2
    assert not table.update(set())
    assert table.view.due_in == RECHECK / 2
    table.clock += RECHECK / 2
    assert table.update(set())
    assert table.names == "a b"


def test_a_view_that_is_changed_before_it_was_updated_shows_the_store_as_it_is() -> None:
    table = Table(one(1, "a"), one(2, "b"), one(3, "c"))
    changed = table.store.apply(Removed(revision=2, ids=(sample(1).id,)))
    changed |= table.store.apply(Changed(revision=3, downloads=(one(2, "z", order=9.0),)))
    table.show(order=Order(SortKey.NAME))
    assert table.names == "c z"
    assert not table.update(changed)
    assert table.names == "c z"


@given(st.lists(st.text(st.characters(min_codepoint=1), max_size=5), max_size=8))
def test_a_descending_order_of_names_is_the_ascending_one_backwards(names: list[str]) -> None:
    distinct = {name.casefold(): name for name in names}
    table = Table(*(one(number, name) for number, name in enumerate(distinct.values())))
    table.show(order=Order(SortKey.NAME))
    rows = table.rows
    table.show(order=Order(SortKey.NAME, descending=True))
    assert table.rows == rows[::-1]
