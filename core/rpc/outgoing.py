"""What a connection sends: one line after the other, each made piece by piece as it is taken.

Nobody waits for a reader but the answer to that reader: a client that does not read costs a piece
and what the answer is made of, which is told to the account.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

from core.rpc import codec
from core.rpc.ledger import Account, Turns
from core.rpc.parts import PIECE, weight_of

STALLED = 5.0
"""Seconds in which whoever holds up others has to take something."""
_PATIENCE = 6
"""How many of these a single piece may take then, so that a byte at a time is not enough."""
_OF_A_RECORD, _OF_AN_ENTRY = 8, 512
"""Bytes that an item of an answer takes: one that is in the list anyway, and one made for it."""


class Outgoing:
    """The sending side. `made` are the places for answers that are made for whoever asks.

    Who has one of them, takes nothing and holds up others is let go by `drop`; `owner` is the
    process at the other end.
    """

    def __init__(
        self,
        writer: asyncio.StreamWriter,
        account: Account,
        owner: int,
        made: Turns,
        drop: Callable[[str], None],
    ) -> None:
        self._writer = writer
        self._account = account
        self._owner = owner
        self._made = made
        self._drop = drop
        self._turns = 0
        self._weight = 0
        self._lock = asyncio.Lock()
        # Little lies here beside the piece that waits: the kernel has a buffer, too.
        writer.transport.set_write_buffer_limits(high=PIECE // 2)

    @property
    def is_closing(self) -> bool:
        return self._writer.transport.is_closing()

    def close(self) -> None:
        """Hold nothing of whoever made this."""
        self._drop = lambda _: None

    @property
    def has_turn(self) -> bool:
        """Whether it has one of the places for answers that are made for it."""
        return self._turns > 0

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Have a place among those few whose long answers are made for them."""
        async with self._made.turn(self._owner):
            self._turns += 1
            try:
                yield
            finally:
                self._turns -= 1

    async def answer(self, request_id: int | str, result: object) -> None:
        """Send what a request has come to."""
        # Encoded only once it is its turn: many long answers never exist side by side.
        await self.send_pieces(codec.result_pieces(request_id, result), result)

    async def send(self, line: bytes) -> None:
        """Send a line that is made already, once it is its turn."""
        async with self._lock:
            await self._write(line)

    async def send_pieces(self, pieces: Iterator[bytes], made_of: object) -> None:
        """Send a line; once it has begun it is sent to its end, also where this is cancelled."""
        weight = weight_of(made_of) * (_OF_AN_ENTRY if self._turns else _OF_A_RECORD)
        self._weigh(weight)
        try:
            await self._send_whole(pieces)
        finally:
            self._weigh(-weight)

    def _weigh(self, weight: int) -> None:
        self._weight += weight
        self._account.put("answers", self._weight)

    async def _send_whole(self, pieces: Iterator[bytes]) -> None:
        async with self._lock:
            is_cancelled = False
            for piece in pieces:
                try:
                    await self._write(piece)
                    if len(piece) >= PIECE:
                        # All else has its turn, however fast the reader is.
                        await asyncio.sleep(0)
                except asyncio.CancelledError:
                    # Half a line would spoil all that follows.
                    is_cancelled = True
                if self.is_closing:
                    break
            if is_cancelled:
                raise asyncio.CancelledError

    async def _write(self, data: bytes) -> None:
        # A client that is gone is no failure; the reader sees the end of the connection.
        if self.is_closing:
            return
        with contextlib.suppress(OSError):
            self._writer.write(data)
            waiting = self._writer.transport.get_write_buffer_size()
            if not waiting:
                return
            self._account.put("unsent", waiting)
            try:
                await self._drain()
            finally:
                self._account.put("unsent", 0)

    async def _drain(self) -> None:
        transport = self._writer.transport
        rounds = 0
        while True:
            before = transport.get_write_buffer_size()
            try:
                async with asyncio.timeout(STALLED):
                    return await self._writer.drain()
            except TimeoutError:
                rounds = rounds + 1 if self._is_in_the_way() else 0
                has_taken = transport.get_write_buffer_size() < before
                if rounds > (_PATIENCE if has_taken else 0):
                    self._drop("others wait for the end of an answer that it does not take")

    def _is_in_the_way(self) -> bool:
        """Tell whether others wait for the end of what is sent."""
        return self._turns > 0 and self._made.is_wanted()
