"""The machines that the screen knows, each with its list as it was heard last, and which is shown.

A machine is asked for nothing before somebody wants to see it: a login may need a key to be
touched. From then on its line stays, and one that does not answer holds up no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from textual.message import Message
from textual.widget import Widget

from core.domain.machines import Host, Machine
from core.domain.service import DownloadService
from tui.control.feed import LONGEST_WAIT, Connect, Feed, leave
from tui.control.remote_places import RemotePlaces
from tui.input.disk import Disk
from tui.input.places import Places
from tui.model.store import DownloadStore
from tui.text.fmt import clean
from tui.text.host_tabs import HostTab, Reach

_LONGEST_WAIT_FAR = 30.0
LOGINS_AT_ONCE = 8
"""Machines that nobody looks at and that are connected to at the same time."""


class DrivenHost:
    """One machine: its list, the line to its daemon, and its directories; `host` None is here.

    `begin` has something run for as long as the screen is there.
    """

    def __init__(
        self,
        name: str,
        connect: Connect,
        *,
        host: Host | None = None,
        directory: str = "",
        interval: float,
        now: Callable[[], datetime],
        is_behind: Callable[[], bool] = lambda: False,
        logins: asyncio.Semaphore | None = None,
    ) -> None:
        self.name = clean(name)
        self.host = host
        self.machine: Machine | None = None
        """What is known of another machine; None before it has answered, and of this one."""
        self.store = DownloadStore()
        self.post: Callable[[Message], object] = lambda _: None
        """Where it is told what happens; whoever shows the machine sets it."""
        self.is_begun = False
        self._open = connect
        self._logins = logins or asyncio.Semaphore(1)
        self.feed = Feed(
            self._connect,
            self.store,
            self._tell,
            interval=interval,
            now=now,
            is_behind=is_behind,
            longest_wait=_LONGEST_WAIT_FAR if host else LONGEST_WAIT,
            whom=self.name if host else "the daemon",
        )
        self.places: Places = (
            Disk(directory)
            if host is None
            else RemotePlaces(lambda: self.feed.service, lambda: self.machine)
        )

    @property
    def is_remote(self) -> bool:
        return self.host is not None

    @property
    def tab(self) -> HostTab:
        """What is said of it in the line of machines."""
        figures = self.feed.figures
        reach = Reach.THERE
        if not self.is_begun:
            reach = Reach.UNASKED
        elif self.feed.loss is not None:
            is_idle = not self.is_remote and not self.feed.is_watched
            reach = Reach.IDLE if is_idle else Reach.LOST
        elif not self.feed.is_heard:
            reach = Reach.TRYING
        return HostTab(
            name=self.name,
            reach=reach,
            rate=figures.rate,
            active=figures.active,
            failed=figures.failed,
        )

    def _tell(self, message: Message) -> None:
        self.post(message)

    async def _connect(self, *, start: bool = True) -> DownloadService:
        # No daemon is started for a glance.
        start = start and self.feed.is_watched
        if self.host is None:
            return await self._open(start=start)
        if self.feed.is_watched:
            return await self._know(await self._open(start=start))
        async with self._logins:
            return await self._know(await self._open(start=start))

    async def _know(self, service: DownloadService) -> DownloadService:
        """Learn what only the other machine can tell of itself."""
        try:
            self.machine = await service.machine()
        except BaseException:
            await leave(service)
            raise
        return service


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """The machines beside this one: those that have names, and how any is reached.

    `given` are those that the person named to begin with: the first of them is shown first.
    `named` raises WinchError for what names no machine.
    """

    given: Sequence[Host] = ()
    configured: Sequence[Host] = ()
    reach: Callable[[Host], Connect]
    named: Callable[[str], Host]

    @property
    def known(self) -> list[Host]:
        """All of them, each once."""
        return list({host.name: host for host in (*self.configured, *self.given)}.values())


@runtime_checkable
class _Driving(Protocol):
    """A program that shows one machine of several."""

    hosts: HostList


def machine_of(widget: Widget) -> str:
    """Return the name of the machine that the program of a widget shows, "" for this one."""
    app: object = widget.app
    if not isinstance(app, _Driving) or not app.hosts.current.is_remote:
        return ""
    return app.hosts.current.name


class HostList:
    """All machines in the order of their tabs; `show` brings another to the screen.

    `make` returns what a person calls a machine, and raises WinchError for what is none.
    """

    def __init__(
        self,
        known: Sequence[DrivenHost],
        first: DrivenHost,
        *,
        make: Callable[[str], DrivenHost],
        begin: Callable[[DrivenHost], None],
        show: Callable[[DrivenHost], None],
    ) -> None:
        self.known = list(known)
        self.current = first
        for host in known:
            host.feed.watch(watched=host is first)
        self.before: DrivenHost | None = None
        """The one that was shown before."""
        self._make = make
        self._begin = begin
        self._show = show

    @property
    def are_many(self) -> bool:
        return len(self.known) > 1

    @property
    def index(self) -> int:
        return self.known.index(self.current)

    def begin(self, host: DrivenHost) -> None:
        """Connect to a machine, unless that was done."""
        if not host.is_begun:
            host.is_begun = True
            self._begin(host)

    def begin_all(self) -> None:
        """Connect to all: somebody wants to see how they are."""
        for host in self.known:
            self.begin(host)

    def choose(self, host: DrivenHost) -> None:
        """Show a machine in place of the one that is shown."""
        if host is self.current:
            return
        self.current.feed.watch(watched=False)
        self.before, self.current = self.current, host
        host.feed.watch(watched=True)
        self.begin(host)
        self._show(host)

    def step(self, by: int) -> None:
        """Show the machine so many tabs further on, around the ends."""
        self.choose(self.known[(self.index + by) % len(self.known)])

    def named(self, text: str) -> DrivenHost:
        """Return the machine that a person means, a new one where none has this name.

        Raises WinchError for what names no machine.
        """
        for host in self.known:
            if text in (host.name, host.host.name if host.host else host.name):
                return host
        host = self._make(text)
        host.feed.watch(watched=False)
        self.known.append(host)
        return host
