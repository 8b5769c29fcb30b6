"""Who follows the list over one connection: events are passed on until the list or they end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing

from core.domain.errors import RpcError
from core.domain.events import Event
from core.domain.service import DownloadService
from core.rpc import codec
from core.rpc.link_progress import SubscribeParams, thinned
from core.rpc.outgoing import Outgoing
from core.rpc.shared import Shared

_log = logging.getLogger(__name__)

_MOST = 8
"""At once on one connection: whoever has but one connection may follow in several places."""


class Subscriptions:
    """Those of one connection; one that fails in a way that was not foreseen calls `on_failure`."""

    def __init__(
        self,
        service: DownloadService,
        outgoing: Outgoing,
        shared: Shared,
        on_failure: Callable[[], None],
    ) -> None:
        self._service = service
        self._outgoing = outgoing
        self._shared = shared
        self._on_failure = on_failure
        self._tasks: dict[int | str, asyncio.Task[None]] = {}

    def running(self) -> list[int | str]:
        """Return the ids of those that have not ended."""
        return [id_ for id_, task in self._tasks.items() if not task.done()]

    async def begin(self, request: codec.Request) -> None:
        """Answer a request to follow the list, and pass events on from then on.

        Raises RpcError where there is one of that id, or one too many.
        """
        asked: SubscribeParams = codec.decode(request.params, SubscribeParams)
        running = self.running()
        if request.id in running or len(running) >= _MOST:
            raise RpcError("this connection has a subscription already")
        self._tasks = {id_: self._tasks[id_] for id_ in running}
        async with AsyncExitStack() as stack:
            events = await stack.enter_async_context(self._service.subscribe())
            await self._outgoing.answer(request.id, None)
            passing_on = self._pass_on(request.id, events, asked.interval, stack.pop_all())
            self._tasks[request.id] = asyncio.create_task(passing_on)

    async def stop(self, subscription: int | str | None = None) -> None:
        """End one of them, or all; without a word to the client."""
        tasks = [
            task for id_, task in self._tasks.items() if subscription is None or id_ == subscription
        ]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """Hold nothing of whoever made this."""
        self._tasks.clear()
        self._on_failure = lambda: None

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
                    await self._outgoing.send_pieces(pieces, event)
            await self._outgoing.send(codec.encode_end(id_))
        except Exception:
            # A follower that hears nothing more must notice, so it loses the connection.
            _log.exception("a subscription failed in a way that was not foreseen")
            self._on_failure()


async def _after(first: Event | None, events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    if first is not None:
        yield first
        async for event in events:
            yield event
