"""The steps of an undo, as what they ask of the service."""

from __future__ import annotations

from core.domain.collections import Collection, CollectionRequest
from core.domain.outcomes import Outcome
from core.domain.service import Changes, DownloadService
from core.domain.value import replace
from tui.model.undo import Prioritize, PutBack, Recollect, Restate, Restore, Step


async def take_back(step: Step, service: DownloadService) -> Outcome:
    """Do one step of an undo; raises WinchError where that cannot be asked for at all."""
    match step:
        case Restore(ids):
            return await service.restore(ids)
        case PutBack(ids, to):
            return await service.move(ids, to)
        case Prioritize(ids, priority):
            return await service.set(ids, Changes(priority=priority))
        case Restate(name, changes):
            await service.change_collection(name, changes)
            return Outcome()
        case Recollect(collection):
            await service.collect(_asked_again(collection), fed=True)
            # Its members are restored: nobody has to name them, but what was none of them.
            await service.add_entries(collection.name, (), collection.refused)
            return Outcome()


def _asked_again(collection: Collection) -> CollectionRequest:
    return CollectionRequest(
        name=collection.name,
        request=replace(collection.request, priority=collection.priority, paused=collection.paused),
        source=collection.source,
        together=collection.together,
        limit=collection.limit,
    )
