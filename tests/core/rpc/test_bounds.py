"""What clients that misbehave cost the server, and what they cost the others: next to nothing."""

from __future__ import annotations

import asyncio
import errno
import gc
import itertools
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.models import DownloadRequest
from core.domain.outcomes import Removal
from core.domain.service import ServiceStatus
from core.rpc import codec, outgoing, server, session
from core.rpc.ledger import Account, Ledger, Turns
from core.rpc.parts import PIECE, line_of
from core.rpc.server import RpcServer
from core.rpc.session import Session
from tests.fakes import FakeService
from tests.unix import RawClient, serving, until

ALL = b'{"id":%d,"method":"downloads"}'
FOLLOW = b'{"id":1,"method":"subscribe"}'


def requests(count: int) -> list[DownloadRequest]:
    return [
        DownloadRequest(url=f"http://host.example/{n}", directory="/tmp", paused=True)
        for n in range(count)
    ]


class Holding:
    """A connection that remembers why it was dropped."""

    def __init__(self, owner: int) -> None:
        self.owner = owner
        self.reasons: list[str] = []

    def drop(self, reason: str) -> None:
        self.reasons.append(reason)


class TestLedger:
    def test_of_the_process_that_holds_most_the_heaviest_goes(self) -> None:
        ledger = Ledger(most=100)
        screen, *script = holders = [Holding(1), Holding(2), Holding(2), Holding(2)]
        ledger.note(screen, 40)
        for held, each in zip((10, 30, 20), script, strict=True):
            ledger.note(each, held)
        assert not any(each.reasons for each in holders)
        ledger.note(screen, 41)
        assert [bool(each.reasons) for each in holders] == [False, False, True, False]
        assert ledger.total == 71

    @given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 60))))
    def test_it_never_holds_more_than_it_may(self, notes: list[tuple[int, int]]) -> None:
        ledger = Ledger(most=100)
        holders = [Holding(number // 3) for number in range(10)]
        held: dict[int, int] = {}
        for number, amount in notes:
            ledger.note(holders[number], amount)
            held[number] = amount
            for other, each in enumerate(holders):
                if each.reasons:
                    held.pop(other, None)
                    each.reasons.clear()
            assert ledger.total == sum(held.values()) <= 100

    def test_an_account_adds_up_its_parts_and_is_closed_for_good(self) -> None:
        ledger = Ledger()
        account = Account(ledger, Holding(1))
        account.put("line", 5)
        account.put("work", 7)
        account.put("line", 1)
        assert ledger.total == 8
        account.close()
        account.put("line", 5)
        assert ledger.total == 0


class TestTurns:
    async def test_no_process_has_all_of_them(self) -> None:
        turns = Turns(3, of_one=2)
        greedy, other = 1, 2
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(turns.turn(greedy))
            await stack.enter_async_context(turns.turn(greedy))
            third = asyncio.create_task(stack.enter_async_context(turns.turn(greedy)))
            await asyncio.sleep(0)
            assert not third.done()
            assert not turns.is_wanted()
            async with turns.turn(other):
                waiting = asyncio.create_task(stack.enter_async_context(turns.turn(other)))
                await asyncio.sleep(0)
                assert turns.is_wanted()
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
                assert not turns.is_wanted()
            third.cancel()
            await asyncio.gather(third, return_exceptions=True)
        async with turns.turn(greedy), turns.turn(greedy), turns.turn(other):
            pass


_json = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=200) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=9,
)


class TestPieces:
    @given(_json)
    def test_they_make_up_the_line(self, value: object) -> None:
        line = b"".join(line_of(id=1, result=value))
        assert line == msgspec.json.encode({"id": 1, "result": value}) + b"\n"

    @pytest.mark.parametrize("count", [0, 1, 100, 101, 5000])
    def test_values_are_written_as_a_whole_would_be(self, count: int) -> None:
        removal = Removal(deleted_files=("ü",) * count, deleted_bytes=count)
        line = b"".join(line_of(id="a", result=removal))
        assert line == msgspec.json.encode({"id": "a", "result": removal}) + b"\n"

    def test_one_text_that_is_not_unicode_spoils_nothing_else(self) -> None:
        line = b"".join(line_of(result=["a"] * 200 + ["\udcff"] + ["b"] * 200))
        assert len(msgspec.json.decode(line)["result"]) == 401

    def test_no_more_of_a_list_is_made_than_was_taken(self) -> None:
        made = 0

        class Lazy(Sequence[str]):
            def __len__(self) -> int:
                return 10**9

            def __getitem__(self, index: Any) -> Any:
                raise NotImplementedError

            def __iter__(self) -> Iterator[str]:
                nonlocal made
                for made in itertools.count(1):  # noqa: B007
                    yield "x" * 100

        pieces = line_of(result=Lazy())
        assert all(PIECE <= len(next(pieces)) < PIECE + 1000 for _ in range(10))
        assert made < 10 * PIECE / 100


