"""One answer's body on its way into the part file.

Blocks are gathered before they are written, nothing is queued in between (a slow disk slows the
read and so the server), and a byte counts only once it is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.adapters.clock import Clock
from core.adapters.http import Response
from core.adapters.part_file import PartFile
from core.domain.errors import IncompleteBodyError
from core.domain.models import Resource
from core.policy.segments import Claim, SegmentMap

BLOCK = 1024 * 1024
"""Bytes gathered before a write."""
PATIENCE = 0.5
"""Seconds after which less is written too, so that a slow file shows and keeps its progress."""


class Body:
    """The body of an accepted answer, cut into what is wanted of it."""

    def __init__(self, response: Response, length: int | None) -> None:
        self._response = response
        self._left = length
        self._pushed_back = b""

    async def read(self) -> bytes:
        """Return the next bytes, never more than the accepted length; `b""` at the end.

        Raises IncompleteBodyError where it ends before the accepted length: a cut may look like a
        clean end (RFC 9112 section 8).
        """
        if self._left == 0:
            return b""
        piece, self._pushed_back = self._pushed_back, b""
        piece = piece or await self._response.read()
        if self._left is None:
            return piece
        if not piece:
            raise IncompleteBodyError(
                f"the server closed the connection {self._left} bytes too early"
            )
        piece = piece[: self._left]
        self._left -= len(piece)
        return piece

    async def take(self, size: int) -> bytes:
        """Return exactly `size` bytes, fewer only where the body ends."""
        pieces: list[bytes] = []
        while size and (piece := await self.read()):
            pieces.append(piece[:size])
            if len(piece) > size:
                self._pushed_back = piece[size:]
                if self._left is not None:
                    self._left += len(self._pushed_back)
            size -= len(pieces[-1])
        return b"".join(pieces)


@dataclass(slots=True)
class Partial:
    """An unfinished file: the server's side, the disk's and the plan between them."""

    resource: Resource
    part: PartFile
    segments: SegmentMap


async def haul(
    body: Body, claim: Claim, file: Partial, clock: Clock, written: Callable[[int], None]
) -> None:
    """Write a body to its claim until the claim or the body ends; `written` hears of each block.

    What arrived before an error is written all the same. Raises NetworkError and its kin, DiskError
    and what `written` raises.
    """
    gathered: list[bytes] = []
    size = 0

    async def store() -> None:
        nonlocal size
        allowed = file.segments.reserve(claim, size)
        if allowed < size:
            _cut(gathered, size - allowed)
        if allowed:
            await file.part.write(claim.position, gathered)
            file.segments.advance(claim, allowed)
        gathered.clear()
        size = 0
        written(allowed)

    due = clock.monotonic() + PATIENCE
    try:
        while claim.remaining is None or size < claim.remaining:
            piece = await body.read()
            if not piece:
                break
            gathered.append(piece)
            size += len(piece)
            if size >= BLOCK or clock.monotonic() >= due:
                await store()
                due = clock.monotonic() + PATIENCE
    finally:
        if size:
            await store()


def _cut(gathered: list[bytes], excess: int) -> None:
    """Drop the last `excess` bytes: another connection has taken over from there."""
    while excess:
        last = gathered.pop()
        if len(last) > excess:
            gathered.append(last[:-excess])
        excess -= min(excess, len(last))
