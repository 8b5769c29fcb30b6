"""A state directory for the tests of what is stored there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.adapters.records import a_download, store


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state directory, not made yet."""
    return tmp_path / "state"


@pytest.fixture
def current(state: Path) -> Path:
    """The list of downloads in it."""
    return state / "downloads.json"


@pytest.fixture
async def two_generations(state: Path) -> Path:
    """Generation 1 holds a1; generation 2, the current one, holds a1 and b2."""
    await store(state, a_download("a1"))
    await store(state, a_download("b2"))
    return state
