"""A source that is read: what it yields, in portions, and the requests that took."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from core.domain.collections import Collection
from core.domain.entries import Entry, Refused
from core.domain.errors import NotAllowedError
from core.domain.settings import Settings
from core.engine.transfer.context import TransferContext
from core.sources.fetcher import SourceFetcher

PORTION = 500
"""Entries that are taken in at once."""
PATIENCE = 0.5
"""Seconds after which fewer are, too."""


class SourceReader:
    """Reads the sources of collections, with the logins of their requests."""

    def __init__(self, context: TransferContext, settings: Callable[[], Settings]) -> None:
        self._context = context
        self._settings = settings

    def open(self, collection: Collection) -> Reading:
        """Begin to read; raises NotAllowedError where nobody can read the source again."""
        source, request = collection.source, collection.request
        if source is None or source.address == "-":
            raise NotAllowedError(
                f"the files of '{collection.name}' were named one by one: there is nothing to read",
                hint=f"give the list again: winch add --collection {collection.name} -i FILE",
            )
        settings, sources, options = self._settings(), self._context.sources, source.options
        fetcher = SourceFetcher(
            self._context.http,
            self._context.clock,
            settings.network,
            retry=settings.retry,
            origin=source.address,
            headers=request.headers,
            cookies=request.cookies,
            at_once=settings.limits.connections_per_host,
            resolve=lambda url: sources.refresh(Entry(url=url, options=options)),
        )
        return Reading(fetcher, sources.expand(source, fetcher))


class Reading:
    """One reading of a source, to be gone through once."""

    def __init__(self, fetcher: SourceFetcher, found: AsyncIterator[Entry | Refused]) -> None:
        self._fetcher = fetcher
        self._found = found

    @property
    def requests(self) -> int:
        """How many requests were sent to servers by now."""
        return self._fetcher.requests

    def portions(self) -> AsyncGenerator[tuple[list[Entry], list[Refused]], None]:
        """Yield entries and refused ones by portions; raises what the source raises."""
        return _portions(self._found)


async def _portions(
    found: AsyncIterator[Entry | Refused],
) -> AsyncGenerator[tuple[list[Entry], list[Refused]], None]:
    entries: list[Entry] = []
    refused: list[Refused] = []
    waiting = asyncio.ensure_future(anext(found, None))
    try:
        while True:
            done, _ = await asyncio.wait(
                [waiting], timeout=PATIENCE if entries or refused else None
            )
            item = None
            if done and (item := waiting.result()) is not None:
                entries.append(item) if isinstance(item, Entry) else refused.append(item)
                waiting = asyncio.ensure_future(anext(found, None))
            if not done or item is None or len(entries) + len(refused) >= PORTION:
                if entries or refused:
                    yield entries, refused
                    entries, refused = [], []
                if done and item is None:
                    return
    finally:
        waiting.cancel()
        await asyncio.wait([waiting])
        if (close := getattr(found, "aclose", None)) is not None:
            await close()
