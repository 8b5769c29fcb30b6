"""From the engine to whoever watches, without ever waiting for a watcher.

A subscriber that reads slowly gets progress merged (the latest wins), and one that falls far
behind gets one fresh Snapshot instead of its backlog.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from core.domain.events import Event, ProgressBatch, Snapshot

BACKLOG = 1000
"""Events that a subscriber may be behind."""


class EventBus:
    """Hands every event to every subscriber; `snapshot` makes what a late one starts from."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot
        self._subscriptions: set[_Subscription] = set()
        self._closed = False

    @property
    def has_subscribers(self) -> bool:
        return bool(self._subscriptions)

    def publish(self, event: Event) -> None:
        """Queue an event for every subscriber."""
        for subscription in self._subscriptions:
            subscription.push(event)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[Event]]:
        """Watch from now on, beginning with a Snapshot."""
        subscription = _Subscription(self._snapshot)
        if self._closed:
            subscription.end()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End every subscription after what it still has to hand out."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.end()


class _Subscription(AsyncIterator[Event]):
    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot
        self._events: deque[Event] = deque()
        self._behind = True
        self._ended = False
        self._ready = asyncio.Event()
        self._ready.set()

    def push(self, event: Event) -> None:
        if self._behind:
            return
        last = self._events[-1] if self._events else None
        if isinstance(event, ProgressBatch) and isinstance(last, ProgressBatch):
            merged = {**last.progress, **event.progress}
            self._events[-1] = replace(event, progress=merged)
        else:
            self._events.append(event)
        if len(self._events) > BACKLOG:
            self._events.clear()
            self._behind = True
        self._ready.set()

    def end(self) -> None:
        self._ended = True
        self._ready.set()

    async def __anext__(self) -> Event:
        await self._ready.wait()
        if self._behind:
            self._behind = False
            event: Event = self._snapshot()
        elif self._events:
            event = self._events.popleft()
        else:
            raise StopAsyncIteration
        if not self._events and not self._ended:
            self._ready.clear()
        return event
