"""A full disk below the state: the list stays readable, and the person is told as long as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from core.adapters import document
from core.adapters.state import State
from core.domain.errors import DiskFullError
from core.domain.models import DownloadRequest
from core.engine.engine import Engine
from tests.engine.conftest import House, fill

URL = "http://127.0.0.1:9/"


@pytest.fixture
def state(
    house: House, small_disk: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.setattr(document, "RETRY_PAUSE", 0.02)
    small_disk(house.state, "256k")
    return house.state


def paused(house: House, name: str) -> DownloadRequest:
    return dataclasses.replace(house.request(URL + name), paused=True)


async def stored(state: Path) -> set[str]:
    """Return the names that another start would find."""
    loaded = await State.at(state).catalog.load()
    assert loaded.verified
    return {download.name for download in loaded.downloads}


async def until_notices(engine: Engine, *, told: bool) -> None:
    """Return once there are notices, or none any more."""
    async with engine.subscribe() as events:
        async for _ in events:
            if bool((await engine.status()).notices) is told:
                return


async def test_a_full_disk_is_told_of_until_saving_works_again(house: House, state: Path) -> None:
    engine = await house.engine()
    (a,) = await engine.add([paused(house, "a")])
    ballast = fill(state)

    with pytest.raises(DiskFullError, match=r"downloads\.json cannot be written"):
        await engine.add([paused(house, "b")])
    with pytest.raises(DiskFullError):
        await engine.cancel([a.id])
    (notice,) = (await engine.status()).notices
    assert "No space left" in notice
    assert await stored(state) == {"a"}

    ballast.unlink()
    await until_notices(engine, told=False)
    await engine.add([paused(house, "c")])
    assert await stored(state) == {"a", "c"}


async def test_what_can_go_makes_room_for_the_list(house: House, state: Path) -> None:
    engine = await house.engine()
    ballast = fill(state)

    async def make_room() -> int:
        size = ballast.stat().st_size
        ballast.unlink()
        return size

    engine._ledger._catalog.document.make_room = make_room
    await engine.add([paused(house, "a")])

    assert (await engine.status()).notices == ()
    assert await stored(state) == {"a"}


async def test_a_removal_that_cannot_be_stored_did_not_happen(house: House, state: Path) -> None:
    engine = await house.engine()
    a, b = await engine.add([paused(house, "a"), paused(house, "b")])
    ballast = fill(state)

    with pytest.raises(DiskFullError):
        await engine.remove([a.id], files=True)
    assert [view.download.id for view in await engine.downloads()] == [a.id, b.id]
    assert await stored(state) == {"a", "b"}

    ballast.unlink()
    assert [d.id for d in (await engine.remove([a.id])).removed] == [a.id]
    assert await stored(state) == {"b"}
