"""Another URL for a download: its bytes are kept where they are proved, and secrets stay behind."""

from __future__ import annotations

import pytest

from core.adapters.state.resume_data import ResumeStore
from core.domain.errors import ErrorCode, UsageError
from core.domain.models import Download, Status
from core.domain.settings import LimitSettings
from core.domain.value import replace
from core.engine.service import Engine
from tests.core.engine.conftest import SETTINGS, Workspace, fetch, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer

SIZE = 3_000_000
DATA = content(SIZE)
OTHER = content(SIZE, seed=1)
HALF = 1_500_000
ONE = replace(SETTINGS, limits=LimitSettings(connections=1))
KEPT = "verified: same length, same bytes at the seam, from another address"


async def begun(
    engine: Engine, workspace: Workspace, server: FaultServer, **options: object
) -> Download:
    """Return a download that has about half of `old` and stands still."""
    url = server.file("old", DATA, hold_after=HALF, **options)
    (download,) = await engine.add([workspace.request(url, name="file")])
    await server.held("old")
    return (await until(engine, download, lambda v: v.progress.bytes_downloaded > 500_000)).download


async def failed(engine: Engine, workspace: Workspace, server: FaultServer) -> Download:
    """Return a download that has about half of `old`, which is gone by now."""
    download = await begun(engine, workspace, server)
    server.change("old", statuses=lambda _: 404)
    await server.drop_connections()
    return await settled(engine, download)


@pytest.mark.parametrize("etag", ['"another"', 'W/"weak"', None])
async def test_a_failed_one_goes_on_from_elsewhere_with_its_bytes(
    workspace: Workspace, fault_server: FaultServer, etag: str | None
) -> None:
    engine = await workspace.engine(ONE)
    download = await failed(engine, workspace, fault_server)
    assert download.error is not None
    assert download.error.code is ErrorCode.NOT_FOUND
    url = fault_server.file("new", DATA, etag=etag)
    (moved,) = (await engine.replace_url(download.id, url)).changed
    assert moved.status in (Status.PENDING, Status.ACTIVE)
    done = await settled(engine, moved)
    assert done.status is Status.COMPLETED
    assert workspace.content("file") == DATA
    assert fault_server.bytes_served("new") < SIZE - 500_000 + 100_000
    assert done.resume_verdict == KEPT
    assert f"its URL is another one now: {url}" in [entry.text for entry in done.timeline]


@pytest.mark.parametrize("data", [OTHER, DATA[:-1], DATA[:700_000] + OTHER[700_000:]])
async def test_bytes_of_another_file_are_never_mixed_in(
    workspace: Workspace, fault_server: FaultServer, data: bytes
) -> None:
    engine = await workspace.engine(ONE)
    download = await failed(engine, workspace, fault_server)
    await engine.replace_url(download.id, fault_server.file("new", data))
    done = await settled(engine, download)
    assert done.status is Status.COMPLETED
    assert workspace.content("file") == data
    assert done.resume_verdict is not None
    assert done.resume_verdict.startswith("restarted: ")


