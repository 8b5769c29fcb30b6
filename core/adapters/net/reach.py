"""Whether a redirect may lead where it does: from the world into no private network.

The rules are `policy.transfer.redirects`'; here is asked what addresses the names of hosts have.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.adapters.net.proxies import proxy_for
from core.policy.transfer.redirects import check_reach, is_public, private_error


@dataclass(slots=True)
class Route:
    """How a request travels: whether only the world is open to it, and the address it reached."""

    must_be_public: bool = False
    peer: str | None = None

    def arrive(self, peer: str) -> None:
        """Note the IP address that was connected to; raises RedirectError where it is forbidden."""
        self.peer = peer
        if self.must_be_public and not is_public(peer):
            raise private_error()

    async def onward(self, source: str, target: str) -> Route:
        """Return the route of a redirect between two URLs; raises RedirectError, ConfigError.

        Blocks nobody, and takes as long as the names take to be looked up.
        """
        hosts = [urlsplit(url).hostname or "" for url in (source, target)]
        # Behind a proxy it is the proxy that resolves, and that reaches what it may.
        if proxy_for(target) is not None:
            return Route()
        if hosts[0] == hosts[1]:
            return Route(must_be_public=self.must_be_public)
        there = await addresses(hosts[1])
        # A name can have another address each time it is asked: what was connected to counts too.
        sources = [await addresses(hosts[0])]
        if proxy_for(source) is None and self.peer is not None:
            sources.append(frozenset({self.peer}))
        for known in sources:
            check_reach(known, there)
        return Route(must_be_public=any(all(map(is_public, known)) for known in sources))


async def addresses(host: str) -> frozenset[str]:
    """Return the IP addresses of a host; none where the name cannot be resolved."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(str(sockaddr[0]).partition("%")[0] for *_, sockaddr in found)
