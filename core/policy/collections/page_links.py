"""Where a link of an index page leads: to a file or a directory below the start, or nowhere.

A page is hostile text: what it calls a link may lead up, to other hosts, to the page itself in
another order, and to the same place in a hundred spellings.
"""

from __future__ import annotations

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes, urljoin, urlsplit

from core.domain.bounds import MAX_URL, cut
from core.domain.errors import UsageError
from core.domain.value import Value
from core.policy.transfer.redirects import escaped, is_same_origin

# As browsers do it (url.spec.whatwg.org section 4.4).
_AROUND = "".join(map(chr, range(0x21)))
_DROPPED = dict.fromkeys(map(ord, "\t\n\r"))
_QUERY = re.compile(r"[?#]")


class Link(Value, frozen=True, gc=False):
    """A place below the start: its URL, and its path below there as text.

    `key` is the same path as bytes, one for all spellings; of a directory it ends with a slash.
    """

    url: str
    path: str
    key: bytes
    is_directory: bool


def scope_of(url: str) -> str:
    """Return the address below which everything is that a page may name: that of its directory."""
    parts = urlsplit(url)
    directory = parts.path[: parts.path.rfind("/") + 1] or "/"
    return f"{parts.scheme}://{parts.netloc}{directory}"


def resolved(href: str, base: str) -> str | None:
    """Return the address that a link means, without its fragment; None where it means none.

    Raises UsageError where it is longer than addresses can be.
    """
    text = href.strip(_AROUND).translate(_DROPPED)
    if "\\" in text:
        path = _QUERY.split(text, maxsplit=1)[0]
        text = path.replace("\\", "/") + text[len(path) :]
    if len(text) > MAX_URL:
        raise UsageError(
            f"a link of {len(text):,} characters is too long, it begins with '{cut(text, 80)}'"
        )
    try:
        return urljoin(base, escaped(text)).partition("#")[0]
    except ValueError:
        return None


def link_to(url: str, scope: str) -> Link | None:
    """Return the place of an address below `scope`; None where it is not below it.

    The login in `scope` is that of all below. A directory with a query is itself in another order.
    Raises UsageError where a name holds what no name can, or where the address is too long.
    """
    if not url.startswith(("http://", "https://")):
        return None
    try:
        parts, start = urlsplit(url), urlsplit(scope)
        # A login is the start's own, or somebody else's.
        if "@" in parts.netloc and parts.netloc != start.netloc:
            return None
        if not is_same_origin(url, scope):
            return None
    except ValueError:
        return None
    segments, is_directory = _segments(parts.path)
    above, _ = _segments(start.path)
    decoded = [unquote_to_bytes(segment) for segment in segments]
    below = len(above)
    if len(segments) <= below or decoded[:below] != [unquote_to_bytes(name) for name in above]:
        return None
    if is_directory and parts.query:
        return None
    if any(b"/" in name or b"\0" in name for name in decoded[below:]):
        raise UsageError(f"a name in '{cut(parts.path, 200)}' holds a slash or NUL")
    query = f"?{parts.query}" if parts.query else ""
    end = "/" if is_directory else ""
    place = f"{start.scheme}://{start.netloc}/{'/'.join(segments)}{end}{query}"
    if len(place) > MAX_URL:
        raise UsageError(f"an address of {len(place):,} characters is too long")
    return Link(
        place,
        "/".join(map(_text, decoded[below:])),
        b"/".join(decoded[below:]) + end.encode(),
        is_directory,
    )


def _segments(path: str) -> tuple[list[str], bool]:
    """Return the names in a path without dots and empty ones, and whether it ends in a directory.

    A dot may be percent-encoded.
    """
    found: list[str] = []
    last = ""
    for segment in path.split("/"):
        last = segment.replace("%2e", ".").replace("%2E", ".")
        if last == "..":
            found = found[:-1]
        elif last not in ("", "."):
            found.append(segment)
    return found, last in ("", ".", "..")


def _text(name: bytes) -> str:
    """Return a name as text: percent-encoded where it is no UTF-8."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return quote_from_bytes(name)
