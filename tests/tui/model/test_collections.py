"""A collection in the list: a folded row of its own, also without members, and what it lacks."""

from __future__ import annotations

from collections.abc import Iterator

from core.domain.collections import Collection, CollectionState, Verdict
from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.events import Added, CollectionsChanged, Removed, Snapshot
from core.domain.models import DownloadRequest, Progress, Status
from core.domain.origins import Origin
from core.domain.value import replace
from tests.tui.model.listed import Table, moving, one
from tests.tui.samples import NOW, sample
from tui.control.key_actions import KeyTarget, by_target
from tui.control.queue_requests import QueueRequests
from tui.model.collection_sums import CauseKey
from tui.model.failing import failing
from tui.model.ordering import Order, SortKey
from tui.model.rows import GroupRow
from tui.model.table_lines import TableLines
from tui.model.view import Tab
from tui.text.columns import layout

DAMAGED = ErrorInfo(code=ErrorCode.CHECKSUM, message="its sha256 is another")
GONE = ErrorInfo(code=ErrorCode.NOT_FOUND, message="404", status=404)


def collection(name: str = "g", **changes: object) -> Collection:
    request = DownloadRequest(url="", directory=f"/data/{name}", group=name)
    return replace(Collection(name=name, request=request, created_at=NOW), **changes)


def told(*collections: Collection, removed: tuple[str, ...] = ()) -> CollectionsChanged:
    return CollectionsChanged(revision=1, collections=collections, removed=removed)


def test_it_is_one_row_until_somebody_unfolds_it() -> None:
    table = Table(one(1, "a"))
    table.apply(told(collection()))
    table.apply(Added(revision=2, downloads=(one(2, "b", "g"), one(3, "c", "g"))))
    assert table.names == "a [g]"
    table.view.fold("g", folded=False)
    assert table.names == "a [g] b c"
    # What changes of it later folds nothing.
    table.apply(told(collection(paused=True)))
    assert table.names == "a [g] b c"


def test_a_label_that_becomes_a_collection_counts_the_members_that_it_has() -> None:
    table = Table(one(1, "a", "g", status=Status.FAILED, error=GONE), moving(2, "b", "g"))
    table.report(b=7)
    assert table.names == "[g] a b"
    assert table.apply(told(collection()))
    assert table.names == "[g]"
    members = table.store.members("g")
    assert members.verdicts == {Verdict.MISSING: 1, Verdict.PENDING: 1}
    assert members.now(table.store.progress).rate == 7


def test_without_members_it_has_a_row_at_the_end_of_its_priority() -> None:
    table = Table(one(1, "a"), one(2, "b"))
    table.apply(told(collection("c", state=CollectionState.READING), collection("d", priority=1)))
    assert table.names == "[d] a b [c]"
    table.show(order=Order(SortKey.NAME))
    assert table.names == "a b [c] [d]"
    table.apply(told(removed=("c", "d")))
    assert table.names == "a b"


def test_the_cursor_stays_on_it_when_its_members_come_and_go() -> None:
    table = Table(one(1, "a"))
    table.apply(told(collection("c")))
    table.selection.move_to(1)
    member = one(2, "b", "c", order=0.5)
    table.apply(Added(revision=2, downloads=(member,)))
    assert table.names == "[c] a"
    assert table.selection.row == GroupRow("c")
    assert table.selection.index == 0
    table.apply(Removed(revision=3, ids=(member.id,)))
    assert table.names == "a [c]"
    assert table.selection.row == GroupRow("c")
    assert not table.selection.is_marked(GroupRow("c"))
    assert not table.selection.chosen_set


def test_without_members_it_is_among_those_of_its_state() -> None:
    unread = collection("unread", read_error=GONE)
    refused = collection("refused", refused_count=3)
    waiting = collection("waiting", paused=True)
    table = Table()
    table.apply(told(unread, refused, waiting, collection("empty")))
    assert table.names == "[empty] [refused] [unread] [waiting]"
    table.show(tab=Tab.FAILED)
    assert table.names == "[refused] [unread]"
    table.show(tab=Tab.PAUSED)
    assert table.names == "[waiting]"
    table.show(tab=Tab.ALL, matching="group:unread")
    assert table.names == "[unread]"
    table.show(matching="nowhere")
    assert table.names == ""


