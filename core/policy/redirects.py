"""Where a redirect may lead, and what may travel there (RFC 9110 section 15.4).

HTTP clients strip only some secrets when a redirect leaves the origin; here everything that a
person configured for one origin stays with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
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
        _ = target.port
    except ValueError:
        raise RedirectError("the server redirected to an address that cannot be read") from None
    if target.scheme not in ("http", "https") or not target.hostname:
        raise RedirectError(f"the server redirected to '{target.scheme}:', which is no web address")
    if urlsplit(hop.url).scheme == "https" and target.scheme == "http":
        raise RedirectError(
            "the server redirected from https to http, where anybody could change the file",
            hint="use the http address itself if you trust that",
        )
    return Hop(url, headers_for(url, hop))


def headers_for(url: str, hop: Hop) -> Mapping[str, str]:
    """Return those headers of a request that may go to another URL: abroad, none is a secret."""
    if is_same_origin(url, hop.url):
        return hop.headers
    return {name: value for name, value in hop.headers.items() if name.lower() in _KEPT_ABROAD}


def is_same_origin(one: str, other: str) -> bool:
    """Tell whether two URLs share scheme, host and port (RFC 6454 section 4)."""
    return _origin(one) == _origin(other)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def check_reach(source: Iterable[str], target: Iterable[str]) -> None:
    """Raise RedirectError where a public server leads to a machine that the public cannot reach.

    Both are IP addresses. Whoever asks for a file in the world must not be sent into the own
    network or the own machine; a server in there may lead where it likes.
    """
    if all(map(_is_public, source)) and not all(map(_is_public, target)):
        raise RedirectError(
            "a public server redirected into a private network",
            hint="ask for the private address itself if you trust that",
        )


def _is_public(address: str) -> bool:
    parsed = ip_address(address)
    inner = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return (inner or parsed).is_global
