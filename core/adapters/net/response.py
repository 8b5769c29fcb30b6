"""The answer to a GET: its head as winch reads it, and its body piece by piece, never decoded."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Final, Self

from core.adapters.net import fields
from core.adapters.net.blocks import BlockPool
from core.adapters.net.library import aiohttp
from core.adapters.net.request import Answer
from core.adapters.net.takeover import BlockReader, BodyCutError
from core.adapters.net.translation import translated
from core.adapters.net.transport import peer_address, reset, was_closed
from core.domain.text import valid
from core.policy.transfer.challenges import SentLogin
from core.policy.transfer.redirects import Hop

TAKEN_OVER: Final = 128 * 1024
"""Bytes that must be left of a body of known length to be read past the library."""
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})

Passed = tuple[str, Mapping[str, str]]
"""A redirect: the URL that answered with it, and the head of that answer."""
Piece = bytes | memoryview
"""Some of a body."""


class Response:
    """An answer whose body is still on its way. Header names are lower case, repeats joined.

    All text is valid Unicode; of validators each character is a byte (see `core.domain.text`).
    `hop` is the request that it answers, after all redirects, and `login` what of one that was
    shown. `buffer` is the size in bytes of its buffer, which is full at twice that; a read waits
    `patience` seconds at the most. `blocks` is the memory for a body that is taken over. `passed`
    are the redirects on the way that said more than where to go.
    """

    def __init__(
        self,
        answer: Answer,
        hop: Hop,
        *,
        login: SentLogin = SentLogin.NONE,
        patience: float,
        buffer: int,
        blocks: BlockPool,
        passed: Sequence[Passed] = (),
    ) -> None:
        self._answer = answer
        self.passed = passed
        self._patience = patience
        self._blocks = blocks
        self._reader: BlockReader | None = None
        self._before = b""
        self.hop = hop
        self.login = login
        self.buffer = buffer
        self.url = answer.url
        self.status = answer.status
        self.reason = valid(answer.reason or "")
        self.headers = fields.received(answer.headers)
        self._tls = answer.tls

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release()

    @property
    def peer(self) -> str | None:
        """The IP address at the other end, a proxy's where there is one; None once it is gone."""
        return peer_address(self._answer.transport)

    def take_over(self) -> bool:
        """Read the rest of the body past the library if that can be, and tell whether it is so.

        What `read` returns from then on may be overwritten as soon as it was given to `recycle`,
        and as long as too much of it was not, nothing more is read.
        """
        if self._reader is not None:
            return True
        length, owner = self.headers.get("content-length", ""), self._answer.protocol
        if (
            self._answer.version != aiohttp.HttpVersion11
            or "transfer-encoding" in self.headers
            or not (length.isascii() and length.isdecimal())
            or owner is None
        ):
            return False
        content = self._answer.content
        if int(length) - content.total_bytes < TAKEN_OVER or not owner.is_amid(content):
            return False
        before = []
        while piece := content._read_nowait(-1):  # noqa: SLF001 (as below)
            before.append(piece)
        self._before = b"".join(before)
        left = int(length) - content.total_bytes
        if left > 0 and owner.is_amid(content):
            self._reader = owner.lend(content, left, self._blocks)
        return self._reader is not None

    @property
    def is_enough(self) -> bool:
        """Whether to write what was read, of a body that was taken over, and not wait for more."""
        return self._reader is not None and self._reader.is_enough

    def recycle(self, keep: int = 0) -> None:
        """Let all that was read be overwritten, but the last `keep` bytes of it."""
        if self._reader is not None:
            self._reader.recycle(keep)

    async def read(self, limit: int | None = None, *, enough: int | None = None) -> Piece:
        """Return some of the bytes that have arrived, at least one; `b""` where the body ends.

        A body that was taken over comes in blocks, or once `enough` is there, or after a moment.
        A body that was cut may look like one that ended: callers count. Raises NetworkError and
        its kin; TransferTimeoutError where nothing of the file comes within the patience, whatever
        else does. Only the time in here counts: who is slowed down by a limit waits elsewhere.
        """
        if self._before:
            limit = limit or len(self._before)
            piece, self._before = self._before[:limit], self._before[limit:]
            return piece
        content, reader = self._answer.content, self._reader
        enough = 1 if limit else enough or sys.maxsize
        # A deadline costs more than to take a block that is there already.
        if reader is not None and (block := reader.take_now(limit, enough)) is not None:
            return block
        with translated(self.url):
            try:
                async with asyncio.timeout(self._patience):
                    if reader is not None:
                        return await reader.take(limit, enough) or b""
                    if limit is not None:
                        piece = await content.read(limit)
                    else:
                        # One piece as it came from the socket: `readany` would copy them together.
                        piece = (await content.readchunk())[0] or await content.readany()
                if not piece and not self._ended_well():
                    raise aiohttp.ServerDisconnectedError
                return piece
            except BodyCutError:
                raise aiohttp.ClientPayloadError from None
            except (aiohttp.ClientError, OSError):
                # After a cut the library hands out nothing more, though bytes lie in its buffer:
                # a server that cuts often would never get anywhere.
                if arrived := content._read_nowait(-1):  # noqa: SLF001
                    return arrived
                raise

    def ready(self) -> Piece:
        """Return what has arrived and was not read, without waiting; `b""` for nothing.

        All of it, or of a body that was taken over the next block, however little is in it.
        """
        if self._before:
            piece, self._before = self._before, b""
            return piece
        if self._reader is not None:
            return self._reader.take_now(None, 1) or b""
        content = self._answer.content
        return b"" if content.exception() is not None else content.read_nowait()

    def let_no_more_come(self) -> None:
        """Keep the server from sending more than it was given leave to, where the kernel can.

        What has come is returned by `ready` within a few turns of the loop.
        """
        if (protocol := self._answer.protocol) is not None:
            protocol.limit_kernel_buffer(0)
        if self._reader is not None:
            self._reader.hurry()

    def read_ahead(self, most: int | None) -> None:
        """Let at most about so many bytes wait to be read; None: as many as the buffers hold.

        Beside the library's buffer there is the kernel's, which Linux lets be kept small.
        """
        content, low = self._answer.content, min(self.buffer, (most or 2 * self.buffer) // 2)
        content._low_water, content._high_water = low, 2 * low  # noqa: SLF001 (no other way)
        if self._reader is not None:
            self._reader.keep_unread(most)
        if (protocol := self._answer.protocol) is not None:
            protocol.limit_kernel_buffer(most)

    def _ended_well(self) -> bool:
        """Tell whether a body that only the connection's end can end was ended by the server.

        Without TLS nobody knows; with TLS only a close_notify says so (RFC 9112 section 9.8).
        """
        if self._tls is None or not self.headers.keys().isdisjoint(_FRAMING):
            return True
        return was_closed(self._tls)

    def close(self) -> None:
        """Close the connection, if the body has not ended; the server hears of it at once."""
        reset(self._answer.transport)
        if self._reader is not None:
            self._reader.detach()
        self._answer.close()

    def release(self) -> None:
        """Let the connection be used again, if the body has ended; else close it."""
        if self._reader is not None:
            self._reader.detach()
        self._answer.release()
