"""The library's end of a connection, watched: who is there, and what comes that is not the file."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final

from core.adapters.net.blocks import BlockPool
from core.adapters.net.library import ResponseHandler, aiohttp
from core.adapters.net.takeover import BlockReader
from core.adapters.net.translation import FloodError
from core.adapters.net.transport import (
    hold_records,
    limit_kernel_buffer,
    peer_address,
    release_records,
    tls_of,
)
from core.policy.transfer.buffers import LARGEST_PORTION, first_portion

MOST_INTERIM: Final = 20
"""Interim answers (1xx) that may come before the real one."""
OVERHEAD_BYTES: Final = 1024 * 1024
"""Bytes of heads, chunk extensions and trailers that an answer may have in any case."""
OVERHEAD_RATIO: Final = 64
"""Bytes of those that it may have for each byte of the file: a chunk may hold a single one."""


class _Receiver(asyncio.BufferedProtocol):
    """Receives for the library as many bytes at once as `owner` has room for, into `memory`.

    A loop hands over all that the kernel has of an answer. Of a thousand that come at once this is
    more than they need ever after, and nobody reads any of it before there is a file to write.
    """

    def __init__(self, owner: HttpProtocol, memory: memoryview) -> None:
        self._owner = owner
        self._memory = memory
        self._given = 0

    def get_buffer(self, sizehint: int) -> memoryview:
        self._given = self._owner.portion
        return self._memory[: self._given]

    def buffer_updated(self, nbytes: int) -> None:
        self._owner.data_received(bytes(self._memory[:nbytes]))
        if nbytes == self._given:
            self._owner.await_reader()

    def eof_received(self) -> None:
        self._owner.eof_received()

    def pause_writing(self) -> None:
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        self._owner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.connection_lost(exc)


class HttpProtocol(ResponseHandler):
    """The library's end of a connection, which also counts what is not the file.

    A head has to be there within `patience` seconds, however it drips. The library passes over
    interim answers in a loop that gives no turn to anybody while more of them lie ready: here they
    are dropped as they come.
    """

    peer: str | None = None
    """The IP address at the other end, from when the connection was made."""

    portion: int = LARGEST_PORTION
    """How many bytes to receive at once."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, patience: float, memory: memoryview
    ) -> None:
        super().__init__(loop)
        self._memory = memory
        self._bufsize = LARGEST_PORTION
        self.was_asked = False
        """Whether it had a request before, and is a connection that was kept."""
        self._is_read = self._is_limited = False
        self._interim = self._came = 0
        self._lent = False
        self._patience = patience
        self._due: float | None = None
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.peer = peer_address(transport)
        if self.transport is not None and tls_of(transport) is None:
            # Not over TLS: what that has decrypted and cannot put anywhere may be lost.
            self.transport.set_protocol(_Receiver(self, self._memory))

    def connection_lost(self, exc: BaseException | None) -> None:
        self._due = None
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        super().connection_lost(exc)

    def set_response_params(self, **params: Any) -> None:
        self._interim = self._came = 0
        self._lent = self._is_read = False
        self.was_asked = True
        if self._is_limited:
            # By the answer before this one.
            self.limit_kernel_buffer(None)
        self._bufsize = params.get("read_bufsize", LARGEST_PORTION)
        self.portion = first_portion(self._bufsize)
        self._due = self._loop.time() + self._patience
        if self._watch is None:
            self._watch = self._loop.call_at(self._due, self._look_for_head)
        super().set_response_params(**params)

    def send(self, head: bytes) -> None:
        """Send the head of a request that has no body."""
        if self.transport is None or self.transport.is_closing():
            raise aiohttp.ServerDisconnectedError
        self.transport.write(head)

    def limit_kernel_buffer(self, most: int | None) -> None:
        """Let the kernel hold at most about `most` bytes of this answer; None: as many as it likes.

        The next answer over this connection begins without that.
        """
        self._is_limited = most is not None
        limit_kernel_buffer(self.transport, most)

    def _look_for_head(self) -> None:
        # One timer for as long as heads are awaited: most are there long before it ends.
        self._watch = None
        if self._due is None:
            return
        if self._due > self._loop.time():
            self._watch = self._loop.call_at(self._due, self._look_for_head)
        else:
            self._due = None
            self.set_exception(aiohttp.SocketTimeoutError("no head in time"))

    def pause_reading(self) -> None:
        was_paused = self._reading_paused
        super().pause_reading()
        if not was_paused:
            hold_records(self.transport)

    def await_reader(self) -> None:
        """Receive no more of a body before somebody reads what of it is there."""
        content = self._payload
        if self._is_read or content is None or not self.is_amid(content):
            return
        # Who waits for the first byte resumes nothing.
        if content._size:  # noqa: SLF001 (nothing else tells what lies there)
            self.pause_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:
        self._is_read = True
        self.portion = min(LARGEST_PORTION, self._bufsize)
        was_paused = self._reading_paused
        # The library asks for it after nearly each read, and would go through its parser each time:
        # there may be more than that knows, behind a chunk at which it stopped.
        is_chunked = getattr(self._payload, "_http_chunk_splits", None) is not None
        if was_paused or is_chunked:
            super().resume_reading(resume_parser)
        if was_paused and not self._reading_paused:
            release_records(self.transport, lambda: self._reading_paused or self._lent)

    def is_amid(self, content: aiohttp.StreamReader) -> bool:
        """Tell whether more of a body is to come, and nothing is wrong so far."""
        is_whole = self._payload is not content or content.is_eof()
        is_broken = self._exception is not None or content.exception() is not None
        connected = self.transport is not None and not self.transport.is_closing()
        return connected and not (is_whole or is_broken or self.upgraded)

    def lend(
        self, content: aiohttp.StreamReader, left: int, blocks: BlockPool
    ) -> BlockReader | None:
        """Let another read the last `left` bytes of a body; None while some of it is unparsed."""
        if self.transport is None or self._reading_paused:
            return None
        self._drop_timeout()
        self._lent = True
        owner = self.transport.get_protocol()
        return BlockReader(self.transport, owner, left, blocks, ended=content.feed_eof)

    def feed_data(self, data: Any, size: int = 0) -> None:
        status = data[0].code
        if 100 <= status < 200 and status != 101:
            self._interim += 1
        elif self._interim <= MOST_INTERIM:
            self._due = None
            super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        if self._lent:
            # Behind a body that was read past the library, as nobody has asked for anything since.
            if data and self.transport is not None:
                self.transport.close()
            return
        super().data_received(data)
        self._came += len(data)
        of_the_file = 0 if self._payload is None else self._payload.total_bytes
        if self._interim > MOST_INTERIM:
            self._refuse("it answers again and again that it is about to answer")
        elif self._came > OVERHEAD_BYTES + (OVERHEAD_RATIO + 1) * of_the_file:
            self._refuse("it sends and sends, and next to nothing of it is the file")

    def _refuse(self, reason: str) -> None:
        error = FloodError(reason)
        self.set_exception(error)
        if self._payload is not None:
            self._payload.set_exception(error)
            self._payload = None
        if self.transport is not None:
            self.transport.close()


def _protocol(
    loop: asyncio.AbstractEventLoop, patience: float, memory: memoryview
) -> ResponseHandler:
    return HttpProtocol(loop, patience, memory)


class Connector(aiohttp.TCPConnector):
    """The library's connections, watched like that."""

    def __init__(self, patience: float) -> None:
        super().__init__(limit=0)
        memory = memoryview(bytearray(LARGEST_PORTION))
        self._factory = partial(_protocol, self._loop, patience, memory)
