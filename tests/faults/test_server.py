"""Every switch of the fault server does what it says, seen by a client of raw sockets."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.client import connect, fetch
from tests.faults.model import File, Request, content
from tests.faults.server import FaultServer

BODY = content(200_000)


async def test_a_chunked_body_is_cut_without_its_end(fault_server: FaultServer) -> None:
    fault_server.file("f", BODY, chunked=True, fail_after=70_000)
    response = await fetch(fault_server, "/f")
    assert (response.body, response.whole) == (BODY[:70_000], False)


async def test_fail_after_cuts_a_body_so_many_times(fault_server: FaultServer) -> None:
    fault_server.file("f", BODY, fail_after=70_000, fail_times=2)
    for start in (0, 70_000):
        response = await fetch(fault_server, "/f", Range=f"bytes={start}-")
        assert (response.body, response.whole) == (BODY[start : start + 70_000], False)
    assert (await fetch(fault_server, "/f", Range="bytes=0-9")).whole
    assert (await fetch(fault_server, "/f")).body == BODY
    assert [request.body_bytes for request in fault_server.requests] == [
        70_000,
        70_000,
        10,
        200_000,
    ]


async def test_fail_after_without_times_never_ends(fault_server: FaultServer) -> None:
    fault_server.file("f", BODY, fail_after=0)
    for _ in range(3):
        assert (await fetch(fault_server, "/f")).body == b""


async def test_reset_ends_with_rst(fault_server: FaultServer) -> None:
    fault_server.file("f", BODY, fail_after=1000, reset=True)
    async with connect(fault_server) as client:
        await client.send("/f")
        with pytest.raises(ConnectionResetError):
            await client.receive()


async def test_statuses_by_request_number(fault_server: FaultServer) -> None:
    fault_server.file("f", BODY, statuses=[503, (429, {"Retry-After": "7"}), 200, 404])
    responses = [await fetch(fault_server, "/f") for _ in range(5)]
    assert [response.status for response in responses] == [503, 429, 200, 404, 200]
    assert responses[1].headers["retry-after"] == "7"
    assert responses[0].body == b"status 503\n"
    assert [request.number for request in fault_server.requests_to("f")] == [1, 2, 3, 4, 5]


async def test_statuses_by_a_function_of_the_request(fault_server: FaultServer) -> None:
    fault_server.file("f", BODY, statuses=lambda request: 403 if request.range else 200)
    assert (await fetch(fault_server, "/f", Range="bytes=1-")).status == 403
    assert (await fetch(fault_server, "/f")).status == 200


async def test_headers_are_added_replaced_and_left_out(fault_server: FaultServer) -> None:
    changes = {"X-More": "1", "content-range": "bytes 0-9/200000", "ETag": None}
    fault_server.file("f", BODY, headers=changes)
    response = await fetch(fault_server, "/f", Range="bytes=10-19")
    assert response.headers["x-more"] == "1"
    assert response.headers["content-range"] == "bytes 0-9/200000"
    assert "etag" not in response.headers
    assert response.body == BODY[10:20]


async def test_hold_freezes_a_body_until_released(fault_server: FaultServer) -> None:
    fault_server.file("f", BODY, hold_after=1000)
    async with connect(fault_server) as one, connect(fault_server) as two:
        await one.send("/f")
        await two.send("/f", Range="bytes=500-")
        await fault_server.held("f", 2)
        assert [request.body_bytes for request in fault_server.requests] == [1000, 1000]
        assert not any(request.finished for request in fault_server.requests)

        fault_server.release("f")
        assert (await one.receive()).body == BODY
        assert (await two.receive()).body == BODY[500:]
    assert (await fetch(fault_server, "/f")).whole


async def test_hold_at_zero_comes_after_the_headers(fault_server: FaultServer) -> None:
    fault_server.file("f", BODY, hold_after=0)
    async with connect(fault_server) as client:
        await client.send("/f")
        assert (await client.head())[0] == 200
        await fault_server.held("f")
        assert fault_server.bytes_served("f") == 0


async def test_a_replaced_file_leaves_bodies_on_their_way(fault_server: FaultServer) -> None:
    other = content(200_000, seed=1)
    fault_server.file("f", BODY, hold_after=1000)
    async with connect(fault_server) as client:
        await client.send("/f")
        await fault_server.held("f")
        fault_server.replace("f", other, etag='"v2"')
        fault_server.release("f")
        assert (await client.receive()).body == BODY

    response = await fetch(fault_server, "/f", Range="bytes=5-", If_Range='"v1"')
    assert (response.status, response.headers["etag"], response.body) == (200, '"v2"', other)


async def test_latency_and_rate_are_waited_for_by_the_loop(
    fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", note)
    fault_server.file("f", BODY[:3000], latency=1.5, rate=1000)
    assert (await fetch(fault_server, "/f")).body == BODY[:3000]
    assert waits[0] == 1.5
    assert sum(waits[1:]) == pytest.approx(3.0)
    assert max(waits[1:]) <= 0.05


async def test_a_script_writes_what_it_likes(fault_server: FaultServer) -> None:
    async def garbage(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nmore than five")

    fault_server.script("f", garbage)
    async with connect(fault_server) as client:
        await client.send("/f")
        assert (await client.reader.read()).endswith(b"more than five")


async def test_a_script_can_answer_the_usual_way(fault_server: FaultServer) -> None:
    async def odd_then_right(request: Request, writer: asyncio.StreamWriter) -> bool:
        file = File(content=BODY if request.number > 1 else BODY[::-1])
        return await fault_server.answer(request, writer, file)

    fault_server.script("f", odd_then_right)
    async with connect(fault_server) as client:
        await client.send("/f")
        assert (await client.receive()).body == BODY[::-1]
        await client.send("/f")
        assert (await client.receive()).body == BODY


async def test_a_script_that_breaks_fails_its_test() -> None:
    async def broken(*_: object) -> None:
        raise ValueError("a mistake in a test")

    async def a_test() -> None:
        async with FaultServer() as server:
            server.script("f", broken)
            async with connect(server) as client:
                await client.send("/f")
                assert await client.reader.read() == b""

    with pytest.raises(ValueError, match="a mistake"):
        await a_test()


async def test_wait_for_request(fault_server: FaultServer) -> None:
    fault_server.file("f", BODY)
    waiting = asyncio.create_task(fault_server.wait_for_request(2, "f"))
    await fetch(fault_server, "/g")
    await fetch(fault_server, "/f")
    assert not waiting.done()
    await fetch(fault_server, "/f", X_Mark="second")
    assert (await waiting).headers["x-mark"] == "second"


async def test_connections_can_be_dropped(fault_server: FaultServer) -> None:
    fault_server.file("f", BODY, hold_after=1000)
    async with connect(fault_server) as client:
        await client.send("/f")
        await fault_server.held("f")
        await fault_server.drop_connections()
        assert (await client.receive()).body == BODY[:1000]
    fault_server.release("f")
    assert (await fetch(fault_server, "/f")).whole


async def test_a_server_goes_down_and_comes_back_on_its_port(fault_server: FaultServer) -> None:
    url = fault_server.file("f", BODY)
    await fetch(fault_server, "/f")
    await fault_server.stop()
    with pytest.raises(ConnectionRefusedError):
        await fetch(fault_server, "/f")
    await fault_server.start()
    assert fault_server.url_of("f") == url
    assert (await fetch(fault_server, "/f")).body == BODY


def test_content_is_the_same_for_the_same_seed() -> None:
    assert content(1000, 1) == content(1000, 1)
    assert content(1000, 1) != content(1000, 2)
    assert len(content(1000)) == 1000
