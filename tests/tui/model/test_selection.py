"""The cursor and the marks stay with their downloads."""

from __future__ import annotations

from core.domain.events import Removed
from tests.tui.model.listed import Table, one
from tests.tui.samples import sample
from tui.model.ordering import Order, SortKey
from tui.model.rows import DownloadRow, GroupRow
from tui.model.view import Tab


def test_the_cursor_stays_with_its_download_and_goes_to_the_neighbour_when_it_vanishes() -> None:
    table = Table(*(one(number, name) for number, name in enumerate("abcde")))
    selection = table.selection
    selection.move_to(2)
    table.show(order=Order(SortKey.NAME, descending=True))
    assert (selection.row, selection.index) == (DownloadRow(sample(2).id), 2)
    table.show(order=Order())
    table.apply(Removed(revision=2, ids=(sample(0).id,)))
    assert (selection.row, selection.index) == (DownloadRow(sample(2).id), 1)
    table.show(matching="!name:c")
    assert selection.row == DownloadRow(sample(3).id)
    table.show(matching="b")
    assert (selection.row, selection.index) == (DownloadRow(sample(1).id), 0)
    table.show(matching="nothing")
    assert (selection.row, selection.index) == (None, 0)
    assert not selection.follow()
    table.show(matching="")
    selection.move_to(99)
    assert selection.row == DownloadRow(sample(4).id)
    table.apply(Removed(revision=3, ids=(sample(4).id,)))
    assert selection.row == DownloadRow(sample(3).id)


def test_the_neighbour_is_the_one_that_moved_up_also_where_others_went_with_the_download() -> None:
    table = Table(*(one(number, name) for number, name in enumerate("abcde")))
    table.selection.move_to(2)
    table.apply(Removed(revision=2, ids=(sample(0).id, sample(2).id)))
    assert (table.selection.row, table.selection.index) == (DownloadRow(sample(3).id), 1)


def test_the_cursor_on_a_member_goes_to_the_next_member_or_to_the_folded_group() -> None:
    table = Table(one(1, "a", "g"), one(2, "b", "g"), one(3, "c", "g"), one(4, "d"))
    table.selection.move_to(2)
    table.apply(Removed(revision=2, ids=(sample(2).id,)))
    assert table.selection.row == DownloadRow(sample(3).id)
    table.view.fold("g")
    assert table.selection.follow()
    assert (table.selection.row, table.selection.index) == (GroupRow("g"), 0)
    table.apply(Removed(revision=3, ids=(sample(1).id, sample(3).id)))
    assert table.selection.row == DownloadRow(sample(4).id)


def test_marks_survive_everything_but_the_end_of_their_download() -> None:
    table = Table(*(one(number, name) for number, name in enumerate("abcd")))
    selection = table.selection
    selection.toggle(DownloadRow(sample(3).id))
    selection.toggle(DownloadRow(sample(1).id))
    assert selection.chosen_ids == [sample(1).id, sample(3).id]
    table.show(matching="!b", order=Order(SortKey.NAME, descending=True), tab=Tab.QUEUED)
    assert selection.marks == {sample(1).id, sample(3).id}
    assert selection.hidden == 1
    selection.invert()
    assert selection.marks == {sample(0).id, sample(1).id, sample(2).id}
    table.apply(Removed(revision=2, ids=(sample(1).id,)))
    assert selection.marks == {sample(0).id, sample(2).id}
    selection.toggle(DownloadRow(sample(0).id))
    selection.mark_all()
    assert selection.marks == {sample(0).id, sample(2).id, sample(3).id}
    selection.clear()
    selection.move_to(1)
    assert selection.chosen_ids == [sample(2).id]


def test_a_range_marks_what_folded_groups_hide_and_a_group_marks_its_members() -> None:
    table = Table(one(1, "a"), one(2, "b", "g"), one(3, "c", "g"), one(4, "d"), one(5, "e"))
    selection = table.selection
    selection.mark_between(GroupRow("g"), DownloadRow(sample(2).id))
    assert selection.marks == {sample(2).id}
    assert not selection.is_marked(GroupRow("g"))
    selection.toggle(GroupRow("g"))
    assert selection.marks == {sample(2).id, sample(3).id}
    selection.toggle(GroupRow("g"))
    assert selection.marks == set()
    table.view.fold("g")
    selection.mark_between(DownloadRow(sample(4).id), DownloadRow(sample(1).id))
    assert selection.chosen_ids == [sample(number).id for number in (1, 2, 3, 4)]
