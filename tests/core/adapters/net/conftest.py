"""What the tests of the adapters to the network share."""

from __future__ import annotations

from core.adapters.net.http import HttpClient


async def fetch(client: HttpClient, url: str) -> bytes:
    """Return the body that a server answers with."""
    body = b""
    async with await client.get(url, {}, buffer=65536) as response:
        while piece := await response.read():
            body += piece
    return body
