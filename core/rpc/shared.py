"""What all connections of a server share, so that together they stay within its bounds."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.rpc.ledger import Ledger, Turns

_log = logging.getLogger(__name__)

_TOLD_EVERY = 60.0


class Shared:
    """What the connections of a server have in common.

    `large` are the places for large requests, `made` those for answers that are made for whoever
    asks, `of_all` those for changes of all downloads; `requests` and `errors` count what all have
    asked for, and how much of it was refused.
    """

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.large = Turns(4, of_one=2)
        self.made = Turns(4, of_one=2)
        self.of_all = Turns(2, of_one=1)
        self._building = asyncio.Lock()
        self.requests = 0
        self.errors = 0
        self._told: dict[str, float] = {}
        self._untold: Counter[str] = Counter()

    @asynccontextmanager
    async def one_by_one(self) -> AsyncIterator[None]:
        """Do what takes some milliseconds, so that between two of them all else has its turn."""
        async with self._building:
            yield
            await asyncio.sleep(0)

    def tell(self, owner: int, reason: str) -> None:
        """Log that a client was let go, now and then: it may happen ten thousand times."""
        now = asyncio.get_running_loop().time()
        self._untold[reason] += 1
        if now - self._told.get(reason, -_TOLD_EVERY) >= _TOLD_EVERY:
            self._told[reason] = now
            count = self._untold.pop(reason)
            _log.warning("let go of a client of process %s (%d so far): %s", owner, count, reason)
