"""`add --collection`, for the shell and the `:` line: a collection is made, and fed where it is so.

What a list or the words of the command name goes to the service in portions; a manifest, a store or
an index is read by the service itself, which goes on once this is over.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TypeVar

from core.domain.collections import MOST_REFUSED, CollectionRequest, CollectionView
from core.domain.entries import Entry, Refused
from core.domain.errors import UsageError
from core.domain.redact import redact_url
from core.domain.service import DownloadService
from core.domain.stores import is_store
from core.domain.value import replace
from tui.control.list_reading import portions_ahead
from tui.input.source_options import here_source, is_read_here
from tui.input.store_options import store_options
from tui.input.url_lists import ListPortion

_AT_ONCE = 1000
"""Entries that are handed over at once: in between, the service has time for others."""

Refuse = Callable[[Sequence[Refused]], None]
Connect = Callable[[], AbstractAsyncContextManager[DownloadService]]
T = TypeVar("T")


async def collect(
    connect: Connect,
    args: argparse.Namespace,
    request: CollectionRequest,
    urls: Sequence[str],
    refuse: Refuse,
) -> CollectionView:
    """Make a collection and return it once it is on disk, with all that is named here.

    `connect` is entered right before the service is asked to make it, and where that is cancelled
    afterwards, it is made. `refuse` hears of what cannot be fetched. Raises UsageError, also where
    a list names nothing, before a service is asked, and what `DownloadService.collect` raises.
    """
    async with AsyncExitStack() as stack:
        if request.source is not None and request.source.kind != "list":
            service = await stack.enter_async_context(connect())
            return await answered(service.collect(request))
        return await _feed(stack, connect, request, _named(args, urls), refuse)


async def answered(request: Awaitable[T]) -> T:
    """Return the answer to a request, which is awaited also where this is cancelled meanwhile.

    The service does what it was asked all the same, and whoever takes that back has to come after.
    """
    asking = asyncio.ensure_future(request)
    try:
        return await asyncio.shield(asking)
    except asyncio.CancelledError:
        await asking
        raise


async def _named(args: argparse.Namespace, urls: Sequence[str]) -> AsyncIterator[ListPortion]:
    options = store_options(args)
    if urls:
        yield ListPortion([_signed(Entry(url=url, where=redact_url(url)), options) for url in urls])
    if args.input is not None:
        async for portion in portions_ahead(args):
            yield ListPortion([_signed(e, options) for e in portion.entries], portion.refused)
    if args.manifest is not None and is_read_here(args):
        # Few do that.
        from tui.control.manifest_reading import manifest_portions  # noqa: PLC0415

        async for portion in manifest_portions(here_source(args)):
            yield portion


def _signed(entry: Entry, options: Mapping[str, str]) -> Entry:
    """Return an entry with what signing its address takes."""
    return replace(entry, options=options) if options and is_store(entry.url) else entry


async def _feed(
    stack: AsyncExitStack,
    connect: Connect,
    request: CollectionRequest,
    portions: AsyncIterator[ListPortion],
    refuse: Refuse,
) -> CollectionView:
    service: DownloadService | None = None
    told: set[str] = set()
    waiting: list[Refused] = []
    async for portion in portions:
        refuse(portion.refused)
        told.update(each.where for each in portion.refused[: max(MOST_REFUSED - len(told), 0)])
        waiting += portion.refused
        if service is None:
            if not portion.entries:
                continue
            service = await stack.enter_async_context(connect())
            await answered(service.collect(request, fed=True))
        for start in range(0, max(len(portion.entries), len(waiting)), _AT_ONCE):
            stretch = slice(start, start + _AT_ONCE)
            entries, wrong = portion.entries[stretch], waiting[stretch]
            await answered(service.add_entries(request.name, entries, wrong, more=True))
        waiting = []
    if service is None:
        raise UsageError("there is no URL to download", hint="see -i FILE")
    await answered(service.add_entries(request.name, ()))
    view = await service.collection(request.name)
    # What only the service can know: that a path is taken, or leads through a link.
    refuse([each for each in view.collection.refused if each.where not in told])
    return view
