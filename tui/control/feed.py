"""The line between service and screen: events go into the store, messages come out of it.

Decides when the screen repaints (at most so many times a second, never without a change) and what
happens when the connection is lost: the picture stays, and the feed connects again by itself. Of a
queue that nobody looks at it asks for the sums alone, now and then, over the same connection.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from textual.message import Message

from core.domain.errors import DaemonError, WinchError
from core.domain.events import Event
from core.domain.models import Status
from core.domain.service import DownloadService
from core.domain.settings import ScreenSettings
from tui.model.store import DownloadStore


class Connect(Protocol):
    """Opens the service; with `start`, where none runs, one is started for it."""

    def __call__(self, *, start: bool = True) -> Awaitable[DownloadService]: ...


FIRST_WAIT = 0.5
LONGEST_WAIT = 5.0
GLANCE_EVERY = 5.0
"""Seconds between two looks at the sums of a queue that nobody looks at."""
_SPREAD = 0.2
"""The part of a pause by which it is longer or shorter, so that not all try in the same moment."""


@dataclass
class StoreChanged(Message):
    """The store looks different now; `ids` are all downloads that changed since the last of these.

    There may be none: the notices, or the queue as a whole, change too.
    """

    ids: frozenset[str]


@dataclass
class ConnectionLost(Message):
    """Nothing is heard from the daemon any more, or it could not be reached at all.

    `stopped` tells that it was told to end, and did so in good order; `hint` what to do about it;
    `next_try` when it is looked for again.
    """

    since: datetime
    reason: str
    stopped: bool
    hint: str = ""
    next_try: datetime | None = None


class Reconnected(Message):
    """The daemon answers, and the store holds what it says."""


class Glanced(Message):
    """The sums of a queue that nobody looks at came, or what keeps them from coming."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What is said of a queue in a few cells: bytes/s, and how many run and have failed."""

    rate: float = 0.0
    active: int = 0
    failed: int = 0


@runtime_checkable
class _Closable(Protocol):
    """A service at the other end of a connection that this end has to give up."""

    async def close(self) -> None: ...


@runtime_checkable
class _Linked(Protocol):
    """A service at the far end of a link, which may be dead for a while before that is noticed."""

    @property
    def silence(self) -> float: ...


