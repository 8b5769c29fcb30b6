"""Every row of the conformance table, each way it applies, from the first request to the file.

What counts is the end: the file's digest under its final name, or no such file, the part file as
it was and the cause.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import os
import ssl
from asyncio import StreamWriter
from typing import Any

import pytest
import trustme

from core.adapters.files import disk
from core.adapters.net.reach import addresses
from core.adapters.state.resume_data import ResumeStore
from core.domain.models import (
    Download,
    DownloadRequest,
    PartIdentity,
    Resource,
    ResumeRecord,
    Segment,
    Status,
    Validator,
    WaitReason,
)
from core.domain.settings import (
    DaemonSettings,
    LimitSettings,
    NetworkSettings,
    RetrySettings,
    Settings,
)
from core.domain.value import replace
from core.engine.service import Engine
from core.policy.transfer.ranges import OVERLAP_BEFORE
from tests.core.engine.conftest import Workspace, fetch, settled, until
from tests.faults.cases import (
    DATA,
    HAVE,
    HOLD,
    NAME,
    OTHER,
    SIZE,
    Ask,
    Case,
    Failed,
    Sparse,
    Stage,
    Way,
    Whole,
)
from tests.faults.matrix import CASES, ROWS
from tests.faults.model import File, Request
from tests.faults.server import FaultServer

RETRIES = 5
_CUT = (Way.RETRIED, Way.RESUMED)
_EIGHT = (Way.EIGHT, Way.EIGHT_ALL)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority that nobody knows."""
    return trustme.CA()


class Play:
    """One case on the stage."""

    def __init__(
        self, case: Case, way: Way, workspace: Workspace, tls: ssl.SSLContext | None
    ) -> None:
        self.case, self.way, self.workspace = case, way, workspace
        self._tls = tls
        self._turn = 0
        self.stage: Stage

    async def run(self, stage: Stage) -> Download:
        """Play the case to its end and return the download."""
        self.stage = stage
        stage.server.script(NAME, self._answer)
        url = self.case.prepare(stage) if self.case.prepare else stage.server.url_of(NAME)
        engine = await self._engine()
        if self.way in _EIGHT:
            (download,) = await engine.add([self._request(url)])
            await stage.server.until(self._all_came)
            stage.server.release(NAME)
            return await settled(engine, download)
        if self.way is Way.RESUMED:
            cut = await fetch(engine, self._request(url, retries=0))
            assert cut.status is Status.FAILED
            assert self.workspace.content(f"{cut.name}.part") == self.case.good.content[:HAVE]
            await engine.close()
            engine = await self._engine()
        return await fetch(engine, self._request(url))

    def _all_came(self) -> bool:
        """Whether as many connections as matter have come, and the fault has been met."""
        faulty = self.stage.faulty()
        met = self._holds or any(request.finished for request in faulty)
        return len(self.stage.asked()) >= self.case.peers and met

    @property
    def _holds(self) -> bool:
        return self.way is Way.EIGHT_ALL or (self.way is Way.EIGHT and self.case.peers > 2)

    async def _answer(self, request: Request, writer: StreamWriter) -> bool:
        server = self.stage.server
        if request.number == 1 and self.way in _CUT:
            cut = dataclasses.replace(self.case.good, fail_after=HAVE)
            return await server.answer(request, writer, cut)
        if request.number == 1 and self.way is Way.EIGHT:
            held = dataclasses.replace(self.case.good, hold_after=HOLD)
            return await server.answer(request, writer, held)
        self._turn += 1
        answer = self.case.answer(Ask(request=request, turn=self._turn, stage=self.stage))
        if isinstance(answer, File):
            return await self._send(answer, request, writer)
        if isinstance(answer, bytes):
            writer.write(answer)
        else:
            await answer(writer)
        return False

    async def _send(self, file: File, request: Request, writer: StreamWriter) -> bool:
        if self._holds and file.hold_after is None:
            file = dataclasses.replace(file, hold_after=HOLD)
        return await self.stage.server.answer(request, writer, file)

    def _request(self, url: str, *, retries: int = RETRIES) -> DownloadRequest:
        return DownloadRequest(
            url=url,
            directory=str(self.workspace.files),
            retries=retries,
            connections=8 if self.way in _EIGHT else 1,
            checksum=self.case.checksum,
            headers=self.case.headers,
        )

    async def _engine(self) -> Engine:
        given: dict[str, Any] = dict(self.case.settings)
        settings = Settings(
            limits=LimitSettings(**{"min_split": "64k"} | given.get("limits", {})),
            retry=RetrySettings(**{"base": 0.0, "cap": 0.0} | given.get("retry", {})),
            network=NetworkSettings(**given.get("network", {})),
            daemon=DaemonSettings(linger=0.0),
        )
        return await self.workspace.engine(settings, tls=self._tls)


async def _as_in_the_world(host: str) -> frozenset[str]:
    """Resolve as usual, but for the server's own address, which is one of the world."""
    return frozenset({"93.184.216.34"}) if host == "127.0.0.1" else await addresses(host)


