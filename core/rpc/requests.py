"""What one connection asks for: taken in, done for few clients at a time, answered.

Several requests may be under way at once; an answer waits for the client to read the one before,
so that a client which never reads costs a bounded amount of memory. What takes much of it is done
for few clients at a time (`Shared`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

import msgspec

from core.domain.bounds import cut, overlong
from core.domain.errors import ErrorCode, ErrorInfo, RpcError, UsageError, WinchError
from core.domain.service import DownloadService
from core.rpc import codec
from core.rpc.command import MOST_ASKED, CommandCall, CommandEnd, Commands, LocalService
from core.rpc.ledger import Account
from core.rpc.outgoing import Outgoing
from core.rpc.shared import Shared
from core.rpc.subscriptions import Subscriptions

_log = logging.getLogger(__name__)

_IN_FLIGHT = 64
_MOST_IN_WORK = codec.MAX_LINE
"""Bytes of requests that one connection may have under way."""
_UNREAD = 256 * 1024
"""Bytes that may have been taken off the socket of a client that is made to wait."""
_MADE = frozenset(
    {"history", "report", "tail_log", "collections", "clean", "checkup", "statistics"}
)
"""Methods whose result may be long and is made for whoever asks."""
_LONG = _MADE | {"downloads"}
_LASTING = frozenset({"verify", "sync", "remove", "remove_collection"})
"""Methods that may take as long as a disk or a server likes."""


class Requests:
    """Those of one connection. `tasks` are under way; `is_wanted` tells whether it is there still.

    `owner` is the process at its other end, as in `ledger.Holder`.
    """

    def __init__(
        self,
        service: DownloadService,
        outgoing: Outgoing,
        account: Account,
        shared: Shared,
        owner: int,
        *,
        subscriptions: Subscriptions,
        commands: Commands | None,
        is_wanted: Callable[[], bool],
    ) -> None:
        self.tasks: set[asyncio.Task[None]] = set()
        self._service = service
        self._outgoing = outgoing
        self._account = account
        self._shared = shared
        self._owner = owner
        self._subscriptions = subscriptions
        self._commands = commands
        self._is_wanted = is_wanted
        self._slots = asyncio.Semaphore(_IN_FLIGHT)
        self._in_work = 0
        self._done = asyncio.Event()
        # What holds all of a long list comes one at a time: 64 of those would be a gigabyte.
        self._long = asyncio.Lock()
        self._of_all = asyncio.Lock()

    def close(self) -> None:
        """Hold nothing of whoever made this."""
        self._is_wanted = lambda: False

    async def begin(self, line: bytes | bytearray) -> None:
        """Take in a line as soon as there is room for it; what it asks for is done meanwhile."""
        size = len(line)
        await self._room_for(size)
        self._take_into_work(size)
        task = asyncio.create_task(self._serve(line))
        self.tasks.add(task)
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
        self.tasks.discard(task)
        self._slots.release()
        self._take_into_work(-size)
        self._done.set()

    def _take_into_work(self, size: int) -> None:
        self._in_work += size
        self._account.put("work", self._in_work)

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
            await self._outgoing.send(codec.encode_error(request_id, error.info()))
        except Exception:
            self._shared.errors += 1
            await self._outgoing.send(codec.encode_error(request_id, _unforeseen()))

    async def _do(self, request: codec.Request, *, is_large: bool) -> None:
        if request.method == codec.SUBSCRIBE:
            await self._subscriptions.begin(request)
        elif request.method == codec.COMMAND and self._commands is not None:
            async with self._long:
                status = await self._command(request, self._commands)
            await self._outgoing.answer(request.id, CommandEnd(status=status))
        elif request.method in _LONG:
            async with self._long, AsyncExitStack() as turn:
                if request.method in _MADE:
                    await turn.enter_async_context(self._outgoing.turn())
                if self._outgoing.is_closing and request.method != "clean":
                    # Nobody is there to be told.
                    return
                if request.method in _MADE:
                    result = await self._call(request)
                else:
                    async with self._shared.one_by_one():
                        result = await self._call(request)
                await self._outgoing.answer(request.id, result)
        elif request.method not in _LASTING and _is_of_all(request):
            async with self._of_all:
                async with self._shared.of_all.turn(self._owner):
                    result = await self._call(request)
                await self._outgoing.answer(request.id, result)
        else:
            async with AsyncExitStack() as turn:
                if is_large and request.method not in _LASTING:
                    await turn.enter_async_context(self._shared.large.turn(self._owner))
                result = await self._call(request)
            await self._outgoing.answer(request.id, result)

    async def _call(self, request: codec.Request) -> object:
        if request.method == codec.PING:
            return None
        if request.method == codec.UNSUBSCRIBE:
            params = codec.decode(request.params, codec.Unsubscribed)
            await self._subscriptions.stop(params.subscription)
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
                await self._outgoing.send(codec.encode_output(request.id, text, is_error=is_error))

        async def serve(asked: codec.Request) -> object:
            if asked.method in _LONG and not self._outgoing.has_turn:
                # From here on it may hold a list of its own, until it has said all of it.
                await turn.enter_async_context(self._outgoing.turn())
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
