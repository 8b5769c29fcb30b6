"""The demo server does what its switches say, over a real socket."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tui.demo.files import DEMO_FILES, KIB, DemoFile
from tui.demo.server import DemoServer

PLAIN = DemoFile("plain.bin", 200 * KIB)


@contextmanager
def serving(file: DemoFile) -> Iterator[http.client.HTTPConnection]:
    with DemoServer([file]) as server:
        host, _, port = server.url(file).split("/")[2].partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        try:
            yield connection
        finally:
            connection.close()


def get(
    connection: http.client.HTTPConnection,
    file: DemoFile,
    method: str = "GET",
    **headers: str,
) -> tuple[http.client.HTTPResponse, bytes]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, f"/{file.name}", headers=names)
    response = connection.getresponse()
    return response, response.read()


def whole(file: DemoFile) -> bytes:
    return b"".join(file.pieces(0, file.size))


def test_a_file_has_the_digest_that_it_promises() -> None:
    with serving(PLAIN) as connection:
        response, body = get(connection, PLAIN)
    assert response.status == 200
    assert response.headers["ETag"] == PLAIN.etag
    assert hashlib.sha256(body).hexdigest() == PLAIN.sha256


@pytest.mark.parametrize(("start", "end"), [(0, 1), (1, 65_537), (70_000, 204_800)])
def test_any_stretch_of_a_file_is_the_same_bytes_as_in_the_whole(start: int, end: int) -> None:
    assert b"".join(PLAIN.pieces(start, end)) == whole(PLAIN)[start:end]


def test_no_two_blocks_of_a_file_are_alike() -> None:
    blocks = list(PLAIN.pieces(0, PLAIN.size))
    assert len(set(blocks)) == len(blocks) > 1


def test_a_range_is_answered_with_just_that() -> None:
    with serving(PLAIN) as connection:
        response, body = get(connection, PLAIN, Range="bytes=100000-100009")
    assert response.status == 206
    assert response.headers["Content-Range"] == "bytes 100000-100009/204800"
    assert body == whole(PLAIN)[100_000:100_010]


def test_if_range_with_another_version_gets_the_whole_file() -> None:
    with serving(PLAIN) as connection:
        same, _ = get(connection, PLAIN, Range="bytes=5-", If_Range=PLAIN.etag)
        other, body = get(connection, PLAIN, Range="bytes=5-", If_Range='"old"')
    assert (same.status, other.status) == (206, 200)
    assert len(body) == PLAIN.size


def test_a_range_beyond_the_end_is_refused_with_the_size() -> None:
    with serving(PLAIN) as connection:
        response, body = get(connection, PLAIN, Range="bytes=204800-")
    assert (response.status, body) == (416, b"")
    assert response.headers["Content-Range"] == "bytes */204800"


def test_head_tells_the_size_and_sends_nothing() -> None:
    with serving(PLAIN) as connection:
        response, body = get(connection, PLAIN, "HEAD")
    assert response.headers["Content-Length"] == "204800"
    assert body == b""


def test_a_file_without_ranges_is_always_sent_whole() -> None:
    file = DemoFile("stubborn.bin", 3 * KIB, ranges=False)
    with serving(file) as connection:
        response, body = get(connection, file, Range="bytes=100-")
    assert response.status == 200
    assert "Accept-Ranges" not in response.headers
    assert body == whole(file)


def test_a_file_that_fails_at_first_comes_at_the_second_request() -> None:
    file = DemoFile("moody.bin", KIB, fail_first=1)
    with serving(file) as connection:
        head, _ = get(connection, file, "HEAD")
        first, nothing = get(connection, file)
        second, body = get(connection, file)
    assert (head.status, first.status, second.status) == (200, 503, 200)
    assert (nothing, body) == (b"", whole(file))


def test_a_connection_drops_once_and_the_rest_can_be_had() -> None:
    file = DemoFile("cut.bin", 300 * KIB, drop_after=100 * KIB)
    with serving(file) as connection:
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            get(connection, file)
        connection.close()
        rest, body = get(connection, file, Range="bytes=1000-", If_Range=file.etag)
    assert rest.status == 206
    assert body == whole(file)[1000:]


def test_an_unknown_file_is_not_found_and_other_methods_are_refused() -> None:
    with serving(PLAIN) as connection:
        missing, _ = get(connection, DemoFile("other.bin", 1))
        refused, _ = get(connection, PLAIN, "DELETE")
    assert (missing.status, refused.status) == (404, 405)


def test_leaving_ends_connections_that_are_still_sending() -> None:
    slow = DemoFile("slow.bin", 10_000 * KIB, rate=KIB)
    with serving(slow) as connection:
        connection.request("GET", "/slow.bin")
        assert connection.getresponse().status == 200
    # Leaving the server joins its thread: getting here is the assertion.


def test_the_demo_shows_each_kind_of_server() -> None:
    assert any(not file.ranges for file in DEMO_FILES)
    assert any(file.fail_first for file in DEMO_FILES)
    assert any(file.drop_after for file in DEMO_FILES)
    assert len({file.name for file in DEMO_FILES}) == len(DEMO_FILES)