class Feed:
    """Keeps a store up to date for as long as it runs.

    `post` receives the messages; `interval` is the shortest time in seconds between two of them
    that report changes. None does while the terminal `is_behind`: what it gets next is the present.
    Between two attempts to connect to `whom` lie up to `longest_wait` seconds.
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
        longest_wait: float = LONGEST_WAIT,
        whom: str = "the daemon",
    ) -> None:
        self._whom = whom
        self._connect = connect
        self._store = store
        self._post = post
        self.interval = interval
        self._now = now
        self._is_behind = is_behind
        self._longest_wait = longest_wait
        self._service: DownloadService | None = None
        # Since when what the store holds may be out of date; None while it is not.
        self.lost_since: datetime | None = None
        self.loss: ConnectionLost | None = None
        """What is to be said of the connection; None while there is one."""
        self.is_watched = True
        """Whether somebody looks at the queue itself, and not at its sums alone."""
        self._sums = Figures()
        self.is_heard = False
        """Whether the service has said something on the connection that there is."""
        self._was_stopped = False
        self._wake = asyncio.Event()
        self._turned = asyncio.Event()
        self._changed: set[str] = set()
        self._due = 0.0
        self._flush_handle: asyncio.TimerHandle | None = None

    @property
    def service(self) -> DownloadService:
        """The service, while there is a connection to it; raises DaemonError otherwise."""
        if self._service is None:
            raise DaemonError(
                f"there is no connection to {self._whom}",
                hint="nothing was changed; try again when it is back",
            )
        return self._service

    @property
    def figures(self) -> Figures:
        """The sums as they were heard last; nothing runs while nothing is heard."""
        if self.lost_since is None:
            sums = self._store.sums
            count = sums.counts.get
            return Figures(sums.rate, count(Status.ACTIVE, 0), count(Status.FAILED, 0))
        return self._sums if self._service is not None else Figures(failed=self._sums.failed)

    async def run(self) -> None:
        """Follow the service until cancelled, through every loss of the connection."""
        wait = FIRST_WAIT
        try:
            while True:
                hint = ""
                try:
                    await self._attend()
                    self._was_stopped = True
                    reason = "it was stopped"
                except WinchError as error:
                    reason, hint = error.message, error.hint
                except OSError as error:
                    reason = str(error)
                self._sums = self.figures
                since = self._last_heard()
                await self._close()
                if self.is_heard:
                    self.is_heard, wait = False, FIRST_WAIT
                self.lost_since = self.lost_since or since
                pause = wait * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311
                next_try = self._now() + timedelta(seconds=pause)
                self.loss = ConnectionLost(
                    self.lost_since, reason, self._was_stopped, hint, next_try
                )
                self._post(self.loss)
                if still := self._store.stand_still(stopped=self._was_stopped):
                    self._changed |= still
                    self.schedule()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                self._wake.clear()
                wait = min(wait * 2, self._longest_wait)
        finally:
            if self._flush_handle is not None:
                self._flush_handle.cancel()
            await self._close()

    def restart(self) -> None:
        """Connect now, and start a daemon where none runs, also where one was told to end."""
        if self.lost_since is not None:
            self._was_stopped = False
            self._wake.set()

    def watch(self, *, watched: bool) -> None:
        """Follow the queue from now on, or look at its sums alone; the store stays as it is."""
        if watched is self.is_watched:
            return
        self._sums = self.figures
        self.is_watched = watched
        self.lost_since = self.lost_since or self._now()
        self._turned.set()
        if watched and self.loss is not None:
            # Whoever comes to look does not wait for the next attempt.
            self._wake.set()

    async def _attend(self) -> None:
        """Connect, and take in what the service says until it ends."""
        # Somebody told the daemon to end: no screen starts it again unasked.
        service = await self._connect(start=not self._was_stopped)
        self._service = service
        while True:
            self._turned.clear()
            attending = self._follow if self.is_watched else self._glance
            work = asyncio.ensure_future(attending(service))
            turned = asyncio.ensure_future(self._turned.wait())
            try:
                await asyncio.wait((work, turned), return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    return work.result()
            finally:
                work.cancel()
                turned.cancel()
                await asyncio.gather(work, turned, return_exceptions=True)

    async def _follow(self, service: DownloadService) -> None:
        """Take in events until they end."""
        async with service.subscribe() as events:
            await self._take_in(events)

    async def _glance(self, service: DownloadService) -> None:
        """Ask for the sums, now and then."""
        while True:
            status = await service.status()
            count = status.counts.get
            self._sums = Figures(status.rate, count(Status.ACTIVE, 0), count(Status.FAILED, 0))
            self.is_heard, self._was_stopped, self.loss = True, False, None
            self._post(Glanced())
            await asyncio.sleep(GLANCE_EVERY)

    async def _take_in(self, events: AsyncIterator[Event]) -> None:
        is_first = True
        async for event in events:
            self._changed |= self._store.apply(event)
            if is_first:
                is_first = False
                self.lost_since = self.loss = None
                self.is_heard, self._was_stopped = True, False
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

    def _last_heard(self) -> datetime:
        service: object = self._service
        return self._now() - timedelta(
            seconds=service.silence if isinstance(service, _Linked) else 0
        )

    async def _close(self) -> None:
        service, self._service = self._service, None
        if service is not None:
            await leave(service)


async def leave(service: DownloadService) -> None:
    """Give up the connection to a service, where it is at the end of one."""
    end: object = service
    if isinstance(end, _Closable):
        await end.close()


def repaint_interval(settings: ScreenSettings) -> float:
    """Return the seconds between two repaints: what is set, else 1/4, or 1 over SSH."""
    if settings.refresh > 0:
        return 1 / settings.refresh
    return 1.0 if os.environ.get("SSH_CONNECTION") else 0.25
