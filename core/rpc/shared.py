"""What all connections of a server share, so that together they stay within its bounds."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from core.rpc.ledger import Ledger, Turns

_log = logging.getLogger(__name__)

_TOLD_EVERY = 60.0


class Shared:
    """What the connections of a server have in common.

    `large` are the places for large requests, `made` those for answers that are made for whoever
    asks; `requests` and `errors` count what all have asked for, and how much of it was refused.
    """

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.large = Turns(4, of_one=2)
        self.made = Turns(4, of_one=2)
        self.requests = 0
        self.errors = 0
        self._told: dict[str, float] = {}
        self._untold: Counter[str] = Counter()

    def tell(self, owner: int, reason: str) -> None:
        """Log that a client was let go, now and then: it may happen ten thousand times."""
        now = asyncio.get_running_loop().time()
        self._untold[reason] += 1
        if now - self._told.get(reason, -_TOLD_EVERY) >= _TOLD_EVERY:
            self._told[reason] = now
            count = self._untold.pop(reason)
            _log.warning("let go of a client of process %s (%d so far): %s", owner, count, reason)
