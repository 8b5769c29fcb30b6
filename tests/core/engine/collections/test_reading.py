"""A source that is read in the background tells whoever looks how that ended."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.domain.collections import CollectionState
from core.domain.entries import Entry, SourceSpec
from core.sources.registry import SourceRegistry
from tests.core.engine.collections.conftest import NAME, a_set, until
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
