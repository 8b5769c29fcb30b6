"""One connection to the server: greet, then answer requests and pass events on until it ends.

Several requests may be under way at once; an answer waits for the client to read the one before,
so that a client which never reads costs a bounded amount of memory. What takes much of it is done
for few clients at a time (`Shared`), and all that is held for one is told to the ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import select
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from functools import partial

import msgspec

from core.domain.bounds import cut, overlong
from core.domain.errors import ErrorCode, ErrorInfo, RpcError, UsageError, WinchError
from core.domain.events import Event
from core.domain.service import DownloadService
from core.rpc import codec
from core.rpc.command import MOST_ASKED, CommandCall, CommandEnd, Commands, LocalService
from core.rpc.ledger import Account
from core.rpc.link_progress import SubscribeParams, thinned
from core.rpc.outgoing import Outgoing
from core.rpc.parts import weight_of
from core.rpc.shared import Shared

_log = logging.getLogger(__name__)

GREETING_TIMEOUT = 10.0
"""Seconds that a client has to say hello."""
_IN_FLIGHT = 64
_MOST_IN_WORK = codec.MAX_LINE
"""Bytes of requests that one connection may have under way."""
_UNREAD = 256 * 1024
"""Bytes that may have been taken off the socket of a client that is made to wait."""
_OF_A_RECORD, _OF_AN_ENTRY = 8, 512
"""Bytes that an item of an answer takes: one that is in the list anyway, and one made for it."""
_MOST_SUBSCRIPTIONS = 8
"""At once on one connection: whoever has but one connection may follow in several places."""
_MADE = frozenset(
    {"history", "report", "tail_log", "collections", "clean", "checkup", "statistics"}
)
"""Methods whose result may be long and is made for whoever asks."""
_LONG = _MADE | {"downloads"}
_LASTING = frozenset({"verify", "sync", "remove", "remove_collection"})
"""Methods that may take as long as a disk or a server likes."""


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
        on_hello: Callable[[Session], None],
        commands: Commands | None = None,
        shared: Shared | None = None,
        owner: int | None = None,
    ) -> None:
        self.client = ""
        self.owner = -number if owner is None else owner
        self._service = service
        self._shared = shared = shared or Shared()
        self._account = account = Account(shared.ledger, self)
        self._lines = codec.LineReader(
            reader, codec.MAX_GREETING, lambda held: account.put("line", held)
        )
        self._max_line = max_line
        self._writer = writer
        self._turns = 0
        self._outgoing = Outgoing(
            writer,
            account,
            is_in_the_way=lambda: self._turns > 0 and shared.made.is_wanted(),
            drop=self.drop,
        )
        self._name = name
        self._number = number
        self._on_hello = on_hello
        self._commands = commands
        self._slots = asyncio.Semaphore(_IN_FLIGHT)
        self._in_work = 0
        self._done = asyncio.Event()
        # What holds all of a long list comes one at a time: 64 of those would be a gigabyte.
        self._long = asyncio.Lock()
        self._of_all = asyncio.Lock()
        self._weight = 0
        self.since = asyncio.get_running_loop().time()
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
            if has_hung_up(self._writer):
                # What it asked for is done all the same, and needs no descriptor.
                self._writer.transport.abort()
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
            # Nothing that it held waits for the collector, which comes seldom: a task that was
            # cancelled leads to its frames, and so to this.
            self._reading = None
            self._events.clear()
            tasks.clear()
            self._lines.clear()
            self._outgoing.close()
            self._account.close()

    @property
    def is_leaving(self) -> bool:
        """Whether it is about to end, and its place free."""
        return self._outgoing.is_closing

    @property
    def is_idle(self) -> bool:
        """Whether it waits for nothing: no answer, and no event."""
        return not self._requests and all(task.done() for task in self._events.values())

    def drop(self, reason: str) -> None:
        """Let the client go at once; what it asked for is done all the same."""
        self._shared.tell(self.owner, reason)
        self._writer.transport.abort()
        self._stop_reading()

    def end(self) -> None:
        """Read nothing more; what is being answered is still answered."""
        self._ending = True
        self._stop_reading()

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(GREETING_TIMEOUT):
                if not await self._greet():
                    return
        except TimeoutError:
            return
        self._lines.limit = self._max_line
        while True:
            try:
                line = await self._lines.line()
            except RpcError as error:
                await self._send(codec.encode_error(None, error.info()))
                continue
            if line is None:
                return
            if line.strip():
                size = len(line)
                await self._room_for(size)
                self._take_into_work(size)
                task = asyncio.create_task(self._serve(line))
                del line
                self._requests.add(task)
                task.add_done_callback(partial(self._served, size=size))

    async def _room_for(self, size: int) -> None:
        """Wait until one more request may be under way: until then nothing more is read."""
        if not self._slots.locked() and self._in_work + size <= _MOST_IN_WORK:
            await self._slots.acquire()
            return
        self._account.put("line", size + _UNREAD)
        await self._slots.acquire()
        while self._in_work and self._in_work + size > _MOST_IN_WORK:
            self._done.clear()
            await self._done.wait()
        self._account.put("line", 0)

    def _served(self, task: asyncio.Task[None], *, size: int) -> None:
        self._requests.discard(task)
        self._slots.release()
        self._take_into_work(-size)
        self._done.set()

    def _take_into_work(self, size: int) -> None:
        self._in_work += size
        self._account.put("work", self._in_work)

    async def _greet(self) -> bool:
        try:
            line = await self._lines.line()
            if line is None:
                return False
            hello = codec.decode(line, codec.Hello).hello
            if (protocol := codec.common_protocol(hello)) is None:
                raise RpcError(
                    f"{hello.client or 'the client'} speaks protocol {hello.protocol},"
                    f" {self._name} speaks {codec.PROTOCOL}",
                    hint="`winch daemon restart` hands over to the winch that is installed; an"
                    " older one has `winch daemon stop`, and then start it again",
                )
        except RpcError as error:
            await self._hello(codec.PROTOCOL, error.info())
            return False
        self.client = hello.session or f"connection {self._number}"
        self._on_hello(self)
        await self._hello(protocol, None)
        return True

    async def _hello(self, protocol: int, error: ErrorInfo | None) -> None:
        greeting = codec.Greeting(protocol=protocol, server=self._name)
        await self._send(codec.encode(codec.Hello(hello=greeting, error=error)))

    async def _serve(self, line: bytes | bytearray) -> None:
        request_id: int | str | None = None
        self._shared.requests += 1
        try:
            try:
                request: codec.Request = codec.decode(line, codec.Request)
            except RpcError:
                request_id = _id_of(line)
                raise
            request_id = request.id
            if is_large := len(line) > codec.LARGE:
                codec.check_counts(line)
            await self._do(request, is_large=is_large)
        except WinchError as error:
            self._shared.errors += 1
            await self._send(codec.encode_error(request_id, error.info()))
        except Exception:
            self._shared.errors += 1
            await self._send(codec.encode_error(request_id, _unforeseen()))

    async def _do(self, request: codec.Request, *, is_large: bool) -> None:
        if request.method == codec.SUBSCRIBE:
            await self._subscribe(request)
        elif request.method == codec.COMMAND and self._commands is not None:
            async with self._long:
                status = await self._command(request, self._commands)
            await self._answer(request.id, CommandEnd(status=status))
        elif request.method in _LONG:
            async with self._long, AsyncExitStack() as turn:
                if request.method in _MADE:
                    await turn.enter_async_context(self._turn())
                if self._outgoing.is_closing and request.method != "clean":
                    # Nobody is there to be told.
                    return
                if request.method in _MADE:
                    result = await self._call(request)
                else:
                    async with self._shared.one_by_one():
                        result = await self._call(request)
                await self._answer(request.id, result)
        elif request.method not in _LASTING and _is_of_all(request):
            async with self._of_all:
                async with self._shared.of_all.turn(self):
                    result = await self._call(request)
                await self._answer(request.id, result)
        else:
            async with AsyncExitStack() as turn:
                if is_large and request.method not in _LASTING:
                    await turn.enter_async_context(self._shared.large.turn(self))
                result = await self._call(request)
            await self._answer(request.id, result)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Have a place among those few whose long answers are made for them."""
        async with self._shared.made.turn(self):
            self._turns += 1
            try:
                yield
            finally:
                self._turns -= 1

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

        turn = AsyncExitStack()

        async def write(text: str, is_error: bool) -> None:
            if self._outgoing.is_closing or not (text or self._is_wanted()):
                # Nobody is there to read the rest of a long list.
                raise asyncio.CancelledError
            if text:
                await self._send(codec.encode_output(request.id, text, is_error=is_error))

        async def serve(asked: codec.Request) -> object:
            if asked.method in _LONG and not self._turns:
                # From here on it may hold a list of its own, until it has said all of it.
                await turn.enter_async_context(self._turn())
            return await self._serve_here(asked)

        # Its methods are those of the codec.
        service = LocalService(serve, self._is_wanted)  # type: ignore[abstract]
        async with turn:
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
                async with self._shared.one_by_one():
                    first = await anext(events, None)
                async for event in _after(first, events):
                    pieces = codec.event_pieces(event, id_, short=interval > 0)
                    await self._send_pieces(pieces, event)
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
        await self._send_pieces(codec.result_pieces(request_id, result), result)

    async def _send_pieces(self, pieces: Iterator[bytes], made_of: object) -> None:
        weight = weight_of(made_of) * (_OF_AN_ENTRY if self._turns else _OF_A_RECORD)
        self._weigh(weight)
        try:
            await self._outgoing.send_pieces(pieces)
        finally:
            self._weigh(-weight)

    def _weigh(self, weight: int) -> None:
        self._weight += weight
        self._account.put("answers", self._weight)

    async def _send(self, line: bytes) -> None:
        await self._outgoing.send(line)


