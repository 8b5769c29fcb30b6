"""What a service tells its subscribers.

Downloads come as they stand, without their timelines: those are told by `find` and `inspect`.

Nothing durable rides on events: one that is missed is made good by the next Snapshot. `revision`
grows with every event, so that a subscriber can see that it missed none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.domain.models import Download, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything there is: the first event of a subscription, and the remedy for falling behind.

    `paused` tells that the queue as a whole is held, `limit` the bytes/s that all downloads
    may have together (None: no limit).
    """

    revision: int
    downloads: tuple[Download, ...]
    progress: Mapping[str, Progress]
    notices: tuple[str, ...] = ()
    paused: bool = False
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """What is so of the whole has changed: the notices, whether the queue is held, the limit.

    All of it comes each time, as in a Snapshot.
    """

    revision: int
    notices: tuple[str, ...]
    paused: bool = False
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """Downloads that were not there before."""

    revision: int
    downloads: tuple[Download, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Downloads whose record was replaced (state, name, place in the queue, …)."""

    revision: int
    downloads: tuple[Download, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """Downloads that are gone from the list."""

    revision: int
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressBatch:
    """How far the moving downloads are by now; only the latest counts.

    `eta` is seconds until all is done that goes on by itself, None while nobody can say.
    """

    revision: int
    progress: Mapping[str, Progress]
    eta: float | None = None


Event = Snapshot | Added | Changed | Removed | Noticed | ProgressBatch
