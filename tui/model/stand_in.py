"""What stands in for the members of a collection without any, where rows are sorted and tested.

So it stands where a download would that was added with it, and in the views of its state: a source
that could not be read, or of which nothing can be fetched, is among what failed.
"""

from __future__ import annotations

from math import inf

from core.domain.collections import Collection, CollectionState
from core.domain.models import Download, Status
from core.domain.value import replace


def stand_in(collection: Collection) -> Download:
    """Return a download that nobody fetches, in the state of a collection without members."""
    return Download(
        id=f"collection {collection.name}",
        request=replace(collection.request, group=collection.name, priority=collection.priority),
        name=collection.name,
        order=inf,
        created_at=collection.created_at,
        status=_status(collection),
        error=collection.read_error,
    )


def _status(collection: Collection) -> Status:
    if collection.read_error is not None:
        return Status.FAILED
    if collection.paused:
        return Status.PAUSED
    if collection.state is CollectionState.READING:
        return Status.ACTIVE
    return Status.FAILED if collection.refused_count else Status.COMPLETED
