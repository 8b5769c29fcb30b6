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

    @property
    def has_proved_ends(self) -> bool:
        """Whether nothing that was read by now may have been cut unnoticed."""
        return self._fetcher.has_proved_ends

    def portions(self) -> AsyncGenerator[tuple[list[Entry], list[Refused]], None]:
        """Yield entries and refused ones by portions; raises what the source raises."""
        return _portions(self._found)


async def _portions(
    found: AsyncIterator[Entry | Refused],
) -> AsyncGenerator[tuple[list[Entry], list[Refused]], None]:
    gathering = _Gathering(found)
    work = asyncio.create_task(gathering.run())
    try:
        while not work.done():
            ends = [work, gathering.full]
            await asyncio.wait(ends, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            if (portion := gathering.take()) is not None:
                yield portion
        if (portion := gathering.take()) is not None:
            yield portion
        await work
    finally:
        work.cancel()
        await asyncio.wait([work])
        if (close := getattr(found, "aclose", None)) is not None:
            await close()


class _Gathering:
    """Takes what a source yields as fast as it comes, and no more of it than one portion ahead."""

    def __init__(self, found: AsyncIterator[Entry | Refused]) -> None:
        self._found = found
        self._entries: list[Entry] = []
        self._refused: list[Refused] = []
        self._taken = asyncio.Event()
        self.full = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        async for item in self._found:
            if isinstance(item, Entry):
                self._entries.append(item)
            else:
                self._refused.append(item)
            if len(self._entries) + len(self._refused) >= PORTION:
                self._taken.clear()
                if not self.full.done():
                    self.full.set_result(None)
                await self._taken.wait()

    def take(self) -> tuple[list[Entry], list[Refused]] | None:
        """Return what is there, None where nothing is."""
        portion = self._entries, self._refused
        self._entries, self._refused = [], []
        if self.full.done():
            self.full = asyncio.get_running_loop().create_future()
        self._taken.set()
        return portion if any(portion) else None
