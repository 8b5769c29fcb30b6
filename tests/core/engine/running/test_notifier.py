"""Notices: sent once, tried again, many of a kind as one, never in the way."""

from __future__ import annotations

import asyncio
from asyncio import StreamWriter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from core.domain.errors import HttpStatusError, NetworkError, WinchError
from core.domain.hooks import HookCall, HookEvent, LowDisk, QueueRun
from core.domain.settings import NotifySettings
from core.domain.value import replace
from core.engine.downloads.notices import Notices
from core.engine.running import notifier, queue_runs
from core.engine.running.notifier import Notifier
from tests.core.engine.conftest import SETTINGS, Workspace, fetch
from tests.core.engine.running.test_hooks import idle, notices
from tests.faults.model import Request
from tests.faults.server import FaultServer

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "https://:hidden@ntfy.test/hidden"
LOW = HookCall(
    number=1,
    event=HookEvent.DISK_LOW,
    at=AT,
    disk=LowDisk(directory="/data", free=1, low_water=2),
)
ENDED = HookCall(number=1, event=HookEvent.QUEUE_DONE, at=AT, run=QueueRun(began_at=AT, done=1))


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_runs, "SETTLING", 0.02)
    monkeypatch.setattr(notifier, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr(notifier, "GATHERING", 0.0)


class Inbox:
    """The other end: it takes what comes, once its gate is open, or refuses with these errors."""

    def __init__(self, *errors: WinchError) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.titles: list[str] = []
        self._errors = list(errors)
        self.notices = Notices(lambda: None)
        self.notifier = Notifier(
            NotifySettings(url=URL),
            SimpleNamespace(notices=self.notices),  # type: ignore[arg-type]
            post=self._take,
            host="box",
            changed=lambda: None,
        )

    async def _take(self, url: str, fields: Mapping[str, str], body: bytes, timeout: float) -> None:
        assert (url, timeout, bool(body)) == (URL, notifier.TIMEOUT, True)
        await self.gate.wait()
        if self._errors:
            raise self._errors.pop(0)
        self.titles.append(fields["Title"])

    @property
    def told(self) -> list[str]:
        return [title.removeprefix("winch on box: ") for title in self.titles]

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_an_engine_tells_ntfy_what_it_is_to_tell(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    async def take(_: Request, writer: StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    address = fault_server.script("topic", take)
    engine = await workspace.engine(replace(SETTINGS, notify=NotifySettings(url=address)))
    await fetch(engine, workspace.request(fault_server.url_of("gone")))
    await idle(engine)
    told = [request.headers["title"] for request in fault_server.requests_to("topic")]
    assert [title.partition(": ")[2] for title in told] == [
        "a download has failed",
        "all downloads have ended",
    ]
    assert await notices(engine) == ()


async def test_what_may_pass_is_tried_again_and_then_told_without_the_address() -> None:
    inbox = Inbox(*[NetworkError("cannot connect to ntfy.test")] * 3)
    inbox.notifier.add(LOW, None)
    await inbox.until(lambda: not inbox.notifier.is_busy)
    assert (len(inbox.titles), list(inbox.notices)) == (1, [])

    inbox = Inbox(*[NetworkError("cannot connect to ntfy.test")] * 4)
    inbox.notifier.add(LOW, None)
    await inbox.until(lambda: not inbox.notifier.is_busy)
    told = ["A notice to ntfy.test could not be sent: cannot connect to ntfy.test"]
    assert (inbox.titles, list(inbox.notices)) == ([], told)

    # Until one gets through.
    inbox.notifier.add(LOW, None)
    await inbox.until(lambda: not inbox.notifier.is_busy)
    assert (len(inbox.titles), list(inbox.notices)) == (1, [])


async def test_a_refusal_is_not_tried_again() -> None:
    inbox = Inbox(HttpStatusError("ntfy.test answered with 403", status=403))
    inbox.notifier.add(LOW, None)
    await inbox.until(lambda: not inbox.notifier.is_busy)
    assert inbox.titles == []
    assert len(list(inbox.notices)) == 1


async def test_what_comes_meanwhile_is_told_together_and_other_events_do_not_wait() -> None:
    inbox = Inbox()
    inbox.gate.clear()
    inbox.notifier.add(LOW, None)
    await asyncio.sleep(0)
    for _ in range(10_000):
        inbox.notifier.add(LOW, None)
    inbox.notifier.add(ENDED, None)
    inbox.gate.set()
    await inbox.until(lambda: not inbox.notifier.is_busy)
    assert sorted(inbox.told) == [
        "10,000 disks are nearly full",
        "a disk is nearly full",
        "all downloads have ended",
    ]


async def test_what_is_still_gathered_or_on_its_way_goes_out_before_the_end_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notifier, "GATHERING", 3600.0)
    inbox = Inbox()
    inbox.notifier.add(LOW, None)
    await inbox.until(lambda: not inbox.notifier.is_busy)
    inbox.notifier.add(LOW, None)
    inbox.notifier.add(ENDED, None)
    first, last = ["a disk is nearly full"], "all downloads have ended"
    await inbox.until(lambda: last in inbox.told)
    assert inbox.told == [*first, *first, last]
    await inbox.notifier.close()

    inbox = Inbox(NetworkError("cannot connect to ntfy.test"))
    inbox.gate.clear()
    inbox.notifier.add(LOW, None)
    await asyncio.sleep(0)
    inbox.notifier.add(ENDED, None)
    await asyncio.sleep(0)
    inbox.gate.set()
    await inbox.until(lambda: last in inbox.told)
    assert inbox.told == [*first, last]
    await inbox.notifier.close()


async def test_only_what_is_wanted_is_told_and_nothing_without_an_address() -> None:
    inbox = Inbox()
    inbox.notifier.configure(NotifySettings(url=URL, events=()))
    inbox.notifier.add(LOW, None)
    inbox.notifier.configure(NotifySettings())
    inbox.notifier.add(LOW, None)
    assert not inbox.notifier.is_busy
    await inbox.notifier.close()
    assert inbox.titles == []


async def test_at_the_end_what_waits_is_sent_at_once_and_one_that_hangs_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notifier, "GATHERING", 3600.0)
    inbox = Inbox()
    inbox.notifier.add(LOW, None)
    await inbox.until(lambda: len(inbox.titles) == 1)
    inbox.notifier.add(LOW, None)
    await inbox.notifier.close()
    assert len(inbox.titles) == 2

    monkeypatch.setattr(notifier, "STOPPING", 0.01)
    inbox = Inbox()
    inbox.gate.clear()
    inbox.notifier.add(LOW, None)
    await inbox.notifier.close()
    assert inbox.titles == []
