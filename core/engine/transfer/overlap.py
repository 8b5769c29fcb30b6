"""Where the stretches of two connections meet: both fetch the first bytes behind that place.

A server that answers ranges with the right header and the wrong bytes is found out here, however
the header looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from core.adapters.system.clock import Clock
from core.engine.transfer.connection import TRUSTED_AFTER, PoolConnection
from core.engine.transfer.resume import UnfinishedFile
from core.policy.transfer.segments import SegmentMap


class OverlapCheck:
    """What connections saw behind their stretches, as long as it is not on disk yet."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, bytes]] = []

    def expect(self, offset: int, seen: bytes) -> None:
        """Remember what a connection saw from `offset` on, behind its own stretch."""
        self._waiting.append((offset, seen))

    async def compare(self, file: UnfinishedFile) -> bool:
        """Compare what is on disk by now; False where it is not what was seen. Raises DiskError."""
        waiting: list[tuple[int, bytes]] = []
        for offset, seen in self._waiting:
            there = min(len(seen), file.segments.done_after(offset))
            if there < len(seen) and not file.segments.is_complete:
                waiting.append((offset, seen))
            elif await file.part.read(offset, there) != seen[:there]:
                return False
            elif there:
                file.segments.trust(offset)
        self._waiting = waiting
        return True


async def pass_silent_neighbours(
    connection: PoolConnection,
    connections: Collection[PoolConnection],
    segments: SegmentMap,
    clock: Clock,
    *,
    setup: float,
) -> None:
    """Deal with a neighbour that has not answered yet, at the end of a connection's stretch.

    An answer that goes on may be through the neighbour's stretch before the neighbour's own
    begins; and a server may refuse every connection but the first: then it is all there is. `setup`
    is how many seconds a first byte takes.
    """
    claim = connection.claim
    behind = [c for c in connections if c is not connection and c.claim.position == claim.end]
    for other in behind:
        if other.answered.is_set():
            continue
        stretch = (other.claim.end or 0) - other.claim.position
        waited = clock.monotonic() - other.asked_at
        rate = connection.meter.rate(clock.monotonic())
        if rate and stretch / rate < setup - waited:
            if segments.absorb(claim, other.claim):
                other.abandon()
            continue
        try:
            async with asyncio.timeout(TRUSTED_AFTER):
                await other.answered.wait()
        except TimeoutError:
            # Nobody serves it, and this answer goes on: to ask anew would be to stand behind it.
            if segments.absorb(claim, other.claim):
                other.abandon()
