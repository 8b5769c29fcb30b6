"""From the engine to whoever watches, without ever waiting for a watcher.

A subscriber that reads slowly gets progress merged (the latest wins), and one that falls far
behind gets one fresh Snapshot instead of its backlog.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

from core.domain.events import Changed, Event, ProgressBatch, Snapshot
from core.domain.models import Download
from core.domain.value import replace
from core.engine.downloads.change_log import ChangeLog

BACKLOG = 1000
"""Events that a subscriber may be behind."""
MOST_CHANGED = 16_384
"""Changed downloads that it may be behind: each is held as it was, however often it changes.

Whoever does not read at all holds no more than these, and all such share them.
"""
PAUSE = 0.05
FEW = 16
"""Downloads whose changes are told as they come: small files change by the hundred in PAUSE."""


class EventBus:
    """Hands every event to every subscriber; `snapshot` makes what a late one starts from."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self.change_log = ChangeLog()
        self._snapshot = snapshot
        self._subscriptions: set[_Subscription] = set()
        self._closed = False

    @property
    def has_subscribers(self) -> bool:
        return bool(self._subscriptions)

    @property
    def backlog(self) -> int:
        """How many events the slowest subscriber is behind."""
        return max((each.backlog for each in self._subscriptions), default=0)

    def publish(self, event: Event) -> None:
        """Queue an event for every subscriber, and remember of what it tells."""
        self.change_log.note(event)
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


class GatheredChanges:
    """Tells of changed downloads as they come; where very many do, of many at once.

    Beyond FEW of them, they are told every PAUSE seconds, each as it is by then.
    `tell` is called with them.
    """

    def __init__(self, tell: Callable[[tuple[Download, ...]], None]) -> None:
        self._tell = tell
        self._gathered: dict[str, Download] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._since = 0.0
        self._told: set[str] = set()

    def add(self, download: Download) -> None:
        """Tell of a download that has changed, or have it told soon."""
        if self._timer is not None:
            self._gathered[download.id] = download
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now - self._since >= PAUSE:
            self._since, self._told = now, set()
        self._told.add(download.id)
        if len(self._told) <= FEW:
            self._tell((download,))
        else:
            self._gathered[download.id] = download
            self._timer = loop.call_at(self._since + PAUSE, self._tell_gathered)

    def flush(self) -> None:
        """Tell at once of what was gathered: something is told that comes after it."""
        if self._timer is not None:
            self._timer.cancel()
            self._tell_gathered()

    def forget(self) -> Collection[str]:
        """Tell of nothing that was gathered: who listens from now on has seen what came after.

        Returns whose changes these were.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        gathered, self._gathered = self._gathered, {}
        return gathered.keys()

    def _tell_gathered(self) -> None:
        self._timer = None
        self._since = asyncio.get_running_loop().time()
        gathered, self._gathered = self._gathered, {}
        self._tell(tuple(gathered.values()))


class _Subscription(AsyncIterator[Event]):
    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot
        self._events: deque[Event] = deque()
        self._changed = 0
        self._behind = True
        self._ended = False
        self._ready = asyncio.Event()
        self._ready.set()

    @property
    def backlog(self) -> int:
        return len(self._events)

    def push(self, event: Event) -> None:
        if self._behind:
            return
        last = self._events[-1] if self._events else None
        if isinstance(event, ProgressBatch) and isinstance(last, ProgressBatch):
            merged = {**last.progress, **event.progress}
            self._events[-1] = replace(event, progress=merged)
        else:
            self._events.append(event)
            self._changed += _changed_in(event)
        if len(self._events) > BACKLOG or self._changed > MOST_CHANGED:
            self._events.clear()
            self._changed = 0
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
            self._changed -= _changed_in(event)
        else:
            raise StopAsyncIteration
        if not self._events and not self._ended:
            self._ready.clear()
        return event


def _changed_in(event: Event) -> int:
    # One event alone is never too much: what it tells of has just been made.
    return min(len(event.downloads), MOST_CHANGED) if isinstance(event, Changed) else 0
