"""One answer's body on its way into the part file.

Blocks are gathered before they are written, nothing is queued in between (a slow disk slows the
read and so the server), and a byte counts only once it is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from core.adapters.net.response import Piece, Response
from core.adapters.system.clock import Clock
from core.domain.errors import IncompleteBodyError
from core.domain.inspection import ConnectionState
from core.engine.transfer.resume import UnfinishedFile
from core.policy.transfer.buffers import block_of
from core.policy.transfer.segments import Claim
from core.policy.transfer.throttle import TokenBucket, read_ahead

PATIENCE = 0.5
"""Seconds after which less is written too, so that a slow file shows and keeps its progress."""
REVIEW = 0.25
"""Seconds after which a wait is reckoned anew, because its limit may have changed."""

# Seconds that no timer is worth: what is owed stays owed and is waited off with the next.
_NO_WAIT = 0.001
# Turns of the loop that a stop takes. The loop receives after who waits for a turn had its own, so
# what the kernel holds is here in the third; a full block parts that into portions.
_LAST_TURNS = 5


class StateTimer:
    """What a connection does, and since when. The seconds of each state go into `spent`.

    It is told of changes only, so that a block costs no more for it.
    """

    __slots__ = ("_clock", "_spent", "since", "state")

    def __init__(self, clock: Clock, spent: dict[ConnectionState, float]) -> None:
        self._clock = clock
        self._spent = spent
        self.state = ConnectionState.CONNECTING
        self.since = clock.monotonic()

    def enter(self, state: ConnectionState) -> None:
        """Take in that it does something else now."""
        now = self._clock.monotonic()
        self._spent[self.state] = self._spent.get(self.state, 0.0) + now - self.since
        self.state, self.since = state, now


class Body:
    """The body of an accepted answer, cut into what is wanted of it.

    Every read is charged to the `limits`, and waits for them. `timer` hears of that. `limit_parts`
    returns how many connections share what one download gets of a limit, `connections` how many
    it has.
    """

    def __init__(
        self, response: Response, length: int | None, clock: Clock, limits: Sequence[TokenBucket]
    ) -> None:
        self._response = response
        self._left = length
        self.is_part = length is not None
        """Whether the answer said how many bytes it has."""
        self._block = block_of(response.buffer)
        self._pushed_back = b""
        self._unpaid: Piece = b""
        self._ahead: int | None = None
        self._clock = clock
        self._limits = limits
        self.timer = StateTimer(clock, {})
        self.limit_parts: Callable[[], int] = lambda: 1
        self.connections: Callable[[], int] = lambda: 1

    async def read(self, enough: int | None = None) -> Piece:
        """Return the next bytes, never more than the accepted length; `b""` at the end.

        Where that saves work they come in blocks, of which the last ends once `enough` is there.
        They may be overwritten after `recycle`; until that is called, little more can be read.
        Raises IncompleteBodyError where it ends before the accepted length: a cut may look like a
        clean end (RFC 9112 section 8).
        """
        if self._left == 0:
            return b""
        pushed_back, self._pushed_back = self._pushed_back, b""
        piece = pushed_back or await self._receive(enough)
        if self._left is None:
            return piece
        if not piece:
            raise IncompleteBodyError(
                f"the server closed the connection {self._left} bytes too early"
            )
        piece = piece[: self._left]
        self._left -= len(piece)
        return piece

    def ready(self) -> bytes:
        """Return what need not be waited for, without waiting; `b""` also where a limit is set."""
        if self._left is None or any(limit.rate for limit in self._limits):
            return b""
        piece = bytes(self._response.ready()[: self._left])
        self._left -= len(piece)
        return piece

    def arrived(self) -> Piece:
        """Return what has come already, without waiting; `b""` also where a limit is set."""
        if self._left == 0 or any(limit.rate for limit in self._limits):
            return b""
        pushed_back, self._pushed_back = self._pushed_back, b""
        if piece := pushed_back or self._unpaid:
            self._unpaid = self._unpaid if pushed_back else b""
        else:
            piece = self._response.ready()
        if self._left is not None:
            piece = piece[: self._left]
            self._left -= len(piece)
        return piece

    def under_same_limits(self, response: Response, length: int | None) -> Body:
        """Return the body of another answer, under the same limits."""
        return Body(response, length, self._clock, self._limits)

    @property
    def goes_on(self) -> bool:
        """Whether the answer holds more bytes than were read."""
        return self._left is None or self._left > 0

    async def take(self, size: int, received: Callable[[int], None] = lambda _: None) -> bytes:
        """Return exactly `size` bytes, fewer only where the body ends."""
        pieces: list[bytes] = []
        while size and (piece := await self.read(size)):
            received(len(piece[:size]))
            pieces.append(bytes(piece[:size]))
            if len(piece) > size:
                self.push_back(piece[size:])
            size -= len(pieces[-1])
            self.recycle()
        return b"".join(pieces)

    def take_over(self) -> None:
        """Read on past the HTTP library, if that can be: for all that is written as it comes."""
        self._response.take_over()

    def is_enough(self, size: int) -> bool:
        """Tell whether to write what was gathered: so many bytes, all read since `recycle`."""
        return size >= self._block or self._response.is_enough

    def recycle(self) -> None:
        """Let the memory of all that was read be used again."""
        self._response.recycle(keep=len(self._unpaid))

    def push_back(self, piece: Piece) -> None:
        """Let the next read return these bytes, which the last one returned at its end."""
        self._pushed_back = bytes(piece) + self._pushed_back
        if self._left is not None:
            self._left += len(piece)

    async def _receive(self, enough: int | None) -> Piece:
        if (ahead := read_ahead(self._limits, self.connections())) != self._ahead:
            self._ahead = ahead
            self._response.read_ahead(ahead)
        arrived = self._unpaid or await self._response.read(self._portion(), enough=enough)
        if not any(limit.rate for limit in self._limits):
            self._unpaid = b""
            return arrived
        # The limit may have come while the read was on its way: a big piece is paid in portions.
        portion = self._portion() or len(arrived)
        piece, self._unpaid = arrived[:portion], arrived[portion:]
        now = self._clock.monotonic()
        marks = [(limit, limit.charge(len(piece), now)) for limit in self._limits if limit.rate]
        if self._wait(marks) > _NO_WAIT:
            if len(piece) == portion:
                # A server that sends less than its turn holds is not held up by waiting for it.
                self.timer.enter(ConnectionState.LIMITED)
            try:
                while (wait := self._wait(marks)) > _NO_WAIT:
                    await self._clock.sleep(min(wait, REVIEW))
            except asyncio.CancelledError:
                # Whoever only gave up waiting reads on, and not behind a hole.
                self._pushed_back = bytes(piece)
                raise
            self.timer.enter(ConnectionState.RECEIVING)
        return piece

    def _wait(self, marks: Sequence[tuple[TokenBucket, float]]) -> float:
        now = self._clock.monotonic()
        return max((limit.wait(mark, now) for limit, mark in marks), default=0.0)

    def _portion(self) -> int | None:
        parts = self.limit_parts()
        return min((p for limit in self._limits if (p := limit.portion(parts))), default=None)


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

    async def gather_arrived(self) -> None:
        """Take in what has come already, which would have to be fetched again after a stop.

        The network is not waited for, and a server that goes on sending does not hold up a stop.
        """
        for turn in range(_LAST_TURNS):
            if turn:
                await asyncio.sleep(0)
            while self.goes_on and (piece := self._body.arrived()):
                self.gather(piece)

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
        await writing.gather_arrived()
        raise
    finally:
        if writing.size:
            await writing.store(written)
