"""The feed keeps the store up to date at once and the screen as often as it may repaint."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from textual.message import Message

from core.domain.errors import DaemonError
from core.domain.events import Event, ProgressBatch, Snapshot
from core.domain.models import Progress
from core.domain.service import DownloadService
from core.domain.settings import ScreenSettings
from tests.fakes import FakeService
from tests.tui.samples import NOW, queue
from tui.control.feed import ConnectionLost, Feed, Reconnected, StoreChanged, repaint_interval
from tui.model.store import DownloadStore


class ClosingService(FakeService):
    """A service at the end of a connection, as `RemoteService` is."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = asyncio.Event()

    async def close(self) -> None:
        self.closed.set()


class NotingStore(DownloadStore):
    """A store that tells of every event it took in."""

    def __init__(self) -> None:
        super().__init__()
        self.applied: asyncio.Queue[Event] = asyncio.Queue()

    def apply(self, event: Event) -> set[str]:
        self.applied.put_nowait(event)
        return super().apply(event)


class Harness:
    """A running feed, its store and the messages that it posted."""

    def __init__(self, service: FakeService, interval: float) -> None:
        self.service = service
        self.store = NotingStore()
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self.starts: list[bool] = []
        self.feed = Feed(
            self._connect, self.store, self.messages.put_nowait, interval=interval, now=lambda: NOW
        )

    async def _connect(self, *, start: bool = True) -> DownloadService:
        self.starts.append(start)
        return self.service


@asynccontextmanager
async def running(service: FakeService, interval: float) -> AsyncIterator[Harness]:
    harness = Harness(service, interval)
    task = asyncio.create_task(harness.feed.run())
    try:
        assert isinstance(await harness.messages.get(), Reconnected)
        yield harness
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_changes_between_two_repaints_are_one_message() -> None:
    service = FakeService()
    first, second = await queue(service, "a", "b")
    async with running(service, interval=0.05) as harness:
        message = await harness.messages.get()
        assert isinstance(message, StoreChanged)
        assert message.ids == {first, second}
        for number in range(1, 50):
            service.emit_progress({first: Progress(bytes_downloaded=number)})
            await asyncio.sleep(0)
        message = await harness.messages.get()
        assert isinstance(message, StoreChanged)
        assert message.ids == {first}
        assert harness.store.progress(first).bytes_downloaded == 49
        assert harness.messages.empty()


async def test_the_store_does_not_wait_for_the_repaint() -> None:
    service = FakeService()
    (id_,) = await queue(service, "a")
    async with running(service, interval=3600) as harness:
        await harness.messages.get()
        service.emit_progress({id_: Progress(bytes_downloaded=7)})
        assert isinstance(await harness.store.applied.get(), Snapshot)
        assert isinstance(await harness.store.applied.get(), ProgressBatch)
        assert harness.store.progress(id_).bytes_downloaded == 7
        assert harness.messages.empty()


async def test_the_store_holds_what_the_daemon_says_once_it_answers() -> None:
    service = FakeService()
    (id_,) = await queue(service, "a")
    service.notice("The disk is full.")
    async with running(service, interval=3600) as harness:
        assert id_ in harness.store
        assert harness.store.notices == ("The disk is full.",)


async def test_an_empty_queue_is_news_too() -> None:
    async with running(FakeService(), interval=0) as harness:
        message = await harness.messages.get()
        assert isinstance(message, StoreChanged)
        assert message.ids == frozenset()


async def test_a_connection_that_ends_is_given_up_and_nothing_is_asked_of_it_any_more() -> None:
    service = ClosingService()
    async with running(service, interval=0) as harness:
        await harness.messages.get()
        assert harness.feed.service is service
        await service.shutdown()
        message = await harness.messages.get()
        assert isinstance(message, ConnectionLost)
        assert message.since == NOW
        assert message.stopped
        assert service.closed.is_set()
        with pytest.raises(DaemonError):
            _ = harness.feed.service


async def test_what_is_held_is_as_old_as_the_last_word_that_came() -> None:
    service = FakeService()
    service.silence = 20.0  # type: ignore[attr-defined]
    async with running(service, interval=0) as harness:
        service.lose()
        while not isinstance(message := await harness.messages.get(), ConnectionLost):
            pass
        assert message.since == NOW - timedelta(seconds=20)


async def test_a_daemon_that_was_told_to_end_is_not_started_again_by_the_screen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tui.control.feed.FIRST_WAIT", 0.0)
    service = ClosingService()
    async with running(service, interval=0) as harness:
        await harness.messages.get()
        await service.shutdown()
        while len(harness.starts) < 2:
            await harness.messages.get()
        assert harness.starts[:2] == [True, False]


async def test_on_request_it_is_started_again_and_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.control.feed.FIRST_WAIT", 3600.0)
    service = ClosingService()
    async with running(service, interval=0) as harness:
        await harness.messages.get()
        harness.feed.restart()
        await service.shutdown()
        assert isinstance(await harness.messages.get(), ConnectionLost)
        harness.feed.restart()
        assert isinstance(await harness.messages.get(), Reconnected)
        assert harness.starts == [True, True]


async def test_a_connection_is_closed_when_the_screen_ends() -> None:
    service = ClosingService()
    async with running(service, interval=0):
        assert not service.closed.is_set()
    assert service.closed.is_set()
    assert service.subscriber_count == 0


def test_over_ssh_the_screen_repaints_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    assert repaint_interval(ScreenSettings()) == 0.25
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
    assert repaint_interval(ScreenSettings()) == 1.0
    assert repaint_interval(ScreenSettings(refresh=10.0)) == 0.1
