"""What a source reads comes whole or as one error, however its server or its file behaves."""

from __future__ import annotations

import asyncio
import gzip
import os
import zlib
from pathlib import Path

import pytest

from core.adapters.net.http import HttpClient
from core.domain.errors import (
    DiskError,
    FileChangedError,
    HttpStatusError,
    IncompleteBodyError,
    NotFoundError,
    ProtocolError,
    TransferTimeoutError,
    UsageError,
)
from core.domain.models import Validator
from core.domain.settings import NetworkSettings, RetrySettings
from core.sources.fetcher import SourceFetcher
from core.sources.web_document import LEAST
from tests.core.sources.conftest import NETWORK, Unhurried
from tests.faults.model import Request
from tests.faults.server import FaultServer

MOST = 1024 * 1024
CONTENT = bytes(range(256)) * 1024


async def read(fetcher: SourceFetcher, address: str, *, most: int = MOST) -> bytes:
    async with fetcher.open(address, most=most) as document:
        assert document is not None
        return b"".join([chunk async for chunk in document.chunks()])


async def test_a_document_tells_its_bytes_and_what_the_server_says_of_it(
    fetcher: SourceFetcher, fault_server: FaultServer
) -> None:
    url = fault_server.file("f", CONTENT, etag='"v1"', content_type="Text/CSV; charset=x")
    moved = fault_server.file("old", redirect_to=url)
    async with fetcher.open(moved, most=MOST) as document:
        assert document is not None
        assert document.url == url
        assert document.media_type == "text/csv"
        assert document.validator.etag == '"v1"'
        assert b"".join([chunk async for chunk in document.chunks()]) == CONTENT
    assert fetcher.requests == 1


@pytest.mark.parametrize("answers", [{}, {"chunked": True}, {"until_close": True}])
async def test_more_than_is_allowed_is_an_error(
    fetcher: SourceFetcher, fault_server: FaultServer, answers: dict[str, bool]
) -> None:
    url = fault_server.file("f", CONTENT, **answers)
    assert await read(fetcher, url, most=len(CONTENT)) == CONTENT
    with pytest.raises(UsageError, match="is larger than 262,143 bytes"):
        await read(fetcher, url, most=len(CONTENT) - 1)


@pytest.mark.parametrize("known", [Validator(etag='"v1"'), Validator(etag='"v1"', date="x")])
async def test_a_version_that_is_known_is_not_sent(
    fetcher: SourceFetcher, fault_server: FaultServer, known: Validator
) -> None:
    async def unless_known(request: Request, writer: asyncio.StreamWriter) -> bool:
        assert request.headers["if-none-match"] == '"v1"'
        writer.write(b"HTTP/1.1 304 Not Modified\r\n\r\n")
        return True

    url = fault_server.script("f", unless_known)
    async with fetcher.open(url, most=MOST, known=known) as document:
        assert document is None


async def test_a_server_that_knows_no_conditions_sends_a_known_version_in_vain(
    fetcher: SourceFetcher, fault_server: FaultServer
) -> None:
    url = fault_server.file("f", CONTENT, etag='"v1"')
    async with fetcher.open(url, most=MOST, known=Validator(etag='"v1"')) as document:
        assert document is None
    async with fetcher.open(url, most=MOST, known=Validator(etag='"v0"')) as document:
        assert document is not None


async def test_a_date_is_a_condition_where_it_is_one(
    fetcher: SourceFetcher, fault_server: FaultServer
) -> None:
    url = fault_server.file("f", CONTENT)
    date = "Thu, 01 Jan 2026 00:00:00 GMT"
    for known in (Validator(last_modified=date), Validator(last_modified="soon\r\nX: y")):
        async with fetcher.open(url, most=MOST, known=known) as document:
            assert document is not None
    first, second = fault_server.requests
    assert first.headers["if-modified-since"] == date
    assert "if-modified-since" not in second.headers


