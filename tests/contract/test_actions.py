"""What every `DownloadService` promises of what it is told to do with downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.domain.errors import ConfigError, ErrorCode, UnknownIdError, UsageError
from core.domain.events import Changed, Noticed, Snapshot
from core.domain.models import Status
from core.domain.service import Changes, LimitChanges, Limits, RateSource, SettingSource
from core.domain.settings import LimitSettings, NetworkSettings, Settings
from core.domain.value import replace
from tests.contract.asking import RUNS, add, as_it_stands, names, raises, statuses

if TYPE_CHECKING:
    from tests.contract.conftest import Harness


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
        assert changed.request == replace(
            one.request,
            limit=500,
            connections=2,
            group="g",
            priority=3,
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


class TestReplaceUrl:
    async def test_the_address_is_another_and_secrets_stay_at_the_old_one(
        self,
        harness: Harness,
    ) -> None:
        request = replace(
            harness.request("a"),
            headers={"X-Token": "abc"},
            cookies="/c.txt",
            limit=7,
        )
        (one,) = await harness.service.add([request])
        (moved,) = (await harness.service.replace_url(one.id, f"{harness.base_url}/b")).changed
        assert moved.request == replace(request, url=f"{harness.base_url}/b")
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


class TestReload:
    async def test_other_settings_hold_and_what_a_person_limited_goes_before(
        self,
        harness: Harness,
    ) -> None:
        limits = LimitSettings(active=7, connections=3)
        harness.configure(lambda: Settings(limits=limits))
        await harness.service.limit(LimitChanges(connections=5))
        assert await harness.service.reload() == []
        in_force = await harness.service.limit(LimitChanges())
        assert (in_force.active, in_force.connections) == (7, 5)

    async def test_what_holds_only_from_the_next_start_is_named_until_then(
        self,
        harness: Harness,
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