class TestGreeting:
    @pytest.mark.parametrize("said", [b"", b'{"hello":', b"x" * 3000])
    async def test_who_does_not_finish_it_is_let_go(
        self, server: RpcServer, socket_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
    ) -> None:
        monkeypatch.setattr(session, "GREETING_TIMEOUT", 0.05)
        async with RawClient.open(socket_path, hello=b"") as client:
            client.writer.write(said)
            assert await client.reader.read() == b""

    async def test_it_is_short(self, server: RpcServer, socket_path: Path) -> None:
        async with RawClient.open(socket_path, hello=b"") as client:
            answer = await client.ask(b"x" * 10_000)
            assert "longer than 4096" in answer["error"]["message"]


class TestNumberOfConnections:
    @pytest.fixture
    def processes(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """Have the connections come from these processes, and from none that is known then."""
        numbers: list[int] = []
        monkeypatch.setattr(
            "core.rpc.server.process_of", lambda _: numbers.pop(0) if numbers else None
        )
        return numbers

    @pytest.fixture
    async def small(
        self, service: FakeService, socket_path: Path, processes: list[int]
    ) -> AsyncIterator[RpcServer]:
        async with serving(service, socket_path, most_connections=4) as small:
            yield small

    async def test_one_too_many_of_a_process_is_refused_in_a_sentence(
        self, small: RpcServer, socket_path: Path, processes: list[int]
    ) -> None:
        processes += [1] * 5
        async with AsyncExitStack() as stack:
            staying = [
                await stack.enter_async_context(RawClient.open(socket_path)) for _ in range(4)
            ]
            async with RawClient.open(socket_path, hello=b"") as late:
                assert "takes no more" in (await late.receive())["error"]["message"]
                assert await late.receive() == {}
            for client in staying:
                await client.status()
        await until(lambda: small.client_count == 0)
        async with RawClient.open(socket_path) as client:
            await client.status()

    async def test_of_the_process_with_most_one_that_waits_for_nothing_makes_room(
        self, small: RpcServer, socket_path: Path, processes: list[int]
    ) -> None:
        processes += [1, 2, 1, 1, 3]
        async with AsyncExitStack() as stack:
            following, other, idle, third = [
                await stack.enter_async_context(RawClient.open(socket_path)) for _ in range(4)
            ]
            for client in (following, third):
                await client.ask(FOLLOW)
                await client.receive()
            newcomer = await stack.enter_async_context(RawClient.open(socket_path))
            assert await idle.receive() == {}
            for client in (other, newcomer, following, third):
                await client.status()

    async def test_who_never_says_hello_makes_room_for_everybody(
        self,
        small: RpcServer,
        socket_path: Path,
        processes: list[int],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(server, "_YOUNG", 0.0)
        processes += [1] * 40
        async with AsyncExitStack() as stack:
            good = await stack.enter_async_context(RawClient.open(socket_path))
            for _ in range(10):
                for _ in range(3):
                    await stack.enter_async_context(RawClient.open(socket_path, hello=b""))
                async with RawClient.open(socket_path) as client:
                    await client.status()
            await good.status()

    async def test_without_open_files_left_it_tries_again_now_and_then(
        self, service: FakeService, socket_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loop = asyncio.get_running_loop()
        accept, tries = loop.sock_accept, 0

        async def without_files(listener: socket.socket) -> object:
            nonlocal tries
            tries += 1
            if 2 <= tries < 5:
                raise OSError(errno.EMFILE, "Too many open files")
            return await accept(listener)

        monkeypatch.setattr(loop, "sock_accept", without_files)
        monkeypatch.setattr(server, "_BREATH", 0.01)
        async with serving(service, socket_path), RawClient.open(socket_path) as early:
            await early.status()
            async with RawClient.open(socket_path) as late:
                await late.status()
        assert tries < 10


class TestMemory:
    async def test_half_lines_are_held_up_to_a_bound_and_the_worst_goes(
        self, server: RpcServer, socket_path: Path
    ) -> None:
        server._shared.ledger = ledger = Ledger(most=100_000)
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(RawClient.open(socket_path)) for _ in range(4)
            ]
            for client, size in zip(clients, (10_000, 60_000, 20_000), strict=False):
                client.writer.write(b"x" * size)
                await until(lambda size=size: ledger.total >= size)  # type: ignore[misc]
            await until(lambda: ledger.total == 90_000)
            clients[3].writer.write(b"x" * 15_000)
            assert await clients[1].reader.read() == b""
            assert ledger.total == 45_000
            for client in (clients[0], *clients[2:]):
                answer = await client.ask(b"")
                assert "not JSON" in answer["error"]["message"]
        await until(lambda: ledger.total == 0)

    async def test_who_asks_for_all_again_and_again_and_reads_nothing_holds_little(
        self, server: RpcServer, service: FakeService, socket_path: Path
    ) -> None:
        await service.add(requests(1000))
        async with AsyncExitStack() as stack:
            for _ in range(10):
                client = await stack.enter_async_context(RawClient.open(socket_path))
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                client.send(b"\n".join(ALL % number for number in range(100)))
                client.send(FOLLOW)
            async with RawClient.open(socket_path) as other:
                for _ in range(50):
                    await other.status()
                other.send(ALL % 1)
                assert len((await other.receive())["result"]) == 1000
            assert 0 < server._shared.ledger.total < 10 * 1_000_000

    async def test_a_request_with_too_many_values_is_refused_unread(
        self, server: RpcServer, service: FakeService, socket_path: Path
    ) -> None:
        async with RawClient.open(socket_path) as client:
            for line in (
                b'{"id":7,"method":"pause","params":{"ids":[' + b'"a",' * 300_000 + b'"a"]}}',
                b'{"id":7,"method":"add","params":{"requests":[' + b"{}," * 100_000 + b"{}]}}",
            ):
                answer = await client.ask(line)
                assert answer["id"] == 7
                assert "too much for one request" in answer["error"]["message"]
        assert service.calls == []

    async def test_a_hundred_thousand_ids_are_no_mistake(
        self, server: RpcServer, service: FakeService, socket_path: Path
    ) -> None:
        (download,) = await service.add(requests(1))
        ids = msgspec.json.encode([download.id] * 100_000)
        async with RawClient.open(socket_path) as client:
            answer = await client.ask(b'{"id":7,"method":"cancel","params":{"ids":%s}}' % ids)
            assert [each["id"] for each in answer["result"]["changed"]] == [download.id]

    async def test_a_session_that_ended_is_gone_without_the_collector(
        self, server: RpcServer, service: FakeService, socket_path: Path
    ) -> None:
        await service.add(requests(500))
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                async with RawClient.open(socket_path) as client:
                    client.send(ALL % 2 + b"\n" + FOLLOW + b"\nno request")
                    for _ in range(4):
                        await client.receive()
            await until(lambda: server.client_count == 0)
            await until(lambda: not server._sessions)
            assert not any(isinstance(each, Session) for each in gc.get_objects())
        finally:
            gc.enable()


class TestStalled:
    async def test_who_holds_up_others_and_takes_nothing_goes(
        self,
        server: RpcServer,
        service: FakeService,
        socket_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(outgoing, "STALLED", 0.05)
        monkeypatch.setattr("core.rpc.requests._MADE", frozenset({"downloads"}))
        server._shared.made = Turns(1, of_one=1)
        await service.add(requests(3000))
        async with AsyncExitStack() as stack:
            numbers = itertools.count(1)
            monkeypatch.setattr("core.rpc.server.process_of", lambda _: next(numbers))
            stuck = await stack.enter_async_context(RawClient.open(socket_path))
            stuck.writer.transport.pause_reading()  # type: ignore[attr-defined]
            stuck.send(ALL % 1)
            other = await stack.enter_async_context(RawClient.open(socket_path))
            await until(lambda: server._shared.made._taken.total() == 1)
            other.send(ALL % 2)
            assert len((await other.receive())["result"]) == 3000
            stuck.writer.transport.resume_reading()  # type: ignore[attr-defined]
            with pytest.raises((msgspec.DecodeError, ConnectionError)):
                await stuck.receive()

    async def test_a_line_that_has_begun_is_whole_whatever_ends_meanwhile(
        self, server: RpcServer, service: FakeService, socket_path: Path
    ) -> None:
        await service.add(requests(3000))
        async with RawClient.open(socket_path) as client:
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            client.send(FOLLOW)
            await until(lambda: service.subscriber_count == 1)
            async with RawClient.open(socket_path) as other:
                for _ in range(20):
                    await other.status()
            client.send(b'{"id":2,"method":"unsubscribe"}')
            client.send(b'{"id":3,"method":"status"}')
            client.writer.transport.resume_reading()  # type: ignore[attr-defined]
            assert (await client.receive())["id"] == 1
            snapshot = await client.receive()
            assert len(snapshot["data"]["downloads"]) == 3000
            assert {(await client.receive())["id"] for _ in range(2)} == {2, 3}

    async def test_who_left_needs_no_descriptor_for_what_still_goes_on(
        self, socket_path: Path
    ) -> None:
        asked, answered = asyncio.Event(), asyncio.Event()

        class Slow(FakeService):
            async def status(self) -> ServiceStatus:
                asked.set()
                await answered.wait()
                return await super().status()

        async with serving(Slow(), socket_path) as serving_it:
            async with RawClient.open(socket_path) as client:
                client.send(b'{"id":1,"method":"status"}')
                await asked.wait()
            (held,) = serving_it._sessions.values()
            assert held is not None
            await until(lambda: held._outgoing.is_closing)
            assert serving_it._sessions
            answered.set()
            await until(lambda: not serving_it._sessions)


def test_lines_are_bounded_by_what_one_client_may_hold() -> None:
    assert codec.MAX_LINE <= 8 * 2**20
