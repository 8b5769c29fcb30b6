"""Lists of downloads, whatever form they are written in: read as their bytes come, never at once.

The commands read them for `-i`, and the daemon where a list is read again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import chain

from core.domain.entries import Entry, Refused, SourceSpec
from core.domain.errors import UsageError
from core.policy.collections.globs import Globs, path_or_name
from core.sources.base import Address, Fetcher
from core.sources.list_fields import EntryMaker
from core.sources.list_formats import Item, LineParser, ListFormat, parser
from core.sources.list_lines import Lines

MOST_BYTES = 16 * 2**30
"""How long a list may be, as a whole; its lines are counted besides."""
_PORTION = 250
"""Entries after which all else has its turn: a few milliseconds."""


class ListReader:
    """Takes a list in chunks of any size.

    Without a `form` its content tells. `base` is where relative addresses begin; `include` and
    `exclude` are globs.
    """

    def __init__(
        self,
        form: str | None = None,
        base: str | None = None,
        *,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
    ) -> None:
        self._globs = Globs(include, exclude)
        try:
            self._form = None if form is None else ListFormat(form)
        except ValueError:
            raise UsageError(
                f"there is no form of lists '{form}'", hint=f"there are {', '.join(ListFormat)}"
            ) from None
        self._maker = EntryMaker(base)
        self._lines = Lines()
        self._parser: LineParser | None = None

    def feed(self, chunk: bytes) -> Iterator[Item]:
        """Yield what is known with this chunk; raises UsageError for what is no list."""
        return self._wanted(self._items(self._lines.feed(chunk)))

    def end(self) -> Iterator[Item]:
        """Yield what only the end completes; raises as `feed` does."""
        return self._wanted(chain(self._items(self._lines.end()), self._last()))

    def _wanted(self, items: Iterator[Item]) -> Iterator[Item]:
        if self._globs.are_all_wanted:
            return items
        return (
            item
            for item in items
            if isinstance(item, Refused) or self._globs.allow(path_or_name(item))
        )

    def _last(self) -> Iterator[Item]:
        if self._parser is not None:
            yield from self._parser.end()

    def _items(self, lines: Iterator[tuple[int, str | Refused]]) -> Iterator[Item]:
        for number, line in lines:
            if isinstance(line, Refused):
                yield line
                continue
            if self._parser is None:
                if not (text := line.strip()) or text.startswith("#"):
                    continue
                self._parser = parser(self._form, line, self._maker)
            yield from self._parser.take(number, line)


class ListSource:
    """The source of kind `list`."""

    async def expand(self, spec: SourceSpec, fetcher: Fetcher) -> AsyncIterator[Item]:
        if spec.address == "-":
            raise UsageError(
                "what came from stdin cannot be read again", hint="add it again with -i FILE"
            )
        reader = ListReader(spec.format, spec.base)
        async with fetcher.open(spec.address, most=MOST_BYTES) as document:
            if document is None:
                return
            count = 0
            async for chunk in document.chunks():
                for item in reader.feed(chunk):
                    yield item
                    count += 1
                    if count % _PORTION == 0:
                        await asyncio.sleep(0)
        for item in reader.end():
            yield item

    async def refresh(self, entry: Entry) -> Address:
        return Address(entry.url, entry.headers)
