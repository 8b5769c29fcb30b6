"""One connection to a daemon, from the client's side: greeted, then lines out and replies in.

It leads through the daemon's socket, or through the pipes of a program that stands for one on
another machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

from core.domain.bounds import cut
from core.domain.errors import DaemonError, RpcError, UnreachableError
from core.domain.version import OLDEST_PROTOCOL, VERSION
from core.rpc import codec
from core.rpc.unix_peer import user_of

GREETING_TIMEOUT = 10.0
"""Seconds that a daemon on this machine has for its greeting."""
_MOST_BEFORE_GREETING = 256
"""Lines that a shell may say before winch does: what a person has put into its start files."""


class IncompatibleDaemonError(DaemonError):
    """A daemon answers, but in another version of the protocol: in `protocol`."""

    def __init__(self, message: str, *, protocol: int) -> None:
        super().__init__(
            message,
            hint="`winch daemon restart` hands over to this winch, `winch daemon stop` only stops"
            " the other; nothing that is downloaded is lost",
        )
        self.protocol = protocol


class NoGreetingError(UnreachableError):
    """The connection ended before anybody had said hello, or what was said is no hello."""


class UnresponsiveDaemonError(DaemonError):
    """A daemon holds the socket and does not answer: it hangs, or is far too busy."""


class Wire:
    """A connection that has been greeted; `greeting` is what the server said of itself.

    A line of more than `most` bytes ends it: who sends one without end is nobody to wait for.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        most: int = codec.MAX_ANSWER,
    ) -> None:
        self.greeting = codec.Greeting(protocol=codec.PROTOCOL)
        self._lines = codec.LineReader(reader, codec.MAX_GREETING, is_lenient=False)
        self._most = most
        self._writer = writer

    @classmethod
    async def open(cls, path: Path, session: str) -> Wire:
        """Connect to a socket of this machine.

        Raises UnreachableError where nobody listens, UnresponsiveDaemonError, and what `greet`
        raises.
        """
        try:
            async with asyncio.timeout(GREETING_TIMEOUT):
                try:
                    return await cls._greeted(path, session, codec.PROTOCOL)
                except IncompatibleDaemonError as error:
                    if not OLDEST_PROTOCOL <= error.protocol < codec.PROTOCOL:
                        raise
                    # It is from the time when each spoke one protocol only.
                    return await cls._greeted(path, session, error.protocol)
        except TimeoutError as error:
            raise not_answering() from error

    @classmethod
    async def _greeted(cls, path: Path, session: str, protocol: int) -> Wire:
        wire = cls(*await dial(path))
        try:
            await wire.greet(session, protocol=protocol)
        except BaseException:
            wire._writer.transport.abort()
            raise
        return wire

    @property
    def received(self) -> int:
        """Bytes that have come so far."""
        return self._lines.received

    @property
    def silence(self) -> float:
        """Seconds since bytes came the last time."""
        return asyncio.get_running_loop().time() - self._lines.heard_at

    async def send(self, line: bytes) -> None:
        """Hand over a line; a lost connection shows when the answer is awaited."""
        with contextlib.suppress(OSError):
            self._writer.write(line)
            await self._writer.drain()

    async def receive(self) -> codec.Reply | None:
        """Return the next reply; None once the connection is lost."""
        try:
            line = await self._lines.line()
            reply: codec.Reply | None = None if line is None else codec.decode(line, codec.Reply)
        except RpcError:
            # Half a line, or one that makes no sense: the stream cannot be trusted from here on.
            return None
        return reply

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def greet(
        self, session: str, *, passes_over: bool = False, protocol: int = codec.PROTOCOL
    ) -> None:
        """Say hello and hear who answers; with `passes_over` text before the answer is no harm.

        Raises UnreachableError where the connection ends before, IncompatibleDaemonError, and what
        the server says instead of a greeting.
        """
        greeting = codec.Greeting(
            protocol=protocol,
            oldest=min(protocol, OLDEST_PROTOCOL),
            client=f"winch/{VERSION}",
            session=session,
        )
        await self.send(codec.encode(codec.Hello(hello=greeting)))
        try:
            hello = await self._hello(_MOST_BEFORE_GREETING if passes_over else 0)
        except RpcError as error:
            raise NoGreetingError(
                "what listens at the daemon's socket is not winch", hint=error.message
            ) from error
        if hello is None:
            raise NoGreetingError("no daemon is running", hint="`winch daemon start` starts one")
        said = hello.hello
        if not OLDEST_PROTOCOL <= said.protocol <= protocol or _is_refused(hello, protocol):
            raise IncompatibleDaemonError(
                f"the running daemon is {cut(said.server, 80).replace('/', ' ')},"
                f" this is winch {VERSION}, and they have no protocol in common",
                protocol=said.protocol,
            )
        if hello.error is not None:
            raise hello.error.to_error()
        self.greeting = hello.hello
        self._lines.limit = self._most

    async def _hello(self, passed_over: int) -> codec.Hello | None:
        while True:
            try:
                line = await self._lines.line()
                return None if line is None else codec.decode(line, codec.Hello)
            except RpcError:
                if not passed_over:
                    raise
                passed_over -= 1


def _is_refused(hello: codec.Hello, protocol: int) -> bool:
    return hello.error is not None and hello.hello.protocol != protocol


async def dial(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the daemon's socket.

    Raises UnreachableError where nobody listens, DaemonError where the socket cannot be used.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(path)
        _check_peer(path, writer)
        return reader, writer
    except (FileNotFoundError, ConnectionError) as error:
        raise no_daemon() from error
    except TimeoutError:
        raise
    except OSError as error:
        raise DaemonError(
            f"the daemon's socket {path} cannot be used: {error.strerror or error}"
        ) from error


def _check_peer(path: Path, writer: asyncio.StreamWriter) -> None:
    """Raise DaemonError where another user listens at the socket; only Linux tells who does."""
    user = user_of(writer.get_extra_info("socket"))
    if user is not None and user != os.geteuid():
        writer.transport.abort()
        raise DaemonError(
            f"another user listens at the daemon's socket {path}",
            hint="remove it, or set WINCH_HOME to a directory of your own",
        )


def no_daemon() -> UnreachableError:
    """Return the error for a socket at which nobody listens."""
    return UnreachableError("no daemon is running", hint="`winch daemon start` starts one")


def not_answering() -> UnresponsiveDaemonError:
    """Return the error for a daemon that holds the socket and says nothing."""
    return UnresponsiveDaemonError(
        f"the daemon has not answered for {GREETING_TIMEOUT:.0f} s",
        hint="if it hangs, `winch daemon stop` ends it; downloads go on at the next start",
    )


def connection_lost() -> DaemonError:
    """Return the error for a daemon that was gone before it had answered."""
    return DaemonError(
        "the connection to the daemon was lost",
        hint="what it was doing goes on where it stopped; run the command again",
    )
