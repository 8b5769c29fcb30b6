"""The screen's copy of the queue follows every event."""

from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.events import Added, Changed, Event, ProgressBatch, Removed, Snapshot
from core.domain.models import (
    Download,
    DownloadRequest,
    Interruption,
    Progress,
    Status,
    WaitReason,
)
from tests.tui.samples import NOW, sample
from tui.model.store import DownloadStore


def filled(*downloads: Download, **progress: Progress) -> DownloadStore:
    store = DownloadStore()
    store.apply(Snapshot(revision=1, downloads=downloads, progress=progress))
    return store


def ids(store: DownloadStore) -> list[str]:
    return list(store.ids)


def test_a_snapshot_replaces_everything() -> None:
    old, new = sample(1), sample(2)
    store = filled(old, **{old.id: Progress(bytes_downloaded=5)})
    assert store.apply(Snapshot(revision=2, downloads=(new,), progress={})) == {old.id, new.id}
    assert ids(store) == [new.id]
    assert old.id not in store
    assert store.progress(old.id) == Progress()


def test_rows_stand_in_the_order_of_the_queue() -> None:
    urgent = sample(9, request=DownloadRequest(url="http://h/9", directory="/", priority=5))
    store = filled(sample(2), sample(1))
    assert store.apply(Added(revision=2, downloads=(urgent, sample(3)))) == {
        urgent.id,
        sample(3).id,
    }
    assert ids(store) == [d.id for d in (urgent, sample(1), sample(2), sample(3))]


def test_a_download_that_moves_in_the_queue_moves_its_row() -> None:
    store = filled(sample(1), sample(2), sample(3))
    moved = sample(1).replace(order=2.5)
    assert store.apply(Changed(revision=2, downloads=(moved,))) == {moved.id}
    assert ids(store) == [sample(2).id, moved.id, sample(3).id]
    assert store.download(moved.id) is moved


def test_interrupted_are_those_that_wait_for_a_decision_in_the_order_of_the_queue() -> None:
    was = {"interrupted": Interruption(at=NOW)}
    late, early = sample(3, status=Status.PAUSED, **was), sample(1, status=Status.PAUSED, **was)
    goes_on, by_hand = sample(2, **was), sample(4, status=Status.PAUSED)
    store = filled(late, early, goes_on, by_hand)
    assert store.interrupted == [early.id, late.id]
    store.apply(Changed(revision=2, downloads=(early.replace(status=Status.PENDING),)))
    assert store.interrupted == [late.id]
    store.apply(Removed(revision=3, ids=(late.id,)))
    assert store.interrupted == []


def test_progress_names_only_those_that_look_different() -> None:
    one, two = sample(1), sample(2)
    progress = Progress(bytes_downloaded=7)
    store = filled(one, two, **{one.id: progress})
    batch = ProgressBatch(
        revision=2, progress={one.id: progress, two.id: progress, "gone": progress}
    )
    assert store.apply(batch) == {two.id}


def test_after_a_removal_those_below_move_up() -> None:
    store = filled(*(sample(number) for number in range(5)))
    assert store.apply(Removed(revision=2, ids=(sample(0).id, sample(2).id, "gone"))) == {
        sample(0).id,
        sample(2).id,
    }
    assert [store.position(sample(number).id) for number in (1, 3, 4)] == [1, 2, 3]


def test_totals_sum_what_moves_and_what_is_here() -> None:
    active = sample(1, status=Status.ACTIVE, total_bytes=100)
    done = sample(2, status=Status.COMPLETED, total_bytes=50)
    gone = sample(3, status=Status.CANCELLED, total_bytes=1000)
    store = filled(active, done, gone)
    store.apply(
        ProgressBatch(
            revision=2,
            progress={
                active.id: Progress(bytes_downloaded=25, rate=10.0),
                gone.id: Progress(bytes_downloaded=500, rate=99.0),
            },
        )
    )
    sums = store.sums
    assert (sums.rate, sums.bytes_done, sums.bytes_total, sums.known) == (10, 75, 150, True)
    assert sums.counts == {Status.ACTIVE: 1, Status.COMPLETED: 1, Status.CANCELLED: 1}
    assert sums.unfinished == 1
    store.apply(Added(revision=3, downloads=(sample(4),)))
    assert not store.sums.known


