"""Verbs after `:` take a collection for one thing, by its name or because its row is chosen."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from core.domain.collections import CollectionRequest, SyncOptions, SyncPlan
from core.domain.entries import Entry, SourceSpec
from core.domain.models import DownloadRequest, Status
from tests.fakes import FakeService
from tests.tui.control.test_verbs import open_line, say
from tests.tui.samples import app_for, queue, screen_text, until, until_gone
from tui.control.verb_parser import completions
from tui.screens.collection_screen import CollectionScreen

SOURCE = SourceSpec(kind="manifest", address="https://data.test/SHA256SUMS")


class Service(FakeService):
    """A service that notes how it was asked to read sources again."""

    def __init__(self) -> None:
        super().__init__()
        self.syncs: list[SyncOptions] = []

    async def sync(self, name: str, options: SyncOptions) -> SyncPlan:
        self.syncs.append(options)
        return await super().sync(name, options)


async def collected(name: str = "birds", files: int = 2) -> tuple[Service, list[str]]:
    service = Service()
    request = DownloadRequest(url="", directory=f"/data/{name}")
    await service.collect(CollectionRequest(name=name, request=request, source=SOURCE))
    entries = [Entry(url=f"https://data.test/{n}", path=f"m{n}.bin") for n in range(files)]
    added = await service.add_entries(name, entries)
    return service, list(added.ids)


async def is_paused(service: FakeService, name: str = "birds") -> bool:
    return (await service.collection(name)).collection.paused


@pytest.mark.parametrize("words", ["birds", ""])
async def test_pause_and_resume_are_for_all_of_it(words: str) -> None:
    service, _ = await collected()
    await queue(service, "other.iso")
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "birds", "other.iso")
        await say(pilot, f"pause {words}".strip())
        await until(pilot, "paused birds", "4 Paused 2", gone="\n :")
        assert await is_paused(service)
        await say(pilot, f"resume {words}".strip())
        await until(pilot, "resumed birds", "4 Paused 0", gone="\n :")
        assert not await is_paused(service)


async def test_beside_it_others_are_named_as_ever() -> None:
    service, members = await collected()
    (other,) = await queue(service, "other.iso")
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "birds", "other.iso")
        await say(pilot, "pause birds other.iso")
        await until(pilot, "paused birds", "paused 1 download", "4 Paused 3")
        # The filter of its group means the members alone.
        await say(pilot, "resume group:birds")
        await until(pilot, "resumed 2 downloads", "4 Paused 1")
    assert await is_paused(service)
    assert ("resume", tuple(members)) in service.calls
    assert ("pause", (other,)) in service.calls


async def test_its_priority_is_set_and_taken_back() -> None:
    service, members = await collected()
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "birds")
        await say(pilot, "set birds --priority 3 --limit 2M")
        await until(pilot, "changed birds", gone="\n :")
        collection = (await service.collection("birds")).collection
        assert (collection.priority, collection.limit) == (3, 2 * 1024 * 1024)
        await pilot.press("z")
        await until(pilot, "Undone: the priority of birds.")
    assert (await service.collection("birds")).collection.priority == 0
    assert {service.download(id_).request.priority for id_ in members} == {0}


async def test_retry_and_verify_are_for_the_members_that_it_is_for() -> None:
    service, (first, second) = await collected()
    service.change(first, status=Status.COMPLETED)
    service.change(second, status=Status.FAILED)
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "birds", "1 missing")
        await say(pilot, "verify birds")
        await until(pilot, gone="\n :")
        await say(pilot, "retry birds")
        await until(pilot, "retried 1 download", gone="\n :")
    assert ("verify", (first,)) in service.calls
    assert ("retry", (second,)) in service.calls


async def test_show_opens_its_page() -> None:
    service, _ = await collected()
    app = app_for(service)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "birds")
        await say(pilot, "show birds")
        await until(pilot, "Collection birds", "/data/birds")
        assert isinstance(app.screen, CollectionScreen)


async def test_rm_takes_it_off_the_list_as_a_whole() -> None:
    service, _ = await collected()
    await queue(service, "other.iso")
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "birds", "other.iso")
        await say(pilot, "rm birds --dry-run")
        await until(pilot, "This would remove birds with 2 downloads.", "m0.bin")
        await pilot.press("escape")
        await until_gone(pilot, "This would remove")
        await say(pilot, "rm birds")
        await until(pilot, "1 All 1", gone="birds")
        assert not await service.collections()
        await pilot.press("z")
        await until(pilot, "Undone: the removal of birds.", "1 All 3")


async def synced(pilot: Pilot[int], service: Service, line: str, shows: str) -> list[SyncOptions]:
    service.syncs.clear()
    await say(pilot, line)
    await until(pilot, shows)
    return list(service.syncs)


async def test_sync_says_what_it_came_to_and_deletes_only_when_told_twice() -> None:
    service, _ = await collected()
    gone = ("m9.bin",)
    service.plans["birds"] = SyncPlan(new=("m5.bin",), vanished=gone, deleted=gone, unchanged=2)
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "birds")
        told = await synced(pilot, service, "sync birds --dry-run", "1 new:")
        assert told == [SyncOptions(dry_run=True)]
        await pilot.press("escape")
        # Without a name it is for the one under the cursor.
        told = await synced(pilot, service, "sync", "birds: 1 new, 1 vanished")
        assert told == [SyncOptions()]
        told = await synced(pilot, service, "sync birds --delete-extra", "m9.bin")
        assert told == [SyncOptions(dry_run=True, delete_extra=True)]
        await pilot.press("n")
        await until_gone(pilot, "m9.bin")
        await pilot.press("escape")
        assert len(service.syncs) == 1
        await synced(pilot, service, "sync birds --delete-extra", "m9.bin")
        await pilot.press("y")
        await until(pilot, "birds: 1 new, 1 vanished, 1 deleted")
    assert service.syncs[-1] == SyncOptions(delete_extra=True)


async def test_sync_needs_a_collection() -> None:
    service = Service()
    await queue(service, "other.iso")
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "other.iso")
        await say(pilot, "sync")
        await until(pilot, "which collection is to be read again?")
        await pilot.press("escape")
        await say(pilot, "sync nothing")
        await until(pilot, "there is no collection")


def test_names_of_collections_complete() -> None:
    ids = {"b1" * 4: "file.iso"}
    names = ["birds", "big cats", "\x1b]52;b"]
    found = completions("pause b", ids, names)
    assert found == [
        ("birds", "collection"),
        ("'big cats'", "collection"),
        ("b1b1b1b1", "file.iso"),
    ]
    assert ("birds", "collection") not in completions("pause birds b", ids, names)


async def test_a_hostile_name_is_only_a_name() -> None:
    service, _ = await collected("[red]b;$(x)")
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "[red]b;$(x)")
        field = await open_line(pilot)
        field.value = "pause [re"
        field.cursor_position = len(field.value)
        await pilot.press("tab", "enter")
        await until(pilot, "paused [red]b;$(x)", gone="\n :")
        assert "[red]b" in screen_text(pilot.app)
    assert await is_paused(service, "[red]b;$(x)")
