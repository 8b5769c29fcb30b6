"""When the list is saved, and what a full disk or a cancellation does to it."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.adapters.state import document
from core.adapters.state.catalog import Catalog
from core.domain.errors import DiskFullError, StateError, WinchError
from tests.core.adapters.records import a_download, generation, ids, reload, store


def fill_disk(monkeypatch: pytest.MonkeyPatch, error: int = errno.ENOSPC) -> Callable[[], None]:
    """Let every write store half of its bytes and the next one fail; return the way back."""
    write = os.write
    full: list[bool] = []

    def half(descriptor: int, data: bytes) -> int:
        if full:
            raise OSError(error, os.strerror(error))
        full.append(True)
        return write(descriptor, memoryview(data)[: len(data) // 2])

    monkeypatch.setattr(os, "write", half)
    return lambda: monkeypatch.setattr(os, "write", write)


def watch_saves(catalog: Catalog) -> asyncio.Event:
    """Return an event that is set as soon as changes are in the journal."""
    seen, loop, append = (
        asyncio.Event(),
        asyncio.get_running_loop(),
        catalog.document._storage.append,
    )

    def watched(*args: Any) -> bool:
        is_appended = append(*args)
        loop.call_soon_threadsafe(seen.set)
        return is_appended

    catalog.document._storage.append = watched  # type: ignore[method-assign]
    return seen


def watch_generations(catalog: Catalog) -> asyncio.Event:
    """Return an event that is set as soon as a generation has been written."""
    seen, loop = asyncio.Event(), asyncio.get_running_loop()
    write = catalog.document._storage.write_begun

    def watched(*args: Any) -> None:
        write(*args)
        loop.call_soon_threadsafe(seen.set)

    catalog.document._storage.write_begun = watched  # type: ignore[method-assign]
    return seen


def note(patch: pytest.MonkeyPatch, name: str, order: list[str]) -> None:
    """Have a call of the system's write down that it was made."""
    call = getattr(os, name)

    def noted(*args: object, **kwargs: object) -> object:
        order.append(name)
        return call(*args, **kwargs)

    patch.setattr(os, name, noted)


async def opened(state: Path, *, debounce: float = 0.5) -> Catalog:
    """Return the list of a directory in which there is a generation."""
    await store(state, a_download("0"))
    catalog = Catalog(state, debounce=debounce)
    await catalog.load()
    return catalog


async def test_flushes_at_once_share_a_save(state: Path, current: Path) -> None:
    catalog = Catalog(state)
    for number in range(50):
        catalog.put(a_download(f"{number:x}"))
    await asyncio.gather(*(catalog.flush() for _ in range(50)))

    assert generation(current) == 1
    assert len((await reload(state)).downloads) == 50
    await catalog.close()


async def test_changes_are_appended_and_the_file_stays_as_it_is(state: Path, current: Path) -> None:
    catalog = await opened(state)
    before, journal = current.read_bytes(), state / "downloads.journal"
    catalog.put(a_download("a1"))
    catalog.discard("0")
    await catalog.flush()
    length = journal.stat().st_size
    assert (current.read_bytes(), length) == (before, catalog.document._storage.journal_length)
    assert ids(await reload(state)) == {"a1"}

    await asyncio.gather(catalog.flush(), catalog.flush())
    assert journal.stat().st_size == length
    catalog.put(a_download("b2"))
    await catalog.flush()
    assert journal.read_bytes().count(b"\n") == 2 + 1 + 1 + 1  # an append ends with the time of it
    await catalog.close()
    assert not journal.exists()
    assert generation(current) == 2


async def test_the_file_is_written_by_itself_a_while_after_the_journal_has_begun(
    state: Path, current: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "WHOLE_PAUSE", 0.01)
    monkeypatch.setattr(document, "REST", 0)
    catalog = await opened(state)
    written = watch_generations(catalog)
    catalog.put(a_download("a1"))
    await catalog.flush()
    await written.wait()
    assert generation(current) == 2
    await catalog.close()
    assert generation(current) == 2