async def test_what_a_server_fails_at_for_a_moment_is_asked_for_again(
    fetcher: SourceFetcher, fault_server: FaultServer, clock: Unhurried
) -> None:
    url = fault_server.file("f", CONTENT, statuses=[503, 500, (429, {"Retry-After": "30"})])
    assert await read(fetcher, url) == CONTENT
    assert fetcher.requests == 4
    assert clock.passed >= 30


async def test_a_server_that_fails_on_is_given_up(
    fetcher: SourceFetcher, fault_server: FaultServer
) -> None:
    url = fault_server.file("f", CONTENT, statuses=[(503, {"Retry-After": "1"})] * 99)
    with pytest.raises(HttpStatusError, match="503"):
        await read(fetcher, url)
    assert fetcher.requests == 5


async def test_what_no_patience_mends_is_asked_for_once(
    fetcher: SourceFetcher, fault_server: FaultServer
) -> None:
    with pytest.raises(NotFoundError):
        await read(fetcher, fault_server.url_of("none"))
    with pytest.raises(ProtocolError, match="204"):
        await read(fetcher, fault_server.file("f", statuses=[204]))
    assert fetcher.requests == 2


async def test_who_wants_no_retries_gets_none(
    http: HttpClient, fault_server: FaultServer, clock: Unhurried
) -> None:
    fetcher = SourceFetcher(http, clock, NETWORK, retry=RetrySettings(attempts=0))
    with pytest.raises(HttpStatusError):
        await read(fetcher, fault_server.file("f", statuses=[503]))


@pytest.mark.parametrize("answers", [{}, {"chunked": True}])
async def test_a_body_that_breaks_off_goes_on_where_it_was(
    fetcher: SourceFetcher, fault_server: FaultServer, answers: dict[str, bool]
) -> None:
    url = fault_server.file("f", CONTENT, fail_after=100_000, fail_times=2, **answers)
    assert await read(fetcher, url) == CONTENT
    assert fetcher.requests == 3


async def test_a_body_that_always_breaks_off_is_an_error(
    fetcher: SourceFetcher, fault_server: FaultServer
) -> None:
    url = fault_server.file("f", CONTENT, fail_after=100_000)
    with pytest.raises(IncompleteBodyError):
        await read(fetcher, url)


@pytest.mark.parametrize("other", [CONTENT[1:] + b"!", CONTENT[:1000]])
async def test_a_text_that_changes_while_it_is_read_is_an_error(
    fetcher: SourceFetcher, fault_server: FaultServer, other: bytes
) -> None:
    url = fault_server.file("f", CONTENT, fail_after=100_000, fail_times=1)
    async with fetcher.open(url, most=MOST) as document:
        assert document is not None
        fault_server.replace("f", other)
        with pytest.raises(FileChangedError, match="changed on the server while it was read"):
            async for _ in document.chunks():
                pass


@pytest.mark.parametrize(
    ("coding", "coded"),
    [
        ("gzip", gzip.compress(CONTENT, mtime=0)),
        (
            "x-gzip",
            b"".join(gzip.compress(part, mtime=0) for part in (CONTENT[:1000], CONTENT[1000:])),
        ),
        ("deflate", zlib.compress(CONTENT)),
        ("identity", CONTENT),
        ("", CONTENT),
    ],
)
async def test_a_coding_that_nobody_asked_for_is_undone(
    fetcher: SourceFetcher, fault_server: FaultServer, coding: str, coded: bytes
) -> None:
    url = fault_server.file("f", coded, headers={"Content-Encoding": coding})
    assert await read(fetcher, url) == CONTENT
    assert fault_server.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("coding", "coded", "expected"),
    [
        ("br", b"x", ProtocolError),
        ("gzip, gzip", gzip.compress(gzip.compress(b"x", mtime=0), mtime=0), ProtocolError),
        ("gzip", b"no such thing", ProtocolError),
        ("gzip", gzip.compress(CONTENT, mtime=0)[:-1], IncompleteBodyError),
        ("gzip", gzip.compress(bytes(100 * MOST), mtime=0), UsageError),
    ],
)
async def test_a_coding_that_cannot_be_undone_is_an_error(
    fetcher: SourceFetcher,
    fault_server: FaultServer,
    coding: str,
    coded: bytes,
    expected: type[Exception],
) -> None:
    url = fault_server.file("f", coded, headers={"Content-Encoding": coding})
    with pytest.raises(expected):
        await read(fetcher, url)


