"""The service of another machine, over the pipes of one program: all on a single connection.

Requests, answers and events share it, as each further one would be a login of its own. A link that
has died is not told of by anybody, so that it is asked for a sign of life where nothing comes.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol, cast

from core.domain.errors import HostError, RpcError, WinchError
from core.domain.events import Event
from core.domain.value import replace
from core.rpc import client, codec
from core.rpc.client import Events, RemoteService
from core.rpc.link_progress import SubscribeParams
from core.rpc.peer import Peer
from core.rpc.wire import IncompatibleDaemonError, NoGreetingError, Wire

_MOST_ANSWERED = 256 * 1024 * 1024
"""Bytes of an answer: the list of 300,000 downloads. Another machine is trusted with no more."""
_INTERVAL = 1.0
"""Seconds between two tellings of progress: four times as much goes over a socket."""
_LEAVING = 2.0
"""Seconds for the end of a subscription, which somebody waits for who wants to leave."""


class Line(Protocol):
    """A program whose stdin and stdout lead to a daemon elsewhere."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def why(self) -> WinchError | None:
        """Return why it ended, None while it runs; waits a moment for one that is about to."""
        ...

    async def close(self) -> None: ...


class LinkedService(RemoteService):
    """A `RemoteService` on another machine; made by `over`."""

    def __init__(self, wire: Wire, session: str, line: Line, name: str) -> None:
        super().__init__(wire, session)
        self._line = line
        self._name = name
        self.peer = Peer(wire.greeting.server, name)
        self._events: dict[int, asyncio.Queue[codec.Reply | None]] = {}

    @classmethod
    async def over(cls, line: Line, name: str) -> LinkedService:
        """Greet the daemon at the other end, and close the line where that fails.

        Raises HostError with the reason for which the program ended, and what `Wire.greet` raises.
        """
        session = uuid.uuid4().hex
        wire = Wire(line.reader, line.writer, _MOST_ANSWERED)
        try:
            try:
                await wire.greet(session, passes_over=True)
            except IncompatibleDaemonError as error:
                raise HostError(
                    f"{name}: {error.message}", hint="update the older of the two"
                ) from error
            except NoGreetingError as error:
                raise await line.why() or HostError(
                    f"what answers on {name} is not winch: {error.hint}",
                    hint="see what `winch rpc-stdio` says there",
                ) from error
            except WinchError as error:
                # It is told of that machine, where all that it names is.
                info = error.info()
                raise replace(info, message=f"on {name}: {info.message}").to_error() from error
        except BaseException:
            await line.close()
            raise
        return cls(wire, session, line, name)

    @property
    def silence(self) -> float:
        """Seconds since anything came from there: so old is what is known of it."""
        return self._wire.silence

    async def close(self) -> None:
        """Leave the daemon and end the program. Idempotent."""
        await super().close()
        await self._line.close()

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[Event]]:
        # Without a bound: whoever takes the events in lives in the same loop as what reads them,
        # and may wait for an answer that comes behind them.
        replies: asyncio.Queue[codec.Reply | None] = asyncio.Queue()
        number = next(self._numbers)
        self._events[number] = replies
        try:
            await self._begin(number)
            yield Events(replies.get, self._check_hearing, self._connection_lost, self.peer)
        finally:
            del self._events[number]
            if not self._lost:
                with suppress(WinchError, TimeoutError):
                    async with asyncio.timeout(_LEAVING):
                        await self._ask(codec.UNSUBSCRIBE, codec.Unsubscribed(number))

    async def _begin(self, number: int) -> None:
        """Have events sent, as few as a link wants where the daemon there can do that."""
        try:
            await self._ask(codec.SUBSCRIBE, SubscribeParams(interval=_INTERVAL), number)
        except RpcError:
            # One from before there were parameters refuses them.
            await self._ask(codec.SUBSCRIBE, codec.NoParams(), number)

    async def _check_hearing(self) -> None:
        """Return where anything comes within the same patience; raises HostError."""
        before = self._wire.received
        try:
            async with asyncio.timeout(client.PATIENCE_SECONDS):
                # An answer, a refusal by a daemon that does not know the word: both are life.
                with suppress(RpcError):
                    await self._ask(codec.PING, codec.NoParams(), is_patient=False)
        except TimeoutError:
            if self._wire.received == before:
                raise self._connection_lost() from None

    def _connection_lost(self) -> WinchError:
        return HostError(
            f"the connection to {self._name} was lost",
            hint="its downloads go on; run the command again",
        )

    def _take_in(self, reply: codec.Reply) -> None:
        if reply.event is None:
            super()._take_in(reply)
        elif (replies := self._events.get(cast("int", reply.id))) is not None:
            replies.put_nowait(reply)

    async def _read(self) -> None:
        try:
            await super()._read()
        finally:
            for replies in self._events.values():
                replies.put_nowait(None)