@pytest.mark.parametrize("length", [0, 10_000])
async def test_a_journal_that_outgrows_its_bound_has_the_file_written_at_once(
    state: Path, current: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr(document, "JOURNAL_BYTES", length)
    monkeypatch.setattr(document, "WHOLE_PAUSE", 1e6)
    catalog = await opened(state)
    written = watch_generations(catalog)
    grown, appends = 0, 0
    while not written.is_set():
        catalog.put(a_download("a1"))
        await catalog.flush()
        grown, appends = max(grown, catalog.document._storage.journal_length), appends + 1
        if grown > max(length, current.stat().st_size):
            await written.wait()
    assert grown > length
    assert generation(current) == 2
    await catalog.close()


async def test_what_is_put_while_the_file_is_written_is_acknowledged_meanwhile(
    state: Path, current: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = await opened(state)
    catalog.put(a_download("a1"))
    await catalog.flush()
    loop, replace = asyncio.get_running_loop(), os.replace

    async def put_late() -> None:
        catalog.put(a_download("b2"))
        catalog.discard("a1")
        await catalog.flush()
        assert ids(await reload(state)) == {"0", "b2"}

    def put_meanwhile(source: Path, target: Path) -> None:
        if Path(target) == current:
            asyncio.run_coroutine_threadsafe(put_late(), loop).result()
        replace(source, target)

    monkeypatch.setattr(os, "replace", put_meanwhile)
    await catalog.document._write_beside()
    monkeypatch.setattr(os, "replace", replace)
    assert generation(current) == 2
    assert ids(await reload(state)) == {"0", "b2"}
    catalog.put(a_download("c3"))
    await catalog.flush()
    assert ids(await reload(state)) == {"0", "b2", "c3"}
    current.write_bytes(b"")
    assert ids(await reload(state)) == {"0", "b2", "c3"}  # generation 1 and both journals


async def test_a_journal_that_somebody_took_away_costs_nothing(state: Path) -> None:
    catalog = await opened(state)
    for id_ in ("a1", "b2"):
        catalog.put(a_download(id_))
        await catalog.flush()
        (state / "downloads.journal").unlink(missing_ok=True)
    catalog.put(a_download("c3"))
    await catalog.flush()
    assert ids(await reload(state)) == {"0", "a1", "b2", "c3"}
    await catalog.close()


@pytest.mark.parametrize("taken", ["downloads.json", "downloads.json*", "downloads.j*"])
@pytest.mark.parametrize("last", ["nothing", "change", "rotation"])
async def test_a_list_that_somebody_took_away_is_written_anew(
    state: Path, current: Path, taken: str, last: str
) -> None:
    catalog = await opened(state)
    catalog.put(a_download("a1"))
    await catalog.flush()
    await catalog.document._write_beside()
    for path in state.glob(taken):
        path.unlink()
    expected = {"0", "a1"}
    if last != "nothing":
        catalog.put(a_download("b2"))
        await catalog.flush()
        expected.add("b2")
    if last == "rotation":
        await catalog.document._write_beside()
        assert current.exists()
    await catalog.close()
    result = await reload(state)
    assert (ids(result), result.notices, result.is_whole) == (expected, (), True)


async def test_a_journal_that_is_a_link_is_read_and_not_written_to(state: Path) -> None:
    catalog = await opened(state)
    catalog.put(a_download("a1"))
    await catalog.flush()
    journal, elsewhere = state / "downloads.journal", state / "elsewhere"
    journal.rename(elsewhere)
    journal.symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    again = Catalog(state)
    assert ids(await again.load()) == {"0", "a1"}
    again.put(a_download("b2"))
    await again.flush()
    assert ids(await reload(state)) == {"0", "a1", "b2"}
    assert elsewhere.read_bytes() == before
    await again.close()


async def test_where_the_file_cannot_be_written_the_journal_goes_on_and_it_is_told(
    state: Path, current: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "WHOLE_PAUSE", 0.01)
    monkeypatch.setattr(document, "REST", 0)
    told: list[WinchError] = []
    failed, recovered = asyncio.Event(), asyncio.Event()
    catalog = await opened(state)
    (state / "downloads.json.tmp").mkdir()

    def tell(error: WinchError) -> None:
        told.append(error)
        failed.set()

    catalog.document.on_error = tell
    catalog.document.on_recovered = recovered.set
    catalog.put(a_download("a1"))
    await catalog.flush()
    await failed.wait()
    for id_ in ("b2", "c3"):
        catalog.put(a_download(id_))
        await catalog.flush()
        assert id_ in ids(await reload(state))
    assert [type(error) for error in told] == [StateError]
    assert not recovered.is_set()

    (state / "downloads.json.tmp").rmdir()
    await recovered.wait()
    assert generation(current) >= 2
    await catalog.close()
    assert ids(await reload(state)) == {"0", "a1", "b2", "c3"}


async def test_a_flush_without_a_change_writes_nothing(state: Path, current: Path) -> None:
    await Catalog(state).flush()
    assert not current.exists()


async def test_a_put_during_a_save_is_in_the_next_flush(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = await opened(state)
    loop, sync = asyncio.get_running_loop(), os.fdatasync

    def put_meanwhile(descriptor: int) -> None:
        asyncio.run_coroutine_threadsafe(put_late(), loop).result()
        sync(descriptor)

    async def put_late() -> None:
        catalog.put(a_download("b2"))

    catalog.put(a_download("a1"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", put_meanwhile)
        await catalog.flush()
    assert ids(await reload(state)) == {"0", "a1"}

    await catalog.flush()
    assert ids(await reload(state)) == {"0", "a1", "b2"}
    await catalog.close()


async def test_short_writes_are_continued(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, memoryview(data)[:7]))
    catalog = await opened(state)
    catalog.put(a_download("a1"))
    await catalog.flush()
    assert ids(await reload(state)) == {"0", "a1"}
    await catalog.close()


async def test_a_change_is_saved_without_a_flush(state: Path) -> None:
    catalog = await opened(state, debounce=0.01)
    saved = watch_saves(catalog)
    catalog.put(a_download("a1"))
    await saved.wait()
    assert ids(await reload(state)) == {"0", "a1"}
    await catalog.close()


async def test_after_close_nothing_is_accepted(state: Path) -> None:
    catalog = Catalog(state)
    await catalog.close()
    with pytest.raises(StateError):
        catalog.put(a_download())


@pytest.mark.parametrize(
    ("error", "raised"),
    [(errno.ENOSPC, DiskFullError), (errno.EDQUOT, DiskFullError), (errno.EIO, StateError)],
)
async def test_a_failed_save_keeps_the_last_generation_and_what_was_put(
    two_generations: Path,
    current: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: int,
    raised: type[WinchError],
) -> None:
    before = current.read_bytes()
    catalog = Catalog(two_generations)
    await catalog.load()
    journal = two_generations / "downloads.journal"
    for saved in (False, True):
        catalog.put(a_download("c3"))
        free = fill_disk(monkeypatch, error)
        with pytest.raises(raised):
            await catalog.flush()
        assert current.read_bytes() == before
        # What was written of it is cut off.
        assert journal.stat().st_size == catalog.document._storage.journal_length
        assert ids(await reload(two_generations)) == ({"a1", "b2", "d4"} if saved else {"a1", "b2"})
        free()
        if not saved:
            catalog.discard("c3")
            catalog.put(a_download("d4"))
            await catalog.flush()
    await catalog.close()
    assert ids(await reload(two_generations)) == {"a1", "b2", "c3", "d4"}


async def test_what_a_failed_sync_has_left_is_written_anew(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = await opened(state)
    catalog.put(a_download("a1"))

    def fails(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fails)
        patch.setattr(os, "ftruncate", lambda *_: fails(0))
        with pytest.raises(StateError):
            await catalog.flush()
        # All of it may be there, and a cut would have to be synced first.
        with pytest.raises(StateError):
            await catalog.flush()
    catalog.put(a_download("b2"))
    order: list[str] = []
    with monkeypatch.context() as patch:
        for name in ("write", "fsync", "fdatasync", "ftruncate"):
            note(patch, name, order)
        await catalog.flush()
    # Blocks of the two attempts must never mix.
    assert order == ["ftruncate", "fsync", "write", "fdatasync", "fsync"]
    assert ids(await reload(state)) == {"0", "a1", "b2"}
    await catalog.close()


async def test_a_failed_save_is_told_once_tried_again_and_taken_back(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "RETRY_PAUSE", 0.01)
    told: list[WinchError] = []
    recovered = asyncio.Event()
    free = fill_disk(monkeypatch)
    catalog = Catalog(state, debounce=0.0)
    catalog.document.on_error = told.append
    catalog.document.on_recovered = recovered.set
    catalog.put(a_download("a1"))
    for _ in range(3):
        with pytest.raises(DiskFullError):
            await catalog.flush()
    assert [type(error) for error in told] == [DiskFullError]
    assert not recovered.is_set()

    free()
    await recovered.wait()
    assert ids(await reload(state)) == {"a1"}
    fill_disk(monkeypatch, errno.EIO)
    catalog.put(a_download("b2"))
    with pytest.raises(StateError):
        await catalog.close()
    assert [type(error) for error in told] == [DiskFullError, StateError]


async def test_another_reason_is_told_too(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[WinchError] = []
    catalog = Catalog(state)
    catalog.document.on_error = told.append
    catalog.put(a_download("a1"))
    for error in (errno.ENOSPC, errno.ENOSPC, errno.EIO):
        free = fill_disk(monkeypatch, error)
        with pytest.raises(WinchError):
            await catalog.flush()
        free()
    assert [type(error) for error in told] == [DiskFullError, StateError]
    await catalog.close()


@pytest.mark.parametrize("where", ["file", "journal"])
async def test_room_is_made_and_the_save_tried_again_before_it_fails(
    state: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    catalog = Catalog(state) if where == "file" else await opened(state)
    free = fill_disk(monkeypatch)
    told: list[WinchError] = []

    async def make_room() -> int:
        free()
        return 1000

    catalog.document.on_error = told.append
    catalog.document.make_room = make_room
    catalog.put(a_download("a1"))
    await catalog.flush()

    assert told == []
    assert "a1" in ids(await reload(state))
    assert (state / "downloads.journal").exists() is (where == "journal")
    await catalog.close()


@pytest.mark.parametrize("made", [0, 1000, StateError("no")])
async def test_where_no_room_can_be_made_the_disk_is_still_full(
    state: Path, monkeypatch: pytest.MonkeyPatch, made: int | StateError
) -> None:
    free = fill_disk(monkeypatch)
    asked: list[bool] = []

    async def make_room() -> int:
        asked.append(True)
        if isinstance(made, StateError):
            raise made
        return made

    catalog = Catalog(state)
    catalog.document.make_room = make_room
    catalog.put(a_download("a1"))
    with pytest.raises(DiskFullError):
        await catalog.flush()

    assert asked == [True]
    free()
    await catalog.close()
    assert ids(await reload(state)) == {"a1"}


async def test_a_change_brings_the_retry_forward(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "RETRY_PAUSE", 1e6)
    catalog = await opened(state, debounce=0.0)
    free = fill_disk(monkeypatch)
    catalog.put(a_download("a1"))
    with pytest.raises(DiskFullError):
        await catalog.flush()
    free()

    saved = watch_saves(catalog)
    catalog.put(a_download("b2"))
    await saved.wait()
    assert ids(await reload(state)) == {"0", "a1", "b2"}
    await catalog.close()


async def test_a_cancelled_flush_ends_after_its_write(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, sync, begun = asyncio.get_running_loop(), os.fdatasync, asyncio.Event()

    def slow(descriptor: int) -> None:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(cancelled.wait(), loop).result()
        sync(descriptor)

    cancelled = asyncio.Event()
    catalog = await opened(state)
    catalog.put(a_download("a1"))
    monkeypatch.setattr(os, "fdatasync", slow)
    flushing = asyncio.create_task(catalog.flush())
    await begun.wait()
    flushing.cancel()
    loop.call_soon(cancelled.set)
    with pytest.raises(asyncio.CancelledError):
        await flushing

    # The thread is over, so a second writer cannot meet it.
    assert ids(await reload(state)) == {"0", "a1"}
    catalog.put(a_download("b2"))
    await catalog.close()
    assert ids(await reload(state)) == {"0", "a1", "b2"}


async def test_the_bytes_are_synced_before_they_get_the_name_and_the_names_after(
    two_generations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    catalog = Catalog(two_generations)
    await catalog.load()
    catalog.put(a_download("c3"))
    for name in ("write", "fsync", "fdatasync", "link", "replace", "rename"):
        note(monkeypatch, name, order)
    await catalog.flush()
    # A file that was made: its bytes, then its name.
    assert order == ["write", "fdatasync", "fsync"]
    catalog.put(a_download("d4"))
    await catalog.flush()
    assert order[3:] == ["write", "fdatasync"]
    del order[:]
    await catalog.close()

    steps = [name for name, _ in itertools.groupby(order)]
    assert steps == ["write", "fsync", "link", "replace", "fsync", "replace", "fsync"]
    assert order.count("replace") == 3
