"""What every `DownloadService` promises, wherever its work is done."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from core.domain.errors import (
    AmbiguousIdError,
    DestinationError,
    ErrorCode,
    UnknownIdError,
    UsageError,
    WinchError,
)
from core.domain.events import Added, Changed, Event, Removed, Snapshot
from core.domain.models import Checksum, Download, Status
from core.domain.service import Changes, LimitChanges, Limits, MoveTo, RateSource

if TYPE_CHECKING:
    from tests.contract.conftest import Harness

RUNS = (Status.PENDING, Status.ACTIVE)


async def add(harness: Harness, *names: str) -> list[Download]:
    return await harness.service.add([harness.request(name) for name in names])


async def names(harness: Harness) -> list[str]:
    return [view.download.name for view in await harness.service.downloads()]


async def statuses(harness: Harness) -> list[Status]:
    return [view.download.status for view in await harness.service.downloads()]


async def raises(code: ErrorCode, call: object) -> WinchError:
    # Over the socket an error keeps its code, not its class.
    with pytest.raises(WinchError) as caught:
        await call  # type: ignore[misc]
    assert caught.value.code is code
    assert caught.value.message
    return caught.value


class TestAdd:
    async def test_what_was_asked_for_is_kept_whole(self, harness: Harness) -> None:
        request = dataclasses.replace(
            harness.request("file"),
            name="other name \N{SNOWMAN}.bin",
            checksum=Checksum("sha256", "ab" * 32),
            retries=3,
            headers={"X-Token": "abc"},
            priority=-2,
            group="set",
        )
        (download,) = await harness.service.add([request])
        assert download.request == request
        assert download.name == request.name
        assert download.status is Status.PAUSED
        assert (await harness.service.find(download.id)).download == download

    async def test_what_is_not_paused_runs_or_waits(self, harness: Harness) -> None:
        (download,) = await harness.service.add([harness.request("file", paused=False)])
        assert download.status in RUNS

    async def test_the_queue_keeps_the_order_of_asking(self, harness: Harness) -> None:
        await add(harness, "a", "b")
        await add(harness, "c")
        assert await names(harness) == ["a", "b", "c"]
        positions = [view.position for view in await harness.service.downloads()]
        assert positions == [1, 2, 3]

    async def test_a_higher_priority_goes_first(self, harness: Harness) -> None:
        await add(harness, "a")
        await harness.service.add([dataclasses.replace(harness.request("b"), priority=1)])
        assert await names(harness) == ["b", "a"]

    async def test_the_same_again_is_the_same_download(self, harness: Harness) -> None:
        (first,) = await add(harness, "a")
        again, other = await add(harness, "a", "b")
        assert again.id == first.id
        assert other.id != first.id
        assert len(await harness.service.downloads()) == 2

    async def test_the_same_twice_in_one_request_is_one(self, harness: Harness) -> None:
        first, second = await add(harness, "a", "a")
        assert first.id == second.id

    async def test_asking_again_continues_it(self, harness: Harness) -> None:
        (first,) = await add(harness, "a")
        (again,) = await harness.service.add([harness.request("a", paused=False)])
        assert again.id == first.id
        assert again.status in RUNS

    async def test_one_that_cannot_be_meant_queues_none(self, harness: Harness) -> None:
        bad = dataclasses.replace(harness.request("b"), url="gopher://host.example/1")
        await raises(UsageError.code, harness.service.add([harness.request("a"), bad]))
        relative = dataclasses.replace(harness.request("b"), directory="somewhere")
        await raises(DestinationError.code, harness.service.add([harness.request("a"), relative]))
        assert await harness.service.downloads() == []


class TestIds:
    async def test_a_unique_prefix_is_enough(self, harness: Harness) -> None:
        (download,) = await add(harness, "a")
        assert (await harness.service.find(download.id[:8])).download.id == download.id
        outcome = await harness.service.cancel([download.id[:8]])
        assert [d.id for d in outcome.changed] == [download.id]

    async def test_an_unknown_one_stops_the_request_before_anything_changed(
        self, harness: Harness
    ) -> None:
        (download,) = await add(harness, "a")
        ids = [download.id, "zzz"]
        service = harness.service
        for call in (service.cancel(ids), service.remove(ids), service.move(ids, MoveTo.TOP)):
            error = await raises(UnknownIdError.code, call)
            assert "zzz" in error.message
        assert await statuses(harness) == [Status.PAUSED]

    async def test_an_empty_one_names_nothing(self, harness: Harness) -> None:
        await add(harness, "a")
        await raises(UnknownIdError.code, harness.service.find(""))

    async def test_a_prefix_of_several_is_refused(self, harness: Harness) -> None:
        downloads = await add(harness, *(str(number) for number in range(17)))
        first = [download.id[0] for download in downloads]
        shared = next(letter for letter in first if first.count(letter) > 1)
        await raises(AmbiguousIdError.code, harness.service.cancel([shared]))
        assert set(await statuses(harness)) == {Status.PAUSED}


class TestActions:
    async def test_pause_and_resume(self, harness: Harness) -> None:
        (download,) = await harness.service.add([harness.request("a", paused=False)])
        outcome = await harness.service.pause([download.id])
        assert [d.status for d in outcome.changed] == [Status.PAUSED]
        assert outcome.refused == ()
        outcome = await harness.service.resume([download.id])
        assert outcome.changed[0].status in RUNS

    async def test_what_is_so_already_is_granted(self, harness: Harness) -> None:
        (download,) = await add(harness, "a")
        outcome = await harness.service.pause([download.id])
        assert [d.status for d in outcome.changed] == [Status.PAUSED]
        assert outcome.refused == ()

    async def test_cancel_and_retry(self, harness: Harness) -> None:
        (download,) = await add(harness, "a")
        outcome = await harness.service.cancel([download.id])
        assert [d.status for d in outcome.changed] == [Status.CANCELLED]
        outcome = await harness.service.retry([download.id])
        assert outcome.changed[0].status in RUNS

    async def test_one_that_refuses_does_not_keep_the_others(self, harness: Harness) -> None:
        one, two = await add(harness, "a", "b")
        await harness.service.cancel([two.id])
        outcome = await harness.service.retry([one.id, two.id])
        assert [d.id for d in outcome.changed] == [two.id]
        (refusal,) = outcome.refused
        assert refusal.id == one.id
        assert refusal.error.code is ErrorCode.NOT_ALLOWED
        assert refusal.error.hint

    async def test_all_means_those_that_admit_it(self, harness: Harness) -> None:
        one, two = await add(harness, "a", "b")
        await harness.service.cancel([two.id])
        outcome = await harness.service.resume(None)
        assert [d.id for d in outcome.changed] == [one.id]
        outcome = await harness.service.pause(None)
        assert [d.id for d in outcome.changed] == [one.id]
        assert (await harness.service.retry(None)).changed == ()
        assert await statuses(harness) == [Status.PAUSED, Status.CANCELLED]

    async def test_none_is_not_all(self, harness: Harness) -> None:
        await add(harness, "a")
        assert (await harness.service.cancel([])).changed == ()
        assert (await harness.service.remove([])).removed == ()
        assert await statuses(harness) == [Status.PAUSED]


class TestRemove:
    async def test_it_is_gone_from_the_list(self, harness: Harness) -> None:
        one, _ = await add(harness, "a", "b")
        removal = await harness.service.remove([one.id])
        assert [d.id for d in removal.removed] == [one.id]
        assert removal.deleted_files == ()
        assert await names(harness) == ["b"]
        await raises(UnknownIdError.code, harness.service.find(one.id))

    async def test_what_runs_can_be_removed_too(self, harness: Harness) -> None:
        (download,) = await harness.service.add([harness.request("a", paused=False)])
        await harness.service.remove([download.id], files=True)
        assert await harness.service.downloads() == []

    async def test_all_of_it(self, harness: Harness) -> None:
        await add(harness, "a", "b")
        assert len((await harness.service.remove(None)).removed) == 2
        assert await harness.service.downloads() == []


class TestMove:
    @pytest.mark.parametrize(
        ("to", "expected"),
        [
            (MoveTo.TOP, "bcad"),
            (MoveTo.BOTTOM, "adbc"),
            (MoveTo.UP, "bcad"),
            (MoveTo.DOWN, "adbc"),
            (1, "bcad"),
            (2, "abcd"),
            (99, "adbc"),
        ],
    )
    async def test_several_move_and_keep_their_order(
        self, harness: Harness, to: MoveTo | int, expected: str
    ) -> None:
        _, two, three, _ = await add(harness, *"abcd")
        outcome = await harness.service.move([three.id, two.id], to)
        assert {d.id for d in outcome.changed} == {two.id, three.id}
        assert "".join(await names(harness)) == expected

    async def test_there_is_no_position_before_the_first(self, harness: Harness) -> None:
        (one,) = await add(harness, "a")
        await raises(UsageError.code, harness.service.move([one.id], 0))


class TestStartNow:
    async def test_what_stands_still_or_waits_runs_or_is_about_to(self, harness: Harness) -> None:
        one, two, three = await add(harness, "a", "b", "c")
        await harness.service.cancel([two.id])
        await harness.service.resume([three.id])
        outcome = await harness.service.start_now([one.id, two.id, three.id])
        assert [d.id for d in outcome.changed] == [one.id, two.id, three.id]
        assert {d.status for d in outcome.changed} <= set(RUNS)

    async def test_an_unknown_one_starts_none(self, harness: Harness) -> None:
        (one,) = await add(harness, "a")
        await raises(UnknownIdError.code, harness.service.start_now([one.id, "zzz"]))
        assert await statuses(harness) == [Status.PAUSED]


class TestSet:
    async def test_what_is_named_changes_and_the_rest_stays(self, harness: Harness) -> None:
        (one,) = await add(harness, "a")
        await harness.service.set([one.id], Changes(limit=500, connections=2, group="g"))
        outcome = await harness.service.set([one.id[:8]], Changes(priority=3))
        (changed,) = outcome.changed
        assert changed.request == dataclasses.replace(
            one.request, limit=500, connections=2, group="g", priority=3
        )
        assert (await harness.service.find(one.id)).download == changed

    async def test_nothing_takes_a_wish_back(self, harness: Harness) -> None:
        (one,) = await add(harness, "a")
        await harness.service.set([one.id], Changes(limit=500, connections=2, group="g"))
        outcome = await harness.service.set([one.id], Changes(limit=0, connections=0, group=""))
        assert outcome.changed[0].request == one.request

    async def test_a_priority_changes_the_order(self, harness: Harness) -> None:
        _, two = await add(harness, "a", "b")
        await harness.service.set([two.id], Changes(priority=1))
        assert await names(harness) == ["b", "a"]

    async def test_what_cannot_be_meant_changes_nothing(self, harness: Harness) -> None:
        one, two = await add(harness, "a", "b")
        for changes in (Changes(connections=33), Changes(limit=-1), Changes(connections=-1)):
            await raises(UsageError.code, harness.service.set([one.id, two.id], changes))
        await raises(UnknownIdError.code, harness.service.set([one.id, "zzz"], Changes(priority=1)))
        views = await harness.service.downloads()
        assert [view.download.request for view in views] == [one.request, two.request]

    async def test_everybody_hears_of_it(self, harness: Harness) -> None:
        (one,) = await add(harness, "a")
        async with harness.service.subscribe() as events:
            await anext(events)
            (changed,) = (await harness.service.set([one.id], Changes(limit=7))).changed
            async for event in events:
                if isinstance(event, Changed):
                    assert event.downloads == (changed,)
                    break


class TestLimit:
    async def test_without_a_change_it_tells_what_holds(self, harness: Harness) -> None:
        limits = await harness.service.limit(LimitChanges())
        assert limits == Limits(
            rate=None,
            rate_source=RateSource.SETTINGS,
            active=4,
            connections=8,
            connections_per_host=8,
        )

    async def test_what_is_named_changes_and_the_rest_stays(self, harness: Harness) -> None:
        await harness.service.limit(LimitChanges(rate=5000))
        limits = await harness.service.limit(LimitChanges(active=9, connections_per_host=3))
        assert (limits.rate, limits.rate_source) == (5000, RateSource.COMMAND)
        assert (limits.active, limits.connections, limits.connections_per_host) == (9, 8, 3)
        assert await harness.service.limit(LimitChanges()) == limits

    async def test_no_limit_is_a_decision_and_a_reset_is_none(self, harness: Harness) -> None:
        await harness.service.limit(LimitChanges(rate=5000, active=9))
        limits = await harness.service.limit(LimitChanges(rate=0))
        assert (limits.rate, limits.rate_source) == (None, RateSource.COMMAND)
        limits = await harness.service.limit(LimitChanges(connections=2, reset=True))
        assert (limits.rate_source, limits.active) == (RateSource.SETTINGS, 4)
        assert limits.connections == 2

    async def test_what_cannot_be_meant_changes_nothing(self, harness: Harness) -> None:
        before = await harness.service.limit(LimitChanges())
        for changes in (
            LimitChanges(rate=-1),
            LimitChanges(rate=5, active=0),
            LimitChanges(rate=5, connections=33),
            LimitChanges(connections_per_host=0, reset=True),
        ):
            await raises(UsageError.code, harness.service.limit(changes))
        assert await harness.service.limit(LimitChanges()) == before


class TestStatus:
    async def test_it_counts_the_downloads(self, harness: Harness) -> None:
        one, _, _ = await add(harness, "a", "b", "c")
        await harness.service.cancel([one.id])
        status = await harness.service.status()
        assert status.counts == {
            "pending": 0,
            "active": 0,
            "paused": 2,
            "completed": 0,
            "failed": 0,
            "cancelled": 1,
        }
        assert status.started_at.tzinfo is not None
        assert status.pid > 0


class TestEvents:
    async def follow(self, events: AsyncIterator[Event], kind: type[Event]) -> Event:
        async for event in events:
            if isinstance(event, kind):
                return event
        raise AssertionError("the events ended")

    async def test_a_snapshot_of_everything_comes_first(self, harness: Harness) -> None:
        (download,) = await add(harness, "a")
        async with harness.service.subscribe() as events:
            snapshot = await anext(events)
            assert isinstance(snapshot, Snapshot)
            assert snapshot.downloads == (download,)

    async def test_what_is_asked_for_is_told(self, harness: Harness) -> None:
        async with harness.service.subscribe() as events:
            await anext(events)
            (download,) = await add(harness, "a")
            added = await self.follow(events, Added)
            assert isinstance(added, Added)
            assert added.downloads == (download,)
            await harness.service.cancel([download.id])
            changed = await self.follow(events, Changed)
            assert isinstance(changed, Changed)
            assert changed.downloads[0].status is Status.CANCELLED
            await harness.service.remove([download.id])
            removed = await self.follow(events, Removed)
            assert isinstance(removed, Removed)
            assert removed.ids == (download.id,)

    async def test_revisions_only_grow_and_everybody_hears_the_same(self, harness: Harness) -> None:
        async with harness.service.subscribe() as one, harness.service.subscribe() as other:
            snapshots = [await anext(one), await anext(other)]
            (download,) = await add(harness, "a")
            await harness.service.cancel([download.id])
            await harness.service.remove([download.id])
            heard = []
            for snapshot, events in zip(snapshots, (one, other), strict=True):
                revisions = [snapshot.revision]
                async for event in events:
                    revisions.append(event.revision)
                    if isinstance(event, Removed):
                        break
                assert revisions == sorted(set(revisions))
                heard.append(revisions)
        assert heard[0] == heard[1]

    async def test_they_end_when_the_service_does(self, harness: Harness) -> None:
        async with harness.service.subscribe() as events:
            await anext(events)
            await harness.service.shutdown()
            await harness.stop()
            assert [event async for event in events] == []
