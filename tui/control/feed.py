"""The line between service and screen: events go into the store, messages come out of it.

Decides when the screen repaints (at most so many times a second, never without a change) and what
happens when the connection is lost: the picture stays, and the feed connects again by itself.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from textual.message import Message

from core.domain.errors import DaemonError, WinchError
from core.domain.events import Event
from core.domain.service import DownloadService
from core.domain.settings import ScreenSettings
from tui.model.store import DownloadStore


class Connect(Protocol):
    """Opens the service; with `start`, where none runs, one is started for it."""

    def __call__(self, *, start: bool = True) -> Awaitable[DownloadService]: ...


FIRST_WAIT = 0.5
LONGEST_WAIT = 5.0


@dataclass
class StoreChanged(Message):
    """The store looks different now; `ids` are all downloads that changed since the last of these.

    There may be none: the notices, or the queue as a whole, change too.
    """

    ids: frozenset[str]


@dataclass
class ConnectionLost(Message):
    """Nothing is heard from the daemon any more, or it could not be reached at all.

    `stopped` tells that it was told to end, and did so in good order.
    """

    since: datetime
    reason: str
    stopped: bool


class Reconnected(Message):
    """The daemon answers, and the store holds what it says."""


@runtime_checkable
class _Closable(Protocol):
    """A service at the other end of a connection that this end has to give up."""

    async def close(self) -> None: ...


class Feed:
    """Keeps a store up to date for as long as it runs.

    `post` receives the messages; `interval` is the shortest time in seconds between two of them
    that report changes. None does while the terminal `is_behind`: what it gets next is the present.
    """

    def __init__(
        self,
        connect: Connect,
        store: DownloadStore,
        post: Callable[[Message], object],
        *,
        interval: float,
        now: Callable[[], datetime],
        is_behind: Callable[[], bool] = lambda: False,
    ) -> None:
        self._connect = connect
        self._store = store
        self._post = post
        self.interval = interval
        self._now = now
        self._is_behind = is_behind
        self._service: DownloadService | None = None
        # Since when what the store holds may be out of date; None while it is not.
        self.lost_since: datetime | None = None
        self._was_stopped = False
        self._wake = asyncio.Event()
        self._changed: set[str] = set()
        self._due = 0.0
        self._flush_handle: asyncio.TimerHandle | None = None

    @property
    def service(self) -> DownloadService:
        """The service, while there is a connection to it; raises DaemonError otherwise."""
        if self._service is None:
            raise DaemonError(
                "there is no connection to the daemon",
                hint="nothing was changed; try again when it is back",
            )
        return self._service

    async def run(self) -> None:
        """Follow the service until cancelled, through every loss of the connection."""
        wait = FIRST_WAIT
        try:
            while True:
                try:
                    await self._follow()
                    self._was_stopped = True
                    reason = "it was stopped"
                except (WinchError, OSError) as error:
                    reason = str(error)
                if self._service is not None:
                    wait = FIRST_WAIT
                    await self._close()
                self.lost_since = self.lost_since or self._now()
                self._post(ConnectionLost(self.lost_since, reason, stopped=self._was_stopped))
                if still := self._store.stand_still(stopped=self._was_stopped):
                    self._changed |= still
                    self.schedule()
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
                self._wake.clear()
                wait = min(wait * 2, LONGEST_WAIT)
        finally:
            if self._flush_handle is not None:
                self._flush_handle.cancel()
            await self._close()

    def restart(self) -> None:
        """Connect now, and start a daemon where none runs, also where one was told to end."""
        if self.lost_since is not None:
            self._was_stopped = False
            self._wake.set()

    async def _follow(self) -> None:
        """Connect and take in events until they end."""
        # Somebody told the daemon to end: no screen starts it again unasked.
        service = await self._connect(start=not self._was_stopped)
        self._service = service
        async with service.subscribe() as events:
            await self._take_in(events)

    async def _take_in(self, events: AsyncIterator[Event]) -> None:
        is_first = True
        async for event in events:
            self._changed |= self._store.apply(event)
            if is_first:
                is_first = False
                self.lost_since = None
                self._was_stopped = False
                self._post(Reconnected())
            # An empty first Snapshot changes nothing and is still news: the queue is known now.
            self.schedule()

    def schedule(self) -> None:
        """Report changes now, or as soon as the interval since the last report is over."""
        if self._flush_handle is None:
            loop = asyncio.get_running_loop()
            self._flush_handle = loop.call_at(max(self._due, loop.time()), self._flush)

    def _flush(self) -> None:
        self._flush_handle = None
        self._due = asyncio.get_running_loop().time() + self.interval
        if self._is_behind():
            self.schedule()
            return
        self._post(StoreChanged(frozenset(self._changed)))
        self._changed.clear()

    async def _close(self) -> None:
        service: object = self._service
        self._service = None
        if isinstance(service, _Closable):
            await service.close()


def repaint_interval(settings: ScreenSettings) -> float:
    """Return the seconds between two repaints: what is set, else 1/4, or 1 over SSH."""
    if settings.refresh > 0:
        return 1 / settings.refresh
    return 1.0 if os.environ.get("SSH_CONNECTION") else 0.25
