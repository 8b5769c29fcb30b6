"""The daemon's service as seen from another process: `DownloadService` over a Unix socket.

What a front end holds instead of the engine. It loads nothing of the engine, so that a short
command starts fast.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import struct
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec

from core.domain.errors import DaemonError, RpcError, WinchError
from core.domain.events import Event
from core.domain.service import DownloadService
from core.domain.version import VERSION
from core.rpc import codec

_GREETING_TIMEOUT = 10.0
PATIENCE_SECONDS = 10.0
"""Seconds without an answer or an event after which the daemon is asked whether it still hears."""


# struct ucred of unix(7): process, user, group.
_UCRED = struct.Struct("3i")


class UnreachableError(DaemonError):
    """Nobody answers at the socket: no daemon runs, or it is about to end."""


class IncompatibleDaemonError(DaemonError):
    """A daemon answers, but in another version of the protocol."""


class UnresponsiveDaemonError(DaemonError):
    """A daemon holds the socket and does not answer: it hangs, or is far too busy."""


class RemoteService(DownloadService):
    """A `DownloadService` whose work is done in the daemon; made by `open`.

    Its methods are not written down here: each that the codec knows becomes one that asks the
    daemon, below, and has the types of the protocol.

    Errors of the daemon arrive as WinchError with the daemon's code, sentence and hint. When the
    connection is lost, every pending and later request raises DaemonError and subscriptions end.
    """

    def __init__(self, path: Path, session: str, wire: _Wire) -> None:
        self._path = path
        self._session = session
        self._wire = wire
        self._numbers = itertools.count(1)
        self._pending: dict[int | str, asyncio.Future[msgspec.Raw]] = {}
        self._lost = False
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, path: Path) -> RemoteService:
        """Connect to the daemon that listens at `path`.

        Raises UnreachableError when there is none and IncompatibleDaemonError when it is of
        another version.
        """
        session = uuid.uuid4().hex
        return cls(path, session, await _Wire.open(path, session))

    async def close(self) -> None:
        """Leave the daemon, which goes on; pending requests raise DaemonError. Idempotent."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._wire.close()

    async def __aenter__(self) -> RemoteService:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[Event]]:
        # A connection of its own: a consumer that is slow here does not hold up the answers there.
        wire = await _Wire.open(self._path, self._session)
        try:
            await wire.send(codec.encode({"id": 0, "method": codec.SUBSCRIBE}))
            reply = await wire.receive()
            if reply is None:
                raise connection_lost()
            if reply.error is not None:
                raise reply.error.to_error()
            yield _Events(wire, partial(_check_hearing, self._path, self._session))
        finally:
            await wire.close()

    async def _call(self, method: codec.Method, params: object) -> object:
        number = next(self._numbers)
        line = codec.encode_request(number, method.name, params)
        if self._lost:
            raise connection_lost()
        answer: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        try:
            await self._patiently(self._wire.send(line))
            await self._patiently(answer)
            result: object = codec.decode(answer.result(), method.result)
        finally:
            del self._pending[number]
        return result

    async def _patiently(self, waiting: Awaitable[object]) -> None:
        """Wait, for as long as the daemon lives; raises DaemonError once it hears nothing more.

        What was asked for may take its time, a hung daemon would take for ever.
        """
        task = asyncio.ensure_future(waiting)
        try:
            while not (await asyncio.wait({task}, timeout=PATIENCE_SECONDS))[0]:
                await _check_hearing(self._path, self._session)
        finally:
            task.cancel()

    async def _read(self) -> None:
        try:
            while (reply := await self._wire.receive()) is not None:
                if reply.id is None and reply.error is not None:
                    # The daemon could not tell which request this is about.
                    self._fail(reply.error.to_error())
                answer = self._pending.get(reply.id) if reply.id is not None else None
                if answer is None or answer.done():
                    continue
                if reply.error is not None:
                    answer.set_exception(reply.error.to_error())
                else:
                    answer.set_result(reply.result)
        finally:
            self._lost = True
            self._fail(connection_lost())

    def _fail(self, error: WinchError) -> None:
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(error)


