"""Index pages in HTML: their links, and what a directory index says beside them.

The standard library's parser holds what has not ended yet and looks through it again with every
piece, so that may be no longer than a tag can be. It is never told that the page has ended: it
would look for a tag at each `<` of what is left, and each time to the end.
"""

from __future__ import annotations

import asyncio
import codecs
import hashlib
import re
from collections.abc import Iterable
from contextlib import suppress
from html.parser import HTMLParser
from typing import Final

from core.domain.entries import Entry
from core.domain.errors import ProtocolError, UsageError
from core.policy.collections.globs import Globs
from core.policy.collections.page_links import Link, link_to, resolved, scope_of
from core.sources.base import Document
from core.sources.index_values import PIECE, Found, Mark, Page, Start, in_portions, refusal
from core.sources.texts import utf8

MOST_LINKS: Final = 200_000
"""Links of a page; one with more is refused."""

_LONGEST_TAG: Final = 64 * 1024
_LONGEST_SCRIPT: Final = 4 * 1024 * 1024
_LONGEST_NOTE: Final = 200
_DIGIT = re.compile(r"[0-9]")
# nginx: the one index whose sizes are exact, where they have no unit (ngx_http_autoindex_module).
_NGINX = re.compile(r"\s*\d{2}-[A-Z][a-z]{2}-\d{4} \d{2}:\d{2}\s+(\d{1,18})\s*")


async def read_html(
    page: Page, document: Document, start: Start | None, globs: Globs
) -> tuple[Start, Found]:
    """Return what a page names, and what belongs to the source; `start` None is for this to say.

    Raises WinchError where it cannot be read.
    """
    listing = await _parsed(document)
    found = Found()
    base = document.url
    if listing.base is not None:
        base = resolved(listing.base, base) or base
    addresses: list[tuple[str, HtmlLink]] = []
    async for link in in_portions(listing.links):
        try:
            if (url := resolved(link.href, base)) is not None:
                addresses.append((url, link))
        except UsageError as error:
            found.refused.append(refusal(document.url, error.message))
    start = start or Start(_scope(document.url, (url for url, _ in addresses)))
    places: list[tuple[Link, HtmlLink]] = []
    itself = _plain(document.url)
    async for url, link in in_portions(addresses):
        try:
            place = link_to(url, start.scope)
        except UsageError as error:
            found.refused.append(refusal(document.url, error.message))
            continue
        if place is not None and _plain(url) != itself:
            places.append((place, link))
    found.mark = await _mark(page, places)
    await _sort(found, page, places, globs)
    return start, found


async def _parsed(document: Document) -> HtmlListing:
    listing = HtmlListing()
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    async for chunk in utf8(document):
        for at in range(0, len(chunk), PIECE):
            listing.take(decoder.decode(chunk[at : at + PIECE]))
            await asyncio.sleep(0)
    return listing


async def _sort(
    found: Found,
    page: Page,
    places: Iterable[tuple[Link, HtmlLink]],
    globs: Globs,
) -> None:
    """Take in which of the places are files, and which are pages to read."""
    marks = page.marks if found.mark is None else (*page.marks, (page.key, found.mark))
    async for place, link in in_portions(places):
        if not (place.is_directory or (link.is_directory and "?" not in place.url)):
            entry = Entry(url=place.url, path=place.path, size=link.size)
            found.files.append((place.key, entry))
        elif not globs.excludes_all_below(place.path):
            key = place.key if place.is_directory else place.key + b"/"
            is_below = key.startswith(page.key)
            found.pages.append(Page(place.url, key, page.depth + 1, marks if is_below else ()))


def _scope(url: str, addresses: Iterable[str]) -> str:
    """Return where what belongs to the start is: below the address itself, or below its directory.

    A server may show a directory without the slash, and names then begin below it.
    """
    narrow = _plain(url) + "/"
    if not _plain(url).endswith("/"):
        for address in addresses:
            with suppress(UsageError):
                if link_to(address, narrow) is not None:
                    return narrow
    return scope_of(url)


async def _mark(page: Page, places: Iterable[tuple[Link, HtmlLink]]) -> Mark | None:
    """Return the mark of what a page lists below itself, None where that is nothing."""
    names = noted = count = 0
    is_noted = True
    async for place, link in in_portions(places):
        if not place.key.startswith(page.key):
            continue
        name, note = place.key.removeprefix(page.key), " ".join(link.note.split())
        names += _number(name)
        noted += _number(name + b"\0" + note.encode("utf-8", "surrogateescape"))
        is_noted = is_noted and _DIGIT.search(note) is not None
        count += 1
    return Mark(_bytes(names), _bytes(noted) if is_noted else None) if count else None


def _number(text: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(text, digest_size=12).digest())


def _bytes(total: int) -> bytes:
    return (total % 2**96).to_bytes(12)


def _plain(url: str) -> str:
    return url.partition("?")[0]


class HtmlLink:
    """A link, as a page has it: what it leads to, what it is called, and what follows it."""

    __slots__ = ("href", "label", "note")

    def __init__(self, href: str) -> None:
        self.href = href
        self.label = ""
        self.note = ""

    @property
    def is_directory(self) -> bool:
        """Whether it is called one, however its address ends."""
        return self.label.rstrip().endswith("/")

    @property
    def size(self) -> int | None:
        """The size in bytes that stands behind it, None unless that is exact."""
        match = _NGINX.fullmatch(self.note)
        return int(match[1]) if match else None


class HtmlListing(HTMLParser):
    """Collects the links of a page. `base` is what its first base tag says, None without one."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[HtmlLink] = []
        self.base: str | None = None
        self._is_inside = False

    def take(self, text: str) -> None:
        """Read some more of the page; raises ProtocolError where nobody can."""
        try:
            self.feed(text)
        except (AssertionError, ValueError) as error:
            raise ProtocolError("the page cannot be read as HTML") from error
        most = _LONGEST_SCRIPT if self.cdata_elem is not None else _LONGEST_TAG
        if len(self.rawdata) > most:
            raise ProtocolError(f"the page has a tag of more than {most:,} characters")
        if len(self.links) > MOST_LINKS:
            raise ProtocolError(f"the page has more than {MOST_LINKS:,} links")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("a", "base"):
            return
        # Of an attribute that is there twice the first one counts.
        href = next((value for name, value in attrs if name == "href"), None)
        if href is None:
            return
        if tag == "base":
            self.base = href if self.base is None else self.base
        else:
            self.links.append(HtmlLink(href))
            self._is_inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._is_inside = False

    def handle_data(self, data: str) -> None:
        if not self.links or self.cdata_elem is not None:
            return
        link = self.links[-1]
        if self._is_inside:
            link.label = (link.label + data[-_LONGEST_NOTE:])[-_LONGEST_NOTE:]
        elif len(link.note) < _LONGEST_NOTE:
            link.note += data[:_LONGEST_NOTE]
