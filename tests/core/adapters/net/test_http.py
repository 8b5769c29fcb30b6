"""What a request waits for has an end, and connections serve one request after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.adapters.net.http import HttpClient
from core.domain.errors import TransferTimeoutError
from core.domain.settings import NetworkSettings
from tests.faults.server import FaultServer

IMPATIENT = NetworkSettings(connect_timeout=0.1, read_timeout=0.1)


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    opened = HttpClient(IMPATIENT)
    yield opened
    await opened.close()


async def fetch(client: HttpClient, url: str) -> bytes:
    body = b""
    async with client.get(url, {}, buffer=65536) as response:
        while piece := await response.read():
            body += piece
    return body


async def test_a_name_that_is_looked_up_for_ever_is_given_up(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_args: object, **_options: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", hang)
    with pytest.raises(TransferTimeoutError, match=r"files\.test did not answer in time"):
        await fetch(client, "http://files.test/f")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_who_takes_a_connection_and_says_nothing_is_given_up(
    client: HttpClient, scheme: str
) -> None:
    over = asyncio.Event()

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(TransferTimeoutError, match=r"127\.0\.0\.1 did not answer in time"):
            await fetch(client, f"{scheme}://127.0.0.1:{port}/f")
    finally:
        over.set()
        server.close()


async def test_a_connection_outlasts_the_patience_for_a_head(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    async with FaultServer() as server:
        server.file("f", b"content")
        assert await fetch(client, server.url_of("f")) == b"content"
        # Longer than any head may take: nobody waits for one now.
        later = loop.time() + 3 * IMPATIENT.read_timeout
        monkeypatch.setattr(loop, "time", lambda: later)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        monkeypatch.undo()
        assert await fetch(client, server.url_of("f")) == b"content"
        assert server.connections == 1
