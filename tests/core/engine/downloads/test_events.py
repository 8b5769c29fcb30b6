"""Watchers see every event in order, and one that falls behind gets a fresh picture."""

from __future__ import annotations

import asyncio

from core.domain.events import Changed, Noticed, ProgressBatch, Removed, Snapshot
from core.domain.models import Download, Progress
from core.domain.service import Changes
from core.domain.value import replace
from core.engine.downloads.events import BACKLOG, FEW, EventBus, GatheredChanges
from tests.core.adapters.records import a_download
from tests.core.engine.conftest import Workspace


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


def changed(number: int, name: str) -> Download:
    return a_download(f"{number:016x}", name=name)


async def test_a_few_that_change_are_told_as_they_do() -> None:
    told: list[tuple[str, ...]] = []
    changes = GatheredChanges(lambda those: told.append(tuple(d.name for d in those)))
    for turn in range(3):
        for number in range(FEW):
            changes.add(changed(number, f"{number}.{turn}"))
    assert told == [(f"{number}.{turn}",) for turn in range(3) for number in range(FEW)]


async def test_of_very_many_each_is_told_once_as_it_is_by_then() -> None:
    told: list[tuple[Download, ...]] = []
    some = asyncio.Event()

    def tell(those: tuple[Download, ...]) -> None:
        told.append(those)
        if len(those) > 1:
            some.set()

    changes = GatheredChanges(tell)
    for turn in "first", "second", "last":
        for number in range(1000):
            changes.add(changed(number, turn))
    await some.wait()
    assert len(told) == FEW + 1
    assert len(told[-1]) == 1000
    assert {download.name for download in told[-1]} == {"last"}


async def test_what_was_gathered_is_told_before_what_comes_after_it() -> None:
    told: list[int] = []
    changes = GatheredChanges(lambda those: told.append(len(those)))
    for number in range(FEW + 5):
        changes.add(changed(number, "a"))
    changes.flush()
    changes.flush()
    assert told == [1] * FEW + [5]


async def test_what_was_gathered_can_be_forgotten() -> None:
    told: list[int] = []
    changes = GatheredChanges(lambda those: told.append(len(those)))
    for number in range(FEW + 5):
        changes.add(changed(number, "a"))
    changes.forget()
    changes.flush()
    assert told == [1] * FEW


async def test_nothing_that_is_so_no_more_comes_after_a_snapshot(workspace: Workspace) -> None:
    engine = await workspace.engine()
    many = [workspace.request(f"http://127.0.0.1:9/{number}") for number in range(FEW + 5)]
    ids = [d.id for d in await engine.add([replace(each, paused=True) for each in many])]
    async with engine.subscribe() as events:
        await anext(events)
        await engine.set(ids, Changes(priority=1))
    await engine.set(ids, Changes(priority=2))
    async with engine.subscribe() as events:
        snapshot = await anext(events)
        assert isinstance(snapshot, Snapshot)
        assert {download.request.priority for download in snapshot.downloads} == {2}
        await engine.hold(True)
        assert isinstance(await anext(events), Noticed)
