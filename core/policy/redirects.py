"""Where a redirect may lead, and what may travel there (RFC 9110 section 15.4).

HTTP clients strip only some secrets when a redirect leaves the origin; here everything that a
person configured for one origin stays with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from core.domain.errors import RedirectError

LIMIT = 10
STATUSES = frozenset({301, 302, 303, 307, 308})
_KEPT_ABROAD = frozenset({"range", "if-range", "accept-encoding", "accept", "user-agent"})


@dataclass(frozen=True, slots=True)
class Hop:
    """The next request of a redirect chain."""

    url: str
    headers: Mapping[str, str]


def follow(hop: Hop, location: str | None, *, count: int) -> Hop:
    """Return the request that a redirect asks for; `count` redirects were followed before.

    Raises RedirectError for more than ten, for none or an unusable address, and for a way from
    https to http, where everybody could change the file.
    """
    if count >= LIMIT:
        raise RedirectError(
            f"the server redirected more than {LIMIT} times", hint="check the address in a browser"
        )
    if not location:
        raise RedirectError("the server redirected without saying where")
    try:
        url = urljoin(hop.url, location.strip())
        target = urlsplit(url)
        port = target.port
    except ValueError:
        raise RedirectError("the server redirected to an address that cannot be read") from None
    if target.scheme not in ("http", "https") or not target.hostname:
        raise RedirectError(f"the server redirected to '{target.scheme}:', which is no web address")
    source = urlsplit(hop.url)
    if source.scheme == "https" and target.scheme == "http":
        raise RedirectError(
            "the server redirected from https to http, where anybody could change the file",
            hint="use the http address itself if you trust that",
        )
    same = (source.scheme, source.hostname, source.port) == (target.scheme, target.hostname, port)
    if same:
        return Hop(url, hop.headers)
    return Hop(url, {k: v for k, v in hop.headers.items() if k.lower() in _KEPT_ABROAD})