def test_its_verdicts_are_those_of_all_members_whatever_is_shown() -> None:
    members = (
        one(1, "a", "g", status=Status.COMPLETED),
        one(2, "b", "g", status=Status.COMPLETED, error=DAMAGED),
        one(3, "c", "g", status=Status.FAILED, error=GONE),
        one(4, "d", "g", status=Status.CANCELLED),
        one(5, "e", "g"),
    )
    table = Table()
    table.apply(Snapshot(revision=1, downloads=members, progress={}, collections=(collection(),)))
    table.show(tab=Tab.DONE)
    sums = table.store.members("g")
    assert sums.verdicts == {
        Verdict.WHOLE: 1,
        Verdict.BAD: 1,
        Verdict.MISSING: 2,
        Verdict.PENDING: 1,
    }
    assert {cause: list(ids) for cause, ids in sums.lacking.items()} == {
        CauseKey("checksum"): [sample(2).id],
        CauseKey("not_found", 404): [sample(3).id],
        CauseKey("cancelled"): [sample(4).id],
    }


def test_what_lacks_follows_each_change() -> None:
    table = Table()
    table.apply(told(collection()))
    failed = one(1, "a", "g", status=Status.FAILED, error=GONE)
    table.apply(Added(revision=2, downloads=(failed,)))
    sums = table.store.members("g")
    assert list(sums.lacking) == [CauseKey("not_found", 404)]
    table.change(failed, status=Status.ACTIVE, error=None, total_bytes=10)
    assert not sums.lacking
    table.report(a=4)
    assert sums.now(table.store.progress).bytes_done == 4
    done = table.store.download(failed.id)
    table.change(done, status=Status.COMPLETED)
    assert +sums.verdicts == {Verdict.WHOLE: 1}
    table.apply(Removed(revision=5, ids=(failed.id,)))
    assert not sums.members
    assert table.store.memberless == [collection()]


class Untouched(list[str]):
    """Members that nobody may go through one by one."""

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("each member was looked at")


def test_what_its_row_says_and_which_keys_apply_costs_no_look_at_its_members() -> None:
    table = Table()
    table.apply(told(collection()))
    members = tuple(one(number, str(number), "g") for number in range(1, 50))
    table.apply(Added(revision=2, downloads=members))
    rows = table.view._rows
    rows._groups["g"] = Untouched(rows._groups["g"])
    lines = TableLines(table.store, table.view, table.selection, now=lambda: NOW)
    requests = QueueRequests(
        table.store, table.view, table.selection, lambda _: None, lambda *_, **__: None
    )
    for number in range(1, 5):
        failed = table.store.download(sample(number).id)
        table.change(failed, status=Status.FAILED, error=GONE)
        assert "4" in "".join(cell.text for cell in lines.row(0, layout(80), ascii_only=False))
        actions = [action.id for action in by_target(KeyTarget.DOWNLOADS)]
        applies = {action for action in actions if requests.can(action)}
        assert {"toggle_pause", "retry", "remove", "limit", "start_now"} <= applies
        assert "verify" not in applies
        assert requests.label("toggle_details") == "Open"
    assert table.selection.chosen_count == 49
    assert failing(table.store, collection())[0].count == 4


def test_a_snapshot_leaves_nothing_of_what_was() -> None:
    table = Table(one(1, "a", "g"))
    table.apply(told(collection("c")))
    progress = {sample(2).id: Progress(bytes_downloaded=3)}
    after = moving(2, "b", "d")
    table.apply(
        Snapshot(revision=9, downloads=(after,), progress=progress, collections=(collection("d"),))
    )
    assert table.names == "[d]"
    assert list(table.store.collections) == ["d"]
    assert table.store.members("d").bytes_done == 3


def test_the_sizes_that_its_source_tells_count_before_any_server_is_asked() -> None:
    table = Table()
    table.apply(told(collection()))
    sized = [one(number, str(number), "g") for number in (1, 2)]
    sized = [d.replace(request=replace(d.request, origin=Origin(size=100))) for d in sized]
    table.apply(Added(revision=2, downloads=tuple(sized)))
    sums = table.store.members("g").now(table.store.progress)
    assert (sums.bytes_done, sums.bytes_total, sums.known) == (0, 200, True)
    # What a server says then counts instead.
    table.change(sized[0], status=Status.COMPLETED, total_bytes=70)
    sums = table.store.members("g").now(table.store.progress)
    assert (sums.bytes_done, sums.bytes_total, sums.known) == (70, 170, True)
