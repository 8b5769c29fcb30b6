"""Watchers see every event in order, and one that falls behind gets a fresh picture."""

from __future__ import annotations

from core.domain.events import Changed, ProgressBatch, Removed, Snapshot
from core.domain.models import Progress
from core.engine.downloads.events import BACKLOG, EventBus


def bus() -> EventBus:
    return EventBus(lambda: Snapshot(revision=99, downloads=(), progress={}))


async def test_a_subscription_begins_with_a_snapshot() -> None:
    async with bus().subscribe() as events:
        assert isinstance(await anext(events), Snapshot)


async def test_events_come_in_order() -> None:
    source = bus()
    async with source.subscribe() as events:
        await anext(events)
        for revision in (1, 2):
            source.publish(Removed(revision=revision, ids=()))
        assert [(await anext(events)).revision for _ in range(2)] == [1, 2]


async def test_progress_that_was_not_read_yet_is_merged() -> None:
    source = bus()
    async with source.subscribe() as events:
        await anext(events)
        for count in (1, 2):
            moved = {"a": Progress(bytes_downloaded=count), f"b{count}": Progress()}
            source.publish(ProgressBatch(revision=count, progress=moved))
        event = await anext(events)
        assert isinstance(event, ProgressBatch)
        assert event.revision == 2
        assert event.progress["a"].bytes_downloaded == 2
        assert set(event.progress) == {"a", "b1", "b2"}


async def test_progress_does_not_overtake_a_change() -> None:
    source = bus()
    async with source.subscribe() as events:
        await anext(events)
        source.publish(ProgressBatch(revision=1, progress={}))
        source.publish(Changed(revision=2, downloads=()))
        source.publish(ProgressBatch(revision=3, progress={}))
        assert [(await anext(events)).revision for _ in range(3)] == [1, 2, 3]


async def test_who_falls_behind_gets_one_snapshot_instead_of_the_backlog() -> None:
    source = bus()
    async with source.subscribe() as events:
        await anext(events)
        for revision in range(BACKLOG + 1):
            source.publish(Removed(revision=revision, ids=()))
        source.publish(Removed(revision=100, ids=()))
        assert isinstance(await anext(events), Snapshot)
        source.publish(Removed(revision=101, ids=()))
        assert (await anext(events)).revision == 101


async def test_the_end_comes_after_what_was_published() -> None:
    source = bus()
    async with source.subscribe() as events:
        await anext(events)
        source.publish(Removed(revision=1, ids=()))
        source.close()
        assert [event.revision async for event in events] == [1]


async def test_only_watchers_cost_anything() -> None:
    source = bus()
    assert not source.has_subscribers
    async with source.subscribe():
        assert source.has_subscribers
    assert not source.has_subscribers
