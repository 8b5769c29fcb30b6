"""What a request waits for has an end, and connections serve one request after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.adapters.net.http import HttpClient
from core.domain.errors import (
    IncompleteBodyError,
    RedirectError,
    TransferTimeoutError,
    UsageError,
)
from core.domain.settings import NetworkSettings
from core.domain.version import VERSION
from tests.core.adapters.net.conftest import fetch
from tests.faults.server import FaultServer

IMPATIENT = NetworkSettings(connect_timeout=0.1, read_timeout=0.1)


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    opened = HttpClient(IMPATIENT)
    yield opened
    await opened.close()


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


async def test_an_address_that_the_world_named_leads_into_no_private_network(
    client: HttpClient,
) -> None:
    async with FaultServer() as server:
        url = server.file("f", b"content")
        with pytest.raises(RedirectError, match="private network"):
            await client.get(url, {}, buffer=1024, public=True)
        assert server.requests == []


async def test_a_redirect_that_names_mirrors_is_told(client: HttpClient) -> None:
    async with FaultServer() as server:
        url = server.file("f", b"content")
        link = {"Link": "<https://m/f>; rel=duplicate"}
        there = server.file("there", redirect_to=url, headers=link)
        first = server.file("first", redirect_to=there)
        async with await client.get(first, {}, buffer=1024) as response:
            ((passed, headers),) = response.passed
    assert (passed, headers["link"]) == (there, link["Link"])


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


async def test_a_connection_that_ends_as_it_is_used_again_costs_no_file(
    client: HttpClient,
) -> None:
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ncontent")
        # Held until it is asked again, and then it says nothing.
        await reader.read(1)
        asked += 1
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/f"
        assert [await fetch(client, url) for _ in range(3)] == [b"content"] * 3
        assert asked == 2


async def test_no_head_may_be_late_however_many_were_in_time(client: HttpClient) -> None:
    over = asyncio.Event()

    async def fall_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ncontent")
        await over.wait()
        writer.close()

    server = await asyncio.start_server(fall_silent, "127.0.0.1", 0)
    try:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/f"
        for _ in range(3):
            assert await fetch(client, url) == b"content"
        with pytest.raises(TransferTimeoutError, match=r"127\.0\.0\.1 did not answer in time"):
            await fetch(client, url)
    finally:
        over.set()
        server.close()


async def test_a_server_that_answers_nothing_is_asked_twice_and_no_more(client: HttpClient) -> None:
    asked = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(IncompleteBodyError, match="closed the connection too early"):
            await fetch(client, f"http://127.0.0.1:{port}/f")
        assert asked == 2


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, {"accept": "*/*", "accept-encoding": "identity", "user-agent": f"winch/{VERSION}"}),
        ({"user-AGENT": "me", "ACCEPT": "text/*"}, {"accept": "text/*", "user-agent": "me"}),
        ({"host": "files.test"}, {"host": "files.test"}),
        ({"X-Name": "caf\udce9"}, {"x-name": "caf\xe9"}),
    ],
)
async def test_what_a_person_gives_stands_in_for_what_is_sent_by_default(
    client: HttpClient, given: dict[str, str], sent: dict[str, str]
) -> None:
    heads = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a%20b?c"
        async with await client.get(url, given, buffer=65536) as response:
            assert response.status == 204
    line, *fields = heads[0].split("\r\n")[:-2]
    assert line == "GET /a%20b?c HTTP/1.1"
    names = [name.lower() for name, _, _ in (field.partition(": ") for field in fields)]
    assert sorted(names) == sorted({"host", "accept", "accept-encoding", "user-agent", *sent})
    assert sent.items() <= {n.lower(): v for n, _, v in (f.partition(": ") for f in fields)}.items()


async def test_what_cannot_be_a_header_is_not_sent(client: HttpClient) -> None:
    async with FaultServer() as server:
        server.file("f", b"content")
        with pytest.raises(UsageError, match="a header or its proxy's address is broken"):
            await client.get(server.url_of("f"), {"X": "a\r\nY: b"}, buffer=65536)
