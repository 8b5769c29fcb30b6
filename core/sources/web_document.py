"""A text that a server sends: bounded in bytes and time, decoded, and whole or an error.

A body that breaks off is asked for again, and goes on where the new answer proves to begin with the
bytes that were read before.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final

from core.adapters.net.response import Response
from core.adapters.system.clock import Clock
from core.domain.errors import (
    FileChangedError,
    IncompleteBodyError,
    ProtocolError,
    TransferTimeoutError,
    UsageError,
    WinchError,
)
from core.domain.hosts import host_of
from core.domain.models import Validator
from core.domain.redact import redact_url
from core.policy.transfer.filename import coding_of

LEAST: Final = 1024
"""Bytes that have to come within the read timeout, of a body that goes on."""
_PIECE: Final = 64 * 1024
_MIB: Final = 1024 * 1024


def too_large(address: str, most: int) -> UsageError:
    """Return the error for a text of more bytes than a source reads."""
    size = f"{most // _MIB:,} MiB" if most >= _MIB else f"{most:,} bytes"
    return UsageError(
        f"{redact_url(address)} is larger than {size}, the most that is read of such a text"
    )


class WebDocument:
    """A `Document` that a server sends. `again` asks for it once more, or raises what it is given.

    `url` is the address that it is told to have. `has_proved_end` tells, once it was read, whether
    its end is one that no cut looks like. `patience` is the read timeout in seconds; only
    the time in which something is awaited counts.
    """

    def __init__(
        self,
        response: Response,
        *,
        most: int,
        patience: float,
        clock: Clock,
        again: Callable[[WinchError], Awaitable[Response]],
        url: str,
    ) -> None:
        self.response = response
        self.url = url
        self.headers = response.headers
        media_type, _, _ = response.headers.get("content-type", "").partition(";")
        self.media_type = media_type.strip().lower()
        self.validator = validator_of(response)
        self._most = most
        self._patience = patience
        self._clock = clock
        self._again = again
        self.has_proved_end = True

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield its bytes, decoded; raises WinchError where they end early or are too many."""
        if (coding := _coding(self.response)) is None:
            async for piece in self._coded():
                yield piece
            return
        count, decoder = 0, _Decoder(coding)
        async for piece in self._coded():
            for decoded in decoder.feed(piece):
                count += len(decoded)
                if count > self._most:
                    raise too_large(self.url, self._most)
                yield decoded
        decoder.close()
        self.has_proved_end = True

    async def _coded(self) -> AsyncIterator[bytes]:
        """Yield its bytes as they are sent, from as many answers as that takes."""
        count, before, response = 0, hashlib.sha256(), self.response
        while True:
            try:
                async for piece in self._body(count, before.digest()):
                    count += len(piece)
                    if count > self._most:
                        raise too_large(self.url, self._most)
                    before.update(piece)
                    yield piece
            except WinchError as error:
                if not error.retryable:
                    raise
                self.response.close()
                self.response = await self._again(error)
                if _coding(self.response) != _coding(response):
                    raise _changed(self.url) from None
                continue
            return

    async def _body(self, known: int, digest: bytes) -> AsyncIterator[bytes]:
        """Yield an answer's body behind the first `known` bytes, which must have this digest.

        Raises FileChangedError where they have not, IncompleteBodyError where it was cut.
        """
        seen, repeated = 0, hashlib.sha256()
        is_proved = known == 0
        async for piece in self._arriving():
            if not is_proved:
                repeated.update(piece[: known - seen])
            before, seen = seen, seen + len(piece)
            if seen < known:
                continue
            if not is_proved:
                if repeated.digest() != digest:
                    raise _changed(self.url)
                is_proved = True
            if rest := piece[max(0, known - before) :]:
                yield rest
        if not is_proved:
            raise _changed(self.url)

    async def _arriving(self) -> AsyncIterator[bytes]:
        """Yield the pieces of an answer's body; raises where it was cut, or only drips."""
        response = self.response
        length = response.headers.get("content-length")
        is_counted = length is not None and "transfer-encoding" not in response.headers
        left = int(length) if is_counted and length and length.isdecimal() else None
        waited, came = 0.0, 0
        while left is None or left > 0:
            since = self._clock.monotonic()
            piece = bytes(await response.read(_PIECE))
            waited += self._clock.monotonic() - since
            came += len(piece)
            if not piece:
                if left is None:
                    # RFC 9112 section 6.3: it ends where the connection does, cut or not.
                    self.has_proved_end = "transfer-encoding" in response.headers
                    return
                raise IncompleteBodyError(
                    f"{host_of(response.url)} closed the connection {left:,} bytes too early"
                )
            if left is not None:
                piece = piece[:left]
                left -= len(piece)
            yield piece
            if waited >= self._patience:
                if came < LEAST and left != 0:
                    raise TransferTimeoutError(
                        f"{host_of(response.url)} sends next to nothing: {came:,} bytes in"
                        f" {waited:.0f} s"
                    )
                waited, came = 0.0, 0


def validator_of(response: Response) -> Validator:
    """Return what tells the version of an answer from others."""
    headers = response.headers
    return Validator(
        etag=headers.get("etag"),
        last_modified=headers.get("last-modified"),
        date=headers.get("date"),
    )


def _coding(response: Response) -> str | None:
    return coding_of(response.headers.get("content-encoding", ""))


def _changed(url: str) -> FileChangedError:
    return FileChangedError(
        f"{redact_url(url)} changed on the server while it was read", hint="read it again"
    )


class _Decoder:
    """Undoes a content coding that came unasked (RFC 9110 section 8.4.1), a little at a time."""

    def __init__(self, coding: str) -> None:
        # A file of gzip may be several, one behind the other (RFC 1952 section 2.2).
        self._bits, self._is_gzip = (31, True) if coding == "gzip" else (15, False)
        self._inflate = zlib.decompressobj(wbits=self._bits)

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield what a piece comes to; raises ProtocolError where it is no such coding."""
        try:
            while piece:
                if self._inflate.eof:
                    if not self._is_gzip:
                        return
                    self._inflate = zlib.decompressobj(wbits=self._bits)
                if decoded := self._inflate.decompress(piece, _PIECE):
                    yield decoded
                piece = self._inflate.unconsumed_tail or self._inflate.unused_data
        except zlib.error:
            raise ProtocolError("the text is not coded as its server says") from None

    def close(self) -> None:
        """Take in that there is no more; raises IncompleteBodyError where more has to come."""
        if not self._inflate.eof:
            raise IncompleteBodyError("the coded text ends too early")
