"""One answer's body, cut into what is wanted of it, under the limits that were set here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from core.adapters.net.response import Piece, Response
from core.adapters.system.clock import Clock
from core.domain.errors import IncompleteBodyError
from core.domain.inspection import ConnectionState
from core.policy.transfer.buffers import block_of
from core.policy.transfer.throttle import TokenBucket, read_ahead

REVIEW = 0.25
"""Seconds after which a wait is reckoned anew, because its limit may have changed."""

# Seconds that no timer is worth: what is owed stays owed and is waited off with the next.
_NO_WAIT = 0.001


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

    def let_no_more_come(self) -> None:
        """Keep the server from sending more; what has come by then has soon `arrived`."""
        self._response.let_no_more_come()

    def arrived(self) -> Piece:
        """Return what has come already, without waiting: a limit is owed it."""
        if self._left == 0:
            return b""
        piece: Piece
        if self._pushed_back:
            piece, self._pushed_back = self._pushed_back, b""
        else:
            piece, self._unpaid = self._unpaid or self._response.ready(), b""
            for limit in self._limits:
                limit.owe(len(piece), self._clock.monotonic())
        if self._left is not None:
            piece = piece[: self._left]
            self._left -= len(piece)
        return piece

    def close(self) -> None:
        """Close the connection, unless the answer has ended; what was read of it stays."""
        self._response.close()

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
