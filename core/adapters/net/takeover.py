"""The body of an answer, read straight into blocks of memory, past the library that asked for it.

A body whose length is known needs no parser. Its bytes go from the kernel (or from TLS) to where
they are written from, whoever waits for them is woken once for a whole block, and at the end the
connection goes back to the library for the next request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from core.adapters.net.blocks import Block, BlockPool
from core.adapters.net.transport import hold_records, release_records, tls_of
from core.policy.transfer.buffers import FIRST_BLOCK, next_block

DELAY: Final = 0.05
"""Seconds after which whoever waits for a block gets what of it is there."""
_UNREAD: Final = 2
"""Full blocks of one connection that may wait to be written; then its server is slowed. One of a
crowd has one."""
# A record that was begun already may decrypt to so many bytes more than are waiting.
_RECORD: Final = 17 * 1024


class BodyCutError(Exception):
    """The connection has ended before the body."""


class BlockReader(asyncio.BufferedProtocol):
    """Reads the next `left` bytes of a connection into blocks.

    `owner` is the protocol that had the connection before. It gets it back after the last byte,
    when `ended` is called, and hears of it if the connection is lost. What `take` returns may be
    overwritten once it was given back by `recycle`.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        owner: asyncio.BaseProtocol,
        left: int,
        pool: BlockPool,
        *,
        ended: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._owner = owner
        self._left = left
        self._pool = pool
        self._ended = ended
        self._is_tls = tls_of(transport) is not None
        self._loop = asyncio.get_running_loop()
        self._blocks: deque[Block] = deque()
        self._unread = 0
        self._most: int | None = None
        self._wanted = FIRST_BLOCK
        self._paused = self._lost = self._detached = self._is_due = self._is_last = False
        self._waiter: asyncio.Future[None] | None = None
        self._enough = 1
        self._timer: asyncio.TimerHandle | None = None
        self._rest: asyncio.TimerHandle | None = None
        pool.join()
        transport.set_protocol(self)
        transport.resume_reading()
        release_records(transport, lambda: self._paused)

    # -- what the connection calls ----------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where to put the next bytes, never more than belong to the body."""
        if self._detached or not self._left:
            return memoryview(bytearray(max(1, sizehint)))
        # What TLS has decrypted and cannot put anywhere is lost if the connection ends now.
        least = min(self._left, sizehint + _RECORD) if self._is_tls else 1
        block = self._blocks[-1] if self._blocks else None
        if block is not None and block.size - block.filled < least:
            if block.filled:
                block.sealed = True
            else:
                self._pool.give_back(self._blocks.pop())
            block = None
        if block is None or block.sealed:
            # Over TLS as large as can be: an end that comes while it is paused may lose bytes.
            wanted = self._left if self._is_tls else min(self._left, self._wanted)
            block = self._pool.take(wanted, least)
            self._blocks.append(block)
        end = min(block.size, block.filled + self._left)
        if self._most is not None:
            end = min(end, block.filled + max(1, self._most - self._unread))
        return block.view[block.filled : end]

    def buffer_updated(self, nbytes: int) -> None:
        """Take in that so many bytes are there."""
        if self._detached:
            return
        block = self._blocks[-1]
        block.filled += nbytes
        self._left -= nbytes
        self._unread += nbytes
        if not self._left or block.filled == block.size:
            block.sealed = True
            self._wanted = max(self._wanted, next_block(block.size, block.filled))
        if not self._left:
            self._transport.set_protocol(self._owner)
            self._ended()
        elif self._is_full():
            self._pause()
        if self._waiter is not None:
            if self._unread >= self._enough or self._paused or self._has_whole:
                self._wake()
            elif self._timer is None:
                self._timer = self._loop.call_later(DELAY, self._fall_due)

    def pause_writing(self) -> None:
        """Let the owner know, which has it back later."""
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        """Let the owner know."""
        self._owner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take in that nothing more comes."""
        self._lost = True
        self._stop_rest()
        self._wake()
        self._owner.connection_lost(exc)

    # -- what the reader calls --------------------------------------------------------------------

    @property
    def is_enough(self) -> bool:
        """Whether to write what was taken: a whole block of it, or memory is wanted elsewhere."""
        if self._pool.is_scarce:
            return True
        return any(block.sealed and block.handed == block.filled for block in self._blocks)

    def take_now(self, limit: int | None, enough: int) -> memoryview | None:
        """Return what `take` would return without waiting; None where it would wait, or end."""
        self._enough = enough
        return self._next(limit)

    async def take(self, limit: int | None, enough: int) -> memoryview | None:
        """Return bytes that have come, `limit` at the most, once there are `enough` or a block.

        After a while there may be fewer. Returns None at the end of the body; raises BodyCutError
        where the connection ends first.
        """
        self._enough = enough
        while (piece := self._next(limit)) is None:
            if not self._left:
                return None
            if self._lost or self._detached:
                raise BodyCutError
            await self._wait()
        return piece

    def recycle(self, keep: int = 0) -> None:
        """Let all that was taken be overwritten, but the last `keep` bytes of it."""
        for block in reversed(tuple(self._blocks)):
            held = min(keep, block.handed)
            keep -= held
            if not held and block.handed == block.filled:
                if not block.sealed:
                    self._wanted = next_block(block.size, block.filled)
                self._blocks.remove(block)
                self._pool.give_back(block)
        # Not over TLS: a connection that ends while it is paused there loses what was received.
        goes_on = self._left and not (self._lost or self._detached)
        rests = not (self._blocks or self._is_tls or self._is_last)
        if (rest := self._pool.rest) and goes_on and rests:
            self._take_rest(rest)
        else:
            self._resume()

    def keep_unread(self, most: int | None) -> None:
        """Let at most so many bytes wait to be taken; None: as many as fit."""
        self._most = most
        self._resume()

    def hurry(self) -> None:
        """Receive what has come as soon as there is memory for it: this is read to be the last."""
        self._is_last = True
        self._stop_rest()
        self.keep_unread(None)

    def detach(self) -> None:
        """Give up what was not taken: nobody reads it any more."""
        if self._detached:
            return
        self._detached = True
        self._stop_timer()
        self._stop_rest()
        if self._left:
            # To close politely, TLS would go on to receive all that the server has to send.
            self._transport.abort()
        for block in self._blocks:
            self._pool.give_back(block, reusable=not block.handed)
        self._blocks.clear()
        self._pool.leave()

    @property
    def _has_whole(self) -> bool:
        return any(block.sealed and block.handed < block.filled for block in self._blocks)

    def _next(self, limit: int | None) -> memoryview | None:
        is_over = not self._left or self._lost or self._paused
        is_enough = is_over or self._is_due or self._unread >= self._enough
        for block in self._blocks:
            if block.handed == block.filled:
                continue
            if not (is_enough or block.sealed):
                return None
            end = block.filled if limit is None else min(block.filled, block.handed + limit)
            piece = block.view[block.handed : end]
            block.handed = end
            self._unread -= len(piece)
            self._is_due = False
            self._stop_timer()
            self._resume()
            return piece
        return None

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        if self._unread and self._timer is None:
            self._timer = self._loop.call_later(DELAY, self._fall_due)
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fall_due(self) -> None:
        self._timer, self._is_due = None, True
        self._wake()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- how much may wait ------------------------------------------------------------------------

    def _is_full(self) -> bool:
        if self._most is not None and self._unread >= self._most:
            return True
        most = 1 if self._pool.rest else _UNREAD
        return sum(block.sealed for block in self._blocks) >= most

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()
            hold_records(self._transport)

    def _take_rest(self, seconds: float) -> None:
        if self._rest is None:
            self._pause()
            self._rest = self._loop.call_later(seconds, self._end_rest)

    def _end_rest(self) -> None:
        self._rest = None
        self._resume()

    def _stop_rest(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _resume(self) -> None:
        if self._paused and self._rest is None and not self._is_full():
            self._paused = False
            self._transport.resume_reading()
            release_records(self._transport, lambda: self._paused)
