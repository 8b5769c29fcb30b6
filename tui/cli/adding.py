"""Requests handed to the service by portions, all of them or none; and what is said of them."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable

from core.domain.errors import WinchError
from core.domain.models import DownloadRequest
from core.domain.outcomes import AddedPortion
from core.domain.service import DownloadService
from tui.cli.export_format import batches
from tui.cli.portions import portions
from tui.cli.terminal import out, say
from tui.text.fmt import short_id
from tui.text.json_records import dump, record
from tui.text.wording import HELD

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


async def tell_added(
    service: DownloadService, args: argparse.Namespace, ids: Iterable[str]
) -> None:
    """Print what is on disk now: ids, or with --json the downloads as objects."""
    if not args.paused and (await service.status()).paused:
        say(HELD)
    if not args.json:
        await tell_ids(ids)
        return
    views = {view.download.id: view for view in await service.downloads()}
    out(*(dump(record(views[id_])) for id_ in ids if id_ in views))


async def tell_ids(ids: Iterable[str]) -> None:
    """Print ids as people type them."""
    async for part in portions(list(ids)):
        out(*map(short_id, part))


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
