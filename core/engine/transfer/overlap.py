"""Where the stretches of two connections meet: both fetched the first bytes behind the seam.

A server that answers ranges with the right header and the wrong bytes is found out here, however
the header looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from core.adapters.system.clock import Clock
from core.engine.transfer.body import UnfinishedFile
from core.engine.transfer.connection import TRUSTED_AFTER, PoolConnection
from core.policy.segments import Claim, SegmentMap

OVERLAP_BYTES = 16 * 1024
"""Bytes behind a stretch that are fetched too and compared with those of the next one."""


def end_with_overlap(claim: Claim, total: int | None) -> int | None:
    """Return up to where to ask for a stretch: a seam behind it, None where it has no end."""
    return None if claim.end is None else min(claim.end + OVERLAP_BYTES, total or claim.end)


class OverlapCheck:
    """The seams of one file whose other side was not on disk yet."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, bytes]] = []

    def add(self, offset: int, expected: bytes) -> None:
        """Remember what a connection saw from `offset` on, behind its own stretch."""
        self._waiting.append((offset, expected))

    async def fit(self, file: UnfinishedFile) -> bool:
        """Compare the seams whose other side is on disk by now; raises DiskError."""
        waiting: list[tuple[int, bytes]] = []
        for offset, expected in self._waiting:
            there = min(len(expected), file.segments.done_after(offset))
            if there < len(expected) and not file.segments.is_complete:
                waiting.append((offset, expected))
            elif await file.part.read(offset, there) != expected[:there]:
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
    behind = [w for w in connections if w is not connection and w.claim.position == claim.end]
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
