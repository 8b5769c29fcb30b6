"""What the engine measures of itself, with downloads that ran."""

from __future__ import annotations

from core.domain.errors import ErrorCode
from core.domain.models import Checksum, Status
from core.domain.value import replace
from core.engine.running.figures import FigureKeeper
from tests.core.engine.conftest import Workspace, fetch, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer

SIZE = 3_000_000
HALF = SIZE // 2
DATA = content(SIZE)


async def test_what_came_counts_and_how_it_ended(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    urls = [fault_server.file("whole", DATA), fault_server.file("small", b"x" * 1000)]
    missing = fault_server.file("none", b"").replace("none", "nowhere")
    for url in (*urls, missing):
        await fetch(engine, workspace.request(url))
    figures = await engine.figures()
    twice = sum(figures.fetched_twice.values())
    assert figures.received == SIZE + 1000 + twice
    assert (figures.ended["completed"], figures.ended["failed"]) == (2, 1)
    assert dict(figures.failures) == {ErrorCode.NOT_FOUND.value: 1}
    assert figures.syncs.count > 0 < figures.syncs.longest
    assert figures.state_writes["journal"] > 0 < figures.state_writes["resume_data"]
    assert figures.costs == ()


async def test_what_comes_again_to_be_compared_is_told_by_its_reason(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, hold_after=HALF)
    (download,) = await engine.add([replace(workspace.request(url), connections=1)])
    await until(engine, download, lambda view: view.progress.bytes_downloaded >= HALF // 2)
    (cost,) = (await engine.figures()).costs
    assert (cost.id, cost.connections) == (download.id, 1)
    assert 0 < cost.received <= HALF
    assert cost.threads > 0 <= cost.loop
    (disk,) = (await engine.figures()).disks
    assert str(workspace.files).startswith(disk.path)
    assert 0 < disk.free <= disk.size
    await engine.pause([download.id])
    fault_server.release("a")
    await engine.resume([download.id])
    await settled(engine, download)
    figures = await engine.figures()
    assert figures.fetched_twice["resume"] == 64 * 1024
    assert figures.received == SIZE + 64 * 1024


async def test_a_file_with_a_wrong_digest_came_in_vain(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA)
    wrong = Checksum(algorithm="sha256", hexdigest="0" * 64)
    done = await fetch(engine, workspace.request(url, checksum=wrong))
    assert done.status is Status.FAILED
    figures = await engine.figures()
    assert figures.fetched_twice["damaged"] == SIZE
    assert dict(figures.failures) == {ErrorCode.CHECKSUM.value: 1}


async def test_the_loop_is_shared_out_by_bytes_and_never_more_than_it_took(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    one, two = await engine.add(
        [
            workspace.request(fault_server.file(name, DATA, hold_after=after))
            for name, after in (("much", HALF), ("little", HALF // 4))
        ]
    )
    for download, enough in ((one, HALF // 2), (two, HALF // 8)):
        await until(engine, download, lambda view, n=enough: view.progress.bytes_downloaded >= n)
    keeper: FigureKeeper = engine.figure_keeper
    figures = await keeper.figures()
    loop = {cost.id: cost.loop for cost in figures.costs}
    received = {cost.id: cost.received for cost in figures.costs}
    assert sum(loop.values()) <= figures.process.loop_cpu
    assert abs(loop[one.id] * received[two.id] - loop[two.id] * received[one.id]) < 1e-3 * SIZE