@pytest.mark.parametrize(
    ("case", "way"),
    [pytest.param(case, way, id=case.id(way)) for case in CASES for way in case.ends],
)
async def test_row(
    case: Case,
    way: Way,
    workspace: Workspace,
    authority: trustme.CA,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if case.public:
        monkeypatch.setattr("core.adapters.net.reach.addresses", _as_in_the_world)
    served, trusted = _tls(case, authority) if case.tls else (None, None)
    async with FaultServer(tls=served) as server, FaultServer() as elsewhere:
        stage = Stage(way=way, server=server, elsewhere=elsewhere)
        stage.download = await Play(case, way, workspace, trusted).run(stage)
    match case.ends[way]:
        case Whole() as end:
            _expect_whole(end, stage.download, workspace)
        case Failed() as end:
            _expect_failed(
                end, stage.download, workspace, case.good.content[:HAVE] if way in _CUT else None
            )
    if way in case.ranges:
        assert [request.range for request in stage.asked()] == list(case.ranges[way])
    case.check(stage)


def _tls(case: Case, authority: trustme.CA) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the server's context, and the client's, which trusts it or does not."""
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(served)
    client = ssl.create_default_context()
    if case.trusted:
        authority.configure_trust(client)
    return served, client


def _expect_whole(end: Whole, download: Download, workspace: Workspace) -> None:
    assert download.status is Status.COMPLETED, download.error
    assert workspace.names() == [end.name]
    assert hashlib.sha256(workspace.content(end.name)).hexdigest() == end.sha256
    assert (download.resume_verdict or "").startswith(end.verdict or "")


def _expect_failed(
    end: Failed, download: Download, workspace: Workspace, had: bytes | None
) -> None:
    assert download.status is Status.FAILED
    assert download.error is not None
    assert download.error.code is end.code, download.error
    left = {name: workspace.content(name) for name in workspace.names()}
    kept = had if end.kept is None else end.kept
    if end.aside is not None:
        assert left == {f"{NAME}.mismatch": end.aside}
    else:
        assert left == ({} if kept is None else {f"{NAME}.part": kept})


@pytest.mark.parametrize(
    "connections",
    [pytest.param(1, id="row28-over-4-GiB-resumed"), pytest.param(8, id="row28-over-4-GiB-8")],
)
async def test_more_than_4_gib(
    workspace: Workspace, fault_server: FaultServer, connections: int
) -> None:
    there = 5 * 1024**3
    url = fault_server.file(
        NAME, Sparse(there), hold_after=OVERLAP_BEFORE + HOLD if connections > 1 else None
    )
    request = replace(workspace.request(url), connections=connections, paused=True)
    settings = Settings(limits=LimitSettings(min_split="64k"))
    engine = await workspace.engine(settings)
    (download,) = await engine.add([request])
    await engine.close()
    part = workspace.files / f"{NAME}.part"
    part.touch()
    os.truncate(part, there)
    found = part.stat()
    await ResumeStore(workspace.state / "resume_data").save(
        ResumeRecord(
            id=download.id,
            name=NAME,
            resource=Resource(
                url=url, total=there + SIZE, validator=Validator(etag='"v1"'), ranges=True
            ),
            part=PartIdentity(device=found.st_dev, inode=found.st_ino),
            done=(Segment(0, there),),
        )
    )
    engine = await workspace.engine(settings)
    await engine.resume([download.id])
    await fault_server.wait_for_request(connections, NAME)
    fault_server.release(NAME)
    done = await settled(engine, download)
    assert done.status is Status.COMPLETED, done.error
    assert fault_server.requests[0].range == f"bytes={there - OVERLAP_BEFORE}-{there + SIZE - 1}"
    with (workspace.files / NAME).open("rb") as file:
        assert file.seek(0, os.SEEK_END) == there + SIZE
        file.seek(there - OVERLAP_BEFORE)
        assert file.read() == bytes(OVERLAP_BEFORE) + DATA


@pytest.mark.parametrize("endless", [pytest.param(OTHER, id="row47-never-ends-fresh")])
async def test_a_body_without_end_stops_at_the_free_space_guard(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch, endless: bytes
) -> None:
    part = workspace.files / f"{NAME}.part"

    def space(directory: str) -> disk.Space:
        taken = part.stat().st_size if part.exists() else 0
        return disk.Space(device=1, size=2**40, free=257 * 1024**2 - taken)

    async def serve(request: Request, writer: StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(endless)
            await writer.drain()
            await asyncio.sleep(0.1)

    monkeypatch.setattr(disk, "space", space)
    engine = await workspace.engine()
    (download,) = await engine.add([workspace.request(fault_server.script(NAME, serve))])
    view = await until(
        engine, download, lambda view: view.download.wait_reason is WaitReason.DISK_LOW
    )
    assert view.download.status is Status.PENDING
    assert workspace.names() == [part.name]
    kept = part.read_bytes()
    assert len(kept) >= 1024**2
    assert kept == (endless * (len(kept) // len(endless) + 1))[: len(kept)]


def test_every_row_has_a_case() -> None:
    assert sorted({case.row for case in CASES} | {28}) == sorted(ROWS)


def test_no_two_cases_share_a_name() -> None:
    names = [case.id(way) for case in CASES for way in case.ends]
    assert len(set(names)) == len(names)
