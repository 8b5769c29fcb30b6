"""What every `DownloadService` promises of collections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.domain.collections import (
    CollectionChanges,
    CollectionRequest,
    CollectionState,
    SyncOptions,
)
from core.domain.entries import Entry, Refused, SourceSpec
from core.domain.errors import ErrorCode
from core.domain.events import Added, CollectionsChanged, Snapshot
from core.domain.models import Checksum, Status
from core.domain.value import replace
from tests.contract.asking import raises, statuses

if TYPE_CHECKING:
    from tests.contract.conftest import Harness

SOURCE = SourceSpec(kind="list", address="/lists/files.csv", format="csv")


def a_request(harness: Harness, name: str = "genomes") -> CollectionRequest:
    request = replace(harness.request("x"), url="", paused=True, retries=2)
    return CollectionRequest(name=name, request=request, source=SOURCE)


def entries(harness: Harness, *paths: str) -> list[Entry]:
    return [Entry(url=harness.request(path).url, path=path) for path in paths]


async def a_collection(harness: Harness, *paths: str) -> None:
    await harness.service.collect(a_request(harness), fed=True)
    await harness.service.add_entries("genomes", entries(harness, *paths))


class TestCollect:
    async def test_it_is_there_with_what_was_asked_for(self, harness: Harness) -> None:
        asked = replace(a_request(harness), limit=1000, together=False)
        view = await harness.service.collect(asked, fed=True)
        collection = view.collection
        assert collection.name == "genomes"
        assert collection.directory == asked.request.directory
        assert collection.source == SOURCE
        assert (collection.paused, collection.limit) == (True, 1000)
        assert collection.state is CollectionState.READING
        assert not view.is_whole
        assert (await harness.service.collection("genomes")).collection == collection
        assert [v.collection.name for v in await harness.service.collections()] == ["genomes"]

    async def test_its_entries_become_downloads_of_its_group(self, harness: Harness) -> None:
        await harness.service.collect(a_request(harness), fed=True)
        checksum = Checksum("sha256", "ab" * 32)
        (entry,) = entries(harness, "a.bin")
        entry = replace(entry, path="deep/er/a.bin", checksum=checksum, size=10, priority=3)
        added = await harness.service.add_entries("genomes", [entry])
        (view,) = await harness.service.downloads()
        assert added.new == (view.download.id,)
        request = view.download.request
        assert request.group == "genomes"
        assert request.directory.endswith("/deep/er")
        assert (request.name, request.checksum, request.priority) == ("a.bin", checksum, 3)
        assert request.retries == 2
        assert request.origin is not None
        assert request.origin.size == 10
        assert view.download.status is Status.PAUSED
        found = await harness.service.collection("genomes")
        assert found.collection.state is CollectionState.READY
        assert found.verdicts["pending"] == 1

    async def test_one_that_cannot_be_fetched_stops_no_other(self, harness: Harness) -> None:
        await harness.service.collect(a_request(harness), fed=True)
        good, bad, gopher = entries(harness, "good", "x", "y")
        bad = replace(bad, path="../../etc/passwd", where="line 7")
        gopher = replace(gopher, url="gopher://host.example/1")
        told = Refused(where="line 3", reason="it is no URL")
        await harness.service.add_entries("genomes", [bad, good, gopher], [told])
        view = await harness.service.collection("genomes")
        assert view.collection.refused_count == 3
        assert [refused.where for refused in view.collection.refused][:2] == ["line 3", "line 7"]
        assert view.lacking("missing") == 3
        assert "3 missing" in view.verdict
        assert [v.download.name for v in await harness.service.downloads()] == ["good"]

    async def test_the_same_again_adds_nothing(self, harness: Harness) -> None:
        await a_collection(harness, "a", "b")
        before = [v.download.id for v in await harness.service.downloads()]
        await a_collection(harness, "a", "b", "c")
        after = [v.download.id for v in await harness.service.downloads()]
        assert after[:2] == before
        assert len(after) == 3

    async def test_a_name_of_another_source_refuses(self, harness: Harness) -> None:
        await a_collection(harness, "a")
        other = replace(a_request(harness), source=replace(SOURCE, address="/other"))
        await raises(ErrorCode.NOT_ALLOWED, harness.service.collect(other, fed=True))

    async def test_a_name_has_to_be_one(self, harness: Harness) -> None:
        for name in ("", "a/b", "..", "-x", "a\x1b[2J"):
            await raises(ErrorCode.USAGE, harness.service.collect(a_request(harness, name)))
        assert await harness.service.collections() == []

    async def test_one_that_is_not_there_is_unknown(self, harness: Harness) -> None:
        service = harness.service
        await raises(ErrorCode.UNKNOWN_ID, service.collection("x"))
        await raises(ErrorCode.UNKNOWN_ID, service.add_entries("x", []))
        await raises(ErrorCode.UNKNOWN_ID, service.report("x"))
        await raises(ErrorCode.UNKNOWN_ID, service.sync("x", SyncOptions()))
        await raises(ErrorCode.UNKNOWN_ID, service.change_collection("x", CollectionChanges()))
        await raises(ErrorCode.UNKNOWN_ID, service.remove_collection("x"))


class TestReport:
    async def test_it_has_a_row_for_each_file_by_path(self, harness: Harness) -> None:
        await a_collection(harness, "c", "a", "b")
        page = await harness.service.report("genomes")
        assert [row.path for row in page.rows] == ["a", "b", "c"]
        assert {row.verdict for row in page.rows} == {"pending"}
        assert page.next is None
        assert not page.is_whole

    async def test_it_comes_by_pages(self, harness: Harness) -> None:
        await a_collection(harness, "c", "a", "b")
        await harness.service.add_entries("genomes", [], [Refused(where="line 9", reason="no")])
        first = await harness.service.report("genomes", most=2)
        assert [row.path for row in first.rows] == ["a", "b"]
        last = await harness.service.report("genomes", after=first.next, most=2)
        assert [(row.path, row.verdict) for row in last.rows] == [
            ("c", "pending"),
            ("line 9", "missing"),
        ]
        assert last.rows[-1].url is None
        assert last.next is None


class TestChange:
    async def test_a_pause_holds_for_members_and_those_that_join(self, harness: Harness) -> None:
        request = replace(a_request(harness), request=replace(harness.request("x"), paused=False))
        await harness.service.collect(request, fed=True)
        await harness.service.add_entries("genomes", entries(harness, "a"), more=True)
        paused = await harness.service.change_collection("genomes", CollectionChanges(paused=True))
        assert paused.collection.paused
        await harness.service.add_entries("genomes", entries(harness, "b"))
        assert await statuses(harness) == [Status.PAUSED, Status.PAUSED]
        await harness.service.change_collection("genomes", CollectionChanges(paused=False))
        assert Status.PAUSED not in await statuses(harness)

    async def test_a_priority_holds_for_members(self, harness: Harness) -> None:
        await a_collection(harness, "a")
        changes = CollectionChanges(priority=7, limit=5000)
        view = await harness.service.change_collection("genomes", changes)
        assert (view.collection.priority, view.collection.limit) == (7, 5000)
        (member,) = await harness.service.downloads()
        assert member.download.request.priority == 7
        changes = CollectionChanges(limit=0)
        view = await harness.service.change_collection("genomes", changes)
        assert (view.collection.priority, view.collection.limit) == (7, None)

    async def test_removing_takes_the_members_along(self, harness: Harness) -> None:
        await a_collection(harness, "a", "b")
        (other,) = await harness.service.add([harness.request("other")])
        would = await harness.service.remove_collection("genomes", dry_run=True)
        assert len(would.removed) == 2
        assert len(await harness.service.downloads()) == 3
        removal = await harness.service.remove_collection("genomes")
        assert len(removal.removed) == 2
        assert [v.download.id for v in await harness.service.downloads()] == [other.id]
        assert await harness.service.collections() == []


class TestSync:
    async def test_what_was_named_one_by_one_cannot_be_read_again(self, harness: Harness) -> None:
        request = replace(a_request(harness), source=replace(SOURCE, address="-"))
        await harness.service.collect(request, fed=True)
        await harness.service.add_entries("genomes", entries(harness, "a"))
        await raises(ErrorCode.NOT_ALLOWED, harness.service.sync("genomes", SyncOptions()))


class TestEvents:
    async def test_whoever_follows_hears_of_it(self, harness: Harness) -> None:
        await harness.service.collect(a_request(harness), fed=True)
        async with harness.service.subscribe() as events:
            snapshot = await anext(events)
            assert isinstance(snapshot, Snapshot)
            (told,) = snapshot.collections
            assert (told.name, told.state) == ("genomes", CollectionState.READING)
            await harness.service.add_entries("genomes", entries(harness, "a"))
            heard = [await anext(events)]
            while not isinstance(heard[-1], CollectionsChanged) or (
                heard[-1].collections[0].state is not CollectionState.READY
            ):
                heard.append(await anext(events))
            assert any(isinstance(event, Added) for event in heard)
            await harness.service.remove_collection("genomes")
            while not isinstance(event := await anext(events), CollectionsChanged):
                pass
            assert event.removed == ("genomes",)
