"""Done downloads leave the list after a while where that is wanted; files and history stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.events import Removed
from core.domain.history import HistoryQuery
from core.domain.models import Status
from core.domain.settings import DownloadSettings
from core.domain.value import replace
from core.engine.service import Engine
from core.policy.retention import is_forgettable
from tests.core.engine.conftest import SETTINGS, Workspace, fetch
from tests.faults.model import content
from tests.faults.server import FaultServer
from tests.hourglass import Hourglass
from tests.tui.cli.samples import START, completed, download

DATA = content(1000)
MONTH = replace(SETTINGS, downloads=DownloadSettings(forget_done="30d"))


async def looked(engine: Engine) -> list[str]:
    """Have the list looked at, and return the names that are left in it."""
    await engine.reload()
    async with engine.subscribe() as events:
        # The look flushes the history and the list; an answer that needs both comes after it.
        await anext(events)
        await engine.history(HistoryQuery())
        for _ in range(20):
            await engine.hold(True)
            await engine.hold(False)
    return [view.download.name for view in await engine.downloads()]


async def test_what_was_done_long_ago_leaves_the_list_and_nothing_else(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    clock = Hourglass(datetime.now(UTC))
    engine = await workspace.engine(MONTH, clock=clock)
    old = await fetch(engine, workspace.request(fault_server.file("old", DATA)))
    clock.jump(timedelta(days=20))
    await fetch(engine, workspace.request(fault_server.file("new", DATA)))
    await engine.add([replace(workspace.request("http://127.0.0.1:1/x"), paused=True)])
    assert await looked(engine) == ["old", "new", "x"]
    clock.jump(timedelta(days=10, seconds=1))
    async with engine.subscribe() as events:
        await engine.reload()
        async for event in events:
            if isinstance(event, Removed):
                break
        assert event.ids == (old.id,)
    assert [view.download.name for view in await engine.downloads()] == ["new", "x"]
    assert workspace.names() == ["new", "old"]
    names = [entry.name for entry in (await engine.history(HistoryQuery())).entries]
    assert sorted(names) == ["new", "old"]
    await engine.close()
    engine = await workspace.engine(clock=clock)
    assert [view.download.name for view in await engine.downloads()] == ["new", "x"]


async def test_a_start_looks_too(workspace: Workspace, fault_server: FaultServer) -> None:
    engine = await workspace.engine()
    await fetch(engine, workspace.request(fault_server.file("old", DATA)))
    await engine.close()
    clock = Hourglass(datetime.now(UTC) + timedelta(days=31))
    engine = await workspace.engine(clock=clock)
    assert await looked(engine) == ["old"]
    await engine.close()
    engine = await workspace.engine(MONTH, clock=clock)
    assert await looked(engine) == []


async def test_what_somebody_brought_back_stays(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    clock = Hourglass(datetime.now(UTC))
    engine = await workspace.engine(MONTH, clock=clock)
    done = await fetch(engine, workspace.request(fault_server.file("old", DATA)))
    await engine.remove([done.id])
    clock.jump(timedelta(days=31))
    await engine.restore([done.id])
    assert await looked(engine) == ["old"]


@pytest.mark.parametrize(
    ("changes", "seconds", "expected"),
    [
        ({}, 2 + 60, True),
        ({}, 2 + 59, False),
        ({"error": ErrorInfo(code=ErrorCode.CHECKSUM, message="damaged")}, 10_000, False),
        ({"completed_at": None}, 10_000, False),
    ],
)
def test_only_what_is_done_and_well_is_forgotten(
    changes: dict[str, object], seconds: float, expected: bool
) -> None:
    now = START + timedelta(seconds=seconds)
    assert is_forgettable(completed(**changes), 60, now) is expected
    assert not is_forgettable(download(status=Status.FAILED), 60, now)
