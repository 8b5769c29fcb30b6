"""A source that is read in the background tells whoever looks how that ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import cast

import pytest

from core.domain.collections import CollectionState
from core.domain.entries import Entry, Refused, SourceSpec
from core.domain.errors import UsageError
from core.engine.collections import reading as reading_module
from core.engine.collections.reading import PORTION, Reading
from core.sources.fetcher import SourceFetcher
from core.sources.registry import SourceRegistry
from tests.core.engine.collections.samples import NAME, a_set, until
from tests.core.engine.conftest import Workspace


async def test_a_reading_that_falls_over_is_told_as_one_that_failed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fall_over(*_: object) -> AsyncIterator[Entry]:
        raise KeyError("nobody thought of this")
        yield

    monkeypatch.setattr(SourceRegistry, "expand", fall_over)
    engine = await workspace.engine()
    await engine.collect(a_set(workspace, source=SourceSpec(kind="list", address="/some.csv")))
    view = await until(engine, lambda view: view.collection.read_error is not None)
    assert view.collection.state is CollectionState.READY
    assert not view.is_whole
    assert (await engine.collection(NAME)).verdict == "its source could not be read"


async def test_a_glob_that_is_none_is_told_before_anything_is_read(workspace: Workspace) -> None:
    engine = await workspace.engine()
    source = SourceSpec(kind="index", address="http://127.0.0.1:1/", include=("",))
    with pytest.raises(UsageError, match="'' is no glob"):
        await engine.collect(a_set(workspace, source=source))
    assert not await engine.collections()


def reading(found: AsyncIterator[Entry | Refused]) -> Reading:
    return Reading(cast("SourceFetcher", None), found)


async def test_a_source_is_gathered_in_portions_and_nothing_of_it_is_lost() -> None:
    async def many() -> AsyncIterator[Entry | Refused]:
        for number in range(2 * PORTION + 7):
            yield Entry(url=str(number))
            yield Refused(where=str(number), reason="")

    portions = [portion async for portion in reading(many()).portions()]
    expected = [str(number) for number in range(2 * PORTION + 7)]
    assert [entry.url for entries, _ in portions for entry in entries] == expected
    assert [one.where for _, refused in portions for one in refused] == expected
    assert all(len(entries) + len(refused) <= PORTION for entries, refused in portions)


async def test_what_a_source_yields_slowly_is_not_held_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading_module, "PATIENCE", 0.01)
    was_seen = asyncio.Event()

    async def slow() -> AsyncIterator[Entry | Refused]:
        yield Entry(url="first")
        await was_seen.wait()
        yield Entry(url="second")

    found = []
    async for entries, _ in reading(slow()).portions():
        found += [entry.url for entry in entries]
        was_seen.set()
    assert found == ["first", "second"]


async def test_what_came_before_a_failure_is_handed_over_first() -> None:
    async def failing() -> AsyncIterator[Entry | Refused]:
        yield Entry(url="first")
        raise UsageError("the rest is none")

    portions = reading(failing()).portions()
    assert await anext(portions) == ([Entry(url="first")], [])
    with pytest.raises(UsageError):
        await anext(portions)


async def test_a_source_that_nobody_reads_on_is_closed() -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[Entry | Refused]:
        try:
            while True:
                yield Entry(url="again")
        finally:
            closed.set()

    portions = reading(endless()).portions()
    async with aclosing(portions):
        async for _ in portions:
            break
    assert closed.is_set()
