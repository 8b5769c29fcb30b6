"""Whether this host has a way to a server, asked without sending anything to it.

Connecting a UDP socket makes the kernel look for a route and sends no packet; it says the same on
Linux and macOS. Names are a second matter: a resolver that answers nothing at all is as good as a
cable that is out, one that answers "no such name" is not.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

Address = tuple[socket.AddressFamily, str]
Resolve = Callable[[str], list[Address]]

# Documentation addresses (RFC 5737, RFC 3849): routed like any other, and nobody's.
_ANYWHERE: tuple[Address, ...] = (
    (socket.AF_INET, "192.0.2.1"),
    (socket.AF_INET6, "2001:db8::1"),
)
_WELL_KNOWN = "example.com"
_NO_ANSWER = frozenset({socket.EAI_AGAIN, socket.EAI_FAIL})
_LINKS = Path("/sys/class/net")
_NO_LINK = frozenset({"down", "lowerlayerdown", "dormant", "notpresent"})


def resolve(name: str) -> list[Address]:
    """Return the addresses of a host; blocks, and raises socket.gaierror."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    return [(socket.AddressFamily(family), str(address[0])) for family, _, _, _, address in found]


class Network:
    """The ways out of this host. A loopback address is always reachable."""

    def __init__(self, resolve: Resolve = resolve, links: Path = _LINKS) -> None:
        self._resolve = resolve
        self._links = links
        self._asking = asyncio.Lock()

    def has_way_out(self) -> bool:
        """Tell whether there is a link and a route to anywhere; costs microseconds."""
        return self._has_link() and _has_route(_ANYWHERE)

    async def reaches(self, host: str) -> bool:
        """Tell whether the network would carry a request to `host` (a name or an address).

        True also where the host itself is at fault: it is off, or its name does not exist.
        """
        if _is_loopback(host):
            return True
        try:
            address = ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return await self._reaches_name(host)
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        return self._has_link() and _has_route([(family, str(address))])

    async def _reaches_name(self, name: str) -> bool:
        # One at a time: a dead resolver holds a thread for many seconds, and threads are few.
        async with self._asking:
            try:
                addresses = await asyncio.to_thread(self._resolve, name)
            except socket.gaierror as error:
                if not self.has_way_out():
                    return False
                return error.errno not in _NO_ANSWER or await self._resolver_answers()
            except UnicodeError:
                return True
        if all(_is_loopback(address) for _, address in addresses):
            return True
        return self._has_link() and _has_route(addresses)

    async def _resolver_answers(self) -> bool:
        """Tell whether any name can be resolved: one broken domain is not a broken network."""
        try:
            await asyncio.to_thread(self._resolve, _WELL_KNOWN)
        except socket.gaierror as error:
            return error.errno not in _NO_ANSWER
        return True

    def _has_link(self) -> bool:
        """Tell whether any link may carry something; where the kernel does not say, it may.

        A route can outlive the cable that it leads through.
        """
        try:
            links = [link for link in self._links.iterdir() if link.name != "lo"]
            states = [(link / "operstate").read_text().strip() for link in links]
        except OSError:
            return True
        return not states or any(state not in _NO_LINK for state in states)


def _has_route(addresses: Iterable[Address]) -> bool:
    for family, address in addresses:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((address, 9))
        except OSError:
            continue
        return True
    return False


def _is_loopback(host: str) -> bool:
    bare = host.strip("[]").rstrip(".").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(bare.partition("%")[0]).is_loopback
    except ValueError:
        return False
