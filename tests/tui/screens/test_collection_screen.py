"""The page of a collection: what failed by cause, what its source left out, and what keys ask."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from textual.pilot import Pilot

from core.domain.collections import (
    CollectionChanges,
    CollectionRequest,
    CollectionState,
    SyncOptions,
    SyncPlan,
)
from core.domain.entries import Entry, Refused, SourceSpec
from core.domain.errors import ErrorCode, ErrorInfo, NetworkError
from core.domain.events import CollectionsChanged
from core.domain.models import DownloadRequest, Phase, Progress, Status
from tests.fakes import FakeService
from tests.tui.samples import FORBIDDEN, HOSTILE, app_for, queue, screen_text, until, until_gone

MANIFEST = SourceSpec(kind="manifest", address="https://user:secret@data.test/SHA256SUMS")
DAMAGED = ErrorInfo(code=ErrorCode.CHECKSUM, message="another sha256 than it must have")
GONE = ErrorInfo(code=ErrorCode.NOT_FOUND, message="the server answered 404", status=404)
BUSY = ErrorInfo(code=ErrorCode.HTTP_STATUS, message="the server answered 503", status=503)
OUTSIDE = Refused(where="line 12", reason="the path '../x' leads out of the destination")
SIZE = 1_000_000


class Service(FakeService):
    """A service that notes what is asked of collections."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[CollectionChanges] = []
        self.syncs: list[SyncOptions] = []

    async def change_collection(self, name: str, changes: CollectionChanges):  # type: ignore[no-untyped-def]
        self.changes.append(changes)
        return await super().change_collection(name, changes)

    async def sync(self, name: str, options: SyncOptions) -> SyncPlan:
        self.syncs.append(options)
        return await super().sync(name, options)


async def corpus(
    *files: Status | ErrorInfo, refused: Sequence[Refused] = (), name: str = "corpus"
) -> tuple[Service, list[str]]:
    """Return a service with a collection of a file for each state, or error, and their ids."""
    service = Service()
    request = DownloadRequest(url="", directory=f"/data/{name}")
    await service.collect(CollectionRequest(name=name, request=request, source=MANIFEST))
    paths = [f"sub-{number:02}/t1.nii" for number in range(len(files))]
    entries = [Entry(url=f"https://data.test/{path}", path=path) for path in paths]
    added = await service.add_entries(name, entries, refused)
    for id_, state in zip(added.ids, files, strict=True):
        status = state if isinstance(state, Status) else Status.FAILED
        error = None if isinstance(state, Status) else state
        phase = Phase.DOWNLOADING if status is Status.ACTIVE else None
        service.change(id_, status=status, phase=phase, error=error, total_bytes=SIZE)
    return service, list(added.ids)


async def asked(pilot: Pilot[int], service: FakeService, method: str) -> list[tuple[str, ...]]:
    """Wait until a method was asked for, and return for which ids."""
    await pilot.pause()
    async with asyncio.timeout(20):
        while not (found := [ids for name, ids in service.calls if name == method]):
            await pilot.pause()
    return [tuple(ids) for ids in found if ids is not None]  # type: ignore[arg-type]


MIXED = (Status.COMPLETED, DAMAGED, GONE, GONE, Status.PENDING)


