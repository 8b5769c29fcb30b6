"""One connection to the server: greet, then answer requests and pass events on until it ends.

Several requests may be under way at once; an answer waits for the client to read the one before,
so that a client which never reads costs a bounded amount of memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing

import msgspec

from core.domain.bounds import cut, overlong
from core.domain.errors import ErrorCode, ErrorInfo, RpcError, UsageError, WinchError
from core.domain.events import Event
from core.domain.service import DownloadService
from core.rpc import codec
from core.rpc.command import MOST_ASKED, CommandCall, CommandEnd, Commands, LocalService
from core.rpc.link_progress import SubscribeParams, thinned

_log = logging.getLogger(__name__)

_IN_FLIGHT = 64
_MOST_SUBSCRIPTIONS = 8
"""At once on one connection: whoever has but one connection may follow in several places."""
_LONG = frozenset({"downloads"})
"""Methods whose result is as long as the list."""


@dataclasses.dataclass(slots=True)
class Traffic:
    """What all clients have asked for together, and how much of it was refused."""

    requests: int = 0
    errors: int = 0


class Session:
    """What the server knows of one connection. `client` is empty until it has said hello."""

    def __init__(
        self,
        service: DownloadService,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        name: str,
        number: int,
        max_line: int,
        on_hello: Callable[[], None],
        commands: Commands | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        self.client = ""
        self._traffic = traffic or Traffic()
        self._service = service
        self._lines = codec.LineReader(reader, max_line)
        self._writer = writer
        self._name = name
        self._number = number
        self._on_hello = on_hello
        self._commands = commands
        self._write_lock = asyncio.Lock()
        self._slots = asyncio.Semaphore(_IN_FLIGHT)
        # What holds all of a long list comes one at a time: 64 of those would be a gigabyte.
        self._long = asyncio.Lock()
        self._requests: set[asyncio.Task[None]] = set()
        self._events: dict[int | str, asyncio.Task[None]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._ending = False

    async def run(self) -> None:
        """Speak with the client until it leaves or `end` is called."""
        self._reading = asyncio.create_task(self._read())
        try:
            await asyncio.wait([self._reading])
            followed = [id_ for id_, task in self._events.items() if not task.done()]
            await self._stop_events()
            for id_ in followed if self._ending else ():
                # A service that ends says so: a client that hears nothing was cut off.
                await self._send(codec.encode_end(id_))
            # The client may have closed its half only, and still wait for its answers.
            if self._requests:
                await asyncio.wait(self._requests)
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        finally:
            self._writer.transport.abort()
            tasks = [self._reading, *self._requests]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._stop_events()

    def end(self) -> None:
        """Read nothing more; what is being answered is still answered."""
        self._ending = True
        self._stop_reading()

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    async def _read(self) -> None:
        if not await self._greet():
            return
        while True:
            try:
                line = await self._lines.line()
            except RpcError as error:
                await self._send(codec.encode_error(None, error.info()))
                continue
            if line is None:
                return
            if line.strip():
                await self._slots.acquire()
                task = asyncio.create_task(self._serve(line))
                self._requests.add(task)
                task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._requests.discard(task)
        self._slots.release()

    async def _greet(self) -> bool:
        try:
            line = await self._lines.line()
            if line is None:
                return False
            hello = codec.decode(line, codec.Hello).hello
            if hello.protocol != codec.PROTOCOL:
                raise RpcError(
                    f"{hello.client or 'the client'} speaks protocol {hello.protocol},"
                    f" {self._name} speaks {codec.PROTOCOL}",
                    hint="stop the daemon with `winch daemon stop` and try again",
                )
        except RpcError as error:
            await self._hello(error.info())
            return False
        self.client = hello.session or f"connection {self._number}"
        self._on_hello()
        await self._hello(None)
        return True

    async def _hello(self, error: ErrorInfo | None) -> None:
        greeting = codec.Greeting(protocol=codec.PROTOCOL, server=self._name)
        await self._send(codec.encode(codec.Hello(hello=greeting, error=error)))

    async def _serve(self, line: bytes) -> None:
        request_id: int | str | None = None
        self._traffic.requests += 1
        try:
            try:
                request: codec.Request = codec.decode(line, codec.Request)
            except RpcError:
                request_id = _id_of(line)
                raise
            request_id = request.id
            if request.method == codec.SUBSCRIBE:
                await self._subscribe(request)
            elif request.method == codec.COMMAND and self._commands is not None:
                async with self._long:
                    status = await self._command(request, self._commands)
                await self._answer(request.id, CommandEnd(status=status))
            elif request.method in _LONG:
                async with self._long:
                    await self._answer(request.id, await self._call(request))
            else:
                await self._answer(request.id, await self._call(request))
        except WinchError as error:
            self._traffic.errors += 1
            await self._send(codec.encode_error(request_id, error.info()))
        except Exception:
            self._traffic.errors += 1
            await self._send(codec.encode_error(request_id, _unforeseen()))

    async def _call(self, request: codec.Request) -> object:
        if request.method == codec.PING:
            return None
        if request.method == codec.UNSUBSCRIBE:
            params = codec.decode(request.params, codec.Unsubscribed)
            await self._stop_events(params.subscription)
            return None
        method = codec.METHODS.get(request.method)
        if method is None:
            raise RpcError(f"there is no method '{cut(request.method, 80)}'")
        params = codec.decode(request.params, method.params)
        given = msgspec.structs.asdict(params)
        if (trouble := overlong(given)) is not None:
            raise UsageError(trouble)
        result: object = await getattr(self._service, method.name)(**given)
        return result

    async def _command(self, request: codec.Request, commands: Commands) -> int | None:
        if len(memoryview(request.params)) > MOST_ASKED:
            raise RpcError("this is no short command")
        call: CommandCall = codec.decode(request.params, CommandCall)

        async def write(text: str, is_error: bool) -> None:
            if self._writer.transport.is_closing() or not (text or self._is_wanted()):
                # Nobody is there to read the rest of a long list.
                raise asyncio.CancelledError
            if text:
                await self._send(codec.encode_output(request.id, text, is_error=is_error))

        # Its methods are those of the codec.
        service = LocalService(self._serve_here, self._is_wanted)  # type: ignore[abstract]
        return await commands(call, service, write)

    async def _serve_here(self, request: codec.Request) -> object:
        try:
            return await self._call(request)
        except WinchError:
            raise
        except Exception as error:
            raise _unforeseen().to_error() from error

    def _is_wanted(self) -> bool:
        """Tell whether the client is there still, as far as that can be known."""
        return self._ending or self._reading is None or not self._reading.done()

    async def _subscribe(self, request: codec.Request) -> None:
        asked: SubscribeParams = codec.decode(request.params, SubscribeParams)
        running = {id_: task for id_, task in self._events.items() if not task.done()}
        if request.id in running or len(running) >= _MOST_SUBSCRIPTIONS:
            raise RpcError("this connection has a subscription already")
        self._events = running
        async with AsyncExitStack() as stack:
            events = await stack.enter_async_context(self._service.subscribe())
            await self._answer(request.id, None)
            passing_on = self._pass_on(request.id, events, asked.interval, stack.pop_all())
            self._events[request.id] = asyncio.create_task(passing_on)

    async def _pass_on(
        self,
        id_: int | str,
        events: AsyncIterator[Event],
        interval: float,
        stack: AsyncExitStack,
    ) -> None:
        try:
            async with stack:
                if interval:
                    events = await stack.enter_async_context(aclosing(thinned(events, interval)))
                # While the client does not read, this does not either: the subscription coalesces.
                async for event in events:
                    await self._send(codec.encode_event(event, id_, short=interval > 0))
            await self._send(codec.encode_end(id_))
        except Exception:
            # A follower that hears nothing more must notice, so it loses the connection.
            _log.exception("a subscription failed in a way that was not foreseen")
            self._stop_reading()

    async def _stop_events(self, subscription: int | str | None = None) -> None:
        tasks = [
            task
            for id_, task in self._events.items()
            if subscription is None or id_ == subscription
        ]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, request_id: int | str, result: object) -> None:
        # Encoded only once it is its turn: many long answers never exist side by side.
        async with self._write_lock:
            await self._write(codec.encode_result(request_id, result))

    async def _send(self, line: bytes) -> None:
        async with self._write_lock:
            await self._write(line)

    async def _write(self, line: bytes) -> None:
        # A client that is gone is no failure; the reader sees the end of the connection.
        if self._writer.transport.is_closing():
            return
        with contextlib.suppress(OSError):
            self._writer.write(line)
            await self._writer.drain()


def _unforeseen() -> ErrorInfo:
    """Log the exception that is handled, and return what a client may know of it."""
    _log.exception("a request failed in a way that was not foreseen")
    return ErrorInfo(
        code=ErrorCode.INTERNAL,
        message="winch failed at this request, which is a fault of winch itself",
        hint="winch.log has the details",
    )


def _id_of(line: bytes) -> int | str | None:
    """Return the id of a request that is otherwise wrong, so that its sender learns of it."""
    try:
        found: int | str | None = codec.decode(line, codec.Reply).id
    except RpcError:
        return None
    return found
