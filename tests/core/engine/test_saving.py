"""A full disk below the state: the list stays readable, and the person is told as long as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.adapters.state import document
from core.adapters.state.stores import State
from core.domain.errors import DiskFullError
from core.domain.models import DownloadRequest
from core.domain.value import replace
from core.engine.service import Engine
from tests.core.engine.conftest import Workspace, fill

URL = "http://127.0.0.1:9/"


@pytest.fixture
def state(
    workspace: Workspace, small_disk: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.setattr(document, "RETRY_PAUSE", 0.02)
    small_disk(workspace.state, "256k")
    return workspace.state


def paused(workspace: Workspace, name: str) -> DownloadRequest:
    return replace(workspace.request(URL + name), paused=True)


async def stored(state: Path) -> set[str]:
    """Return the names that another start would find."""
    loaded = await State.at(state).catalog.load()
    assert loaded.is_whole
    return {download.name for download in loaded.downloads}


async def until_notices(engine: Engine, *, told: bool) -> None:
    """Return once there are notices, or none any more."""
    async with engine.subscribe() as events:
        async for _ in events:
            if bool((await engine.status()).notices) is told:
                return


async def test_a_full_disk_is_told_of_until_saving_works_again(
    workspace: Workspace, state: Path
) -> None:
    engine = await workspace.engine()
    (a,) = await engine.add([paused(workspace, "a")])
    ballast = fill(state)

    with pytest.raises(DiskFullError, match=r"downloads\.json cannot be written"):
        await engine.add([paused(workspace, "b")])
    with pytest.raises(DiskFullError):
        await engine.cancel([a.id])
    (notice,) = (await engine.status()).notices
    assert "No space left" in notice
    assert await stored(state) == {"a"}

    ballast.unlink()
    await until_notices(engine, told=False)
    await engine.add([paused(workspace, "c")])
    assert await stored(state) == {"a", "c"}


async def test_what_can_go_makes_room_for_the_list(workspace: Workspace, state: Path) -> None:
    engine = await workspace.engine()
    ballast = fill(state)

    async def make_room() -> int:
        size = ballast.stat().st_size
        ballast.unlink()
        return size

    engine._downloads._catalog.document.make_room = make_room
    await engine.add([paused(workspace, "a")])

    assert (await engine.status()).notices == ()
    assert await stored(state) == {"a"}


async def test_a_removal_that_cannot_be_stored_did_not_happen(
    workspace: Workspace, state: Path
) -> None:
    engine = await workspace.engine()
    a, b = await engine.add([paused(workspace, "a"), paused(workspace, "b")])
    ballast = fill(state)

    with pytest.raises(DiskFullError):
        await engine.remove([a.id], files=True)
    assert [view.download.id for view in await engine.downloads()] == [a.id, b.id]
    assert await stored(state) == {"a", "b"}

    ballast.unlink()
    assert [d.id for d in (await engine.remove([a.id])).removed] == [a.id]
    assert await stored(state) == {"b"}