async def test_who_only_drips_is_given_up(
    http: HttpClient, fault_server: FaultServer, clock: Unhurried
) -> None:
    class Racing(Unhurried):
        def monotonic(self) -> float:
            self.passed += 7
            return self.passed

    fetcher = SourceFetcher(http, Racing(clock.now()), NETWORK)
    url = fault_server.file("f", bytes(LEAST), rate=500.0)
    with pytest.raises(TransferTimeoutError, match="sends next to nothing"):
        await read(fetcher, url)


async def test_who_falls_silent_is_given_up(fault_server: FaultServer, clock: Unhurried) -> None:
    impatient = NetworkSettings(connect_timeout=0.1, read_timeout=0.1)
    client = HttpClient(impatient)
    url = fault_server.file("f", CONTENT, hold_after=1000)
    with pytest.raises(TransferTimeoutError):
        await read(SourceFetcher(client, clock, impatient), url)
    fault_server.release("f")
    await client.close()


async def test_headers_go_to_their_own_origin_only(
    http: HttpClient, clock: Unhurried, fault_server: FaultServer
) -> None:
    secret = {"X-Api-Key": "s3cret"}
    async with FaultServer() as abroad:
        here, there = fault_server.file("f", b"x"), abroad.file("f", b"x")
        fetcher = SourceFetcher(http, clock, NETWORK, origin=here, headers=secret)
        await read(fetcher, here)
        await read(fetcher, there)
        assert fault_server.requests[0].headers["x-api-key"] == "s3cret"
        assert "x-api-key" not in abroad.requests[0].headers


@pytest.mark.parametrize("address", ["ftp://host/x", "s3://bucket/x", "relative/path", "file:///x"])
async def test_what_is_neither_web_nor_file_is_refused(
    fetcher: SourceFetcher, address: str
) -> None:
    with pytest.raises(UsageError):
        await read(fetcher, address)


async def test_a_file_is_read_and_its_version_known(fetcher: SourceFetcher, tmp_path: Path) -> None:
    file = tmp_path / "list"
    file.write_bytes(CONTENT)
    assert await read(fetcher, str(file), most=len(CONTENT)) == CONTENT
    async with fetcher.open(str(file), most=MOST) as document:
        assert document is not None
        known = document.validator
    async with fetcher.open(str(file), most=MOST, known=known) as document:
        assert document is None
    file.write_bytes(CONTENT + b"!")
    async with fetcher.open(str(file), most=MOST, known=known) as document:
        assert document is not None
    with pytest.raises(UsageError, match="larger"):
        await read(fetcher, str(file), most=10)
    assert fetcher.requests == 0


async def test_what_is_no_file_cannot_be_read(fetcher: SourceFetcher, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a directory, not a file"):
        await read(fetcher, str(tmp_path))
    with pytest.raises(UsageError, match="No such file"):
        await read(fetcher, str(tmp_path / "none"))
    with pytest.raises(UsageError, match="a device"):
        await read(fetcher, "/dev/zero")
    with pytest.raises(UsageError, match="no file can have this name"):
        await read(fetcher, "/a\0b")
    with pytest.raises(DiskError):
        await read(fetcher, "/" + "x" * 5000)


async def test_a_pipe_is_read_to_its_end(fetcher: SourceFetcher, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("wb") as file:
            file.write(CONTENT)

    writing = asyncio.get_running_loop().run_in_executor(None, write)
    assert await read(fetcher, str(pipe)) == CONTENT
    await writing


async def test_a_pipe_that_nobody_writes_into_is_given_up(
    http: HttpClient, clock: Unhurried, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    fetcher = SourceFetcher(http, clock, NetworkSettings(read_timeout=0.1))
    with pytest.raises(TransferTimeoutError, match="nobody writes into the pipe"):
        await read(fetcher, str(pipe))
