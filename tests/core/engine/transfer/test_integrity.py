"""A file that is not the one which was meant never stands under its name."""

from __future__ import annotations

import hashlib
from base64 import b64encode

import pytest

from core.adapters.files.part_file import PartFile
from core.domain.errors import ErrorCode
from core.domain.models import Checksum, Download, Phase, Status
from core.domain.settings import LimitSettings
from core.domain.value import replace
from core.engine.transfer.verify import STEP, STRETCH
from tests.core.engine.conftest import SETTINGS, Workspace, fetch, settled, until
from tests.faults.model import Headers, content
from tests.faults.server import FaultServer

SIZE = 3_000_000
DATA = content(SIZE)
OTHER = content(SIZE, seed=1)


def coded(data: bytes, algorithm: str = "sha256") -> str:
    return b64encode(hashlib.new(algorithm, data).digest()).decode()


def checksum(data: bytes, algorithm: str = "sha256") -> Checksum:
    return Checksum(algorithm, hashlib.new(algorithm, data).hexdigest())


def texts(download: Download) -> list[str]:
    return [entry.text for entry in download.timeline]


def announcing(data: bytes) -> list[Headers]:
    return [
        {"Repr-Digest": f"sha-256=:{coded(data)}:"},
        {"Content-Digest": f"sha-512=:{coded(data, 'sha512')}:"},
        {"Digest": f"md5={coded(data, 'md5')}"},
    ]


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("headers", announcing(DATA))
async def test_what_the_server_announces_is_verified_without_being_asked(
    workspace: Workspace, fault_server: FaultServer, headers: Headers, ranges: bool
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", DATA, headers=headers, ranges=ranges)
    done = await fetch(engine, workspace.request(url))
    assert done.status is Status.COMPLETED
    assert [t for t in texts(done) if t.endswith("is right (announced by the server)")]
    assert done.resume_verdict is not None
    assert done.resume_verdict.startswith("verified: ")


@pytest.mark.parametrize("headers", announcing(OTHER))
async def test_a_file_that_is_not_what_the_server_announces_is_set_aside(
    workspace: Workspace, fault_server: FaultServer, headers: Headers
) -> None:
    engine = await workspace.engine()
    failed = await fetch(engine, workspace.request(fault_server.file("a", DATA, headers=headers)))
    assert failed.error is not None
    assert failed.error.code is ErrorCode.CHECKSUM
    assert "announced by the server; the file was set aside as a.mismatch" in texts(failed)[-1]
    assert workspace.names() == ["a.mismatch"]
    assert workspace.content("a.mismatch") == DATA


@pytest.mark.parametrize(("asked", "announced"), [(DATA, OTHER), (OTHER, DATA)])
async def test_the_persons_checksum_and_the_servers_must_both_hold(
    workspace: Workspace, fault_server: FaultServer, asked: bytes, announced: bytes
) -> None:
    engine = await workspace.engine()
    headers = {"Repr-Digest": f"sha-512=:{coded(announced, 'sha512')}:"}
    url = fault_server.file("a", DATA, headers=headers)
    failed = await fetch(engine, workspace.request(url, checksum=checksum(asked)))
    assert failed.error is not None
    assert failed.error.code is ErrorCode.CHECKSUM
    assert workspace.names() == ["a.mismatch"]


async def test_what_was_set_aside_before_stays(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (workspace.files / "a.mismatch").write_bytes(b"the first")
    engine = await workspace.engine()
    headers = {"Repr-Digest": f"sha-256=:{coded(OTHER)}:"}
    await fetch(engine, workspace.request(fault_server.file("a", DATA, headers=headers)))
    assert workspace.content("a.mismatch") == b"the first"
    assert workspace.content("a (1).mismatch") == DATA


async def test_after_a_mismatch_a_retry_fetches_the_whole_file_again(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", OTHER)
    failed = await fetch(engine, workspace.request(url, checksum=checksum(DATA)))
    assert failed.status is Status.FAILED
    fault_server.replace("a", DATA)
    await engine.retry([failed.id])
    done = await settled(engine, failed)
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA


async def test_a_digest_is_remembered_over_a_restart_of_winch(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    first = await workspace.engine()
    headers = {"Repr-Digest": f"sha-256=:{coded(OTHER)}:"}
    url = fault_server.file("a", DATA, headers=headers, hold_after=2_000_000)
    (download,) = await first.add([workspace.request(url)])
    await until(first, download, lambda view: view.progress.bytes_downloaded > 1_000_000)
    await first.close()
    fault_server.change("a", headers={})
    fault_server.release("a")
    second = await workspace.engine()
    failed = await settled(second, download)
    assert failed.error is not None
    assert failed.error.code is ErrorCode.CHECKSUM
    assert workspace.names() == ["a.mismatch"]


async def test_a_file_that_begins_anew_is_hashed_anew(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a", OTHER, hold_after=2_500_000)
    (download,) = await engine.add([workspace.request(url, checksum=checksum(DATA))])
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 1_000_000)
    fault_server.replace("a", DATA, etag='"v2"', hold_after=None)
    await fault_server.drop_connections()
    done = await settled(engine, download)
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA


async def test_every_order_of_bytes_is_verified(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    data = content(12_000_000)
    engine = await workspace.engine(
        replace(SETTINGS, limits=LimitSettings(connections=8, min_split="64k"))
    )
    url = fault_server.file("a", data, fail_after=700_000, fail_times=4, latency=0.01)
    done = await fetch(engine, workspace.request(url, checksum=checksum(data)))
    assert done.status is Status.COMPLETED
    assert "sha256 is right (given)" in texts(done)


async def test_hashing_keeps_up_with_bytes_that_arrive_in_order(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = content(8 * STEP)
    ends: list[int] = []
    digest = PartFile.digest

    async def noted(self: PartFile, running: object, end: int) -> None:
        ends.append(end)
        await digest(self, running, end)  # type: ignore[arg-type]

    monkeypatch.setattr(PartFile, "digest", noted)
    engine = await workspace.engine()
    url = fault_server.file("a", data, ranges=False, hold_after=6 * STEP)
    (download,) = await engine.add([workspace.request(url, checksum=checksum(data))])
    await until(engine, download, lambda _: bool(ends) and ends[-1] >= 5 * STEP)
    assert (await engine.find(download.id)).download.phase is Phase.DOWNLOADING
    fault_server.release("a")
    assert (await settled(engine, download)).status is Status.COMPLETED


async def test_the_phase_and_its_progress_can_be_seen(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = content(2 * STRETCH)
    digest = PartFile.digest
    seen = []
    url = fault_server.file("a", data)
    engine = await workspace.engine()

    async def noted(self: PartFile, running: object, end: int) -> None:
        await digest(self, running, end)  # type: ignore[arg-type]
        view = await engine.find(download.id)
        if view.download.phase is Phase.VERIFYING:
            seen.append(view.progress.verified)

    monkeypatch.setattr(PartFile, "digest", noted)
    monkeypatch.setattr("core.engine.transfer.verify.RECENT", -1)
    (download,) = await engine.add([workspace.request(url, checksum=checksum(data))])
    done = await settled(engine, download)
    assert done.status is Status.COMPLETED
    assert seen == [STRETCH, 2 * STRETCH]
    assert (await engine.find(done.id)).progress.verified is None
