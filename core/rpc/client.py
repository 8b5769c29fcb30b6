"""The daemon's service as seen from another process: `DownloadService` over a Unix socket.

What a front end holds instead of the engine. It loads nothing of the engine, so that a short
command starts fast.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from core.domain.errors import RpcError, UnreachableError, WinchError
from core.domain.events import Event
from core.domain.service import DownloadService
from core.rpc import codec
from core.rpc.peer import Peer
from core.rpc.wire import (
    IncompatibleDaemonError,
    UnresponsiveDaemonError,
    Wire,
    connection_lost,
    not_answering,
)

__all__ = [
    "PATIENCE_SECONDS",
    "IncompatibleDaemonError",
    "RemoteService",
    "UnreachableError",
    "UnresponsiveDaemonError",
    "connection_lost",
    "not_answering",
]

PATIENCE_SECONDS = 10.0
"""Seconds without an answer or an event after which the daemon is asked whether it still hears."""


class RemoteService(DownloadService):
    """A `DownloadService` whose work is done in the daemon; made by `open`.

    Its methods are not written down here: each that the codec knows becomes one that asks the
    daemon, below, and has the types of the protocol.

    Errors of the daemon arrive as WinchError with the daemon's code, sentence and hint. When the
    connection is lost, every pending and later request raises DaemonError and subscriptions end.
    """

    def __init__(self, wire: Wire, session: str, path: Path | None = None) -> None:
        self._path = path
        self._session = session
        self._wire = wire
        self.peer = Peer(wire.greeting.server)
        """The winch that does the work."""
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
        return cls(await Wire.open(path, session), session, path)

    @property
    def is_lost(self) -> bool:
        """Whether the connection has ended: every further request raises."""
        return self._lost

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
        wire = await self._another()
        try:
            await wire.send(codec.encode({"id": 0, "method": codec.SUBSCRIBE}))
            reply = await wire.receive()
            if reply is None:
                raise connection_lost()
            if reply.error is not None:
                raise reply.error.to_error()
            yield Events(wire.receive, self._check_hearing, self._connection_lost, self.peer)
        finally:
            await wire.close()

    async def _call(self, method: codec.Method, params: object) -> object:
        try:
            answer = await self._ask(method.name, params)
            result: object = codec.decode(answer, method.result)
        except RpcError as error:
            raise self.peer.explained(error) from error
        return result

    async def _ask(
        self, method: str, params: object, number: int | None = None, *, is_patient: bool = True
    ) -> msgspec.Raw:
        number = next(self._numbers) if number is None else number
        wait = self._patiently if is_patient else _as_it_is
        line = codec.encode_request(number, method, params)
        if self._lost:
            raise self._connection_lost()
        answer: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        try:
            await wait(self._wire.send(line))
            await wait(answer)
            return answer.result()
        finally:
            del self._pending[number]

    async def _patiently(self, waiting: Awaitable[object]) -> None:
        """Wait, for as long as the daemon lives; raises DaemonError once it hears nothing more.

        What was asked for may take its time, a hung daemon would take for ever.
        """
        task = asyncio.ensure_future(waiting)
        try:
            while not (await asyncio.wait({task}, timeout=PATIENCE_SECONDS))[0]:
                await self._check_hearing()
        finally:
            task.cancel()

    async def _another(self) -> Wire:
        assert self._path is not None
        return await Wire.open(self._path, self._session)

    async def _check_hearing(self) -> None:
        """Return if the daemon still greets; raises DaemonError if not."""
        await (await self._another()).close()

    def _connection_lost(self) -> WinchError:
        return connection_lost()

    async def _read(self) -> None:
        try:
            while (reply := await self._wire.receive()) is not None:
                self._take_in(reply)
        finally:
            self._lost = True
            self._fail(self._connection_lost())

    def _take_in(self, reply: codec.Reply) -> None:
        if reply.id is None and reply.error is not None:
            # The daemon could not tell which request this is about.
            self._fail(reply.error.to_error())
        answer = self._pending.get(reply.id) if reply.id is not None else None
        if answer is None or answer.done():
            return
        if reply.error is not None:
            answer.set_exception(reply.error.to_error())
        else:
            answer.set_result(reply.result)

    def _fail(self, error: WinchError) -> None:
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(error)


async def _as_it_is(waiting: Awaitable[object]) -> None:
    await waiting


def _asking(method: codec.Method) -> Callable[..., Awaitable[object]]:
    async def ask(self: RemoteService, *args: object, **named: object) -> object:
        return await self._call(method, method.params_of(*args, **named))

    return ask


for _method in codec.METHODS.values():
    setattr(RemoteService, _method.name, _asking(_method))


class Events:
    """The events of one subscription, as they are asked for.

    They end when the service does; a service that vanished without a word raises what `lost`
    returns, and one that hears nothing any more what `check` raises.
    """

    def __init__(
        self,
        receive: Callable[[], Awaitable[codec.Reply | None]],
        check: Callable[[], Awaitable[None]],
        lost: Callable[[], WinchError],
        peer: Peer,
    ) -> None:
        self._next = receive
        self._check = check
        self._connection_lost = lost
        self._peer = peer

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while (reply := await self._receive()) is not None:
            if reply.event == codec.END:
                raise StopAsyncIteration
            try:
                event = codec.decode_event(reply)
            except RpcError as error:
                raise self._peer.explained(error) from error
            if event is not None:
                return self._peer.told(event)
        raise self._connection_lost()

    async def _receive(self) -> codec.Reply | None:
        while True:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    return await self._next()
            except TimeoutError:
                await self._check()
