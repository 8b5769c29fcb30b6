"""Settings that are read again hold for what runs and waits already."""

from __future__ import annotations

from core.domain.models import Status, WaitReason
from core.domain.settings import DiskSettings, LimitSettings, RetrySettings, ScheduleEntry, Settings
from core.domain.value import replace
from core.engine.service import Engine
from tests.core.engine.conftest import SETTINGS, Workspace, fetch, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer

DATA = content(100_000)


async def reload(engine: Engine, **sections: object) -> None:
    """Let the engine find other sections where its settings are."""
    settings = replace(SETTINGS, **sections)  # type: ignore[arg-type]
    engine.read_settings = lambda: settings
    assert await engine.reload() == []


async def test_what_fails_is_tried_as_often_as_is_set_now(workspace: Workspace) -> None:
    engine = await workspace.engine(replace(SETTINGS, retry=RetrySettings(attempts=0)))
    request = workspace.request("http://127.0.0.1:9/none")
    assert (await fetch(engine, request)).retry_count == 0
    await reload(engine, retry=RetrySettings(attempts=2, base=0.0, cap=0.0))
    (download,) = await engine.add([request])
    assert (await settled(engine, download)).retry_count == 2


async def test_room_on_the_disk_is_judged_by_the_marks_of_now(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    await reload(engine, disk=DiskSettings(low_water="900000G"))
    (download,) = await engine.add([workspace.request(fault_server.file("a", DATA))])
    await until(engine, download, lambda view: view.download.wait_reason is WaitReason.DISK_LOW)
    await reload(engine, disk=DiskSettings(low_water="0"))
    assert (await settled(engine, download)).status is Status.COMPLETED


async def test_a_timetable_comes_and_goes(workspace: Workspace) -> None:
    engine = await workspace.engine()
    always = ScheduleEntry(start="00:00", end="00:00", rate="1M")
    await reload(engine, limits=LimitSettings(schedule=(always,)))
    assert engine._limits.in_force.rate == 1024**2
    await reload(engine, limits=LimitSettings())
    assert engine._limits.in_force.rate is None


async def test_the_settings_that_hold_are_those_that_were_read(workspace: Workspace) -> None:
    engine = await workspace.engine()
    await reload(engine, limits=LimitSettings(active=9))
    assert isinstance(engine.settings, Settings)
    assert engine.settings.limits.active == 9
