"""Very many requests, handed to the service by portions: all of them are queued, or none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable

from core.domain.errors import WinchError
from core.domain.models import DownloadRequest
from core.domain.service import AddedPortion, DownloadService
from tui.cli.export_format import batches

_Take = Callable[..., Awaitable[AddedPortion]]


async def add_all(service: DownloadService, requests: Iterable[DownloadRequest]) -> list[str]:
    """Add them, or let go on what is in the list unfinished, and return the id of each."""
    return await _add(service, requests, service.add_many)


async def add_new(service: DownloadService, requests: Iterable[DownloadRequest]) -> list[str]:
    """Add what is not in the list yet, and return the ids of that."""

    async def take(portion: list[DownloadRequest], *, more: bool) -> AddedPortion:
        new = tuple(await service.add_new(portion, more=more))
        return AddedPortion(ids=new, new=new)

    return await _add(service, requests, take)


async def _add(
    service: DownloadService, requests: Iterable[DownloadRequest], take: _Take
) -> list[str]:
    ids: list[str] = []
    new: list[str] = []
    waiting = batches(requests)
    try:
        portion, following = next(waiting, []), next(waiting, [])
        while portion:
            # One more is made while the daemon takes this one in.
            added, made = await asyncio.gather(
                take(portion, more=bool(following)),
                asyncio.to_thread(next, waiting, []) if following else _none(),
            )
            ids += added.ids
            new += added.new
            portion, following = following, made
    except WinchError:
        with contextlib.suppress(WinchError):
            await service.remove(new)
        raise
    return ids


async def _none() -> list[DownloadRequest]:
    return []