async def test_enter_opens_it_and_escape_leads_back() -> None:
    service, _ = await corpus(*MIXED, refused=[OUTSIDE])
    app = app_for(service)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "corpus", "1 bad, 3 missing")
        await pilot.press("enter")
        shown = await until(pilot, "Collection corpus", "1 of 6 whole", "/data/corpus", "not found")
        # The secrets of its source are nobody's to read.
        assert "manifest https://data.test/SHA256SUMS" in shown
        assert "secret" not in shown
        lines = [line.split() for line in shown.split("\n")]
        start = next(n for n, line in enumerate(lines) if line[:2] == ["Files", "Cause"])
        # The most frequent cause first.
        assert lines[start + 1][1:] == ["2", "not", "found", "sub-02/t1.nii"]
        assert lines[start + 2] == ["1", "checksum", "sub-01/t1.nii"]
        await pilot.press("escape")
        await until_gone(pilot, "Collection corpus")
        assert app.screen is app.main


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (40, 12)])
async def test_it_says_why_in_full_of_what_is_under_the_cursor(size: tuple[int, int]) -> None:
    service, _ = await corpus(*MIXED, refused=[OUTSIDE])
    service.change_record("corpus", vanished=("sub-99/t1.nii",), vanished_count=1)
    async with app_for(service).run_test(size=size) as pilot:
        await until(pilot, "corp")
        await pilot.press("enter")
        await until(pilot, "refused", "vanished") if size[1] > 12 else await until(pilot, "Verdict")
        for words in ("answered 404", "another sha256", "leads out of", "sub-99/t1.nii"):
            if size[1] > 12:
                await until(pilot, words)
            await pilot.press("j")


async def test_it_follows_what_happens() -> None:
    service, ids = await corpus(Status.ACTIVE, Status.PENDING)
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await until(pilot, "corpus")
        await pilot.press("enter")
        await until(pilot, "2 pending", "0 of 2 whole", "Nothing is bad or missing.")
        service.emit_progress({ids[0]: Progress(bytes_downloaded=SIZE // 2, rate=SIZE / 10)})
        await until(pilot, "25%", "97.7 KiB/s", "0:15 left")
        service.change(ids[0], status=Status.COMPLETED, phase=None)
        service.change(ids[1], status=Status.FAILED, error=BUSY)
        await until(pilot, "1 missing", "1 of 2 whole", "http 503", gone="pending")
        service.change_record("corpus", refused=(OUTSIDE,), refused_count=3)
        await until(pilot, "4 missing", "line 12", "and 2 more refused")
        service.change_record("corpus", read_error=GONE)
        await until(pilot, "source not readable", "answered 404")


async def test_only_what_failed_for_one_cause_is_tried_again() -> None:
    service, ids = await corpus(*MIXED)
    async with app_for(service).run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "corpus")
        await pilot.press("enter")
        await until(pilot, "not found")
        await pilot.press("r")
        assert await asked(pilot, service, "retry") == [(ids[2], ids[3])]
        await until(pilot, "2 files tried again", gone="not found")
        await pilot.press("R")
        await until(pilot, "Nothing is bad or missing.")
        assert await asked(pilot, service, "retry") == [(ids[2], ids[3]), (ids[1],)]


async def test_a_source_that_could_not_be_read_is_read_again() -> None:
    service, _ = await corpus()
    service.change_record("corpus", read_error=BUSY, state=CollectionState.READY)
    async with app_for(service).run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "corpus", "source not readable")
        await pilot.press("r")
        assert await asked(pilot, service, "collect") == [("corpus",), ("corpus",)]
        service.change_record("corpus", read_error=BUSY, state=CollectionState.READY)
        await pilot.press("enter")
        await until(
            pilot, "source not readable: the server answered 503", "What else it has nobody knows"
        )
        await pilot.press("R")
        async with asyncio.timeout(20):
            while len(await asked(pilot, service, "collect")) < 3:
                await pilot.pause()


async def test_the_files_of_a_cause_are_shown_in_the_list() -> None:
    service, _ = await corpus(*MIXED, Status.CANCELLED, BUSY)
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await until(pilot, "corpus")
        for down, files in ((0, "23"), (1, "1"), (2, "5"), (3, "6")):
            await pilot.press("enter")
            await until(pilot, "Collection corpus", "cancelled")
            await pilot.press(*"j" * down, "enter")
            shown = await until(pilot, "Size", gone="Collection")
            numbers = [n for n in range(7) if f"sub-0{n}/t1.nii" in shown]
            assert numbers == [int(n) for n in files]
            await pilot.press("escape", "g")
            await until(pilot, "sub-00/t1.nii")
            await pilot.press("h")
            await until_gone(pilot, "sub-00/t1.nii")


async def test_pause_is_that_of_the_collection() -> None:
    service, _ = await corpus(*MIXED)
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await until(pilot, "corpus")
        await pilot.press("enter")
        await until(pilot, "p Pause")
        await pilot.press("p")
        await until(pilot, "p Resume", "paused")
        await pilot.press("p")
        await until(pilot, "p Pause")
    assert service.changes == [CollectionChanges(paused=True), CollectionChanges(paused=False)]


async def test_its_limit_and_priority_are_changed_and_a_mistake_is_said() -> None:
    service, _ = await corpus(*MIXED)
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await until(pilot, "corpus")
        await pilot.press("enter")
        await until(pilot, "Verdict")
        await pilot.press("t", *"2x")
        await until(pilot, "Limit of all of it", "2x")
        await pilot.press("enter", "backspace", "M", "enter")
        await until(pilot, "at most 2.00 MiB/s", gone="Limit of all of it")
        await pilot.press("plus")
        await until(pilot, "priority 1")
        await pilot.press("minus", "minus")
        await until(pilot, "priority -1")
        # An undo on the list takes that back too.
        await pilot.press("escape", "z", "enter")
        await until(pilot, "at most 2.00 MiB/s", gone="priority -1")


async def test_its_finished_files_are_verified() -> None:
    service, ids = await corpus(*MIXED)
    async with app_for(service).run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "corpus")
        await pilot.press("enter")
        await until(pilot, "Verdict")
        await pilot.press("V")
        assert await asked(pilot, service, "verify") == [(ids[0],)]


