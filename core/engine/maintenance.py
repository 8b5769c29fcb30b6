"""Keeping the house in order: what may go, once a day and on request."""

from __future__ import annotations

from core.adapters.clock import Clock
from core.adapters.state import State
from core.domain.upkeep import Checkup, Cleanup
from core.engine.ledger import Ledger


class Maintenance:
    """Finds what nothing needs any more, and removes it where that is safe."""

    def __init__(self, state: State, ledger: Ledger, clock: Clock) -> None:
        self._state = state
        self._ledger = ledger
        self._clock = clock

    async def clean(self, *, dry_run: bool) -> Cleanup:
        """Remove leftovers; see `DownloadService.clean`."""
        del dry_run
        return Cleanup()

    async def checkup(self) -> Checkup:
        """Tell what lies around; see `DownloadService.checkup`."""
        return Checkup()
