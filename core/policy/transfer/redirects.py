"""Where a redirect may lead, and what may travel there (RFC 9110 section 15.4).

HTTP clients strip only some secrets when a redirect leaves the origin; here everything that a
person configured for one origin stays with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import quote_from_bytes, urljoin, urlsplit

from core.domain.bounds import MAX_URL, cut
from core.domain.errors import RedirectError
from core.domain.text import valid
from core.domain.value import Value

MAX_REDIRECTS = 10
STATUSES = frozenset({301, 302, 303, 307, 308})
_AUTHORITY = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?//)([^/?#]*)")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_KEPT_ABROAD = frozenset({"range", "if-range", "accept-encoding", "accept", "user-agent"})


class Hop(Value, frozen=True):
    """The next request of a redirect chain."""

    url: str
    headers: Mapping[str, str]


def follow(hop: Hop, location: str | None, *, count: int) -> Hop:
    """Return the request that a redirect asks for; `count` redirects were followed before.

    `location` is as the server sent it, a byte that is not UTF-8 as a surrogate (PEP 383). Raises
    RedirectError for more than ten, for none or an unusable address, and for a way from https to
    http, where everybody could change the file.
    """
    if count >= MAX_REDIRECTS:
        raise RedirectError(
            f"the server redirected more than {MAX_REDIRECTS} times",
            hint="check the address in a browser",
        )
    if not location:
        raise RedirectError("the server redirected without saying where")
    if len(location) > MAX_URL:
        raise RedirectError(f"the server redirected to an address of {len(location)} characters")
    try:
        url = urljoin(hop.url, escaped(location.strip()))
        target = urlsplit(url)
        _ = target.port
    except ValueError:
        raise RedirectError("the server redirected to an address that cannot be read") from None
    if target.scheme not in ("http", "https") or not target.hostname:
        scheme = cut(target.scheme, 40)
        raise RedirectError(f"the server redirected to '{scheme}:', which is no web address")
    if urlsplit(hop.url).scheme == "https" and target.scheme == "http":
        raise RedirectError(
            "the server redirected from https to http, where anybody could change the file",
            hint="use the http address itself if you trust that",
        )
    return Hop(url, headers_for(url, hop))


def escaped(location: str) -> str:
    """Return an address in ASCII: each other byte percent-encoded as it came, as browsers do it.

    Only the host is text, and becomes what DNS knows it by; raises UnicodeError where it cannot.
    """
    match = _AUTHORITY.match(location)
    start, authority = (match[1], match[2]) if match else ("", "")
    userinfo, at, host = authority.rpartition("@")
    if not host.isascii():
        name, colon, port = valid(host).partition(":")
        host = name.encode("idna").decode() + colon + port
    rest = location[match.end() :] if match else location
    return start + _quoted(userinfo) + at + _quoted(host) + _quoted(rest)


def _quoted(text: str) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogateescape"), safe=_PRINTABLE)


def headers_for(url: str, hop: Hop) -> Mapping[str, str]:
    """Return those headers of a request that may go to another URL: abroad, none is a secret."""
    if not hop.headers or is_same_origin(url, hop.url):
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
    if all(map(is_public, source)) and not all(map(is_public, target)):
        raise private_error()


def private_error() -> RedirectError:
    """Return the error for a way from the world into a private network."""
    return RedirectError(
        "a public server redirected into a private network",
        hint="ask for the private address itself if you trust that",
    )


def is_public(address: str) -> bool:
    """Tell whether an address is one machine's that the whole world reaches.

    An IPv6 address that carries an IPv4 address is a way to that one, through a translator or a
    tunnel, and no more public than it.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if parsed.is_multicast:
        return False
    if isinstance(parsed, IPv4Address):
        return parsed.is_global
    if any(not inner.is_global or inner.is_multicast for inner in _carried(parsed)):
        return False
    if any(parsed in network for network in _WAYS_OUT):
        return True
    # All else that is not global unicast is of this machine, of this site, or nobody's.
    return parsed in _GLOBAL_UNICAST and (parsed.is_global or parsed in _TEREDO)


def _carried(address: IPv6Address) -> list[IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address is a way to."""
    found = [
        IPv4Address(int(address) >> shift & 0xFFFF_FFFF)
        for network, shift in _CARRIERS
        if address in network
    ]
    # RFC 5214 section 6.1: ISATAP may use any prefix.
    if int(address) >> 32 & 0xFDFF_FFFF == 0x0000_5EFE:
        found.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return found + list(address.teredo or ())


_GLOBAL_UNICAST = IPv6Network("2000::/3")
_TEREDO = IPv6Network("2001::/32")
_MAPPED = IPv6Network("::ffff:0:0/96")
_TRANSLATED = IPv6Network("64:ff9b::/96")
_WAYS_OUT = (_MAPPED, _TRANSLATED)
"""What an ordinary host with IPv4 in the world is seen as: by the system, by NAT64 (RFC 6052)."""
_CARRIERS = (
    (_MAPPED, 0),
    (_TRANSLATED, 0),
    (IPv6Network("64:ff9b:1::/48"), 0),  # NAT64 of one's own network, RFC 8215
    (IPv6Network("::ffff:0:0:0/96"), 0),  # IPv4-translated, RFC 2765
    (IPv6Network("::/96"), 0),  # IPv4-compatible, RFC 4291 section 2.5.5.1
    (IPv6Network("2002::/16"), 80),  # 6to4, RFC 3056
)
