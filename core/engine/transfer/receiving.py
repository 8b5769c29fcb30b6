"""What arrives of a body on its way into the part file, also when it is told to stop.

Blocks are gathered before they are written, nothing is queued in between (a slow disk slows the
read and so the server), and a byte counts only once it is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core.adapters.files.threads import past_recall
from core.adapters.net.response import Piece
from core.adapters.system.clock import Clock
from core.domain.inspection import ConnectionState
from core.engine.transfer.body import Body
from core.engine.transfer.resume import UnfinishedFile
from core.policy.transfer.segments import Claim

PATIENCE = 0.5
"""Seconds after which less is written too, so that a slow file shows and keeps its progress."""
LAST_SECONDS = 1.0
"""Seconds that a stop takes at the most for what has come: a disk may be slower than that."""
# Turns of the loop without a byte after which none is to come. It receives after who waits for a
# turn had its own: what the kernel holds is here in the third, and behind TLS that has to be
# released first some turns later.
_EMPTY_TURNS = 8


class _Writing:
    """What of a body was read and is not on disk yet, on its way to a claim."""

    def __init__(
        self, body: Body, claim: Claim, file: UnfinishedFile, received: Callable[[int], None]
    ) -> None:
        self._body = body
        self._claim = claim
        self._file = file
        self._received = received
        self._gathered: list[Piece] = []
        self.size = 0

    @property
    def goes_on(self) -> bool:
        """Whether more is wanted for the claim."""
        claim = self._claim
        return claim.end is None or claim.position + self.size < claim.end

    @property
    def left(self) -> int | None:
        """Return how many bytes are wanted; None where nobody knows."""
        claim = self._claim
        return None if claim.end is None else claim.end - claim.position - self.size

    def gather(self, piece: Piece) -> None:
        """Take in what was read; what another connection has taken over goes back."""
        self._received(len(piece))
        # What lies here must not be given to another connection as well.
        reserved = self._file.segments.reserve(self._claim, self.size + len(piece))
        allowed = reserved - self.size
        if allowed < len(piece):
            self._body.push_back(piece[allowed:])
            piece = piece[:allowed]
        self._gathered.append(piece)
        self.size += len(piece)

    async def keep_arrived(self, clock: Clock, written: Callable[[int], None]) -> None:
        """Take in what has come by a stop, in the kernel too, and close the connection.

        All of it would have to be fetched again. The network is not waited for. What is left
        to write is written after the end of the connection: what came meanwhile would come again.
        """
        self._body.let_no_more_come()
        due, empty_turns = clock.monotonic() + LAST_SECONDS, 0
        await self._gather_arrived(clock, due, written)
        while empty_turns < _EMPTY_TURNS and self.goes_on:
            await asyncio.sleep(0)
            came = await self._gather_arrived(clock, due, written)
            empty_turns = 0 if came else empty_turns + 1
        self._body.close()

    async def _gather_arrived(
        self, clock: Clock, due: float, written: Callable[[int], None]
    ) -> bool:
        """Take in what is in memory, writing to make room, and tell whether there was something."""
        came = False
        while self.goes_on and clock.monotonic() < due and (piece := self._body.arrived()):
            came = True
            self.gather(piece)
            del piece  # or its block could not be given up
            if self._body.is_enough(self.size):
                await self.store(written)
        return came

    async def store(self, written: Callable[[int], None]) -> None:
        """Write it all. A cancellation is raised once that has ended."""
        body, claim = self._body, self._claim
        body.timer.enter(ConnectionState.WRITING)
        work, cancelled = self._file.part.begin_write(claim.position, self._gathered), None
        try:
            await work
        except asyncio.CancelledError as error:
            # It comes once that has ended: nobody else may use that memory before, nor write there.
            cancelled = error
        finally:
            body.timer.enter(ConnectionState.RECEIVING)
        work.result()
        self._file.segments.advance(claim, self.size)
        self._gathered.clear()
        body.recycle()
        stored, self.size = self.size, 0
        written(stored)
        if cancelled is not None:
            raise cancelled


async def receive_body(
    body: Body,
    claim: Claim,
    file: UnfinishedFile,
    clock: Clock,
    *,
    received: Callable[[int], None],
    written: Callable[[int], None],
) -> None:
    """Write a body to its claim until the claim or the body ends.

    `received` hears of each piece, `written` of each block. What arrived before an error or a
    cancellation is written all the same, before a cancellation what the kernel holds as well.
    Raises NetworkError and its kin, DiskError and what `written` raises.
    """
    body.take_over()
    writing = _Writing(body, claim, file, received)
    due = clock.monotonic() + PATIENCE
    try:
        while writing.goes_on:
            piece = await body.read(writing.left)
            if not piece:
                break
            writing.gather(piece)
            del piece  # or its block could not be given up while the next is awaited
            if body.is_enough(writing.size) or clock.monotonic() >= due:
                await writing.store(written)
                due = clock.monotonic() + PATIENCE
    except asyncio.CancelledError:
        # One that was given up already may be stopped as well.
        await past_recall(writing.keep_arrived(clock, written))
        raise
    finally:
        if writing.size:
            await writing.store(written)
