"""Which address is asked next: within the hosts' budgets, the best first, the failing last."""

from __future__ import annotations

import asyncio

from core.adapters.net.http import HttpClient
from core.adapters.system.clock import Clock
from core.domain.errors import HttpStatusError, NetworkError, NotFoundError
from core.domain.settings import NetworkSettings
from core.engine.transfer.source import Source, Sources
from core.policy.transfer.buffers import LEAST, MEMORY, MOST, BufferPool, taken_by
from core.policy.transfer.host_budget import HostBudget
from core.policy.transfer.ranges import range_request
from tests.faults.server import FaultServer


class Addresses(Sources):
    """Three sources, two of them on one host, and what was noted about them."""

    def __init__(self, budget: HostBudget) -> None:
        self.notes: list[str] = []
        http = HttpClient(NetworkSettings())
        urls = ("http://one/a", "http://two/b", "http://two/c")

        def make(url: str) -> Source:
            return Source(url, {}, http, Clock(), BufferPool())

        self.one, self.two, self.three = map(make, urls)
        sources = [self.one, self.two, self.three]
        super().__init__("me", sources, budget, self.notes.append, make=make)


def test_mirrors_on_one_host_share_its_connections() -> None:
    sources = Addresses(HostBudget(8))
    sources.two.connections, sources.three.connections = 5, 3
    assert sources.choose(0.0) is sources.one
    sources.one.connections = 8
    assert sources.choose(0.0) is None
    assert sources.share(0.0) == 16


def test_the_untried_goes_first_then_the_fastest() -> None:
    sources = Addresses(HostBudget(8))
    for source, rate in ((sources.one, 1.0), (sources.two, 3.0)):
        source.connections, source.best_rate = 1, rate
    assert sources.choose(0.0) is sources.three
    sources.three.connections, sources.three.best_rate = 1, 2.0
    assert sources.choose(0.0) is sources.two


def test_a_failing_source_rests_is_named_and_is_given_up_in_the_end() -> None:
    sources = Addresses(HostBudget(8))
    for _ in range(3):
        sources.failed(sources.two, NetworkError("refused"), 0.0, others=1)
        assert sources.choose(0.0) is not sources.two
    assert sources.notes == [
        "http://two/b failed: refused",
        "http://two/b is not used any more: refused",
    ]
    assert sources.two not in sources.usable


def test_the_last_source_is_never_given_up() -> None:
    sources = Addresses(HostBudget(8))
    gone = NotFoundError("gone", status=404)
    for source in (sources.one, sources.two, sources.three):
        sources.failed(source, gone, 0.0, others=0)
    assert sources.usable == [sources.three]


def test_mirrors_that_join_are_asked_too_and_go_together() -> None:
    sources = Addresses(HostBudget(8))
    assert sources.join(["http://two/b", "http://new/d", "http://new/e"], public=True) == 2
    joined = [source for source in sources.usable if source.joined]
    assert [source.url for source in joined] == ["http://new/d", "http://new/e"]
    assert all(source.public for source in joined)
    assert not sources.one.public
    assert sources.share(0.0) == 24
    assert sources.part_with_joined("wrong")
    assert sources.usable == [sources.one, sources.two, sources.three]
    assert sources.join(["http://new/d"], public=True) == 0
    assert not sources.part_with_joined("wrong")


def test_a_host_that_has_enough_gets_fewer() -> None:
    budget = HostBudget(8)
    sources = Addresses(budget)
    sources.failed(sources.one, HttpStatusError("busy", status=503), 0.0, others=3)
    assert budget.share("one", "me", 0.0) == 3
    assert sources.one in sources.usable


async def test_a_burst_of_requests_shares_one_pool_of_memory(fault_server: FaultServer) -> None:
    url = fault_server.file("a", b"x" * 100_000, hold_after=50_000)
    http, buffers = HttpClient(NetworkSettings()), BufferPool()
    granted: list[int] = []

    async def fetch() -> None:
        source = Source(url, {}, http, Clock(), buffers)
        async with source.ask(range_request(first=0), known=None) as (response, _):
            granted.append(response.buffer)
            while await response.read():
                pass

    async with asyncio.TaskGroup() as group:
        for _ in range(200):
            group.create_task(fetch())
        await fault_server.held("a", 200)
        fault_server.release("a")
    await http.close()
    assert max(granted) == MOST
    assert sum(map(taken_by, granted)) <= MEMORY + 200 * taken_by(LEAST)
    with buffers.lend() as buffer:
        assert buffer == MOST, "everything was given back"