def test_a_count_down_is_on_while_a_retry_waits() -> None:
    waiting = sample(1, wait_reason=WaitReason.RETRY)
    store = filled(waiting)
    assert store.is_counting_down
    store.apply(Changed(revision=2, downloads=(waiting.replace(wait_reason=WaitReason.QUEUED),)))
    assert not store.is_counting_down


@pytest.mark.parametrize("count", [10, 3000])
def test_many_downloads_at_once_are_treated_as_few(count: int) -> None:
    downloads = tuple(sample(number) for number in range(count))
    store = DownloadStore()
    store.apply(Added(revision=1, downloads=downloads[::-1]))
    assert ids(store) == [d.id for d in downloads]
    gone = tuple(d.id for d in downloads[: count // 2])
    assert store.apply(Removed(revision=2, ids=gone)) == set(gone)
    assert ids(store) == [d.id for d in downloads[count // 2 :]]
    assert store.sums.counts == {Status.PENDING: count - count // 2}


class Events:
    """Any history of a small queue."""

    record: ClassVar[st.SearchStrategy[Download]] = st.builds(
        lambda number, order, status, total: sample(
            number, order=float(order), status=status, total_bytes=total
        ),
        st.integers(0, 5),
        st.integers(0, 3),
        st.sampled_from(Status),
        st.none() | st.integers(0, 9),
    )
    records: ClassVar[st.SearchStrategy[tuple[Download, ...]]] = st.lists(
        record, max_size=4, unique_by=lambda download: download.id
    ).map(tuple)
    progress: ClassVar[st.SearchStrategy[dict[str, Progress]]] = st.dictionaries(
        st.integers(0, 5).map(lambda number: sample(number).id),
        st.builds(
            Progress,
            bytes_downloaded=st.integers(0, 9),
            rate=st.none() | st.integers(1, 4).map(float),
        ),
    )
    ids: ClassVar[st.SearchStrategy[tuple[str, ...]]] = progress.map(tuple)
    any: ClassVar[st.SearchStrategy[Event]] = st.one_of(
        st.builds(Snapshot, revision=st.just(0), downloads=records, progress=progress),
        st.builds(Added, revision=st.just(0), downloads=records),
        st.builds(Changed, revision=st.just(0), downloads=records),
        st.builds(Removed, revision=st.just(0), ids=ids),
        st.builds(ProgressBatch, revision=st.just(0), progress=progress),
    )


@given(st.lists(Events.any, max_size=12))
def test_sums_and_order_are_those_of_a_store_that_starts_from_here(history: list[Event]) -> None:
    store = DownloadStore()
    for event in history:
        store.apply(event)
    downloads = tuple(store.download(id_) for id_ in ids(store))
    fresh = filled(*downloads, **{d.id: store.progress(d.id) for d in downloads})
    assert ids(store) == ids(fresh)
    assert store.sums == fresh.sums
    assert store.is_counting_down == fresh.is_counting_down


def test_what_is_not_heard_of_any_more_does_not_move() -> None:
    store = DownloadStore()
    store.apply(
        Snapshot(
            revision=1,
            downloads=(sample(1, status=Status.ACTIVE),),
            progress={sample(1).id: Progress(bytes_downloaded=5, rate=3.0, eta=9.0)},
        )
    )
    assert store.stand_still() == {sample(1).id}
    assert store.progress(sample(1).id) == Progress(bytes_downloaded=5)
    assert store.sums.rate == 0
    assert store.stand_still() == set()


def test_once_the_daemon_was_stopped_nothing_runs() -> None:
    store = DownloadStore()
    running, done = sample(1, status=Status.ACTIVE), sample(2, status=Status.COMPLETED)
    store.apply(Snapshot(revision=1, downloads=(running, done), progress={}))
    assert store.stand_still(stopped=True) == {running.id}
    assert store.download(running.id).status is Status.PENDING
    assert store.sums.counts == {Status.PENDING: 1, Status.COMPLETED: 1}


def test_the_time_left_of_all_is_what_was_said_last_while_anything_runs() -> None:
    running = sample(1, status=Status.ACTIVE)
    store = filled(running)
    assert store.sums.eta is None
    store.apply(ProgressBatch(revision=2, progress={}, eta=90.0))
    assert store.sums.eta == 90.0
    store.apply(Changed(revision=3, downloads=(running.replace(status=Status.PAUSED),)))
    assert store.sums.eta is None
    store.apply(Changed(revision=4, downloads=(running,)))
    store.stand_still()
    assert store.sums.eta is None
