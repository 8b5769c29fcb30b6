"""Open index pages: what a web server shows of a directory, and what lies below it.

A directory index, a plain page with links, or the XML that an object store answers with. Only what
lies below the start, on the same origin, is of it. Everything is counted: pages, links, depth and
bytes; what goes beyond is refused by name.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Final
from urllib.parse import quote_from_bytes

from core.domain.bounds import MAX_URL, cut
from core.domain.checks import check_url
from core.domain.entries import Entry, Refused, SourceSpec
from core.domain.errors import NetworkError, RedirectError, UsageError, WinchError
from core.domain.value import Value, replace
from core.policy.collections.globs import Globs
from core.policy.collections.page_links import link_to
from core.sources.base import Address, Document, Fetcher
from core.sources.index_values import Begun, Found, Mark, Page, Start, in_portions, no_page, refusal

AT_ONCE: Final = 4
"""Pages that are fetched at a time, where the fetcher does not say."""

_TIMES: Final = 3
_ANY: Final = 10**18
_GONE: Final = 10
"""Pages in a row that no connection brings: it is their server that is gone, or the network."""

_HTML: Final = frozenset({"text/html", "application/xhtml+xml"})
_XML: Final = frozenset({"application/xml", "text/xml"})


class Bounds(Value, frozen=True, kw_only=True):
    """How much is read of one source; what is beyond is refused by name.

    `bytes` is those of one page, `depth` how many pages lead to one: a calendar links to the next
    month for ever.
    """

    pages: int = 20_000
    files: int = 1_000_000
    bytes: int = 32 * 1024 * 1024
    depth: int = 64


class IndexSource:
    """Follows the links of index pages; see `Source`."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()

    def expand(self, spec: SourceSpec, fetcher: Fetcher) -> AsyncIterator[Entry | Refused]:
        """Yield the files that pages name, in the order of the pages.

        A page that cannot be read is refused by its address, and the others go on. Raises
        WinchError where the first one cannot be read, or is no page, and where nothing can be read
        any more.
        """
        return _Crawl(spec, fetcher, self._bounds).items()

    async def refresh(self, entry: Entry) -> Address:
        """Return the address of a file: it is asked for as it is."""
        return Address(entry.url, entry.headers)


