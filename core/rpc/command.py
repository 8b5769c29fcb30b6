"""A whole command done in the daemon: what is asked, by whom, and what may be asked for it there.

A short command costs its caller less than Python's modules would: it sends its words, and the
daemon, which has all loaded, says what would be printed. What the words mean is known to whoever
made the server; here they are bounded, carried and answered.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from core.domain.errors import WinchError
from core.domain.service import DownloadService
from core.rpc import codec

MOST_ASKED = 256 * 1024
"""Bytes that a command and what goes along with it may have."""


class CommandCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command as somebody typed it, and what of their process it depends on.

    `environment` are the variables that winch reads, `surroundings` what has to be alike in both
    processes, `columns` how wide a line on stdout may be, None where it is no terminal.
    """

    version: str
    words: tuple[str, ...]
    directory: str
    environment: dict[str, str]
    surroundings: dict[str, str]
    columns: int | None


class CommandEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The exit status; None where nothing was done, and the caller has to do it by itself."""

    status: int | None


Write = Callable[[str, bool], Awaitable[None]]
"""Sends text for stdout, or with True for stderr, and waits for a reader that is slow.

With `""` it sends nothing. Raises CancelledError where nobody is there any more.
"""


class Commands(Protocol):
    """Does commands for others; see `CommandEnd`."""

    async def __call__(
        self, call: CommandCall, service: DownloadService, write: Write
    ) -> int | None: ...


class LocalService(DownloadService):
    """The service as a command in this process sees it: like `RemoteService`, without a socket.

    What is asked has gone through the same words and the same bounds, and what follows from it is
    none of the command's context. `serve` does it; `is_wanted` tells whether somebody is still
    there who waits for the outcome.
    """

    def __init__(
        self,
        serve: Callable[[codec.Request], Awaitable[object]],
        is_wanted: Callable[[], bool],
    ) -> None:
        self._serve = serve
        self._is_wanted = is_wanted
        # Before the command: transfers that it starts must not hold what it printed.
        self._context = contextvars.copy_context()

    async def _call(self, method: codec.Method, params: object) -> object:
        if not self._is_wanted():
            # Ctrl-C ends a command between two requests, in the daemon too.
            raise asyncio.CancelledError
        line = codec.encode_request(0, method.name, params)
        request: codec.Request = codec.decode(line, codec.Request)
        return await asyncio.create_task(self._answer(request), context=self._context)

    async def _answer(self, request: codec.Request) -> object:
        try:
            return await self._serve(request)
        except WinchError as error:
            # Of the class that a client gets.
            raise error.info().to_error() from error


def _asking(method: codec.Method) -> Callable[..., Awaitable[object]]:
    async def ask(self: LocalService, *args: object, **named: object) -> object:
        return await self._call(method, method.params_of(*args, **named))

    return ask


for _method in codec.METHODS.values():
    setattr(LocalService, _method.name, _asking(_method))
