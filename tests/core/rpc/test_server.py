"""What a client can do to the server: everything that is allowed, and no harm."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import stat
from pathlib import Path

import msgspec
import pytest

from core.domain.figures import ClientFigures
from core.domain.models import DownloadRequest, Progress
from core.domain.service import ServiceStatus
from core.rpc.codec import PROTOCOL
from core.rpc.server import RpcServer
from tests.fakes import FakeService
from tests.unix import HELLO, RawClient, serving, until


def requests(count: int) -> list[DownloadRequest]:
    return [
        DownloadRequest(url=f"http://host.example/{number}", directory="/tmp", paused=True)
        for number in range(count)
    ]


class TestRequests:
    async def test_an_answer_carries_the_id_of_its_request(
        self, server: RpcServer, socket_path: Path
    ) -> None:
        async with RawClient.open(socket_path) as client:
            assert (await client.ask(b'{"id":7,"method":"downloads","params":{}}')) == {
                "id": 7,
                "result": [],
            }
            assert (await client.ask(b'{"id":"x","method":"downloads"}'))["id"] == "x"

    async def test_what_is_asked_and_what_is_refused_is_counted(
        self, server: RpcServer, socket_path: Path
    ) -> None:
        async with RawClient.open(socket_path) as client:
            await client.status()
            await client.ask(b'{"id":1,"method":"find","params":{"id":"nope"}}')
            await client.ask(b'{"id":1,"method":"dance"}')
            assert server.figures == ClientFigures(clients=1, connections=1, requests=3, errors=2)

    async def test_a_slow_request_does_not_hold_up_the_next(self, socket_path: Path) -> None:
        go_on = asyncio.Event()

        class Slow(FakeService):
            async def status(self) -> ServiceStatus:
                await go_on.wait()
                return await super().status()

        async with serving(Slow(), socket_path), RawClient.open(socket_path) as client:
            client.send(b'{"id":1,"method":"status"}')
            assert (await client.ask(b'{"id":2,"method":"downloads"}'))["id"] == 2
            go_on.set()
            assert (await client.receive())["id"] == 1

    async def test_an_error_of_the_service_keeps_code_sentence_and_hint(
        self, server: RpcServer, socket_path: Path
    ) -> None:
        async with RawClient.open(socket_path) as client:
            answer = await client.ask(b'{"id":1,"method":"find","params":{"id":"nope"}}')
            assert answer["id"] == 1
            assert answer["error"]["code"] == "unknown_id"
            assert "nope" in answer["error"]["message"]

    async def test_an_unforeseen_failure_is_logged_and_not_shown(
        self, socket_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Broken(FakeService):
            async def status(self) -> ServiceStatus:
                raise ZeroDivisionError("secret detail")

        async with serving(Broken(), socket_path), RawClient.open(socket_path) as client:
            with caplog.at_level(logging.ERROR):
                answer = await client.ask(b'{"id":1,"method":"status"}')
            assert answer["error"]["code"] == "internal"
            assert "secret detail" not in msgspec.json.encode(answer).decode()
            assert "ZeroDivisionError" in caplog.text
            assert (await client.ask(b'{"id":2,"method":"downloads"}'))["result"] == []

    async def test_a_client_that_closes_its_half_still_gets_its_answers(
        self, server: RpcServer, socket_path: Path
    ) -> None:
        async with RawClient.open(socket_path) as client:
            client.send(b'{"id":1,"method":"downloads"}')
            client.writer.write_eof()
            assert (await client.receive())["id"] == 1
            assert await client.receive() == {}


class TestHello:
    async def test_the_server_names_itself(self, server: RpcServer, socket_path: Path) -> None:
        async with RawClient.open(socket_path, hello=b"") as client:
            answer = await client.ask(HELLO)
            assert answer == {"hello": {"protocol": PROTOCOL, "server": "winch/test"}}

    async def test_another_protocol_is_refused_with_the_way_out(
        self, server: RpcServer, socket_path: Path
    ) -> None:
        async with RawClient.open(socket_path, hello=b"") as client:
            answer = await client.ask(b'{"hello":{"protocol":9,"client":"winch/9"}}')
            assert answer["hello"] == {"protocol": PROTOCOL, "server": "winch/test"}
            assert "winch/9 speaks protocol 9" in answer["error"]["message"]
            assert "winch daemon stop" in answer["error"]["hint"]
            assert await client.receive() == {}

    @pytest.mark.parametrize(
        "line", [b"GET / HTTP/1.1", b'{"id":1,"method":"shutdown"}', b'{"hello":1}', b"\x00"]
    )
    async def test_who_does_not_say_hello_is_not_served(
        self, server: RpcServer, service: FakeService, socket_path: Path, line: bytes
    ) -> None:
        async with RawClient.open(socket_path, hello=b"") as client:
            assert (await client.ask(line))["error"]["code"] == "rpc"
            assert await client.receive() == {}
        assert not service.stop_requested.is_set()
        assert server.client_count == 0


class TestHostileInput:
    @pytest.mark.parametrize(
        ("line", "id_", "says"),
        [
            (b"not json", None, "not JSON"),
            (b"\xff\xfe\x00", None, "not JSON"),
            (b"[]", None, "wrong shape"),
            (b'{"method":"status"}', None, "wrong shape"),
            (b'{"id":3,"method":5}', 3, "wrong shape"),
            (b'{"id":3}', 3, "wrong shape"),
            (b'{"id":[3],"method":"status"}', None, "wrong shape"),
            (b'{"id":3,"method":"explode"}', 3, "no method 'explode'"),
            (b'{"id":3,"method":"__class__"}', 3, "no method"),
            (b'{"id":3,"method":"change","params":{"id":"x"}}', 3, "no method"),
            (b'{"id":3,"method":"pause","params":{"ids":"all"}}', 3, "wrong shape"),
            (b'{"id":3,"method":"pause","params":{"ids":null,"x":1}}', 3, "wrong shape"),
            (b'{"id":3,"method":"status","params":[]}', 3, "wrong shape"),
            (b'{"id":3,"method":"subscribe","params":{"from":1}}', 3, "wrong shape"),
            (b'{"id":3,"method":"find","params":' + b'{"id":' * 5000, None, "not JSON"),
        ],
    )
    async def test_it_gets_an_error_and_the_next_line_counts(
        self, server: RpcServer, socket_path: Path, line: bytes, id_: int | None, says: str
    ) -> None:
        async with RawClient.open(socket_path) as client:
            answer = await client.ask(line)
            assert answer["id"] == id_
            assert answer["error"]["code"] == "rpc"
            assert says in answer["error"]["message"]
            await client.status()

    async def test_an_overlong_line_is_passed_over(
        self, service: FakeService, socket_path: Path
    ) -> None:
        async with (
            serving(service, socket_path, max_line=1000),
            RawClient.open(socket_path) as client,
        ):
            answer = await client.ask(b'{"id":1,"method":"' + b"x" * 300_000 + b'"}')
            assert "longer than 1000" in answer["error"]["message"]
            await client.status()

    async def test_a_line_of_100_mib_is_passed_over(
        self, server: RpcServer, socket_path: Path
    ) -> None:
        async with RawClient.open(socket_path) as client:
            for _ in range(100):
                client.writer.write(b"x" * 2**20)
                await client.writer.drain()
            assert "longer than" in (await client.ask(b""))["error"]["message"]
            await client.status()

    async def test_half_a_line_harms_nobody(self, server: RpcServer, socket_path: Path) -> None:
        async with RawClient.open(socket_path) as client, RawClient.open(socket_path) as other:
            client.writer.write(b'{"id":1,"meth')
            client.writer.write_eof()
            assert "ends before" in (await client.receive())["error"]["message"]
            assert await client.receive() == {}
            await other.status()

    async def test_a_client_that_asks_and_never_reads_is_made_to_wait(
        self, server: RpcServer, service: FakeService, socket_path: Path
    ) -> None:
        await service.add(requests(200))
        called = 0
        original = service.downloads

        async def counted() -> object:
            nonlocal called
            called += 1
            return await original()

        service.downloads = counted  # type: ignore[method-assign,assignment]
        async with RawClient.open(socket_path) as greedy, RawClient.open(socket_path) as other:
            greedy.writer.transport.pause_reading()  # type: ignore[attr-defined]
            for number in range(150):
                greedy.send(b'{"id":%d,"method":"downloads"}' % number)
            for _ in range(150):
                await other.status()
            assert 0 < called < 20
            greedy.writer.transport.resume_reading()  # type: ignore[attr-defined]
            ids = {(await greedy.receive())["id"] for _ in range(150)}
            assert ids == set(range(150))

    async def test_a_subscriber_that_never_reads_falls_behind_alone(
        self, server: RpcServer, service: FakeService, socket_path: Path
    ) -> None:
        (download, *_) = await service.add(requests(1))
        async with RawClient.open(socket_path) as sleepy, RawClient.open(socket_path) as awake:
            for client in (sleepy, awake):
                client.send(b'{"id":1,"method":"subscribe"}')
                assert (await client.receive())["result"] is None
                assert (await client.receive())["event"] == "snapshot"
            sleepy.writer.transport.pause_reading()  # type: ignore[attr-defined]
            for number in range(5000):
                service.change(download.id, name=f"name {number}")
                assert (await awake.receive())["data"]["downloads"][0]["name"] == f"name {number}"
            sleepy.writer.transport.resume_reading()  # type: ignore[attr-defined]
            events = [await sleepy.receive()]
            while events[-1]["data"]["revision"] != service._revision:
                events.append(await sleepy.receive())
            assert len(events) < 5000
            assert events[-1]["data"]["downloads"][0]["name"] == "name 4999"

    async def test_a_client_that_vanishes_takes_its_subscription_along(
        self, server: RpcServer, service: FakeService, socket_path: Path
    ) -> None:
        async with RawClient.open(socket_path) as client:
            await client.ask(b'{"id":1,"method":"subscribe"}')
            assert service.subscriber_count == 1
            client.writer.transport.abort()
            await until(lambda: service.subscriber_count == 0)
        await until(lambda: server.client_count == 0)

    async def test_a_thousand_clients_are_served(
        self, server: RpcServer, socket_path: Path
    ) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < 4096:
            pytest.skip("this system does not allow so many open files")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
        everybody_is_there = asyncio.Barrier(1000)

        async def one() -> None:
            async with RawClient.open(socket_path) as client:
                await everybody_is_there.wait()
                assert (await client.status())["version"] == "fake"

        await asyncio.gather(*(one() for _ in range(1000)))
        await until(lambda: server.client_count == 0)


class TestSubscription:
    async def test_the_snapshot_comes_first_then_events_in_order(
        self, server: RpcServer, service: FakeService, socket_path: Path
    ) -> None:
        async with RawClient.open(socket_path) as client:
            assert await client.ask(b'{"id":1,"method":"subscribe"}') == {"id": 1, "result": None}
            assert (await client.receive())["event"] == "snapshot"
            (download,) = await service.add(requests(1))
            service.emit_progress({download.id: Progress(bytes_downloaded=5)})
            await service.remove([download.id])
            events = [await client.receive() for _ in range(3)]
            assert [e["event"] for e in events] == ["added", "progress_batch", "removed"]
            assert [e["data"]["revision"] for e in events] == [1, 2, 3]

    async def test_it_can_be_ended_and_begun_again(
        self, server: RpcServer, service: FakeService, socket_path: Path
    ) -> None:
        async with RawClient.open(socket_path) as client:
            for _ in range(2):
                await client.ask(b'{"id":1,"method":"subscribe"}')
                assert (await client.receive())["event"] == "snapshot"
                assert (await client.ask(b'{"id":2,"method":"unsubscribe"}'))["id"] == 2
                await service.add(requests(1))
                await client.status()

    async def test_a_connection_has_a_few_told_apart_by_the_ids_of_their_requests(
        self, server: RpcServer, service: FakeService, socket_path: Path
    ) -> None:
        async with RawClient.open(socket_path) as client:
            for number in range(8):
                await client.ask(b'{"id":%d,"method":"subscribe"}' % number)
                snapshot = await client.receive()
                assert (snapshot["id"], snapshot["event"]) == (number, "snapshot")
            for number in (7, 9):
                answer = await client.ask(b'{"id":%d,"method":"subscribe"}' % number)
                assert "already" in answer["error"]["message"]
            for number in range(7):
                line = b'{"id":10,"method":"unsubscribe","params":{"subscription":%d}}' % number
                assert (await client.ask(line))["result"] is None
            await service.add(requests(1))
            assert (await client.receive())["id"] == 7

    async def test_its_end_is_said(
        self, server: RpcServer, service: FakeService, socket_path: Path
    ) -> None:
        async with RawClient.open(socket_path) as client:
            await client.ask(b'{"id":1,"method":"subscribe"}')
            await client.receive()
            await service.shutdown()
            assert (await client.receive()) == {"id": 1, "event": "end"}


class TestClientCount:
    async def test_every_change_is_told(self, server: RpcServer, socket_path: Path) -> None:
        counts: list[int] = []
        server.on_clients_changed = lambda: counts.append(server.client_count)
        async with RawClient.open(socket_path), RawClient.open(socket_path):
            assert counts == [1, 2]
        await until(lambda: len(counts) == 4)
        assert counts == [1, 2, 1, 0]

    async def test_connections_of_one_session_are_one_client(
        self, server: RpcServer, socket_path: Path
    ) -> None:
        hello = b'{"hello":{"protocol":%d,"client":"x","session":"same"}}' % PROTOCOL
        async with (
            RawClient.open(socket_path, hello=hello),
            RawClient.open(socket_path, hello=hello),
            RawClient.open(socket_path),
        ):
            assert server.client_count == 2


class TestSocketFile:
    async def test_it_is_its_owners_alone(self, server: RpcServer, socket_path: Path) -> None:
        assert stat.S_IMODE(socket_path.stat().st_mode) == 0o600

    async def test_a_dead_one_is_replaced(self, service: FakeService, socket_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(socket_path))
        async with serving(service, socket_path), RawClient.open(socket_path) as client:
            await client.status()

    async def test_it_goes_when_the_server_does(
        self, service: FakeService, socket_path: Path
    ) -> None:
        async with serving(service, socket_path), RawClient.open(socket_path) as client:
            pass
        assert not socket_path.exists()
        assert await client.receive() == {}

    async def test_one_that_vanished_comes_back_and_nobody_is_lost(
        self, service: FakeService, socket_path: Path
    ) -> None:
        async with (
            serving(service, socket_path, check_interval=0.01),
            RawClient.open(socket_path) as early,
        ):
            socket_path.unlink()
            await until(socket_path.exists)
            async with RawClient.open(socket_path) as late:
                await late.status()
            await early.status()

    async def test_the_end_is_not_held_up_by_a_client_that_does_not_read(
        self, service: FakeService, socket_path: Path
    ) -> None:
        await service.add(requests(2000))
        async with serving(service, socket_path):
            reader, writer = await asyncio.open_unix_connection(socket_path)
            client = RawClient(reader, writer)
            await client.ask(HELLO)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            client.send(b'{"id":1,"method":"downloads"}')
            async with RawClient.open(socket_path) as other:
                await other.status()
        writer.transport.abort()
        assert not socket_path.exists()
