"""How far all downloads together are: the sums that are kept up with every change are the sums that
counting everything gives.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.models import Download, Progress, Status, WaitReason
from core.domain.value import replace
from core.engine.downloads.totals import EtaInputs, InProgress, ListTotals
from core.policy.queue.overall_eta import RecentDownloads
from tests.core.engine.conftest import Workspace, fetch, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer
from tests.tui.cli.samples import download

SIZE = 2_000_000
HALF = 1_000_000
DATA = content(SIZE)

_downloads = st.builds(
    lambda status, total, reason: download(status=status, total_bytes=total, wait_reason=reason),
    st.sampled_from(Status),
    st.none() | st.integers(0, 1000),
    st.none() | st.sampled_from(WaitReason),
)
_entries = st.lists(st.tuples(_downloads, st.integers(0, 1200)), max_size=12)


def still(sums: ListTotals) -> tuple[int, ...]:
    totals = sums.totals()
    assert totals.rate == 0
    assert totals.eta is None
    return (
        totals.files, totals.files_done, totals.bytes_done, totals.bytes_total, totals.unsized
    )  # fmt: skip


def counted(entries: list[tuple[Download, int]]) -> tuple[int, ...]:
    wanted = [(d, done) for d, done in entries if d.status is not Status.CANCELLED]
    sized = [(d, done, d.total_bytes) for d, done in wanted if d.total_bytes is not None]
    return (
        len(wanted),
        sum(d.status is Status.COMPLETED for d, _ in wanted),
        sum(t if d.status is Status.COMPLETED else min(done, t) for d, done, t in sized),
        sum(total for _, _, total in sized),
        len(wanted) - len(sized),
    )


@given(_entries, st.data())
def test_the_sums_are_those_of_what_is_there(
    entries: list[tuple[Download, int]], data: st.DataObject
) -> None:
    sums = ListTotals()
    for item, done in entries:
        sums.count(item, done, 1)
    assert still(sums) == counted(entries)
    kept = [pair for pair in entries if data.draw(st.booleans())]
    for item, done in entries:
        if not any(item is other for other, _ in kept):
            sums.count(item, done, -1)
    assert still(sums) == counted(kept)
    pending = [item for item, _ in kept if item.status is Status.PENDING]
    reasons = Counter((item.wait_reason or WaitReason.QUEUED).value for item in pending)
    assert sums.waiting() == reasons
    for item, done in kept:
        sums.count(item, done, -1)
    assert sums.waiting() == {}
    assert still(sums) == (0, 0, 0, 0, 0)


def moving(item: Download, settled: int, now: int, eta: float | None) -> InProgress:
    return InProgress(item, settled, Progress(bytes_downloaded=now, rate=100.0, eta=eta))


def eta_inputs(slots: int = 1, *, limit: float | None = None, rate: float = 0.0) -> EtaInputs:
    return EtaInputs(RecentDownloads(), slots, limit, rate=lambda _: rate, waiting=lambda _: 0)


def listed(sums: ListTotals) -> Download:
    """Put some of everything into the sums, and return the one that runs."""
    running = download(status=Status.ACTIVE, total_bytes=1000)
    for item, done in (
        (running, 100),
        (download(status=Status.PENDING, total_bytes=500), 200),
        (download(status=Status.PENDING, total_bytes=500, wait_reason=WaitReason.NOT_ADMITTED), 0),
        (download(status=Status.PAUSED, total_bytes=9000), 10),
        (download(status=Status.FAILED, total_bytes=9000), 20),
        (download(status=Status.COMPLETED, total_bytes=9000), 9000),
        (download(status=Status.CANCELLED, total_bytes=9000), 0),
    ):
        sums.count(item, done, 1)
    return running


def test_the_time_left_is_for_all_that_goes_on_by_itself() -> None:
    sums = ListTotals()
    running = moving(listed(sums), 100, 400, 6.0)
    totals = sums.totals([running], inputs=eta_inputs(), now=10.0)
    # One place, at 100 bytes a second: 600 of the one and 300 of the other.
    assert totals.eta == pytest.approx(9.0)
    assert sums.eta([running], eta_inputs(2), 10.0) == pytest.approx(6.0)
    assert totals.rate == 100.0
    assert (totals.bytes_done, totals.bytes_total) == (400 + 200 + 30 + 9000, 29_000)
    assert (totals.files, totals.files_done, totals.unsized) == (6, 1, 0)


def test_a_limit_for_all_is_shared_by_what_is_left() -> None:
    sums = ListTotals()
    running = moving(listed(sums), 100, 400, 6.0)
    held_up = eta_inputs(2, limit=100.0, rate=99.0)
    assert sums.eta([running], held_up, 10.0) == pytest.approx(900 / 100)


def test_what_nobody_knows_the_length_of_is_like_the_others() -> None:
    sums = ListTotals()
    running = moving(listed(sums), 100, 400, 6.0)
    before = sums.eta([running], eta_inputs(), 10.0)
    sums.count(download(status=Status.PENDING), 0, 1)
    after = sums.eta([running], eta_inputs(), 10.0)
    assert before is not None
    assert after is not None
    assert after > before


def test_a_place_is_not_free_for_what_waits_for_its_host() -> None:
    sums = ListTotals()
    running = moving(listed(sums), 100, 400, 6.0)
    waiting = download(status=Status.PENDING, total_bytes=300, wait_reason=WaitReason.HOST_LIMIT)
    sums.count(waiting, 0, 1)
    # The one behind the other, whatever places there are.
    assert sums.eta([running], eta_inputs(8), 10.0) == pytest.approx(6.0 + 3.0 + 3.0)


def test_all_is_not_done_sooner_than_the_slowest() -> None:
    sums = ListTotals()
    items = [download(id_, status=Status.ACTIVE, total_bytes=100) for id_ in ("a" * 8, "b" * 8)]
    for item in items:
        sums.count(item, 0, 1)
    running = [moving(items[0], 0, 90, 0.1), moving(items[1], 0, 0, 5000.0)]
    assert sums.totals(running, inputs=eta_inputs(2), now=10.0).eta == 5000.0


def test_nothing_is_promised_while_nothing_moves() -> None:
    sums = ListTotals()
    running = moving(listed(sums), 100, 400, None)
    assert sums.eta([running], eta_inputs(), 10.0) is None
    assert sums.totals().eta is None


def test_nothing_is_promised_while_no_length_is_known() -> None:
    sums = ListTotals()
    running = download(status=Status.ACTIVE)
    for item in (running, *(download(f"{i:08}", status=Status.PENDING) for i in range(22))):
        sums.count(item, 0, 1)
    recent = eta_inputs().recent
    recent.note("127.0.0.1", 10.0, count=400_000, downloading=4.0)
    known = replace(eta_inputs(), recent=recent)
    assert sums.eta([moving(running, 0, 300, None)], known, 10.0) is None


async def test_the_engine_tells_them(workspace: Workspace, fault_server: FaultServer) -> None:
    engine = await workspace.engine()
    await fetch(engine, workspace.request(fault_server.file("whole", DATA)))
    (running, _) = await engine.add(
        [
            workspace.request(fault_server.file("half", DATA, hold_after=HALF)),
            replace(workspace.request(fault_server.file("later", DATA)), paused=True),
        ]
    )
    view = await until(engine, running, lambda v: v.progress.bytes_downloaded > 0)
    totals = (await engine.status()).totals
    assert (totals.files, totals.files_done, totals.unsized) == (3, 1, 1)
    assert totals.bytes_total == 2 * SIZE
    assert SIZE + view.progress.bytes_downloaded <= totals.bytes_done < 2 * SIZE
    assert totals.rate > 0
    assert totals.eta is None or totals.eta > 0
    await engine.pause([running.id])
    paused = (await engine.find(running.id)).progress
    totals = (await engine.status()).totals
    assert totals.bytes_done == SIZE + paused.bytes_downloaded
    assert (totals.rate, totals.eta) == (0, None)
    await engine.close()
    engine = await workspace.engine()
    assert (await engine.status()).totals == totals
    fault_server.release("half")
    await engine.resume([running.id])
    await settled(engine, running)
    totals = (await engine.status()).totals
    assert (totals.files_done, totals.bytes_done, totals.bytes_total) == (2, 2 * SIZE, 2 * SIZE)
    await engine.remove(None)
    assert (await engine.status()).totals.files == 0


async def test_when_the_last_bytes_came_is_known_and_stays(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    request = workspace.request(fault_server.file("a", DATA, hold_after=HALF))
    (download_,) = await engine.add([request])
    view = await until(engine, download_, lambda v: v.progress.bytes_downloaded > 0)
    await fault_server.held("a")
    moved = view.progress.updated_at
    assert moved is not None
    assert moved >= view.download.created_at
    await engine.pause([download_.id])
    paused = (await engine.find(download_.id)).progress.updated_at
    assert paused is not None
    assert paused >= moved
    await engine.close()
    engine = await workspace.engine()
    kept = (await engine.find(download_.id)).progress.updated_at
    assert kept is not None
    assert kept >= moved
