"""Several connections for one file: they help, they fail, they lie, and the file is right."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from core.adapters.state.resume_data import ResumeStore
from core.domain.models import Download, DownloadRecord, DownloadView, Segment, Status
from core.domain.settings import LimitSettings
from core.domain.value import replace
from core.engine.service import Engine
from tests.core.engine.conftest import SETTINGS, Workspace, fetch, settled, until
from tests.faults.model import File, Request, content
from tests.faults.server import FaultServer

SIZE = 4_000_000
DATA = content(SIZE)
OTHER = content(SIZE, seed=1)
MANY = replace(SETTINGS, limits=LimitSettings(min_split="64k"))
# Slow enough that connections are worth opening, fast enough for a test.
STEADY = File(content=DATA, rate=3_000_000)


def notes(download: Download) -> str:
    return "\n".join(entry.text for entry in download.timeline)


async def test_connections_join_and_share_the_file(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    done = await fetch(engine, workspace.request(fault_server.file("a", DATA, rate=3_000_000)))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert fault_server.connections >= 4
    assert fault_server.bytes_served("a") < 1.4 * SIZE
    figures = await engine.figures()
    assert figures.fetched_twice["seam"] > 0
    assert figures.received == SIZE + sum(figures.fetched_twice.values())


async def test_one_connection_is_enough_for_a_server_without_ranges(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    url = fault_server.file("a", DATA, ranges=False, rate=6_000_000)
    assert (await fetch(engine, workspace.request(url))).status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert len(fault_server.requests) == 1


async def test_the_limit_of_connections_holds(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    url = fault_server.file("a", DATA, rate=1_000_000)
    (download,) = await engine.add([replace(workspace.request(url), connections=3)])
    seen = set()

    def ended(view: DownloadView) -> bool:
        seen.add(view.progress.connections)
        return view.download.status.is_settled

    await until(engine, download, ended)
    assert max(seen) == 3


async def test_downloads_from_one_host_share_its_connections(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    urls = [fault_server.file(f"f{n}", DATA, hold_after=100_000) for n in range(4)]
    downloads = await engine.add([workspace.request(url) for url in urls])
    for n in range(4):
        await fault_server.held(f"f{n}")
    assert fault_server.open_connections <= 8
    for n in range(4):
        fault_server.release(f"f{n}")
    for download in downloads:
        assert (await settled(engine, download)).status is Status.COMPLETED


async def test_nobody_waits_for_a_connection_that_sends_nothing(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    async def second_is_mute(request: Request, writer: asyncio.StreamWriter) -> bool:
        if request.number == 2:
            await asyncio.Event().wait()
        return await fault_server.answer(request, writer, STEADY)

    engine = await workspace.engine(MANY)
    done = await fetch(engine, workspace.request(fault_server.script("a", second_is_mute)))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA


async def test_a_connection_that_breaks_costs_nothing_but_itself(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    async def second_breaks(request: Request, writer: asyncio.StreamWriter) -> bool:
        spoiled = dataclasses.replace(STEADY, fail_after=50_000 if request.number == 2 else None)
        return await fault_server.answer(request, writer, spoiled)

    engine = await workspace.engine(MANY)
    done = await fetch(engine, workspace.request(fault_server.script("a", second_breaks)))
    assert done.status is Status.COMPLETED
    assert done.retry_count == 0
    assert workspace.content("a") == DATA
    figures = await engine.figures()
    assert figures.fetched_twice["resume"] > 0
    assert figures.received == SIZE + sum(figures.fetched_twice.values())


@pytest.mark.parametrize("status", [429, 503])
async def test_a_server_that_refuses_more_connections_gets_fewer(
    workspace: Workspace, fault_server: FaultServer, status: int
) -> None:
    answering = 0

    async def two_at_once(request: Request, writer: asyncio.StreamWriter) -> bool:
        nonlocal answering
        answering += 1
        try:
            statuses = [status] if answering > 2 else []
            file = dataclasses.replace(STEADY, statuses=lambda _: (statuses or [200])[0])
            return await fault_server.answer(request, writer, file)
        finally:
            answering -= 1

    engine = await workspace.engine(MANY)
    done = await fetch(engine, workspace.request(fault_server.script("a", two_at_once)))
    assert done.status is Status.COMPLETED
    assert (done.retry_count, done.error) == (0, None)
    assert workspace.content("a") == DATA


async def test_connections_that_land_on_another_version_are_given_up(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    async def others_differ(request: Request, writer: asyncio.StreamWriter) -> bool:
        other = dataclasses.replace(STEADY, content=OTHER, etag='"other"')
        return await fault_server.answer(request, writer, STEADY if request.number == 1 else other)

    engine = await workspace.engine(MANY)
    done = await fetch(engine, workspace.request(fault_server.script("a", others_differ)))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert "one connection only" in notes(done)


async def test_ranges_with_the_wrong_bytes_are_found_where_two_connections_meet(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    async def always_from_zero(request: Request, writer: asyncio.StreamWriter) -> bool:
        start = int((request.range or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        lie = DATA[start:] if start == 0 else DATA[:start] + DATA[: SIZE - start]
        return await fault_server.answer(
            request, writer, dataclasses.replace(STEADY, content=lie.ljust(SIZE, b"x")[:SIZE])
        )

    engine = await workspace.engine(MANY)
    done = await fetch(engine, workspace.request(fault_server.script("a", always_from_zero)))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert "do not fit together" in notes(done)


async def test_a_stretch_that_was_taken_over_is_compared_with_what_lies_before_it(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    # The first connection is slow and of one version, what takes over its rest of another: the
    # slow one never gets to compare where they meet, because it is given up there.
    async def two_versions(request: Request, writer: asyncio.StreamWriter) -> bool:
        start = int((request.range or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        if start == 0:
            slow = File(content=DATA[: 1 << 20], rate=600_000, fail_after=1 << 19)
            return await fault_server.answer(request, writer, slow)
        return await fault_server.answer(request, writer, File(content=OTHER[: 1 << 20]))

    limits = LimitSettings(connections=2, min_split="512k")
    engine = await workspace.engine(replace(SETTINGS, limits=limits))
    done = await fetch(engine, workspace.request(fault_server.script("a", two_versions)))
    assert done.status is Status.FAILED
    assert workspace.names() == ["a.part"]


async def test_what_was_not_compared_before_a_pause_is_compared_after_it(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    versions = {"first": DATA, "others": OTHER}

    async def two_versions(request: Request, writer: asyncio.StreamWriter) -> bool:
        start = int((request.range or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        content_ = versions["others" if start else "first"][: 1 << 20]
        rate = 300_000 if start == 0 else None
        return await fault_server.answer(request, writer, File(content=content_, rate=rate))

    limits = LimitSettings(connections=2, min_split="512k")
    engine = await workspace.engine(replace(SETTINGS, limits=limits))
    url = fault_server.script("a", two_versions)
    (download,) = await engine.add([workspace.request(url)])
    await until(engine, download, lambda view: view.progress.bytes_downloaded > (1 << 19))
    await engine.pause([download.id])
    versions["others"] = DATA
    await engine.resume([download.id])
    done = await settled(engine, download)
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA[: 1 << 20]


async def test_a_file_interrupted_on_many_connections_is_resumed_without_its_parts(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    url = fault_server.file("a", DATA, rate=300_000)
    (download,) = await engine.add([workspace.request(url)])
    await until(engine, download, lambda view: view.progress.bytes_downloaded > SIZE / 3)
    await engine.close()
    record = next((workspace.state / "resume_data").iterdir()).read_text()
    assert record.count('"start"') >= 2
    fault_server.change("a", rate=None)
    again = await workspace.engine(MANY)
    done = await settled(again, download)
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA


async def test_mirrors_are_used_together(workspace: Workspace, fault_server: FaultServer) -> None:
    async with FaultServer() as mirror:
        url = fault_server.file("a", DATA, rate=2_000_000)
        request = replace(workspace.request(url), mirrors=(mirror.file("b", DATA, rate=2_000_000),))
        engine = await workspace.engine(MANY)
        done = await fetch(engine, request)
        assert done.status is Status.COMPLETED
        assert workspace.content("a") == DATA
        assert mirror.bytes_served("b") > SIZE / 8
        assert fault_server.bytes_served("a") > SIZE / 8


@pytest.mark.parametrize(("etag", "verdict"), [('"v1"', None), (None, "unverified: it came from")])
async def test_what_only_its_overlaps_hold_together_is_called_unverified(
    workspace: Workspace, fault_server: FaultServer, etag: str | None, verdict: str | None
) -> None:
    async with FaultServer() as mirror:
        url = fault_server.file("a", DATA, rate=2_000_000, etag=etag)
        request = replace(
            workspace.request(url), mirrors=(mirror.file("b", DATA, rate=2_000_000, etag=etag),)
        )
        done = await fetch(await workspace.engine(MANY), request)
        assert workspace.content("a") == DATA
        assert mirror.bytes_served("b")
        assert (done.resume_verdict or "").startswith(verdict or "")
        assert (done.resume_verdict is None) is (verdict is None)


@pytest.mark.parametrize("wrong", [DATA[:-1], OTHER])
async def test_a_mirror_that_disagrees_is_dropped_with_the_reason(
    workspace: Workspace, fault_server: FaultServer, wrong: bytes
) -> None:
    async with FaultServer() as mirror:
        etag = '"v1"' if len(wrong) < SIZE else '"other"'
        url = fault_server.file("a", DATA, rate=2_000_000)
        request = replace(workspace.request(url), mirrors=(mirror.file("b", wrong, etag=etag),))
        engine = await workspace.engine(MANY)
        done = await fetch(engine, request)
        assert done.status is Status.COMPLETED
        assert workspace.content("a") == DATA
        assert "is not used any more" in notes(done)


async def test_a_mirror_takes_over_when_the_first_address_fails_under_way(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    async with FaultServer() as mirror:
        url = fault_server.file("a", DATA, rate=2_000_000)
        request = replace(workspace.request(url), mirrors=(mirror.file("b", DATA, rate=2_000_000),))
        engine = await workspace.engine(MANY)
        (download,) = await engine.add([request])
        await mirror.wait_for_request(1)
        await until(engine, download, lambda view: view.progress.bytes_downloaded > SIZE / 4)
        await fault_server.stop()
        done = await settled(engine, download)
        assert done.status is Status.COMPLETED
        assert workspace.content("a") == DATA


async def test_a_mirror_stands_in_where_the_first_address_has_nothing(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    request = replace(
        workspace.request(fault_server.url_of("gone")), mirrors=(fault_server.file("b", DATA),)
    )
    engine = await workspace.engine(MANY)
    done = await fetch(engine, request)
    assert done.status is Status.COMPLETED
    assert done.name == "gone"
    assert workspace.content("gone") == DATA


async def test_a_hole_at_the_start_is_filled_without_losing_what_lies_behind(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    url = fault_server.file("a", DATA, fail_after=SIZE // 2)
    request = replace(workspace.request(url), connections=1)
    (download,) = await engine.add([request])
    await until(engine, download, lambda view: view.progress.bytes_downloaded == SIZE // 2)
    await engine.pause([download.id])
    await engine.close()
    store = ResumeStore(workspace.state / "resume_data")
    record = await store.load(download.id)
    assert record is not None
    await store.save(replace(record, done=(Segment(SIZE // 4, SIZE // 2),)))
    with (workspace.files / "a.part").open("r+b") as file:
        file.write(b"?" * (SIZE // 4))
    fault_server.change("a", fail_after=None)
    before = fault_server.bytes_served("a")
    engine = await workspace.engine(MANY)
    await engine.resume([download.id])
    assert (await settled(engine, download)).status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert fault_server.bytes_served("a") - before < 0.85 * SIZE


async def beside_one_that_is_served(
    workspace: Workspace, fault_server: FaultServer
) -> tuple[Engine, DownloadRecord]:
    """Return an engine with a download that its host serves, until it is released."""
    engine = await workspace.engine(MANY)
    held = fault_server.file("held", DATA, ranges=False, hold_after=100_000)
    (first,) = await engine.add([workspace.request(held)])
    await fault_server.held("held")
    await until(engine, first, lambda view: view.progress.connections == 1)
    return engine, first


async def test_who_is_refused_while_others_are_served_waits_for_its_host_and_uses_no_retry(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine, first = await beside_one_that_is_served(workspace, fault_server)
    url = fault_server.file("b", DATA, statuses=[429])
    (second,) = await engine.add([replace(workspace.request(url), retries=0)])
    done = await settled(engine, second)
    assert (done.status, done.retry_count) == (Status.COMPLETED, 0)
    fault_server.release("held")
    assert (await settled(engine, first)).status is Status.COMPLETED


async def test_a_file_that_is_always_refused_fails_though_its_host_serves_others(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine, first = await beside_one_that_is_served(workspace, fault_server)
    url = fault_server.file("b", DATA, statuses=[503] * 20)
    (second,) = await engine.add([replace(workspace.request(url), retries=0)])
    done = await settled(engine, second)
    assert (done.status, len(fault_server.requests_to("b"))) == (Status.FAILED, 4)
    fault_server.release("held")
    assert (await settled(engine, first)).status is Status.COMPLETED
