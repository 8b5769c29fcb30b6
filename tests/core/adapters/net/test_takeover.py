"""Bodies, read by the library and past it, on both event loops, over TCP and TLS: alike."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
import ssl
import struct
import sys
import threading
from functools import partial

import pytest

from core.adapters.net.protocol import HttpProtocol
from core.adapters.net.response import Response
from core.domain.errors import IncompleteBodyError, TransferTimeoutError
from core.policy.transfer.buffers import CROWD, LEAST
from tests.core.adapters.net.scripted_server import (
    Setup,
    Wire,
    asking,
    body_of,
    sends,
    serving,
    turns,
)
from tests.faults.model import content

SIZE = 3_000_000
DATA = content(SIZE)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE


def protocol_of(response: Response) -> HttpProtocol:
    protocol = response._answer.protocol
    assert isinstance(protocol, HttpProtocol)
    return protocol


@pytest.fixture(params=["uvloop", "asyncio"])
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[False, True], ids=["tcp", "tls"])
def tls(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(params=[True, False], ids=["past", "library"])
def setup(request: pytest.FixtureRequest, loop: str, tls: bool) -> Setup:
    return Setup(loop, tls=tls, past=bool(request.param))


@pytest.mark.parametrize("limit", [None, 10_000])
def test_a_body_comes_whole_and_its_connection_is_used_again(
    setup: Setup, limit: int | None
) -> None:
    async def test() -> None:
        async with asking() as client:
            for _ in range(3):
                async with await client.get(url, {}, buffer=500_000) as response:
                    setup.takes_over(response)
                    assert await body_of(response, limit) == DATA
                    assert await response.read() == b""

    with serving(sends(HEAD, DATA, keep=True), tls=setup.tls) as (url, asked):
        setup.run(test)
    assert asked == [1, 1, 1]


def test_a_connection_that_the_server_closes_is_not_used_again(setup: Setup) -> None:
    head = HEAD.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")

    async def test() -> None:
        async with asking() as client:
            for _ in range(2):
                async with await client.get(url, {}, buffer=500_000) as response:
                    setup.takes_over(response)
                    assert await body_of(response) == DATA

    with serving(sends(head, DATA), tls=setup.tls) as (url, asked):
        setup.run(test)
    assert asked == [1, 2]


@pytest.mark.parametrize("closed", [False, True], ids=["cut", "reset"])
def test_what_came_before_a_cut_is_not_lost(setup: Setup, closed: bool) -> None:
    def half(wire: Wire) -> None:
        wire.sendall(HEAD + DATA[: SIZE // 2])
        if closed and not setup.tls:
            seen.wait(20)
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def test() -> None:
        got = bytearray()
        async with asking() as client, await client.get(url, {}, buffer=SIZE) as response:
            setup.takes_over(response)
            while len(got) < SIZE // 2:
                got += await response.read()
                response.recycle()
            seen.set()
            with pytest.raises(IncompleteBodyError):
                await response.read()
        assert got == DATA[: SIZE // 2]

    seen = threading.Event()
    with serving(half, tls=setup.tls) as (url, _):
        setup.run(test)


def test_what_tls_has_received_is_not_lost_when_the_server_ends_while_nobody_reads(
    loop: str,
) -> None:
    setup, gone = Setup(loop, tls=True, past=True), threading.Event()

    def all_at_once(wire: Wire) -> None:
        wire.sendall(HEAD + DATA)
        wire.close()
        gone.set()

    async def test() -> None:
        async with asking() as client, await client.get(url, {}, buffer=100_000) as response:
            setup.takes_over(response)
            got = bytes(await response.read())
            # Nothing is recycled: the blocks are full, and the rest lies in TLS and the kernel.
            while not gone.is_set():
                response.recycle()
                got += bytes(await response.read())
            for _ in range(100):
                await asyncio.sleep(0)
            response.recycle()
            assert got + await body_of(response) == DATA

    with serving(all_at_once, tls=True) as (url, _):
        setup.run(test)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_what_tls_has_not_decrypted_yet_is_not_lost_when_the_server_ends(loop: str) -> None:
    setup, gone = Setup(loop, tls=True, past=True), threading.Event()

    async def fetch(url: str, size: int) -> None:
        async with asking() as client, await client.get(url, {}, buffer=100_000) as response:
            setup.takes_over(response)
            while not gone.is_set():  # noqa: ASYNC110 (the loop is to go on turning)
                await asyncio.sleep(0)
            for _ in range(100):
                await asyncio.sleep(0)
            assert await body_of(response) == DATA[:size]

    # Where the blocks are full, a little lies in TLS, and the end of the connection follows.
    for size in range(1_500_000, 2_300_000, 20_000):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size

        def all_at_once(wire: Wire, whole: bytes = head + DATA[:size]) -> None:
            wire.sendall(whole)
            wire.close()
            gone.set()

        gone.clear()
        with serving(all_at_once, tls=True) as (url, _):
            setup.run(partial(fetch, url, size))


def test_bytes_that_the_library_holds_already_come_first(setup: Setup) -> None:
    going_on = threading.Event()

    def in_two(wire: Wire) -> bool:
        wire.sendall(HEAD + DATA[: SIZE // 2])
        going_on.wait(20)
        wire.sendall(DATA[SIZE // 2 :])
        return True

    async def test() -> None:
        async with asking() as client, await client.get(url, {}, buffer=20_000) as response:
            while not protocol_of(response)._reading_paused:  # noqa: ASYNC110
                await asyncio.sleep(0)
            assert response._answer.content.total_bytes > 1_000
            setup.takes_over(response)
            going_on.set()
            assert await body_of(response) == DATA

    with serving(in_two, tls=setup.tls) as (url, _):
        setup.run(test)


@pytest.mark.parametrize("past", [True, False], ids=["past", "library"])
def test_little_of_an_answer_is_received_before_somebody_reads_it(loop: str, past: bool) -> None:
    setup = Setup(loop, tls=False, past=past)
    answered = threading.Event()

    def all_at_once(wire: Wire) -> bool:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * SIZE)
        wire.send(HEAD + DATA[:100_000])
        answered.set()
        wire.sendall(DATA[100_000:])
        return True

    async def test() -> None:
        async with asking() as client:
            for _ in range(2):  # the second time over the same connection
                answered.clear()
                async with await client.get(url, {}, buffer=LEAST) as response:
                    await asyncio.to_thread(answered.wait)
                    while not protocol_of(response)._reading_paused:  # noqa: ASYNC110
                        await asyncio.sleep(0)
                    assert 0 < response._answer.content.total_bytes <= LEAST // 4
                    setup.takes_over(response)
                    assert await body_of(response) == DATA
            assert asked == [1, 1]

    with serving(all_at_once, tls=setup.tls) as (url, asked):
        setup.run(test)


def test_bytes_behind_a_body_belong_to_nothing(setup: Setup) -> None:
    behind = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"
    sent = threading.Event()

    def sends_more(wire: Wire) -> bool:
        wire.sendall(HEAD + DATA + behind)
        sent.set()
        return True

    async def test() -> None:
        async with asking() as client:
            for _ in range(2):
                async with await client.get(url, {}, buffer=500_000) as response:
                    setup.takes_over(response)
                    assert await body_of(response) == DATA
                await asyncio.to_thread(sent.wait)
                sent.clear()
                await turns()

    with serving(sends_more, tls=setup.tls) as (url, asked):
        setup.run(test)
    assert asked == [1, 2]


@pytest.mark.parametrize("is_late", [False, True], ids=["at once", "later"])
def test_what_comes_behind_a_body_is_no_answer_to_the_next_request(
    loop: str, tls: bool, is_late: bool
) -> None:
    setup = Setup(loop, tls=tls, past=False)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    began, ended, sent = threading.Event(), threading.Event(), threading.Event()

    def sends_more(wire: Wire) -> bool:
        if len(asked) > 1:
            wire.sendall(answer + b"right")
            return True
        wire.sendall(answer + b"ri")
        began.wait()
        if is_late:
            wire.sendall(b"ght")
            ended.wait()
            wire.sendall(answer + b"wrong")
        else:
            wire.sendall(b"ght" + answer + b"wrong")
        sent.set()
        return True

    async def test() -> None:
        async with asking() as client:
            async with await client.get(url, {}, buffer=LEAST) as response:
                first = await response.read(2)
                began.set()
                assert first + await body_of(response) == b"right"
            ended.set()
            await asyncio.to_thread(sent.wait)
            async with await client.get(url + "other", {}, buffer=LEAST) as response:
                assert await body_of(response) == b"right"

    with serving(sends_more, tls=setup.tls) as (url, asked):
        setup.run(test)
    assert asked == [1, 2]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds no more than it is told to")
def test_what_the_kernel_may_hold_of_one_answer_says_nothing_of_the_next(
    loop: str, tls: bool
) -> None:
    setup = Setup(loop, tls=tls, past=False)
    sizes = []

    async def test() -> None:
        async with asking() as client:
            for most in (32 * 1024, None):
                async with await client.get(url, {}, buffer=LEAST) as response:
                    if most is not None:
                        response.read_ahead(most)
                    transport = response._answer.transport
                    assert transport is not None
                    wire = transport.get_extra_info("socket")
                    sizes.append(wire.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))
                    assert await body_of(response) == DATA

    with serving(sends(HEAD + DATA, keep=True), tls=setup.tls) as (url, asked):
        setup.run(test)
    assert asked == [1, 1]
    assert sizes[1] > 2 * sizes[0]


@pytest.mark.parametrize("cut", range(10))
def test_chunks_come_whole_wherever_the_first_receive_of_them_ends(loop: str, cut: int) -> None:
    setup = Setup(loop, tls=False, past=False)
    pieces = [content(1000, seed=number) for number in range(4)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    received = LEAST // 4 - (CHUNKED.index(b"\r\n\r\n") + 4 + len(b"Padding: \r\n"))
    padding = b"Padding: %b\r\n\r\n" % (b"x" * (received - len(b"3e8\r\n\r\n") - 1000 - cut))
    answer = CHUNKED[:-2] + padding + chunks

    async def test() -> None:
        async with (
            asking(patience=5.0) as client,
            await client.get(url, {}, buffer=LEAST) as response,
        ):
            assert await body_of(response) == b"".join(pieces)

    with serving(sends(answer, keep=True), tls=False) as (url, _):
        setup.run(test)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ZIPPED = gzip.compress(DATA, mtime=0)


@pytest.mark.parametrize(
    ("answer", "body", "is_taken"),
    [
        (CHUNKED + b"%x\r\n" % SIZE + DATA + b"\r\n0\r\n\r\n", DATA, False),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + DATA, DATA, False),
        (HEAD.replace(b"/1.1", b"/1.0") + DATA, DATA, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsmall", b"small", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", False),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 3000000\r\n\r\n", b"", False),
        (b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + HEAD + DATA, DATA, True),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED)
            + ZIPPED,
            ZIPPED,
            True,
        ),
    ],
    ids=[
        *("chunked", "until-close", "HTTP/1.0", "small", "empty", "204"),
        *("interim", "gzip"),
    ],
)
def test_only_a_body_of_known_length_is_taken_over(
    setup: Setup, answer: bytes, body: bytes, is_taken: bool
) -> None:
    async def test() -> None:
        async with asking() as client, await client.get(url, {}, buffer=SIZE) as response:
            if setup.past:
                assert response.take_over() is is_taken
            assert await body_of(response) == body

    def script(wire: Wire) -> None:
        wire.sendall(answer)
        if isinstance(wire, ssl.SSLSocket):
            wire.unwrap()

    with serving(script, tls=setup.tls) as (url, _):
        setup.run(test)


def test_a_switch_of_protocols_is_no_body(setup: Setup) -> None:
    answer = b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + DATA

    async def test() -> None:
        async with asking() as client, await client.get(url, {}, buffer=100_000) as response:
            assert not response.take_over()

    with serving(sends(answer), tls=setup.tls) as (url, _):
        setup.run(test)


def test_a_server_is_slowed_when_nobody_reads_and_memory_is_given_back(setup: Setup) -> None:
    sent, size = 0, 100_000_000
    stuck = threading.Event()

    def endless(wire: Wire) -> None:
        nonlocal sent
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        wire.settimeout(0.6)
        wire.sendall(HEAD.replace(b"%d" % SIZE, b"%d" % size))
        try:
            while True:
                wire.sendall(DATA[:65536])
                sent += 65536
        except TimeoutError:
            stuck.set()

    async def test() -> None:
        async with asking() as client:
            async with await client.get(url, {}, buffer=500_000) as response:
                setup.takes_over(response)
                await response.read()
                await asyncio.to_thread(stuck.wait)
                assert sent < 20_000_000
                if setup.past:
                    assert 0 < client._blocks.used <= 5 * 2**20
            assert client._blocks.used == 0

    with serving(endless, tls=setup.tls) as (url, _):
        setup.run(test)


def test_little_lies_unread_while_a_limit_holds(loop: str, tls: bool) -> None:
    async def test() -> None:
        async with asking() as client, await client.get(url, {}, buffer=500_000) as response:
            assert response.take_over()
            response.read_ahead(40_000)
            got = bytearray()
            while piece := await response.read(1000):
                got += piece
                response.recycle()
                assert response._reader is not None
                assert response._reader._unread <= 40_000
                if len(got) > 400_000:
                    response.read_ahead(None)
                    break
            assert bytes(got) + await body_of(response) == DATA

    with serving(sends(HEAD, DATA, keep=True), tls=tls) as (url, _):
        Setup(loop, tls=tls, past=True).run(test)


def test_a_read_that_was_given_up_has_taken_nothing(setup: Setup) -> None:
    going_on = threading.Event()

    def late(wire: Wire) -> bool:
        wire.sendall(HEAD)
        going_on.wait(20)
        wire.sendall(DATA)
        return True

    async def test() -> None:
        async with asking() as client, await client.get(url, {}, buffer=500_000) as response:
            setup.takes_over(response)
            reading = asyncio.create_task(response.read())
            await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait([reading])
            going_on.set()
            assert await body_of(response) == DATA

    with serving(late, tls=setup.tls) as (url, _):
        setup.run(test)


def test_a_server_that_sends_no_more_is_waited_for_so_long(setup: Setup) -> None:
    done = threading.Event()

    def mute(wire: Wire) -> None:
        wire.sendall(HEAD + DATA[:1_000_000])
        done.wait(20)

    async def test() -> None:
        got = bytearray()
        async with (
            asking(patience=0.3) as client,
            await client.get(url, {}, buffer=500_000) as response,
        ):
            setup.takes_over(response)
            while len(got) < 1_000_000:
                got += await response.read()
                response.recycle()
            with pytest.raises(TransferTimeoutError):
                await response.read()
        assert got == DATA[:1_000_000]
        done.set()

    with serving(mute, tls=setup.tls) as (url, _):
        setup.run(test)


def test_a_client_that_leaves_early_closes_the_connection(setup: Setup) -> None:
    async def test() -> None:
        async with asking() as client:
            for _ in range(2):
                async with await client.get(url, {}, buffer=500_000) as response:
                    setup.takes_over(response)
                    await response.read()
                assert client._blocks.used == 0

    with serving(sends(HEAD, DATA, keep=True), tls=setup.tls) as (url, asked):
        setup.run(test)
    assert asked == [1, 2]


def test_a_server_hears_at_once_that_a_client_leaves(setup: Setup) -> None:
    heard: list[type[Exception]] = []

    def script(wire: Wire) -> None:
        below = socket.socket(fileno=os.dup(wire.fileno()))
        wire.sendall(HEAD + DATA[:200_000])
        try:
            while below.recv(65536):
                pass
        except OSError as error:
            heard.append(type(error))
        below.close()

    async def test() -> None:
        async with asking() as client, await client.get(url, {}, buffer=500_000) as response:
            setup.takes_over(response)
            got = 0
            while got < 200_000:
                got += len(await response.read())
            response.close()

    with serving(script, tls=setup.tls) as (url, _):
        setup.run(test)
    assert heard == [ConnectionResetError]


def test_what_has_come_is_there_soon_though_nobody_read_on(setup: Setup) -> None:
    async def test() -> None:
        async with asking() as client:
            held = [client._blocks.take(2**17) for _ in range(CROWD + 1)]
            async with await client.get(url, {}, buffer=100_000) as response:
                setup.takes_over(response)
                got = bytearray(await response.read())
                response.recycle()  # of a crowd: nothing more is received for a while
                await asyncio.to_thread(sent.wait)
                response.let_no_more_come()
                for _ in range(20):
                    while piece := response.ready():
                        got += piece
                        response.recycle()
                    await turns()
                assert got == DATA[: len(got)]
                # What has come of a record tells nothing before all of it has.
                assert len(got) >= sent_bytes - (16_384 if setup.tls else 0)
            assert client._blocks.used == sum(block.size for block in held)

    def script(wire: Wire) -> None:
        wire.sendall(HEAD + DATA[:sent_bytes])
        sent.set()
        wire.recv(1)

    sent, sent_bytes = threading.Event(), 60_000  # the kernel takes them all
    with serving(script, tls=setup.tls) as (url, _):
        setup.run(test)


def test_a_body_comes_whole_though_a_crowd_holds_the_memory(setup: Setup) -> None:
    async def test() -> None:
        async with asking() as client:
            held = [client._blocks.take(2**17) for _ in range(CROWD + 1)]
            assert client._blocks.rest > 0
            async with await client.get(url, {}, buffer=100_000) as response:
                setup.takes_over(response)
                assert await body_of(response) == DATA
            assert client._blocks.used == sum(block.size for block in held)

    with serving(sends(HEAD, DATA, keep=True), tls=setup.tls) as (url, _):
        setup.run(test)


def test_who_rests_in_a_crowd_hears_of_the_end_of_the_connection(setup: Setup) -> None:
    async def test() -> None:
        async with asking() as client:
            held = [client._blocks.take(2**17) for _ in range(CROWD + 1)]
            async with await client.get(url, {}, buffer=100_000) as response:
                setup.takes_over(response)
                with pytest.raises(IncompleteBodyError):
                    await body_of(response)
            assert client._blocks.used == sum(block.size for block in held)

    with serving(sends(HEAD, DATA[:-1]), tls=setup.tls) as (url, _):
        setup.run(test)
