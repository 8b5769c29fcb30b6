"""Over a link progress comes seldom, short and never late: what a person sees there is right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import RpcError
from core.domain.events import Changed, Event, ProgressBatch, Removed, Snapshot
from core.domain.models import Progress
from core.rpc import codec
from core.rpc.link_progress import thinned
from core.rpc.server import RpcServer
from tests.core.adapters.records import a_download
from tests.fakes import FakeService
from tests.unix import RawClient

LONG = 60.0
"""An interval that no test sees the end of."""
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Told(AsyncIterator[Event]):
    """Events that are told one after the other; None ends them."""

    def __init__(self, *events: Event | None) -> None:
        self._events = asyncio.Queue[Event | None]()
        for event in events:
            self.tell(event)

    def tell(self, event: Event | None) -> None:
        self._events.put_nowait(event)

    async def __anext__(self) -> Event:
        if (event := await self._events.get()) is None:
            raise StopAsyncIteration
        return event


def batch(revision: int, **done: int) -> ProgressBatch:
    progress = {id_: Progress(bytes_downloaded=count) for id_, count in done.items()}
    return ProgressBatch(revision=revision, progress=progress)


def a_change(revision: int, id_: str) -> Changed:
    return Changed(revision=revision, downloads=(a_download(id_),))


async def told(interval: float, *events: Event) -> list[Event]:
    async with aclosing(thinned(Told(*events, None), interval)) as passed:
        return [event async for event in passed]


async def test_of_what_comes_within_the_interval_the_latest_is_told() -> None:
    first, *later = batch(1, a=1), batch(2, a=2, b=1), batch(3, a=3)
    assert await told(LONG, first, *later) == [first, batch(3, a=3, b=1)]


async def test_it_is_told_once_the_interval_is_over() -> None:
    events = Told(batch(1, a=1), batch(2, a=2))
    async with aclosing(thinned(events, 0.01)) as passed:
        assert [await anext(passed) for _ in range(2)] == [batch(1, a=1), batch(2, a=2)]


async def test_a_change_waits_for_no_interval_and_comes_after_the_progress_of_its_download() -> (
    None
):
    change = a_change(3, "a")
    events = Told(batch(1, a=1, b=1), batch(2, a=2, b=2), change)
    async with aclosing(thinned(events, LONG)) as passed:
        assert [await anext(passed) for _ in range(3)] == [
            batch(1, a=1, b=1),
            batch(2, a=2),
            change,
        ]
        events.tell(None)
        # The revision never falls.
        assert [event async for event in passed] == [batch(3, b=2)]


async def test_nothing_is_told_of_what_is_gone_or_was_before_a_snapshot() -> None:
    removed = Removed(revision=3, ids=("a",))
    snapshot = Snapshot(revision=5, downloads=(), progress={})
    events = (batch(1, a=0), batch(2, a=1, b=1), removed, batch(4, b=2), snapshot)
    assert await told(LONG, *events) == [batch(1, a=0), removed, snapshot]


@given(
    st.lists(
        st.one_of(
            st.dictionaries(st.sampled_from("abc"), st.integers(0, 9), min_size=1),
            st.sampled_from("abc"),
        )
    )
)
def test_whoever_follows_ends_up_with_the_same(steps: list[dict[str, int] | str]) -> None:
    events = [
        batch(number, **step) if isinstance(step, dict) else a_change(number, step)
        for number, step in enumerate(steps, 1)
    ]
    passed = asyncio.run(told(LONG, *events))
    assert _seen(passed) == _seen(events)
    assert [each for each in passed if isinstance(each, Changed)] == [
        each for each in events if isinstance(each, Changed)
    ]
    revisions = [event.revision for event in passed]
    assert revisions == sorted(revisions)


def _seen(events: list[Event]) -> dict[str, object]:
    """Return the last progress of each download, and what it was when each last changed."""
    seen: dict[str, object] = {}
    for event in events:
        if isinstance(event, ProgressBatch):
            seen |= event.progress
        elif isinstance(event, Changed):
            for download in event.downloads:
                seen[f"{download.id} changed"] = seen.get(download.id)
    return seen


def test_a_short_event_says_what_the_batch_says_but_for_fractions() -> None:
    progress = {
        "a": Progress(bytes_downloaded=7, rate=1.6, eta=2.4, connections=3, updated_at=NOW),
        "b": Progress(updated_at=NOW - timedelta(seconds=90)),
        "c": Progress(bytes_downloaded=1, verified=4),
        "d": Progress(rate=float("inf")),
    }
    batch = ProgressBatch(revision=5, progress=progress, eta=9.9)
    line = b"".join(codec.event_pieces(batch, 1, short=True))
    progress["a"] = Progress(bytes_downloaded=7, rate=2, eta=2, connections=3, updated_at=NOW)
    progress["d"] = Progress()
    assert codec.decode_event(codec.decode(line, codec.Reply)) == ProgressBatch(
        revision=5, progress=progress, eta=10
    )


def test_thirty_downloads_take_little_more_than_two_kilobytes() -> None:
    each = Progress(bytes_downloaded=10**10, rate=1e7, eta=1e5, connections=16, updated_at=NOW)
    progress = {f"{number:032x}": each for number in range(30)}
    batch = ProgressBatch(revision=10**6, progress=progress, eta=1e5)
    assert len(b"".join(codec.event_pieces(batch, 1, short=True))) < 2300


@pytest.mark.parametrize(
    "data",
    [
        b'{"revision":1,"moved":{"a":[]}}',
        b'{"revision":1,"moved":{"a":[1,2,3,4,1e300]}}',
        b'{"revision":1,"moved":{"a":[1,2,3,4,-1]}}',
        b'{"revision":1,"moved":{"a":[1]},"at":999999999999999}',
    ],
)
def test_figures_that_nobody_means_are_refused(data: bytes) -> None:
    reply = codec.decode(b'{"event":"moved","data":%s}' % data, codec.Reply)
    with pytest.raises(RpcError):
        codec.decode_event(reply)


async def test_a_client_asks_for_it(
    service: FakeService, server: RpcServer, socket_path: Path
) -> None:
    async with RawClient.open(socket_path) as client:
        await client.ask(b'{"id":1,"method":"subscribe","params":{"interval":0.01}}')
        assert (await client.receive())["event"] == "snapshot"
        service.emit_progress({"a": Progress(bytes_downloaded=7, rate=1.2)})
        told = await client.receive()
        assert told["event"] == "moved"
        assert told["data"]["moved"] == {"a": [7, 1, None, 0, None]}


@pytest.mark.parametrize("interval", [b"-1", b"61", b'"1"', b"NaN"])
async def test_an_interval_that_makes_no_sense_is_refused(
    server: RpcServer, socket_path: Path, interval: bytes
) -> None:
    async with RawClient.open(socket_path) as client:
        line = b'{"id":1,"method":"subscribe","params":{"interval":%s}}' % interval
        assert (await client.ask(line))["error"]["code"] == "rpc"
