"""Without a fault the server answers as RFC 9110 says, seen by a client of raw sockets."""

from __future__ import annotations

import gzip

import pytest

from tests.faults.client import connect, fetch
from tests.faults.model import content
from tests.faults.server import FaultServer

BODY = content(200_000)


async def test_a_plain_file_is_answered_whole(fault_server: FaultServer) -> None:
    url = fault_server.file(
        "some file.bin",
        BODY,
        last_modified="Sun, 01 Feb 2026 00:00:00 GMT",
        disposition='attachment; filename="x"',
    )
    assert url == f"{fault_server.url}/some%20file.bin"

    response = await fetch(fault_server, "/some%20file.bin?token=1")

    assert (response.status, response.body) == (200, BODY)
    assert response.headers["etag"] == '"v1"'
    assert response.headers["last-modified"] == "Sun, 01 Feb 2026 00:00:00 GMT"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["content-disposition"] == 'attachment; filename="x"'
    assert "date" in response.headers


async def test_nothing_there_is_404(fault_server: FaultServer) -> None:
    assert (await fetch(fault_server, "/none")).status == 404


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=100-", 100, 200_000),
        ("bytes=-5", 199_995, 200_000),
        ("bytes=-999999", 0, 200_000),
        ("bytes=199999-999999", 199_999, 200_000),
    ],
)
async def test_a_range_is_answered_with_exactly_that(
    fault_server: FaultServer, wanted: str, start: int, end: int
) -> None:
    fault_server.file("f", BODY)
    response = await fetch(fault_server, "/f", Range=wanted)
    assert (response.status, response.body) == (206, BODY[start:end])
    assert response.headers["content-range"] == f"bytes {start}-{end - 1}/200000"


@pytest.mark.parametrize("wanted", ["bytes=200000-", "bytes=200000-200001", "bytes=-0"])
async def test_a_range_beyond_the_end_is_416(fault_server: FaultServer, wanted: str) -> None:
    fault_server.file("f", BODY)
    response = await fetch(fault_server, "/f", Range=wanted)
    assert response.status == 416
    assert response.headers["content-range"] == "bytes */200000"
    assert response.headers["etag"] == '"v1"'


async def test_an_empty_file_has_no_range(fault_server: FaultServer) -> None:
    fault_server.file("f", b"")
    assert (await fetch(fault_server, "/f")).headers["content-length"] == "0"
    assert (await fetch(fault_server, "/f", Range="bytes=0-")).status == 416


@pytest.mark.parametrize("wanted", ["bytes=5-4", "bytes=-", "bytes=0-1,4-5", "lines=0-1", "bytes"])
async def test_a_range_that_means_nothing_is_ignored(
    fault_server: FaultServer, wanted: str
) -> None:
    fault_server.file("f", BODY)
    assert (await fetch(fault_server, "/f", Range=wanted)).status == 200


async def test_without_ranges_every_answer_is_whole(fault_server: FaultServer) -> None:
    fault_server.file("f", BODY, ranges=False)
    response = await fetch(fault_server, "/f", Range="bytes=10-")
    assert (response.status, response.body) == (200, BODY)
    assert response.headers["accept-ranges"] == "none"


@pytest.mark.parametrize(
    ("etag", "condition", "status"),
    [
        ('"v1"', '"v1"', 206),
        ('"v1"', '"v2"', 200),
        ('W/"v1"', 'W/"v1"', 200),
        ('"v1"', "Sun, 01 Feb 2026 00:00:00 GMT", 206),
        ('"v1"', "Mon, 02 Feb 2026 00:00:00 GMT", 200),
    ],
)
async def test_if_range_compares_strongly(
    fault_server: FaultServer, etag: str, condition: str, status: int
) -> None:
    fault_server.file("f", BODY, etag=etag, last_modified="Sun, 01 Feb 2026 00:00:00 GMT")
    response = await fetch(fault_server, "/f", Range="bytes=10-", If_Range=condition)
    assert response.status == status
    assert response.body == (BODY[10:] if status == 206 else BODY)


async def test_head_has_the_headers_and_no_body(fault_server: FaultServer) -> None:
    fault_server.file("f", BODY)
    async with connect(fault_server) as client:
        await client.send("/f", "HEAD", Range="bytes=0-9")
        response = await client.receive("HEAD")
        assert (response.status, response.headers["content-length"]) == (200, "200000")
        await client.send("/f", Range="bytes=0-9")
        assert (await client.receive()).body == BODY[:10]
    assert [request.method for request in fault_server.requests] == ["HEAD", "GET"]
    assert fault_server.bytes_served("f") == 10


async def test_a_connection_is_kept_and_numbered(fault_server: FaultServer) -> None:
    fault_server.file("f", BODY)
    async with connect(fault_server) as client:
        for _ in range(2):
            await client.send("/f")
            assert (await client.receive()).whole
    async with connect(fault_server) as client:
        await client.send("/f", Connection="close")
        assert (await client.receive()).whole
        assert await client.reader.read() == b""
    assert [request.connection for request in fault_server.requests] == [1, 1, 2]
    await fault_server.until(lambda: fault_server.open_connections == 0)


async def test_chunked(fault_server: FaultServer) -> None:
    fault_server.file("f", BODY, chunked=True)
    response = await fetch(fault_server, "/f")
    assert (response.body, response.whole) == (BODY, True)
    assert "content-length" not in response.headers


async def test_a_body_that_ends_by_close(fault_server: FaultServer) -> None:
    fault_server.file("f", BODY, until_close=True)
    response = await fetch(fault_server, "/f")
    assert response.body == BODY
    assert "content-length" not in response.headers


async def test_gzip_for_those_who_accept_it(fault_server: FaultServer) -> None:
    fault_server.file("f", b"a" * 1000, gzip=True)
    response = await fetch(fault_server, "/f", Accept_Encoding="gzip, deflate")
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["etag"] == '"v1-gzip"'
    assert gzip.decompress(response.body) == b"a" * 1000
    assert (await fetch(fault_server, "/f", Accept_Encoding="identity")).body == b"a" * 1000


async def test_redirect(fault_server: FaultServer) -> None:
    fault_server.file("f", redirect_to="/g", redirect_status=307)
    response = await fetch(fault_server, "/f")
    assert (response.status, response.headers["location"]) == (307, "/g")
