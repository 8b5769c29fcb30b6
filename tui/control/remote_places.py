"""The directories of another machine, looked at over the link: seldom, and never twice for one key.

What was told of a directory serves for a while for all that is typed further in it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from core.domain.errors import WinchError
from core.domain.machines import MOST_DIRECTORIES, Machine
from core.domain.service import DownloadService
from tui.input.places import DirectoryInfo, place_on
from tui.text.fmt import clean

_PAUSE = 0.15
"""Seconds without another question before one is asked."""
_FRESH = 10.0
"""Seconds for which an answer serves."""
_FRESH_LOOK = 4.0
"""The same for how a directory is; the dialog looks every 5 s."""
_NOTHING = "/"
"""What no name begins with: for looks at a directory alone."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """The names in a directory that begin with a prefix, as they were at a monotonic time."""

    head: str
    prefix: str
    names: tuple[str, ...]
    at: float

    def answers(self, head: str, prefix: str) -> bool:
        """Tell whether the names with another prefix are among these."""
        is_whole = len(self.names) < MOST_DIRECTORIES
        # Hidden names are told only to who asks for them.
        is_hidden = prefix.startswith(".") and not self.prefix
        return (
            head == self.head
            and prefix.startswith(self.prefix)
            and (prefix == self.prefix or (is_whole and not is_hidden))
            and time.monotonic() - self.at < _FRESH
        )


class RemotePlaces:
    """The `Places` of another machine, which tells of itself once there is a connection."""

    def __init__(
        self, service: Callable[[], DownloadService], machine: Callable[[], Machine | None]
    ) -> None:
        self._service = service
        self._machine = machine
        self._wanted = ("", "")
        self._listing: _Listing | None = None
        # The directory that was looked at last, how it was, and when by a monotonic clock.
        self._look: tuple[str, DirectoryInfo, float] | None = None

    @property
    def base(self) -> str:
        machine = self._machine()
        return machine.directory if machine else ""

    def path(self, text: str) -> str:
        return place_on(text, self._machine())

    async def directory(self, text: str) -> DirectoryInfo:
        text = text.strip()
        if self._look is not None and self._look[0] == text:
            info, at = self._look[1:]
            if time.monotonic() - at < _FRESH_LOOK:
                return info
        # Whoever types on gives this up before it is asked.
        await asyncio.sleep(_PAUSE)
        try:
            view = await self._service().browse(text, _NOTHING)
        except WinchError:
            return DirectoryInfo(trouble="cannot be looked at now")
        info = DirectoryInfo(free=view.free, trouble=clean(view.trouble))
        self._look = text, info, time.monotonic()
        return info

    async def completions(self, text: str) -> list[str]:
        if text.startswith("~") and "/" not in text:
            return [text + "/"] if text == "~" else []
        head, slash, prefix = text.rpartition("/")
        head += slash
        if (listing := self._answer(head, prefix)) is None:
            self._wanted = head, prefix
            await asyncio.sleep(_PAUSE)
            if self._wanted != (head, prefix):
                # Somebody types on.
                return []
            listing = self._answer(head, prefix) or await self._ask(head, prefix)
        if listing is None:
            return []
        return [
            f"{head}{name}/"
            for name in listing.names
            if name.startswith(prefix) and clean(name) == name
        ]

    def _answer(self, head: str, prefix: str) -> _Listing | None:
        """Return what was told lately, where that answers this too."""
        listing = self._listing
        return listing if listing is not None and listing.answers(head, prefix) else None

    async def _ask(self, head: str, prefix: str) -> _Listing | None:
        try:
            view = await self._service().browse(head, prefix)
        except WinchError:
            return None
        self._listing = _Listing(head, prefix, view.directories, time.monotonic())
        return self._listing