async def test_a_sync_is_shown_before_it_is_made() -> None:
    service, _ = await corpus(*MIXED)
    service.plans["corpus"] = SyncPlan(new=("sub-09/t1.nii",), damaged=("sub-00/t1.nii",))
    async with app_for(service).run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "corpus")
        await pilot.press("enter")
        await until(pilot, "Verdict")
        await pilot.press("s")
        await until(pilot, "1 new:", "sub-09/t1.nii", "1 damaged on disk:", "sub-00/t1.nii")
        await pilot.press("n")
        await until_gone(pilot, "1 new:")
        assert [options.dry_run for options in service.syncs] == [True]
        await pilot.press("s")
        await until(pilot, "1 new:")
        await pilot.press("y")
        await until(pilot, "corpus: 1 new, 1 damaged")
    assert service.syncs[-1] == SyncOptions()


@pytest.mark.parametrize(("answer", "deletes"), [("y", True), ("n", False), ("enter", False)])
async def test_a_sync_deletes_only_after_a_question_of_its_own(answer: str, deletes: bool) -> None:
    service, _ = await corpus(*MIXED)
    gone = ("sub-88/t1.nii",)
    service.plans["corpus"] = SyncPlan(vanished=gone, deleted=gone, unchanged=5)
    async with app_for(service).run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "corpus")
        await pilot.press("enter")
        await until(pilot, "Verdict")
        await pilot.press("s")
        await until(pilot, "1 no longer named by the source (1 could be deleted):")
        await pilot.press("y")
        await until(pilot, "Delete 1 file that the source names no longer?", *gone)
        await pilot.press(answer)
        await until(pilot, "1 deleted" if deletes else "corpus: 1 no longer named by the source")
    assert service.syncs[-1] == SyncOptions(delete_extra=deletes)


async def test_a_source_that_cannot_be_read_is_said_and_nothing_is_agreed_to() -> None:
    service, _ = await corpus(*MIXED)
    service.plans["corpus"] = NetworkError("[/b] no route to \x1b[31mhost")
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await until(pilot, "corpus")
        await pilot.press("enter")
        await until(pilot, "Verdict")
        await pilot.press("s")
        await until(pilot, "[/b] no route to")
        await pilot.press("y")
        await until(pilot, "[/b] no route to")
        await pilot.press("escape")
        await until_gone(pilot, "no route to")
    assert len(service.syncs) == 1


