"""One connection of a download: what it is on, how it may end, and the proof before it writes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from core.domain.errors import WinchError
from core.engine.connection import Body, Partial
from core.engine.source import Source
from core.policy.ranges import Accept
from core.policy.rate import RateWindow
from core.policy.segments import Claim


@dataclass(frozen=True, slots=True)
class Done:
    """There is nothing left for this connection to do."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection failed; what it had is kept."""

    error: WinchError


@dataclass(frozen=True, slots=True)
class Contradicted:
    """The answer is of another version of the file, or its bytes are other ones."""

    reason: str
    bytes_differ: bool = False


Ending = Done | Lost | Contradicted


@dataclass(slots=True, eq=False)
class Worker:
    """One connection and what it is on."""

    source: Source
    claim: Claim
    asked_at: float
    meter: RateWindow
    first_byte_at: float | None = None
    received: int = 0
    abandoned: bool = False
    answered: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set once its request was accepted, or it ended."""
    task: asyncio.Task[Ending] | None = field(default=None, repr=False)


async def proved(file: Partial, claim: Claim, body: Body, accepted: Accept) -> bool:
    """Compare the bytes before a resume point with those on disk, and learn the file's length."""
    overlap = claim.position - accepted.start
    if await body.take(overlap) != await file.part.read(accepted.start, overlap):
        return False
    total = accepted.resource.total
    if total is not None and file.segments.total is None:
        if total < claim.position:
            return False
        file.segments.end_at(total)
        file.resource = replace(file.resource, total=total)
    return True
