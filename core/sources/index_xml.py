"""Index pages in XML: what an object store lists over plain HTTP (`s3_listing.py`)."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from core.domain.bounds import MAX_URL
from core.domain.entries import Entry
from core.domain.origins import SourceVersion
from core.policy.collections.globs import Globs
from core.sources.base import Document
from core.sources.index_values import Found, Page, Start, no_page, refusal
from core.sources.s3_listing import Listed, ListedPage, read_page

_PLACES: Final = frozenset({"continuation-token", "start-after", "marker"})
"""Fields of a query that say where in a listing a page begins."""


async def read_xml(
    page: Page, document: Document, start: Start | None, globs: Globs
) -> tuple[Start, Found]:
    """Return what an answer lists, and what belongs to the source; `start` None is for this to say.

    Raises WinchError where it cannot be read.
    """
    if start is None:
        start = _start(document.url)
    if (begin := start.prefix) is None:
        raise no_page(document)
    listed = await read_page(document.chunks(), by_marker=True)
    found = Found()
    for each in listed.objects:
        if each.key.startswith(begin) and each.key != begin:
            _take(found, each, each.key.removeprefix(begin), start.scope)
    for prefix in listed.prefixes:
        below = prefix.removeprefix(begin).rstrip("/")
        if prefix.startswith(begin) and not globs.excludes_all_below(below):
            url = _asked(document.url, prefix=prefix)
            found.pages.append(Page(url, url.encode(), page.depth + 1))
    if (url_of_rest := _rest(document.url, listed)) is not None:
        rest = Page(url_of_rest, url_of_rest.encode(), page.depth, continues=True)
        found.pages.append(rest)
    return start, found


def _start(url: str) -> Start:
    """Return what belongs to a source that begins with this listing."""
    parts = urlsplit(url)
    prefix = dict(parse_qsl(parts.query)).get("prefix", "")
    scope = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/"
    return Start(scope, prefix[: prefix.rfind("/") + 1])


def _take(found: Found, listed: Listed, path: str, scope: str) -> None:
    """Take in an object: a file, or what stands for a directory."""
    url = scope + quote(listed.key, safe="/~")
    if len(url) > MAX_URL:
        reason = f"an address of {len(url):,} characters is too long"
        found.refused.append(refusal(path, reason))
    elif not path.endswith("/"):
        version = SourceVersion(etag=listed.etag, modified=listed.modified)
        entry = Entry(url=url, path=path, size=listed.size, version=version)
        found.files.append((path.encode(), entry))
    elif listed.size:
        found.refused.append(refusal(path, "it is named like a directory, and has content"))


def _rest(url: str, listed: ListedPage) -> str | None:
    """Return the address of what follows, None at the end."""
    if listed.token is not None:
        return _asked(url, **{"continuation-token": listed.token})
    return None if listed.marker is None else _asked(url, marker=listed.marker)


def _asked(url: str, **fields: str) -> str:
    """Return the address of a listing with other fields in its query, from its beginning."""
    parts = urlsplit(url)
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in fields and name not in _PLACES
    ]
    return parts._replace(query=urlencode([*kept, *fields.items()], quote_via=quote)).geturl()