@pytest.mark.parametrize(("key", "files"), [("x", False), ("X", True)])
async def test_it_is_removed_once_that_is_agreed_to_and_the_page_goes(
    key: str, files: bool
) -> None:
    service, _ = await corpus(*MIXED)
    await queue(service, "other.iso")
    app = app_for(service)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "corpus")
        await pilot.press("enter")
        await until(pilot, "Verdict")
        await pilot.press(key)
        await until(pilot, "Remove the collection corpus", "t1.nii" if not files else "on disk")
        await pilot.press("n")
        await until_gone(pilot, "Remove the collection")
        await pilot.press(key)
        await until(pilot, "t1.nii" if not files else "on disk")
        await pilot.press("y")
        await until(pilot, "other.iso", gone="corpus")
        assert app.screen is app.main
    assert not await service.collections()


async def test_it_goes_when_somebody_else_removes_it() -> None:
    service, _ = await corpus(*MIXED)
    app = app_for(service)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "corpus")
        await pilot.press("enter")
        await until(pilot, "Verdict")
        await pilot.press("question_mark")
        await until(pilot, "Show the files of this cause")
        await service.remove_collection("corpus")
        await until(pilot, "Show the files of this cause")
        await pilot.press("escape")
        await until(pilot, "Nothing to haul yet.")


async def test_keys_that_come_before_the_page_knows_that_it_is_gone_do_nothing() -> None:
    service, _ = await corpus(*MIXED)
    app = app_for(service)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "corpus")
        await pilot.press("enter")
        await until(pilot, "not found")
        app.main.store.apply(CollectionsChanged(revision=1, removed=("corpus",)))
        await pilot.press(*"rRVpt+-j")
        await until(pilot, "Collection corpus")
        await pilot.press("enter")
        await until(pilot, "corpus", gone="Collection")
    assert not [name for name, _ in service.calls if name in ("retry", "verify")]


async def test_files_that_were_named_one_by_one_have_no_source_to_sync_with() -> None:
    service = Service()
    request = DownloadRequest(url="", directory="/data/loose")
    await service.collect(CollectionRequest(name="loose", request=request), fed=True)
    async with app_for(service).run_test(size=(120, 24), notifications=True) as pilot:
        await until(pilot, "loose", "reading its source")
        await pilot.press("enter")
        await until(pilot, "named one by one", "Nothing is bad or missing so far.")
        for key, why in (
            ("s", "named one by one: there is no source"),
            ("r", "put the cursor on a cause"),
            ("R", "Nothing is bad or missing."),
        ):
            await pilot.press(key)
            await until(pilot, "Collection loose", why)
    assert not service.syncs


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_texts_are_cleaned(text: str) -> None:
    error = ErrorInfo(code=ErrorCode.NOT_FOUND, message=f"!{text}", hint=text)
    refused = [Refused(where=f"!{text}", reason=f"!{text}")]
    service, _ = await corpus(error, Status.PENDING, refused=refused)
    service.change_record("corpus", vanished=(f"!{text}",), vanished_count=1, read_error=error)
    source = SourceSpec(kind=f"!{text}", address=f"/!{text}")
    service.change_record("corpus", source=source)
    service.plans["corpus"] = SyncPlan(new=(f"!{text}",), refused=tuple(refused))
    async with app_for(service).run_test(size=(120, 30)) as pilot:
        await until(pilot, "corp")
        await pilot.press("enter")
        await until(pilot, "vanished")
        for key in ("j", "j", "s"):
            await pilot.press(key)
            shown = screen_text(pilot.app)
            assert not any(mark in shown.replace("\n", "") for mark in FORBIDDEN)
        await until(pilot, "1 new:")


async def test_ascii_mode_shows_nothing_but_ascii() -> None:
    service, _ = await corpus(*MIXED, refused=[OUTSIDE])
    async with app_for(service, ascii=True).run_test(size=(160, 50)) as pilot:
        assert (await until(pilot, "+ corpus (6)")).isascii()
        await pilot.press("enter")
        assert (await until(pilot, "not found", "line 12", "#")).isascii()
