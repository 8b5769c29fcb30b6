"""What a download keeps that is stopped in good order: all that had come."""

from __future__ import annotations

import pytest

from core.domain.models import Status
from core.domain.value import replace
from core.policy.transfer.ranges import OVERLAP_BEFORE
from tests.core.engine.conftest import Workspace, settled, until
from tests.faults.model import Request, content
from tests.faults.server import FaultServer

DATA = content(8_000_000)
RATE = 1_000_000


def _first(request: Request) -> int:
    return int((request.range or "bytes=0-").removeprefix("bytes=").split("-")[0])


@pytest.mark.parametrize(("connections", "how"), [(1, "paused"), (4, "paused"), (4, "closed")])
async def test_only_what_proves_the_seam_is_fetched_again(
    workspace: Workspace, fault_server: FaultServer, connections: int, how: str
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, rate=RATE)
    (download,) = await engine.add([replace(workspace.request(url), connections=connections)])
    begun = connections * RATE // 4
    await until(engine, download, lambda view: view.progress.bytes_downloaded >= begun)
    asked = fault_server.requests_to("a")
    assert len(asked) == connections
    served = fault_server.bytes_served("a")
    await fault_server.until(lambda: fault_server.bytes_served("a") > served)
    sent = {_first(request): request.body_bytes for request in asked}
    fault_server.change("a", rate=None)
    if how == "paused":
        await engine.pause([download.id])
        await engine.resume([download.id])
    else:
        await engine.close()
        engine = await workspace.engine()
    assert (await settled(engine, download)).status is Status.COMPLETED
    assert workspace.content("a") == DATA
    again = [_first(request) for request in fault_server.requests_to("a")[connections:]]
    for first, count in sent.items():
        went_on = min(other for other in again if first < other)
        assert first + count - went_on <= OVERLAP_BEFORE
