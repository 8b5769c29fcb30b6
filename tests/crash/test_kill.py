"""kill -9 costs about a second and nothing else."""

from __future__ import annotations

import pytest

from tests.crash.kills import Killer
from tests.crash.server import CountingServer
from tests.crash.sizes import KILLS
from tests.crash.world import scratch


@pytest.mark.timeout(240)
async def test_kills_lose_nothing(crash_seed: int) -> None:
    with scratch() as root:
        async with CountingServer() as server:
            killer = Killer(root, server, crash_seed)
            await killer.run(KILLS)
    print(killer.figures)
