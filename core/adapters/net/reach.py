"""The addresses behind a host's name, for those who decide by them and not for connecting."""

from __future__ import annotations

import asyncio
import socket


async def addresses(host: str) -> frozenset[str]:
    """Return the IP addresses of a host; none where the name cannot be resolved."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(str(sockaddr[0]).partition("%")[0] for *_, sockaddr in found)
