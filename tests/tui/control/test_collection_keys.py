"""Keys on the row of a collection are for all of it: what they ask, and how it is taken back."""

from __future__ import annotations

import asyncio

import pytest
from textual.pilot import Pilot

from core.domain.collections import CollectionChanges, CollectionRequest
from core.domain.entries import Entry, Refused
from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.models import DownloadRequest, Status
from core.domain.value import replace
from tests.fakes import FakeService
from tests.tui.samples import app_for, queue, until, until_gone

DAMAGED = ErrorInfo(code=ErrorCode.CHECKSUM, message="another sha256 than it must have")


class Service(FakeService):
    """A service that notes what is changed of collections."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[CollectionChanges] = []

    async def change_collection(self, name: str, changes: CollectionChanges):  # type: ignore[no-untyped-def]
        self.changes.append(changes)
        return await super().change_collection(name, changes)


async def collected(files: int, *, others: int = 0) -> tuple[Service, list[str], list[str]]:
    """Return a service with a collection and with others behind it, and the ids of both."""
    service = Service()
    request = DownloadRequest(url="", directory="/data/set")
    await service.collect(CollectionRequest(name="set", request=request))
    entries = [Entry(url=f"https://data.test/{n}", path=f"m{n}.bin") for n in range(files)]
    added = await service.add_entries("set", entries)
    ids = await queue(service, *(f"other-{n}.iso" for n in range(others)))
    return service, list(added.ids), ids


async def heard(pilot: Pilot[int], service: Service, count: int) -> list[CollectionChanges]:
    """Wait until so many changes of collections were asked for, and return them."""
    async with asyncio.timeout(20):
        while len(service.changes) < count:
            await pilot.pause()
    return service.changes


def asked(service: Service, *methods: str) -> list[tuple[str, object]]:
    return [call for call in service.calls if call[0] in methods]


async def test_pause_is_the_collections_own_and_so_is_what_lets_it_go_on() -> None:
    service, _, _ = await collected(3)
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await until(pilot, "set", "3 pending")
        await pilot.press("p")
        await until(pilot, "paused, 3 pending", "p Resume")
        assert (await service.collection("set")).collection.paused
        await pilot.press("p")
        await until(pilot, "p Pause", gone="paused, 3")
    assert service.changes == [CollectionChanges(paused=True), CollectionChanges(paused=False)]


async def test_marked_beside_others_it_is_paused_as_a_whole_and_they_one_by_one() -> None:
    service, _, others = await collected(2, others=2)
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await until(pilot, "other-1.iso")
        await pilot.press("space", "space", "p")
        await heard(pilot, service, 1)
        await until(pilot, "4 Paused 3")
    # The fake pauses the members by its own `pause`, the collection's.
    assert service.changes == [CollectionChanges(paused=True)]
    assert ("pause", (others[0],)) in service.calls


async def test_a_part_of_it_is_no_whole() -> None:
    service, members, _ = await collected(3)
    service.change(members[0], status=Status.COMPLETED)
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await until(pilot, "set", "2 pending")
        # A member alone, then all that a view shows of it.
        await pilot.press("l")
        await until(pilot, "m2.bin")
        await pilot.press("j", "j", "p")
        await until(pilot, "4 Paused 1")
        await pilot.press("h", "3")
        await until(pilot, "[3 Queued 1")
        await pilot.press("g", "p")
        await until(pilot, "4 Paused 2")
    assert not service.changes


async def test_before_it_has_any_member_it_can_be_paused_limited_and_removed() -> None:
    service = Service()
    request = DownloadRequest(url="", directory="/data/set")
    await service.collect(CollectionRequest(name="set", request=request), fed=True)
    async with app_for(service).run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "set", "reading its source")
        await pilot.press("space", "p")
        await until(pilot, "paused")
        await pilot.press("p")
        await until_gone(pilot, "paused")
        await pilot.press("t", *"2M", "enter")
        await until(pilot, "limit 2.00 MiB/s for all of set")
        # What is for downloads is not for it.
        await pilot.press("V", "r", "u", "N")
        await pilot.press("x")
        await until(pilot, "Remove set from the list?")
        await pilot.press("y")
        await until(pilot, "Nothing to haul yet.")
    wanted = [CollectionChanges(paused=True), CollectionChanges(paused=False)]
    assert service.changes == [*wanted, CollectionChanges(limit=2 * 1024 * 1024)]


async def test_its_priority_is_that_of_all_members_and_an_undo_gives_each_its_own_back() -> None:
    service, members, _ = await collected(2)
    own = replace(service.download(members[1]).request, priority=7)
    service.change(members[1], request=own)
    async with app_for(service).run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "set")
        await pilot.press("plus")
        await until(pilot, "priority 1 for all of set")
        assert [service.download(id_).request.priority for id_ in members] == [1, 1]
        await pilot.press("z")
        await until(pilot, "Undone: the priority of set.")
    assert [service.download(id_).request.priority for id_ in members] == [0, 7]
    assert (await service.collection("set")).collection.priority == 0


async def test_removed_it_can_be_brought_back_with_its_members_and_what_it_lacks() -> None:
    service, _, _ = await collected(2, others=1)
    await service.add_entries("set", (), [Refused(where="line 3", reason="no")])
    async with app_for(service).run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "set")
        await pilot.press("x")
        await until(pilot, "Remove set with 2 downloads from the list?", "m1.bin")
        await pilot.press("y")
        await until(pilot, "1 All 1", gone="set (3")
        assert not await service.collections()
        await pilot.press("z")
        await until(pilot, "Undone: the removal of set.", "1 All 3")
        await until(pilot, "1 missing")
    (view,) = await service.collections()
    assert (view.collection.name, view.verdicts["pending"]) == ("set", 2)


async def test_what_gathers_out_of_sight_is_not_brought_back_and_that_is_said() -> None:
    service, _, _ = await collected(2, others=1)
    service.change_record("set", together=True, staging="/data/.set.gathering")
    async with app_for(service).run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "set")
        await pilot.press("x")
        await until(pilot, "stays out of sight in", "/data/.set.gathering", "no key")
        await pilot.press("y")
        await until(pilot, "1 All 1", gone="set (2")
        await pilot.press("z")
        await until(pilot, "There is nothing to undo.")


async def test_deleted_with_its_files_it_is_gone_for_good() -> None:
    service, members, _ = await collected(2, others=1)
    service.change(members[0], status=Status.COMPLETED)
    async with app_for(service).run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "set")
        await pilot.press("X")
        await until(
            pilot,
            "Remove set with 2 downloads and delete the files?",
            "Deleted for good:",
            "m0.bin",
        )
        await pilot.press("y")
        await until(pilot, "1 All 1", gone="set (2")
        await pilot.press("z")
        await until(pilot, "There is nothing to undo.")
    assert asked(service, "remove_collection")


async def test_what_a_verification_found_damaged_is_tried_again() -> None:
    service, members, _ = await collected(2)
    for id_ in members:
        service.change(id_, status=Status.COMPLETED)
    service.change(members[1], error=DAMAGED)
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await until(pilot, "1 bad")
        await pilot.press("r")
        async with asyncio.timeout(20):
            while not asked(service, "retry"):
                await pilot.pause()
    assert asked(service, "retry") == [("retry", (members[1],))]


@pytest.mark.parametrize("key", ["l", "enter"])
async def test_a_group_is_folded_by_the_keys_that_it_had(key: str) -> None:
    service = FakeService()
    requests = [
        DownloadRequest(url=f"https://data.test/{n}", directory="/d", name=f"m{n}", group="label")
        for n in range(2)
    ]
    await service.add(requests)
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await until(pilot, "label (2)", "m1")
        await pilot.press(key)
        await until_gone(pilot, "m1")
        await pilot.press(key)
        await until(pilot, "m1")
        await pilot.press("h")
        await until_gone(pilot, "m1")