def _asking(method: codec.Method) -> Callable[..., Awaitable[object]]:
    async def ask(self: RemoteService, *args: object, **named: object) -> object:
        return await self._call(method, method.params_of(*args, **named))

    return ask


for _method in codec.METHODS.values():
    setattr(RemoteService, _method.name, _asking(_method))


class _Events:
    """The events of one subscription, read from its own connection as they are asked for.

    They end when the service does; a service that vanished without a word raises DaemonError, and
    so does one that hears nothing any more, which `check` finds out.
    """

    def __init__(self, wire: _Wire, check: Callable[[], Awaitable[None]]) -> None:
        self._wire = wire
        self._check = check

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while (reply := await self._receive()) is not None:
            if reply.event == codec.END:
                raise StopAsyncIteration
            event = codec.decode_event(reply)
            if event is not None:
                return event
        raise connection_lost()

    async def _receive(self) -> codec.Reply | None:
        while True:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    return await self._wire.receive()
            except TimeoutError:
                await self._check()


class _Wire:
    """A connection that has been greeted: lines out, replies in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines = codec.LineReader(reader, codec.MAX_ANSWER)
        self._writer = writer

    @classmethod
    async def open(cls, path: Path, session: str) -> _Wire:
        try:
            async with asyncio.timeout(_GREETING_TIMEOUT):
                wire = cls(*await _dial(path))
                try:
                    await wire._greet(session)
                except BaseException:
                    wire._writer.transport.abort()
                    raise
        except TimeoutError as error:
            raise not_answering() from error
        return wire

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

    async def _greet(self, session: str) -> None:
        greeting = codec.Greeting(
            protocol=codec.PROTOCOL, client=f"winch/{VERSION}", session=session
        )
        await self.send(codec.encode(codec.Hello(hello=greeting)))
        try:
            line = await self._lines.line()
            hello: codec.Hello | None = None if line is None else codec.decode(line, codec.Hello)
        except RpcError as error:
            raise DaemonError(
                "what listens at the daemon's socket is not winch", hint=error.message
            ) from error
        if hello is None:
            raise _no_daemon()
        if hello.hello.protocol != codec.PROTOCOL:
            raise IncompatibleDaemonError(
                f"the running daemon is {hello.hello.server.replace('/', ' ')},"
                f" this is winch {VERSION}",
                hint="`winch daemon stop` and try again",
            )
        if hello.error is not None:
            raise hello.error.to_error()


async def _dial(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        reader, writer = await asyncio.open_unix_connection(path)
        _check_peer(path, writer)
        return reader, writer
    except (FileNotFoundError, ConnectionError) as error:
        raise _no_daemon() from error
    except TimeoutError:
        raise
    except OSError as error:
        raise DaemonError(
            f"the daemon's socket {path} cannot be used: {error.strerror or error}"
        ) from error


def _check_peer(path: Path, writer: asyncio.StreamWriter) -> None:
    """Raise DaemonError where another user listens at the socket; only Linux tells who does."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return
    credentials = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, option, _UCRED.size)
    _, user, _ = _UCRED.unpack(credentials)
    if user != os.geteuid():
        writer.transport.abort()
        raise DaemonError(
            f"another user listens at the daemon's socket {path}",
            hint="remove it, or set WINCH_HOME to a directory of your own",
        )


async def _check_hearing(path: Path, session: str) -> None:
    """Return if the daemon still greets; raises DaemonError if not."""
    wire = await _Wire.open(path, session)
    await wire.close()


def _no_daemon() -> UnreachableError:
    return UnreachableError("no daemon is running", hint="`winch daemon start` starts one")


def not_answering() -> UnresponsiveDaemonError:
    """Return the error for a daemon that holds the socket and says nothing."""
    return UnresponsiveDaemonError(
        f"the daemon has not answered for {_GREETING_TIMEOUT:.0f} s",
        hint="if it hangs, `winch daemon stop` ends it; downloads go on at the next start",
    )


def connection_lost() -> DaemonError:
    """Return the error for a daemon that was gone before it had answered."""
    return DaemonError(
        "the connection to the daemon was lost",
        hint="what it was doing goes on where it stopped; run the command again",
    )
