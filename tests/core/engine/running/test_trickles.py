"""Servers that send a byte now and then hold no place that others wait for."""

from __future__ import annotations

import pytest

from core.domain.models import Status
from core.domain.settings import LimitSettings
from core.domain.value import replace
from core.engine.running import trickles
from core.policy.queue import trickle
from tests.core.engine.conftest import SETTINGS, Workspace, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer

DATA = content(300_000)
TWO = replace(SETTINGS, limits=LimitSettings(active=2, connections=1))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (trickle, trickles):
        monkeypatch.setattr(module, "MEASURED_SECONDS", 0.5)


@pytest.mark.parametrize("ranges", [True, False])
async def test_those_that_wait_pass_by_what_trickles(
    workspace: Workspace, fault_server: FaultServer, ranges: bool
) -> None:
    engine = await workspace.engine(TWO)
    slow = [fault_server.file(n, DATA, rate=20, ranges=ranges) for n in ("s1", "s2")]
    fast = [fault_server.file(n, DATA) for n in ("f1", "f2", "f3")]
    downloads = await engine.add([workspace.request(url) for url in (*slow, *fast)])
    for download in downloads[2:]:
        assert (await settled(engine, download)).status is Status.COMPLETED
        assert workspace.content(download.name) == DATA
    told = [e.text for d in downloads[:2] for e in (await engine.find(d.id)).download.timeline]
    assert any("behind the others: its server sends next to nothing" in text for text in told)
    for name in ("s1", "s2"):
        fault_server.change(name, rate=None)
    # The second may be done before the first has been seen to go on.
    again = (Status.ACTIVE, Status.COMPLETED)
    for download in downloads[:2]:
        await until(engine, download, lambda v: v.download.status in again)


async def test_what_trickles_goes_on_where_it_is_all_there_is(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(TWO)
    urls = [fault_server.file(name, DATA, rate=20) for name in ("s1", "s2")]
    downloads = await engine.add([workspace.request(url) for url in urls])
    for download in downloads:
        await until(engine, download, lambda view: view.progress.bytes_downloaded >= 40)
    assert len(fault_server.requests) == 2