class _Crawl:
    """One reading: what is still to be read, and what was seen."""

    def __init__(self, spec: SourceSpec, fetcher: Fetcher, bounds: Bounds) -> None:
        self._start = spec.address
        self._fetcher = fetcher
        self._bounds = bounds
        self._asked_depth = bounds.depth if spec.depth is None else max(1, spec.depth)
        self._globs = Globs(spec.include, spec.exclude)
        self._source: Start | None = None
        self._waiting: deque[Page] = deque()
        self._pages: set[bytes] = set()
        self._files: set[int] = set()
        self._queried: set[int] = set()
        self._unread = 0
        self._is_full = False

    async def items(self) -> AsyncGenerator[Entry | Refused]:
        """Yield what the pages name."""
        check_url(self._start)
        at_once: int = getattr(self._fetcher, "at_once", AT_ONCE)
        running: deque[tuple[Page, asyncio.Task[Found]]] = deque()
        found = await self._read(Page(self._start, b""))
        lost = 0
        try:
            while True:
                async for item in in_portions(self._new(found)):
                    yield item
                if self._is_full:
                    yield refusal(self._start, f"it names more than {self._bounds.files:,} files")
                    return
                while self._waiting and len(running) < at_once:
                    page = self._waiting.popleft()
                    running.append((page, asyncio.create_task(self._read(page))))
                if not running:
                    break
                page, task = running.popleft()
                try:
                    found = await task
                    lost = 0
                except WinchError as error:
                    lost = lost + 1 if isinstance(error, NetworkError) else 0
                    if lost == _GONE:
                        raise
                    found = Found(refused=[refusal(page.url, error.message, error.code)])
                finally:
                    task.cancel()
        finally:
            for _, task in running:
                task.cancel()
            await asyncio.gather(*(task for _, task in running), return_exceptions=True)
        if self._unread:
            reason = (
                f"it has more than {self._bounds.pages:,} pages, {self._unread:,} were not read"
            )
            yield refusal(self._start, reason)

    def _new(self, found: Found) -> Iterator[Entry | Refused]:
        """Give what no page before named, and have its pages read."""
        yield from found.refused
        yield from self._new_pages(found)
        yield from self._new_files(found)

    def _new_pages(self, found: Found) -> Iterator[Refused]:
        for page in found.pages:
            if page.key in self._pages or page.url == self._start:
                if page.continues:
                    yield refusal(page.url, "it leads back to where it was: what follows is lost")
                continue
            if page.depth > self._bounds.depth:
                yield refusal(page.url, f"it is more than {self._bounds.depth} pages away")
            elif page.depth > self._asked_depth:
                continue
            elif len(self._pages) >= self._bounds.pages:
                self._unread += 1
            else:
                self._pages.add(page.key)
                self._waiting.append(page)

    def _new_files(self, found: Found) -> Iterator[Entry | Refused]:
        for key, entry in found.files:
            # A million paths would take more than what is made of them.
            mark, own = _mark(key), _mark(entry.url.encode())
            if mark not in self._files:
                if len(self._files) >= self._bounds.files:
                    self._is_full = True
                    return
                self._files.add(mark)
                if "?" in entry.url:
                    self._queried.update((mark, own))
                yield entry
            elif mark in self._queried and "?" in entry.url and own not in self._queried:
                # Of a page that makes files of what is asked: another one, under the same name.
                self._queried.add(own)
                yield refusal(entry.url, f"another link has its name '{cut(entry.path or '', 80)}'")

    # -- reading one page -------------------------------------------------------------------------

    async def _read(self, page: Page) -> Found:
        """Read a page; raises WinchError, also where it seems to contain itself without end."""
        found = await self._named_by(page)
        if (mark := found.mark) is None:
            return found
        above = [(key, other) for key, other in page.marks if other.names == mark.names]
        if not above or not await self._goes_on(page, mark, above[-1][0]):
            return found
        is_noted = mark.noted is not None and mark.noted == above[-1][1].noted
        if not (is_noted or await self._is_same(page, found, above[-1][0])):
            raise UsageError("it lists the same as a directory above it, and that without end")
        return Found()

    async def _goes_on(self, page: Page, mark: Mark, above: bytes) -> bool:
        """Tell whether a page that lists the names of one above is there again further down.

        Where the way from there to here is gone a few times more, directories that just have the
        same names come to an end.
        """
        deep = page.key + page.key.removeprefix(above) * _TIMES
        url = self._url_of(deep)
        if len(url) > MAX_URL:
            return False
        try:
            deeper = (await self._named_by(Page(url, deep), stays=True)).mark
        except WinchError:
            return False
        return deeper is not None and deeper.names == mark.names

    async def _is_same(self, page: Page, found: Found, above: bytes) -> bool:
        """Tell whether a page shows the very directory above: a file in both is one by its version.

        So it is behind a link that leads up. A server that makes up directories has none to tell,
        as it has neither sizes nor dates to list.
        """
        here = next((key for key, _ in found.files if key.startswith(page.key)), None)
        if here is None:
            return False
        versions = []
        try:
            for key in (here, above + here.removeprefix(page.key)):
                async with self._fetcher.open(self._url_of(key), most=_ANY) as document:
                    assert document is not None, "no version is known"
                    told = document.validator
                    length = document.headers.get("content-length")
                    versions.append((told.etag, told.last_modified, length))
        except WinchError:
            return False
        one, other = versions
        return one == other and any(one[:2])

    def _url_of(self, key: bytes) -> str:
        assert self._source is not None
        return self._source.scope + quote_from_bytes(key)

    async def _named_by(self, page: Page, *, stays: bool = False) -> Found:
        """Return what a page names; with `stays` nothing where it leads to another one."""
        async with self._fetcher.open(page.url, most=self._bounds.bytes) as document:
            assert document is not None, "no version is known"
            if self._source is not None and document.url != page.url:
                arrived = None if stays else self._arrived(page, document.url, self._source)
                if arrived is None:
                    return Found()
                page = arrived
            begun = Begun(document)
            if (read := _reader(document, await begun.peek())) is None:
                raise no_page(document)
            self._source, found = await read(page, begun, self._source, self._globs)
            return found

    def _arrived(self, page: Page, url: str, start: Start) -> Page | None:
        """Return the page that a redirect led to, None where it was read; raises RedirectError."""
        if url.partition("?")[0] == start.scope:
            return page if start.prefix is not None else None
        link = link_to(url, start.scope)
        if link is None:
            raise RedirectError("the server redirected to a page that is not below the start")
        key = link.key if link.is_directory else link.key + b"/"
        if key != page.key:
            if key in self._pages:
                return None
            self._pages.add(key)
        return replace(page, url=link.url, key=key)


def _mark(key: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest())


def _reader(
    document: Document, first: bytes
) -> Callable[..., Coroutine[Any, Any, tuple[Start, Found]]] | None:
    """Return what reads such a page, by its type and its first bytes; None where it is none."""
    if document.media_type in _XML or first.lstrip().startswith((b"<?xml", b"<ListBucket")):
        from core.sources.index_xml import read_xml  # noqa: PLC0415 (seldom needed)

        return read_xml
    if document.media_type in _HTML or (not document.media_type and b"<" in first):
        from core.sources.index_html import read_html  # noqa: PLC0415 (as above)

        return read_html
    return None
