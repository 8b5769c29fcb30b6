"""What every `DownloadService` promises to tell: how things are and were, and what happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from core.domain.errors import UnknownIdError, UsageError
from core.domain.events import Added, Changed, Event, Removed, Snapshot
from core.domain.history import AttemptEnd, History, HistoryQuery, Trend
from core.domain.inspection import Cause
from core.domain.models import Status
from core.domain.origins import Origin, PieceHashes
from core.domain.service import Changes, LimitChanges
from core.domain.totals import Totals
from core.domain.upkeep import Cleanup
from core.domain.value import replace
from core.domain.version import VERSION
from tests.attempts import NOON, a_failure, an_attempt
from tests.contract.asking import add, as_it_stands, raises

if TYPE_CHECKING:
    from tests.contract.conftest import Harness


class TestInspect:
    async def test_one_that_stands_still_has_its_limits_and_nothing_slows_it(
        self,
        harness: Harness,
    ) -> None:
        request = replace(harness.request("a"), limit=500, connections=2)
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


class TestFigures:
    async def test_they_count_what_there_is_and_what_it_takes(self, harness: Harness) -> None:
        await add(harness, "a", "b")
        figures = await harness.service.figures()
        assert figures.counts == (await harness.service.status()).counts
        assert (figures.received, figures.connections, figures.costs) == (0, 0, ())
        assert figures.process.cpu > 0 < figures.process.peak_memory
        assert figures.at >= figures.started_at

    async def test_counters_only_grow(self, harness: Harness) -> None:
        before = await harness.service.figures()
        await add(harness, "a")
        after = await harness.service.figures()
        assert after.syncs.count >= before.syncs.count
        assert all(after.state_writes[kind] >= n for kind, n in before.state_writes.items())


class TestChangesSince:
    async def test_each_that_changed_is_named_once(self, harness: Harness) -> None:
        one, two, three = await add(harness, "a", "b", "c")
        begun = await harness.service.changes_since("another life", 0)
        assert (begun.is_known, begun.changed) == (False, {})
        await harness.service.cancel([two.id])
        await harness.service.set([two.id], Changes(priority=2))
        await harness.service.set([one.id], Changes(priority=1))
        await harness.service.remove([three.id])
        found = await harness.service.changes_since(begun.life, begun.revision)
        assert found.is_known
        assert (list(found.changed), list(found.removed)) == ([two.id, one.id], [three.id])
        assert begun.revision < found.changed[two.id] < found.changed[one.id] <= found.revision
        again = await harness.service.changes_since(found.life, found.changed[two.id])
        assert list(again.changed) == [one.id]
        nothing = await harness.service.changes_since(found.life, found.revision)
        assert (nothing.is_known, nothing.changed, nothing.removed) == (True, {}, {})

    async def test_what_was_told_to_a_watcher_has_the_revision_of_that(
        self, harness: Harness
    ) -> None:
        (one,) = await add(harness, "a")
        async with harness.service.subscribe() as events:
            snapshot = await anext(events)
            await harness.service.cancel([one.id])
            async with asyncio.timeout(20):
                changed = await anext(events)
            life = (await harness.service.changes_since("", 0)).life
            found = await harness.service.changes_since(life, snapshot.revision)
            assert found.changed == {one.id: changed.revision}
            assert not (await harness.service.changes_since(life, changed.revision)).changed

    async def test_a_revision_that_is_still_to_come_is_of_another_life(
        self, harness: Harness
    ) -> None:
        begun = await harness.service.changes_since("", 0)
        found = await harness.service.changes_since(begun.life, begun.revision + 1)
        assert not found.is_known


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


class TestUpkeep:
    async def test_where_nothing_lies_around_nothing_goes(self, harness: Harness) -> None:
        assert await harness.service.clean(dry_run=False) == Cleanup()
        assert (await harness.service.checkup()).leftovers == ()

    async def test_a_dry_run_and_a_checkup_name_what_lies_around_and_leave_it(
        self,
        harness: Harness,
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


class TestLog:
    async def test_its_end_comes_in_lines(self, harness: Harness) -> None:
        assert await harness.service.tail_log(5) == []
        lines = [f"line {number} \N{SNOWMAN}" for number in range(5000)]
        harness.log(lines)
        assert await harness.service.tail_log(3) == lines[-3:]
        assert await harness.service.tail_log(1_000_000) == lines[-2000:]
        await raises(UsageError.code, harness.service.tail_log(0))


class TestMachine:
    async def test_it_says_where_files_go_and_what_is_there(self, harness: Harness) -> None:
        machine = await harness.service.machine()
        assert machine.version == VERSION
        assert Path(machine.directory).is_absolute()
        assert Path(machine.home).is_absolute()
        below = Path(harness.directory) / "below"
        below.mkdir(parents=True)
        view = await harness.service.browse(harness.directory, "be")
        assert view.path == harness.directory
        assert view.directories == ("below",)
        assert view.free is not None
        gone = await harness.service.browse(f"{below}/gone")
        assert (gone.trouble, gone.free) == ("does not exist", None)

    async def test_it_makes_directories_below_a_destination_and_nowhere_else(
        self, harness: Harness
    ) -> None:
        root = Path(harness.directory)
        root.mkdir(parents=True, exist_ok=True)
        wanted = [str(root / "a/b"), str(root / "c")]
        assert await harness.service.make_directories(str(root), wanted) == {}
        assert all(Path(directory).is_dir() for directory in wanted)
        elsewhere = harness.service.make_directories(str(root), [str(root.parent / "d")])
        await raises(UsageError.code, elsewhere)
        assert not (root.parent / "d").exists()


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

    async def test_the_digests_of_pieces_are_told_only_to_who_asks(self, harness: Harness) -> None:
        pieces = PieceHashes(algorithm="sha256", length=1024, hexdigests=("ab" * 32,) * 3)
        asked = replace(harness.request("a"), origin=Origin(size=3000, pieces=pieces))
        async with harness.service.subscribe() as events:
            await anext(events)
            (download,) = await harness.service.add([asked])
            added = await self.follow(events, Added)
            await harness.service.set([download.id], Changes(priority=3))
            changed = await self.follow(events, Changed)
        async with harness.service.subscribe() as events:
            snapshot = await anext(events)
        for event in (added, changed, snapshot):
            assert isinstance(event, Added | Changed | Snapshot)
            assert [told.request.origin for told in event.downloads] == [Origin(size=3000)]
        found = (await harness.service.find(download.id)).download
        assert download.request.origin == found.request.origin == asked.origin

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