async def test_several_stretches_are_proved_wherever_they_meet(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    settings = replace(SETTINGS, limits=LimitSettings(min_split="64k"))
    engine = await workspace.engine(settings)
    url = fault_server.file("old", DATA, rate=200_000)
    (download,) = await engine.add([workspace.request(url, name="file")])
    await until(
        engine,
        download,
        lambda v: v.progress.connections > 3 and v.progress.bytes_downloaded > 400_000,
    )
    await engine.pause([download.id])
    record = await ResumeStore(workspace.state / "resume_data").load(download.id)
    assert record is not None
    assert len(record.done) > 1
    # What is here up to the first gap is the same, and all behind it is another file.
    border = record.done[0].end or 0
    mixed = DATA[:border] + OTHER[border:]
    await engine.replace_url(download.id, fault_server.file("new", mixed, etag='"other"'))
    await engine.resume([download.id])
    done = await settled(engine, download)
    assert done.status is Status.COMPLETED
    assert workspace.content("file") == mixed


async def test_from_then_on_the_new_server_says_which_version_it_is(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(ONE)
    download = await failed(engine, workspace, fault_server)
    url = fault_server.file("new", DATA, etag='"v7"', rate=1_000_000)
    await engine.replace_url(download.id, url)
    await until(engine, download, lambda view: view.progress.bytes_downloaded > HALF + 100_000)
    await engine.pause([download.id])
    await engine.resume([download.id])
    assert (await settled(engine, download)).status is Status.COMPLETED
    first, second = fault_server.requests_to("new")
    assert "if-range" not in first.headers
    assert second.headers["if-range"] == '"v7"'


async def test_what_runs_is_restarted_and_what_is_paused_stays_so(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(ONE)
    running = await begun(engine, workspace, fault_server)
    await engine.replace_url(running.id, fault_server.file("new", DATA, etag='"n"'))
    done = await settled(engine, running)
    assert (done.status, done.resume_verdict) == (Status.COMPLETED, KEPT)
    request = workspace.request(fault_server.url_of("nowhere"))
    (paused,) = await engine.add([replace(request, paused=True)])
    (moved,) = (await engine.replace_url(paused.id, fault_server.url_of("new"))).changed
    assert (moved.status, moved.name) == (Status.PAUSED, "new")


async def test_a_kill_right_after_leaves_no_word_of_the_old_version(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(ONE)
    download = await begun(engine, workspace, fault_server)
    await engine.pause([download.id])
    await engine.replace_url(download.id, fault_server.file("new", DATA, etag='"n"'))
    record = await ResumeStore(workspace.state / "resume_data").load(download.id)
    assert record is not None
    assert record.resource.validator.etag is None
    assert (record.resource.total, record.bytes_done > 0) == (SIZE, True)
    await engine.close()
    second = await workspace.engine(ONE)
    await second.resume([download.id])
    done = await settled(second, download)
    assert (done.status, done.resume_verdict) == (Status.COMPLETED, KEPT)


async def test_headers_go_to_their_own_origin_only(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(ONE)
    download = await begun(engine, workspace, fault_server)
    await engine.pause([download.id])
    async with FaultServer() as elsewhere:
        secret = replace(
            workspace.request(fault_server.file("b", DATA, statuses=[404])),
            headers={"Authorization": "Bearer secret", "X-Token": "abc"},
        )
        gone = await fetch(engine, secret)
        await engine.replace_url(gone.id, fault_server.file("c", DATA))
        assert (await settled(engine, gone)).status is Status.COMPLETED
        assert fault_server.requests_to("c")[0].headers["x-token"] == "abc"
        other = replace(secret, url=fault_server.file("d", DATA, statuses=[404]))
        gone = await fetch(engine, other)
        await engine.replace_url(gone.id, elsewhere.file("e", DATA))
        assert (await settled(engine, gone)).status is Status.COMPLETED
        assert not {"x-token", "authorization"} & elsewhere.requests[0].headers.keys()


async def test_a_completed_one_refuses_and_no_url_is_a_mistake(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(ONE)
    done = await fetch(engine, workspace.request(fault_server.file("a", DATA)))
    outcome = await engine.replace_url(done.id, fault_server.url_of("b"))
    assert outcome.changed == ()
    assert outcome.refused[0].error.code is ErrorCode.NOT_ALLOWED
    assert (await engine.find(done.id)).download == done
    running = await begun(engine, workspace, fault_server)
    with pytest.raises(UsageError):
        await engine.replace_url(running.id, "nonsense")
    assert (await engine.find(running.id)).download.status is Status.ACTIVE


async def test_it_can_be_asked_for_again_under_its_new_url(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(ONE)
    request = replace(workspace.request(fault_server.url_of("a")), paused=True)
    (download,) = await engine.add([request])
    await engine.replace_url(download.id, fault_server.url_of("b"))
    (again,) = await engine.add([replace(request, url=fault_server.url_of("b"))])
    (new,) = await engine.add([request])
    assert again.id == download.id
    assert new.id != download.id
    await engine.remove(None)
    assert await engine.downloads() == []
