"""When the list is saved, and what a full disk or a cancellation does to it."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path

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


def watch_replace(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Return an event that is set as soon as a new generation has its name."""
    seen, loop, replace = asyncio.Event(), asyncio.get_running_loop(), os.replace

    def watched(source: Path, target: Path) -> None:
        replace(source, target)
        if Path(target).name == "downloads.json":
            loop.call_soon_threadsafe(seen.set)

    monkeypatch.setattr(os, "replace", watched)
    return seen


async def test_flushes_at_once_share_a_save(state: Path, current: Path) -> None:
    catalog = Catalog(state)
    for number in range(50):
        catalog.put(a_download(f"{number:x}"))
    await asyncio.gather(*(catalog.flush() for _ in range(50)))

    assert generation(current) == 1
    assert len((await reload(state)).downloads) == 50
    await catalog.close()


async def test_after_a_long_save_only_a_flush_does_not_wait(
    state: Path, current: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "REST", 10**6)
    catalog = Catalog(state, debounce=0.0)
    catalog.put(a_download("a1"))
    await catalog.flush()
    catalog.put(a_download("b2"))
    await asyncio.sleep(0.1)
    assert generation(current) == 1
    await catalog.flush()
    assert ids(await reload(state)) == {"a1", "b2"}
    await catalog.close()


async def test_a_flush_without_a_change_writes_nothing(state: Path, current: Path) -> None:
    await Catalog(state).flush()
    assert not current.exists()


async def test_a_put_during_a_save_is_in_the_next_flush(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = Catalog(state)
    loop = asyncio.get_running_loop()
    replace = os.replace

    def put_meanwhile(source: Path, target: Path) -> None:
        asyncio.run_coroutine_threadsafe(put_late(), loop).result()
        replace(source, target)

    async def put_late() -> None:
        catalog.put(a_download("b2"))

    catalog.put(a_download("a1"))
    monkeypatch.setattr(os, "replace", put_meanwhile)
    await catalog.flush()
    monkeypatch.setattr(os, "replace", replace)
    assert ids(await reload(state)) == {"a1"}

    await catalog.flush()
    assert ids(await reload(state)) == {"a1", "b2"}
    await catalog.close()


async def test_short_writes_are_continued(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, memoryview(data)[:7]))
    await store(state, a_download("a1"))
    assert ids(await reload(state)) == {"a1"}


async def test_a_change_is_saved_without_a_flush(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = watch_replace(monkeypatch)
    catalog = Catalog(state, debounce=0.01)
    catalog.put(a_download("a1"))
    await saved.wait()
    await catalog.close()

    assert ids(await reload(state)) == {"a1"}


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
    catalog.put(a_download("c3"))
    free = fill_disk(monkeypatch, error)

    with pytest.raises(raised):
        await catalog.flush()

    assert current.read_bytes() == before
    assert sorted(path.name for path in two_generations.iterdir()) == [
        "downloads.json",
        "downloads.json.bak",
    ]
    free()
    await catalog.close()
    assert ids(await reload(two_generations)) == {"a1", "b2", "c3"}


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


async def test_room_is_made_and_the_save_tried_again_before_it_fails(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = fill_disk(monkeypatch)
    told: list[WinchError] = []

    async def make_room() -> int:
        free()
        return 1000

    catalog = Catalog(state)
    catalog.document.on_error = told.append
    catalog.document.make_room = make_room
    catalog.put(a_download("a1"))
    await catalog.flush()

    assert told == []
    assert ids(await reload(state)) == {"a1"}
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
    saved = watch_replace(monkeypatch)
    free = fill_disk(monkeypatch)
    catalog = Catalog(state, debounce=0.0)
    catalog.put(a_download("a1"))
    with pytest.raises(DiskFullError):
        await catalog.flush()
    free()

    catalog.put(a_download("b2"))
    await saved.wait()
    await catalog.close()
    assert ids(await reload(state)) == {"a1", "b2"}


async def test_a_cancelled_flush_ends_after_its_write(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, fsync, begun = asyncio.get_running_loop(), os.fsync, asyncio.Event()

    def slow(descriptor: int) -> None:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(cancelled.wait(), loop).result()
        fsync(descriptor)

    cancelled = asyncio.Event()
    catalog = Catalog(state)
    catalog.put(a_download("a1"))
    monkeypatch.setattr(os, "fsync", slow)
    flushing = asyncio.create_task(catalog.flush())
    await begun.wait()
    flushing.cancel()
    loop.call_soon(cancelled.set)
    with pytest.raises(asyncio.CancelledError):
        await flushing

    # The thread is over, so a second writer cannot meet it.
    assert ids(await reload(state)) == {"a1"}
    catalog.put(a_download("b2"))
    await catalog.close()
    assert ids(await reload(state)) == {"a1", "b2"}


async def test_the_bytes_are_synced_before_they_get_the_name_and_the_names_after(
    two_generations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def note(name: str) -> None:
        call = getattr(os, name)

        def noted(*args: object, **kwargs: object) -> object:
            order.append(name)
            return call(*args, **kwargs)

        monkeypatch.setattr(os, name, noted)

    catalog = Catalog(two_generations)
    await catalog.load()
    catalog.put(a_download("c3"))
    for name in ("write", "fsync", "link", "replace"):
        note(name)
    await catalog.close()

    steps = [name for name, _ in itertools.groupby(order)]
    assert steps == ["write", "fsync", "link", "replace", "fsync"]
    assert order.count("replace") == 2
