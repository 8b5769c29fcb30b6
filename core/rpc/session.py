"""One connection to the server: greet, then read requests until it ends.

All that is held for it is told to the ledger, so that a client which misbehaves costs a bounded
amount of memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import sys
from collections.abc import Callable

from core.domain.errors import ErrorInfo, RpcError
from core.domain.service import DownloadService
from core.rpc import codec
from core.rpc.command import Commands
from core.rpc.ledger import Account
from core.rpc.outgoing import Outgoing
from core.rpc.requests import Requests
from core.rpc.shared import Shared
from core.rpc.subscriptions import Subscriptions

GREETING_TIMEOUT = 10.0
"""Seconds that a client has to say hello."""


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
        self._shared = shared = shared or Shared()
        self._account = account = Account(shared.ledger, self)
        self._lines = codec.LineReader(
            reader, codec.MAX_GREETING, lambda held: account.put("line", held)
        )
        self._max_line = max_line
        self._writer = writer
        self._outgoing = outgoing = Outgoing(writer, account, self.owner, shared.made, self.drop)
        self._subscriptions = Subscriptions(service, outgoing, shared, self._stop_reading)
        self._requests = Requests(
            service,
            outgoing,
            account,
            shared,
            self.owner,
            subscriptions=self._subscriptions,
            commands=commands,
            is_wanted=self._is_wanted,
        )
        self._name = name
        self._number = number
        self._on_hello = on_hello
        self.since = asyncio.get_running_loop().time()
        self._reading: asyncio.Task[None] | None = None
        self._ending = False

    async def run(self) -> None:
        """Speak with the client until it leaves or `end` is called."""
        self._reading = asyncio.create_task(self._read())
        try:
            await asyncio.wait([self._reading])
            followed = self._subscriptions.running()
            await self._subscriptions.stop()
            for id_ in followed if self._ending else ():
                # A service that ends says so: a client that hears nothing was cut off.
                await self._outgoing.send(codec.encode_end(id_))
            if has_hung_up(self._writer):
                # What it asked for is done all the same, and needs no descriptor.
                self._writer.transport.abort()
            # The client may have closed its half only, and still wait for its answers.
            if self._requests.tasks:
                await asyncio.wait(self._requests.tasks)
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        finally:
            self._writer.transport.abort()
            tasks = [self._reading, *self._requests.tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._subscriptions.stop()
            # Nothing that it held waits for the collector, which comes seldom: a task that was
            # cancelled leads to its frames, and so to this.
            self._reading = None
            tasks.clear()
            self._lines.clear()
            self._requests.close()
            self._subscriptions.close()
            self._outgoing.close()
            self._account.close()

    @property
    def is_idle(self) -> bool:
        """Whether it waits for nothing: no answer, and no event."""
        return not self._requests.tasks and not self._subscriptions.running()

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
                await self._outgoing.send(codec.encode_error(None, error.info()))
                continue
            if line is None:
                return
            if line.strip():
                await self._requests.begin(line)
                del line

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
        await self._outgoing.send(codec.encode_hello(self._name, error, protocol))

    def _is_wanted(self) -> bool:
        """Tell whether the client is there still, as far as that can be known."""
        return self._ending or self._reading is None or not self._reading.done()


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