async def _after(first: Event | None, events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    if first is not None:
        yield first
        async for event in events:
            yield event


def has_hung_up(writer: asyncio.StreamWriter) -> bool:
    """Tell whether the other end is gone altogether, and not only done with asking.

    Elsewhere than on Linux poll(2) says the same of both.
    """
    if sys.platform != "linux":
        return False
    connection = writer.get_extra_info("socket")
    if connection is None or connection.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), 0)
    return any(event & select.POLLHUP for _, event in poll.poll(0))


class _Ids(msgspec.Struct):
    ids: msgspec.Raw = msgspec.Raw(b"null")


_OF_IDS = frozenset(
    name for name, method in codec.METHODS.items() if "ids" in method.params.__struct_fields__
)


def _is_of_all(request: codec.Request) -> bool:
    """Tell whether the answer may be as long as the list: without ids all of them are meant."""
    if request.method not in _OF_IDS or len(memoryview(request.params)) > codec.LARGE:
        return False
    try:
        ids: _Ids = codec.decode(request.params, _Ids)
    except RpcError:
        return False
    return bytes(ids.ids) == b"null"


def _unforeseen() -> ErrorInfo:
    """Log the exception that is handled, and return what a client may know of it."""
    _log.exception("a request failed in a way that was not foreseen")
    return ErrorInfo(
        code=ErrorCode.INTERNAL,
        message="winch failed at this request, which is a fault of winch itself",
        hint="winch.log has the details",
    )


def _id_of(line: bytes | bytearray) -> int | str | None:
    """Return the id of a request that is otherwise wrong, so that its sender learns of it."""
    try:
        found: int | str | None = codec.decode(line, codec.Reply).id
    except RpcError:
        return None
    return found
