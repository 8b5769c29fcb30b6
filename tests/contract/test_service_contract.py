"""What every `DownloadService` promises, wherever its work is done."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.domain.errors import (
    AmbiguousIdError,
    ConfigError,
    DestinationError,
    ErrorCode,
    UnknownIdError,
    UsageError,
    WinchError,
)
from core.domain.events import Added, Changed, Event, Noticed, Removed, Snapshot
from core.domain.history import AttemptEnd, History, HistoryQuery, Trend
from core.domain.inspection import Cause
from core.domain.models import Checksum, Download, DownloadRecord, Status
from core.domain.service import (
    Changes,
    LimitChanges,
    Limits,
    MoveTo,
    RateSource,
    SettingSource,
)
from core.domain.settings import LimitSettings, NetworkSettings, Settings
from core.domain.totals import Totals
from core.domain.upkeep import Cleanup
from tests.attempts import NOON, a_failure, an_attempt

if TYPE_CHECKING:
    from tests.contract.conftest import Harness

RUNS = (Status.PENDING, Status.ACTIVE)


async def add(harness: Harness, *names: str) -> list[DownloadRecord]:
    return await harness.service.add([harness.request(name) for name in names])


def as_it_stands(download: Download) -> Download:
    """Return a download without its past, of which events need not tell."""
    fields = [field.name for field in dataclasses.fields(Download)]
    return Download(**{name: getattr(download, name) for name in fields})


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


class TestAddNew:
    async def test_portions_come_in_their_order_and_twice_adds_nothing(
        self, harness: Harness
    ) -> None:
        (known,) = await add(harness, "b")
        portions = [["a", "b", "a"], ["c"]]
        new = []
        for portion in portions * 2:
            requests = [harness.request(name) for name in portion]
            new += await harness.service.add_new(requests, more=True)
        assert await harness.service.add_new([]) == []
        views = await harness.service.downloads()
        assert [view.download.name for view in views] == ["b", "a", "c"]
        assert [view.download.id for view in views] == [known.id, *new]
        assert views[0].download == known

    async def test_what_is_not_paused_runs_or_waits(self, harness: Harness) -> None:
        await harness.service.add_new([harness.request("a", paused=False)])
        assert (await statuses(harness))[0] in RUNS

    async def test_one_that_cannot_be_meant_queues_none_of_its_portion(
        self, harness: Harness
    ) -> None:
        await harness.service.add_new([harness.request("a")], more=True)
        bad = dataclasses.replace(harness.request("c"), url="gopher://host.example/1")
        await raises(UsageError.code, harness.service.add_new([harness.request("b"), bad]))
        assert await names(harness) == ["a"]


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

    async def test_whatever_is_not_whole_can_be_started_afresh(self, harness: Harness) -> None:
        paused, cancelled = await add(harness, "a", "b")
        (running,) = await harness.service.add([harness.request("c", paused=False)])
        await harness.service.cancel([cancelled.id])
        ids = [paused.id[:8], cancelled.id, running.id]
        outcome = await harness.service.start_fresh(ids)
        assert outcome.refused == ()
        assert [d.id for d in outcome.changed] == [paused.id, cancelled.id, running.id]
        assert all(d.status in RUNS for d in outcome.changed)
        await raises(UnknownIdError.code, harness.service.start_fresh([paused.id, "zzz"]))

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


class TestRestore:
    async def test_what_was_removed_comes_back_to_its_place(self, harness: Harness) -> None:
        _, two, three, _ = await add(harness, *"abcd")
        await harness.service.cancel([three.id])
        await harness.service.remove([three.id, two.id])
        assert await names(harness) == ["a", "d"]
        async with harness.service.subscribe() as events:
            await anext(events)
            outcome = await harness.service.restore([three.id, two.id[:8]])
            added = await anext(events)
            assert isinstance(added, Added)
        assert [d.id for d in outcome.changed] == [three.id, two.id]
        assert outcome.refused == ()
        assert await names(harness) == ["a", "b", "c", "d"]
        assert await statuses(harness) == [
            Status.PAUSED,
            Status.PAUSED,
            Status.CANCELLED,
            Status.PAUSED,
        ]

    async def test_what_ran_or_waited_waits_again(self, harness: Harness) -> None:
        (one,) = await harness.service.add([harness.request("a", paused=False)])
        await harness.service.remove([one.id])
        (back,) = (await harness.service.restore([one.id])).changed
        assert back.status in RUNS
        assert back.request == one.request

    async def test_without_its_files_it_does_not_come_back(self, harness: Harness) -> None:
        one, two = await add(harness, "a", "b")
        await harness.service.remove([one.id], files=True)
        await harness.service.remove([two.id])
        outcome = await harness.service.restore([one.id, two.id])
        assert [d.id for d in outcome.changed] == [two.id]
        (refusal,) = outcome.refused
        assert (refusal.id, refusal.error.code) == (one.id, ErrorCode.NOT_ALLOWED)

    async def test_only_what_was_removed_can_come_back_and_only_once(
        self, harness: Harness
    ) -> None:
        one, two = await add(harness, "a", "b")
        await harness.service.remove([one.id])
        for _ in range(2):
            outcome = await harness.service.restore([two.id, one.id])
            assert await names(harness) == ["a", "b"]
        assert outcome.changed == ()
        assert [(r.id, r.error.code) for r in outcome.refused] == [
            (id_, UnknownIdError.code) for id_ in (two.id, one.id)
        ]


class TestInspect:
    async def test_one_that_stands_still_has_its_limits_and_nothing_slows_it(
        self, harness: Harness
    ) -> None:
        request = dataclasses.replace(harness.request("a"), limit=500, connections=2)
        (one,) = await harness.service.add([request])
        await harness.service.limit(LimitChanges(rate=9000))
        seen = await harness.service.inspect(one.id[:8])
        assert (seen.id, seen.total, seen.done, seen.claimed) == (one.id, None, (), ())
        assert (seen.connections, seen.answer, seen.slowness) == ((), None, None)
        assert (seen.limits.own, seen.limits.total, seen.limits.connections) == (500, 9000, 2)
        (host,) = seen.limits.hosts
        assert f"//{host.host}" in harness.base_url
        assert (host.connections, host.share, host.refused) == (8, 8, False)

    async def test_one_that_waits_says_for_what(self, harness: Harness) -> None:
        await harness.service.hold(True)
        (one,) = await harness.service.add([harness.request("a", paused=False)])
        slowness = (await harness.service.inspect(one.id)).slowness
        assert slowness is not None
        assert slowness.cause is Cause.HELD
        assert slowness.sentence == "the queue is held"

    async def test_its_past_is_told_the_latest_last(self, harness: Harness) -> None:
        (one,) = await add(harness, "a")
        await harness.service.cancel([one.id])
        past = (await harness.service.inspect(one.id)).timeline
        assert past == (await harness.service.find(one.id)).download.timeline
        assert past[: len(one.timeline)] == one.timeline
        assert len(past) > len(one.timeline) > 0

    async def test_an_unknown_one_cannot_be_looked_at(self, harness: Harness) -> None:
        await raises(UnknownIdError.code, harness.service.inspect("zzz"))


class TestReplaceUrl:
    async def test_the_address_is_another_and_secrets_stay_at_the_old_one(
        self, harness: Harness
    ) -> None:
        request = dataclasses.replace(
            harness.request("a"), headers={"X-Token": "abc"}, cookies="/c.txt", limit=7
        )
        (one,) = await harness.service.add([request])
        (moved,) = (await harness.service.replace_url(one.id, f"{harness.base_url}/b")).changed
        assert moved.request == dataclasses.replace(request, url=f"{harness.base_url}/b")
        assert moved.status is Status.PAUSED
        (moved,) = (
            await harness.service.replace_url(one.id[:8], "http://elsewhere.example/b")
        ).changed
        assert (moved.request.headers, moved.request.cookies) == ({}, None)
        assert (moved.request.url, moved.request.limit) == ("http://elsewhere.example/b", 7)
        assert (await harness.service.find(one.id)).download == moved

    async def test_what_cannot_be_meant_changes_nothing(self, harness: Harness) -> None:
        (one,) = await add(harness, "a")
        await raises(UsageError.code, harness.service.replace_url(one.id, "gopher://host/1"))
        await raises(UnknownIdError.code, harness.service.replace_url("zzz", "http://h/1"))
        assert (await harness.service.find(one.id)).download == one


class TestVerify:
    async def test_what_is_not_whole_refuses(self, harness: Harness) -> None:
        (one,) = await add(harness, "a")
        outcome = await harness.service.verify([one.id])
        assert outcome.changed == ()
        (refusal,) = outcome.refused
        assert (refusal.id, refusal.error.code) == (one.id, ErrorCode.NOT_ALLOWED)
        await raises(UnknownIdError.code, harness.service.verify([one.id, "zzz"]))


class TestLog:
    async def test_its_end_comes_in_lines(self, harness: Harness) -> None:
        assert await harness.service.tail_log(5) == []
        lines = [f"line {number} \N{SNOWMAN}" for number in range(5000)]
        harness.log(lines)
        assert await harness.service.tail_log(3) == lines[-3:]
        assert await harness.service.tail_log(1_000_000) == lines[-2000:]
        await raises(UsageError.code, harness.service.tail_log(0))


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


class TestExpedite:
    async def test_those_somebody_waits_for_are_taken_as_they_are(self, harness: Harness) -> None:
        one, _ = await add(harness, "a", "b")
        await harness.service.expedite([one.id])
        assert await statuses(harness) == [Status.PAUSED, Status.PAUSED]
        await raises(UnknownIdError.code, harness.service.expedite([one.id, "zzz"]))


class TestHold:
    async def test_a_held_queue_tells_so_and_starts_nothing(self, harness: Harness) -> None:
        service = harness.service
        async with service.subscribe() as events:
            first = await anext(events)
            assert isinstance(first, Snapshot)
            assert not first.paused
            await service.hold(True)
            told = await anext(events)
            assert isinstance(told, Noticed)
            assert told.paused
        assert (await service.status()).paused
        (one,) = await service.add([harness.request("a", paused=False)])
        (two,) = await add(harness, "b")
        await service.resume([two.id])
        for id_ in (one.id, two.id):
            assert (await service.find(id_)).download.status is Status.PENDING
        async with service.subscribe() as events:
            snapshot = await anext(events)
            assert isinstance(snapshot, Snapshot)
            assert snapshot.paused
        await service.hold(False)
        assert not (await service.status()).paused

    async def test_what_waits_in_it_cannot_be_started_now(self, harness: Harness) -> None:
        (one,) = await add(harness, "a")
        await harness.service.hold(True)
        await raises(ErrorCode.NOT_ALLOWED, harness.service.start_now([one.id]))
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
                    (told,) = event.downloads
                    assert as_it_stands(told) == as_it_stands(changed)
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

    async def test_whoever_watches_hears_of_the_rate_in_force(self, harness: Harness) -> None:
        service = harness.service
        async with service.subscribe() as events:
            first = await anext(events)
            assert isinstance(first, Snapshot)
            assert first.limit is None
            await service.limit(LimitChanges(rate=5000))
            told = await anext(events)
            assert isinstance(told, Noticed)
            assert told.limit == 5000
            # Only a change is news.
            await service.limit(LimitChanges(rate=5000, active=3))
            await service.limit(LimitChanges(rate=0))
            told = await anext(events)
            assert isinstance(told, Noticed)
            assert told.limit is None
            await service.limit(LimitChanges(rate=7000))
        async with service.subscribe() as events:
            snapshot = await anext(events)
            assert isinstance(snapshot, Snapshot)
            assert snapshot.limit == 7000

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

    async def test_the_totals_are_of_all_that_is_wanted(self, harness: Harness) -> None:
        _, two, _ = await add(harness, "a", "b", "c")
        await harness.service.cancel([two.id])
        totals = (await harness.service.status()).totals
        assert totals == Totals(files=2, unsized=2)


class TestHistory:
    async def test_it_begins_empty(self, harness: Harness) -> None:
        assert await harness.service.history(HistoryQuery()) == History()
        assert await harness.service.clear_history() == 0

    async def test_attempts_come_whole_and_the_newest_first(self, harness: Harness) -> None:
        attempts = [
            an_attempt(1, group="set", verdict="verified", retries=2),
            a_failure(2, total_bytes=None),
        ]
        for attempt in attempts:
            harness.remember(attempt)
        found = await harness.service.history(HistoryQuery(limit=None))
        assert found == History(entries=tuple(reversed(attempts)))
        found = await harness.service.history(HistoryQuery(limit=1))
        assert found.entries == (attempts[1],)

    async def test_a_query_narrows_it(self, harness: Harness) -> None:
        harness.remember(an_attempt(1, name="Disk.ISO", started_at=NOON - timedelta(days=2)))
        harness.remember(a_failure(2, host="disk.example"))
        harness.remember(an_attempt(3, end=AttemptEnd.STOPPED))

        async def numbers(query: HistoryQuery) -> list[int]:
            return [entry.number for entry in (await harness.service.history(query)).entries]

        assert await numbers(HistoryQuery(text="DISK")) == [2, 1]
        assert await numbers(HistoryQuery(since=NOON - timedelta(days=1))) == [3, 2]
        assert await numbers(HistoryQuery(failed=True)) == [2]
        assert await numbers(HistoryQuery(text="disk", limit=1)) == [2]
        assert await numbers(HistoryQuery(text="none")) == []

    async def test_what_was_forgotten_is_gone_and_counted(self, harness: Harness) -> None:
        for number in (1, 2, 3):
            harness.remember(an_attempt(number))
        assert await harness.service.clear_history() == 3
        assert await harness.service.history(HistoryQuery()) == History()
        assert (await harness.service.statistics(7)).attempts == 0


class TestUpkeep:
    async def test_where_nothing_lies_around_nothing_goes(self, harness: Harness) -> None:
        assert await harness.service.clean(dry_run=False) == Cleanup()
        assert (await harness.service.checkup()).leftovers == ()

    async def test_a_dry_run_and_a_checkup_name_what_lies_around_and_leave_it(
        self, harness: Harness
    ) -> None:
        leftovers = tuple(await harness.litter())
        assert await harness.service.clean(dry_run=True) == Cleanup(removed=leftovers)
        assert (await harness.service.checkup()).leftovers == leftovers
        assert all(Path(leftover.path).exists() for leftover in leftovers)

    async def test_a_cleaning_names_what_it_removed(self, harness: Harness) -> None:
        leftovers = tuple(await harness.litter())
        assert await harness.service.clean(dry_run=False) == Cleanup(removed=leftovers)
        assert not any(Path(leftover.path).exists() for leftover in leftovers)
        assert await harness.service.clean(dry_run=False) == Cleanup()


class TestStatistics:
    async def test_they_are_of_the_last_days(self, harness: Harness) -> None:
        now = datetime.now(UTC)
        harness.remember(an_attempt(1, ended_at=now - timedelta(days=40)))
        harness.remember(an_attempt(2, ended_at=now))
        harness.remember(a_failure(3, ended_at=now))
        found = await harness.service.statistics(7)
        assert (found.days, found.attempts, found.completed, found.failed) == (7, 2, 1, 1)
        assert found.success_rate == Trend(now=0.5, before=None)
        assert len(found.daily) == 7
        assert sum(found.hours) == found.total_bytes.now == 1000
        assert [entry.number for entry in found.recent] == [3, 2]

    async def test_a_period_has_a_day_at_least(self, harness: Harness) -> None:
        await raises(UsageError.code, harness.service.statistics(0))
        assert (await harness.service.statistics(1)).days == 1


class TestReload:
    async def test_other_settings_hold_and_what_a_person_limited_goes_before(
        self, harness: Harness
    ) -> None:
        limits = LimitSettings(active=7, connections=3)
        harness.configure(lambda: Settings(limits=limits))
        await harness.service.limit(LimitChanges(connections=5))
        assert await harness.service.reload() == []
        in_force = await harness.service.limit(LimitChanges())
        assert (in_force.active, in_force.connections) == (7, 5)

    async def test_what_holds_only_from_the_next_start_is_named_until_then(
        self, harness: Harness
    ) -> None:
        harness.configure(lambda: Settings(network=NetworkSettings(read_timeout=5.0)))
        for _ in range(2):
            assert await harness.service.reload() == ["network.read_timeout"]

    async def test_who_has_the_last_word_on_a_setting_is_told(self, harness: Harness) -> None:
        await harness.service.limit(LimitChanges(active=2, rate=300 * 1024))
        held = {each.name: each for each in await harness.service.settings_in_force()}
        assert held["limits.active"].value == "2"
        assert held["limits.active"].source is SettingSource.COMMAND
        assert held["limits.rate"].value == "300k"
        assert held["limits.connections"].source is SettingSource.SETTINGS

    async def test_settings_that_cannot_be_read_change_nothing(self, harness: Harness) -> None:
        def broken() -> Settings:
            raise ConfigError("config.toml is not valid TOML")

        harness.configure(broken)
        before = await harness.service.limit(LimitChanges())
        await raises(ErrorCode.CONFIG, harness.service.reload())
        assert await harness.service.limit(LimitChanges()) == before


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
            (told,) = snapshot.downloads
            assert as_it_stands(told) == as_it_stands(download)

    async def test_what_is_asked_for_is_told(self, harness: Harness) -> None:
        async with harness.service.subscribe() as events:
            await anext(events)
            (download,) = await add(harness, "a")
            added = await self.follow(events, Added)
            assert isinstance(added, Added)
            (told,) = added.downloads
            assert as_it_stands(told) == as_it_stands(download)
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
