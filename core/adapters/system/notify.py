"""What a service manager is told of this process: sd_notify(3), without its library.

A datagram of `NAME=value` lines to the socket that the environment names. The manager learns that
the daemon is ready, what it does, and, again and again, that its event loop still turns: one that
hangs is replaced.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress

_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
_TELLING = 10.0
"""Seconds between two lines about what moves, where no watchdog wants to be fed more often."""
_LONGEST = 200


class Notifier:
    """Where the manager listens, and how often it wants to hear; without one, nothing is told."""

    def __init__(self, address: str | None = None, watchdog: float | None = None) -> None:
        self._address = address
        self._watchdog = watchdog

    @classmethod
    def of(cls, environment: MutableMapping[str, str]) -> Notifier:
        """Return what the environment says, and take it out: it is not for what we start.

        The watchdog is fed by the process that it is meant for, and by no other.
        """
        address, interval, pid = (environment.pop(name, "") for name in _VARIABLES)
        if not address.startswith(("/", "@")) or len(address) < 2:
            return cls()
        watchdog = None
        if pid in ("", str(os.getpid())) and interval.isascii() and interval.isdigit():
            watchdog = int(interval) / 1e6 or None
        # A name that begins with NUL is in no directory, and written with an @.
        return cls("\0" + address[1:] if address[0] == "@" else address, watchdog)

    @property
    def has_listener(self) -> bool:
        """Tell whether a manager has started this process and wants to hear of it."""
        return self._address is not None

    def tell(self, *facts: str, status: str | None = None) -> None:
        """Tell facts such as `READY=1`, and in a line for people what is going on; never waits."""
        if self._address is None:
            return
        lines = list(facts)
        if status is not None:
            # A line break would begin another fact.
            lines.append(f"STATUS={' '.join(status.split())[:_LONGEST]}")
        # One that does not listen now is told the next time.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.connect(self._address)
            sender.send("\n".join(lines).encode("utf-8", "replace"))

    async def keep_telling(self, activity: Callable[[], Awaitable[str]]) -> None:
        """Feed the watchdog twice in its time and tell what moves, until cancelled.

        From the event loop: where that hangs nothing is fed, which is the purpose.
        """
        pause = min(_TELLING, self._watchdog / 2) if self._watchdog else _TELLING
        while self._address is not None:
            if self._watchdog:
                # On its own: what moves may take its time.
                self.tell("WATCHDOG=1")
            self.tell(status=await activity())
            await asyncio.sleep(pause)
