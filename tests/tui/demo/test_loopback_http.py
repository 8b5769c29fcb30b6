"""What the demo server takes for a request and for a range."""

from __future__ import annotations

import asyncio

import pytest

from tui.demo.loopback_http import (
    BadRequestError,
    HttpRequest,
    UnsatisfiableRangeError,
    read_request,
    requested_range,
)


async def read(data: bytes) -> HttpRequest | None:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return await read_request(reader)


async def test_a_request_is_its_method_path_and_headers() -> None:
    request = await read(b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nRANGE:  bytes=1-2 \r\n\r\n")
    assert request == HttpRequest(
        method="GET", target="/a?b=c", headers={"host": "x", "range": "bytes=1-2"}
    )
    assert request.path == "/a"


async def test_a_connection_that_ends_asks_nothing_more() -> None:
    assert await read(b"") is None
    assert await read(b"GET / HT") is None


@pytest.mark.parametrize("line", [b"GET /", b"GET / HTTP/1.0", b"GET /a b HTTP/1.1", b"\xff"])
async def test_what_is_no_request_is_refused(line: bytes) -> None:
    with pytest.raises(BadRequestError):
        await read(line + b"\r\n\r\n")


async def test_a_head_without_end_is_refused() -> None:
    with pytest.raises(BadRequestError):
        await read(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=10-", (10, 100)),
        ("bytes=10-500", (10, 100)),
        ("bytes=-30", (70, 100)),
        ("bytes=-300", (0, 100)),
        ("bytes=-", None),
        ("bytes=5-3", None),
        ("bytes=500-3", None),
        ("bytes=0-1,5-6", None),
        ("items=0-1", None),
        ("", None),
    ],
)
def test_a_range_is_read_as_the_standard_says(asked: str, expected: object) -> None:
    assert requested_range({"range": asked}, 100, '"e"') == expected


def test_a_range_beyond_the_end_cannot_be_had() -> None:
    with pytest.raises(UnsatisfiableRangeError):
        requested_range({"range": "bytes=100-"}, 100, '"e"')
