"""Stdin and stdout joined with the daemon's socket: how a front end elsewhere reaches this one.

It carries bytes and understands none of them, so that only the two ends have to agree on what they
mean. What keeps the daemon from starting is said as a greeting would be.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from typing import IO, TextIO

from core.domain.errors import UsageError, WinchError
from core.domain.version import VERSION
from core.rpc import codec

_CHUNK = 64 * 1024


async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes both ways until the daemon closes its end, or nobody reads any more.

    Raises UsageError where stdin or stdout is no pipe.
    """
    try:
        source, sink = await _stdin(), await _stdout()
        there = asyncio.create_task(_carry(source, writer))
        try:
            await _carry(reader, sink)
        finally:
            there.cancel()
            await asyncio.gather(there, return_exceptions=True)
    finally:
        writer.transport.abort()


def refuse(error: WinchError) -> None:
    """Say on stdout, in the words of the protocol, why there is no daemon to speak with."""
    with suppress(OSError):
        sys.stdout.buffer.write(codec.encode_hello(f"winch/{VERSION}", error.info()))
        sys.stdout.buffer.flush()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        else:
            writer.close()


async def _stdin() -> asyncio.StreamReader:
    if sys.stdin.isatty():
        raise _no_pipe("stdin")
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(_CHUNK)
    try:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), _own(sys.stdin))
    except (OSError, ValueError) as error:
        raise _no_pipe("stdin") from error
    return reader


async def _stdout() -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    try:
        transport, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, _own(sys.stdout)
        )
    except (OSError, ValueError) as error:
        raise _no_pipe("stdout") from error
    return asyncio.StreamWriter(transport, protocol, None, loop)


def _own(stream: TextIO) -> IO[bytes]:
    """Return the same pipe as a file that may be closed, which Python's own are not to be."""
    return os.fdopen(os.dup(stream.fileno()), "rb" if stream is sys.stdin else "wb", buffering=0)


def _no_pipe(name: str) -> UsageError:
    return UsageError(
        f"{name} of `winch rpc-stdio` has to be a pipe or a socket",
        hint="it is what `winch -H HOST` runs on the other machine; a person has no use for it",
    )
