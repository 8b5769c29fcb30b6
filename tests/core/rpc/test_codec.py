"""The words on the socket."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from core.domain.errors import RpcError
from core.domain.events import Added, Changed, ProgressBatch, Removed, Snapshot
from core.domain.models import Progress
from core.domain.service import DownloadService, MoveTo
from core.rpc import codec


def test_every_request_of_the_protocol_is_a_method() -> None:
    public = {
        name
        for name, member in inspect.getmembers(DownloadService)
        if inspect.isfunction(member) and not name.startswith("_")
    }
    assert set(codec.METHODS) | {"subscribe"} == public


def test_parameters_keep_the_defaults_of_the_protocol() -> None:
    params = codec.decode(b'{"ids":["a"]}', codec.METHODS["remove"].params)
    assert params.ids == ["a"]
    assert params.files is False


def test_the_id_of_a_download_keeps_its_short_name_on_the_socket() -> None:
    params = codec.METHODS["find"].params_of("abc")
    assert codec.encode(params) == b'{"id":"abc"}\n'


def test_a_call_that_the_method_does_not_take_is_none() -> None:
    for name, arguments in (("find", ()), ("find", ("a", "b")), ("remove", (["a"], True))):
        with pytest.raises(TypeError):
            codec.METHODS[name].params_of(*arguments)


@pytest.mark.parametrize(("json", "expected"), [(b'"top"', MoveTo.TOP), (b"3", 3)])
def test_a_place_in_the_queue_is_a_word_or_a_number(json: bytes, expected: object) -> None:
    params = codec.decode(b'{"ids":[],"to":' + json + b"}", codec.METHODS["move"].params)
    assert params.to == expected


@pytest.mark.parametrize(
    "json",
    [b"{}", b'{"ids":"abc"}', b'{"ids":[1]}', b'{"ids":[],"surprise":1}', b"[]", b"null"],
)
def test_parameters_of_another_shape_are_refused(json: bytes) -> None:
    with pytest.raises(RpcError, match="wrong shape"):
        codec.decode(json, codec.METHODS["pause"].params)


@pytest.mark.parametrize(
    "line",
    [
        b"hello",
        b"\xff\xfe",
        b'{"id":1,"method":"\\ud800"}',
        b'{"id":1,"method":"\xff"}',
        b'{"id":1,"method":"x","params":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"id":1e999999,"method":"x"}',
        b'{"id":' + b"9" * 5000 + b',"method":"x"}',
        b'{"id":99999999999999999999,"method":"x"}',
        b'{"id":true,"method":"x"}',
        b"",
    ],
)
def test_lines_that_are_no_request_are_refused(line: bytes) -> None:
    def read() -> None:
        codec.decode(codec.decode(line, codec.Request).params, codec.NoParams)

    with pytest.raises(RpcError):
        read()


@pytest.mark.parametrize(
    "event",
    [
        Snapshot(revision=1, downloads=(), progress={"a": Progress(rate=1.5)}),
        Added(revision=2, downloads=()),
        Changed(revision=3, downloads=()),
        Removed(revision=4, ids=("a",)),
        ProgressBatch(revision=5, progress={"a": Progress(bytes_downloaded=7)}),
    ],
)
def test_events_arrive_as_they_were_sent(
    event: Snapshot | Added | Changed | Removed | ProgressBatch,
) -> None:
    line = b"".join(codec.event_pieces(event, 1))
    assert line.count(b"\n") == 1
    assert codec.decode_event(codec.decode(line, codec.Reply)) == event


def test_an_event_of_a_later_version_is_passed_over() -> None:
    reply = codec.decode(b'{"event":"weather","data":{"sun":true}}', codec.Reply)
    assert codec.decode_event(reply) is None


class TestLineReader:
    def reader(self, data: bytes, limit: int = 10) -> codec.LineReader:
        stream = asyncio.StreamReader()
        stream.feed_data(data)
        stream.feed_eof()
        return codec.LineReader(stream, limit)

    async def test_lines_come_without_their_ends(self) -> None:
        lines = self.reader(b"one\n\ntwo\n")
        assert [await lines.line() for _ in range(4)] == [b"one", b"", b"two", None]

    async def test_a_line_may_have_the_limit_and_not_a_byte_more(self) -> None:
        lines = self.reader(b"0123456789\n0123456789x\nnext\n")
        assert await lines.line() == b"0123456789"
        with pytest.raises(RpcError, match="longer than 10"):
            await lines.line()
        assert await lines.line() == b"next"

    async def test_an_overlong_line_in_pieces_is_passed_over(self) -> None:
        stream = asyncio.StreamReader()
        lines = codec.LineReader(stream, 10)
        reading = asyncio.create_task(lines.line())
        for _ in range(100):
            stream.feed_data(b"x" * 7)
            await asyncio.sleep(0)
        assert len(lines._buffer) <= 20
        stream.feed_data(b"\nnext\n")
        with pytest.raises(RpcError):
            await reading
        assert await lines.line() == b"next"

    async def test_a_line_that_stops_short_is_told_from_the_end(self) -> None:
        lines = self.reader(b"whole\nhal")
        assert await lines.line() == b"whole"
        with pytest.raises(RpcError, match="ends before"):
            await lines.line()
        assert await lines.line() is None
