"""The seam: what any front end may ask, whether the engine is in its process or behind a socket.

`Engine` implements it, `rpc.server` serves any implementation, `RemoteService` implements it
again; one contract suite runs against both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from core.domain.errors import ErrorInfo
from core.domain.events import Event
from core.domain.models import Download, DownloadRequest, DownloadView


class MoveTo(StrEnum):
    """Where in the queue to put downloads."""

    TOP = "top"
    BOTTOM = "bottom"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why one download of a request did not change."""

    id: str
    error: ErrorInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an action on several downloads did: those it changed and those that refused."""

    changed: tuple[Download, ...] = ()
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What a removal took away: the records, and the files where that was asked for."""

    removed: tuple[Download, ...] = ()
    deleted_files: tuple[str, ...] = ()
    kept_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """The state of the service as a whole. `notices` are sentences the person ought to read."""

    version: str
    pid: int
    started_at: datetime
    embedded: bool
    counts: dict[str, int]
    rate: float
    clients: int
    notices: tuple[str, ...] = ()


class DownloadService(Protocol):
    """A queue of downloads that somebody else works off.

    Ids may be any unique prefix; `ids=None` means every download that admits the action. Unknown or
    ambiguous ids raise before anything has changed.
    """

    async def add(self, requests: Sequence[DownloadRequest]) -> list[Download]:
        """Queue downloads and return them once they are on disk.

        The same URL to the same directory (and name, if given), unfinished, is one download: asking
        again continues it, so the answer may hold a download that was already there. Raises
        UsageError and DestinationError before anything is queued.
        """
        ...

    async def downloads(self) -> list[DownloadView]:
        """Return everything in the list, in the order of the queue."""
        ...

    async def find(self, id: str) -> DownloadView:  # noqa: A002
        """Return one download; raises UnknownIdError or AmbiguousIdError."""
        ...

    async def pause(self, ids: Sequence[str] | None) -> Outcome:
        """Stop downloads and keep what they have."""
        ...

    async def resume(self, ids: Sequence[str] | None) -> Outcome:
        """Let paused, failed or cancelled downloads go on; `None` means the paused ones."""
        ...

    async def retry(self, ids: Sequence[str] | None) -> Outcome:
        """Try failed or cancelled downloads again now; `None` means the failed ones."""
        ...

    async def cancel(self, ids: Sequence[str] | None) -> Outcome:
        """Give downloads up; their record and their part files stay."""
        ...

    async def remove(self, ids: Sequence[str] | None, *, files: bool = False) -> Removal:
        """Take downloads off the list; with `files`, delete their data too."""
        ...

    async def move(self, ids: Sequence[str], to: MoveTo | int) -> Outcome:
        """Move downloads within the queue, keeping their order; a number is a position from 1."""
        ...

    async def status(self) -> ServiceStatus:
        """Return the state of the service as a whole."""
        ...

    async def shutdown(self) -> None:
        """Stop the service cleanly; unfinished downloads go on when it is started again."""
        ...

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Follow what happens: a Snapshot first, then events in the order of their revisions.

        The iterator ends when the service does.
        """
        ...
