"""What the crash tests share: the seed of everything that is left to chance."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.crash.recording import Recording, recorded
from tests.crash.sizes import SEED


@pytest.fixture
def crash_seed() -> int:
    """Return the seed of a run; `python -m tests.crash --seed N` takes others."""
    return SEED


@pytest.fixture
async def recording() -> AsyncIterator[Recording]:
    """The calls of one life of the scenario."""
    async with recorded() as found:
        yield found
