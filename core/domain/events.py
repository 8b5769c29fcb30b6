"""What a service tells its subscribers.

Downloads come as they stand, without their timelines and the digests of their pieces: those are
told by `find` and `inspect`.

Nothing durable rides on events: one that is missed is made good by the next Snapshot. `revision`
grows with every event, so that a subscriber can see that it missed none.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.domain.collections import Collection
from core.domain.hooks import QueueRun
from core.domain.models import Download, Progress
from core.domain.value import Value, replace


class Snapshot(Value, frozen=True, kw_only=True):
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
    collections: tuple[Collection, ...] = ()


class Noticed(Value, frozen=True, kw_only=True):
    """What is so of the whole has changed: the notices, whether the queue is held, the limit.

    All of it comes each time, as in a Snapshot. `ended` comes once: a run of the queue is over.
    """

    revision: int
    notices: tuple[str, ...]
    paused: bool = False
    limit: int | None = None
    ended: QueueRun | None = None


class Added(Value, frozen=True, kw_only=True):
    """Downloads that were not there before."""

    revision: int
    downloads: tuple[Download, ...]


class Changed(Value, frozen=True, kw_only=True):
    """Downloads whose record was replaced (state, name, place in the queue, …)."""

    revision: int
    downloads: tuple[Download, ...]


class Removed(Value, frozen=True, kw_only=True):
    """Downloads that are gone from the list."""

    revision: int
    ids: tuple[str, ...]


class CollectionsChanged(Value, frozen=True, kw_only=True):
    """Collections that are new or whose record was replaced, and the names of those that are gone.

    How far a collection is, is not among it: that follows from its members.
    """

    revision: int
    collections: tuple[Collection, ...] = ()
    removed: tuple[str, ...] = ()


class ProgressBatch(Value, frozen=True, kw_only=True):
    """How far the moving downloads are by now; only the latest counts.

    `eta` is seconds until all is done that goes on by itself, None while nobody can say.
    """

    revision: int
    progress: Mapping[str, Progress]
    eta: float | None = None


Event = Snapshot | Added | Changed | Removed | Noticed | CollectionsChanged | ProgressBatch


def as_told(download: Download) -> Download:
    """Return a download as events tell it: without a megabyte of digests of its pieces.

    They would come with each of its changes, and whoever watches has no use for them.
    """
    request = download.request
    if (origin := request.origin) is None or origin.pieces is None:
        return download
    return download.replace(request=replace(request, origin=replace(origin, pieces=None)))
