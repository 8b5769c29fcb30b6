"""Small files: fetched in one go, with every promise that a large one has."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import stat
from collections.abc import Awaitable, Callable

import pytest

from core.adapters.files import file_batch
from core.adapters.files.part_owner import final_mode
from core.adapters.state.catalog import Catalog
from core.domain.errors import ErrorCode, StateError
from core.domain.history import AttemptEnd, HistoryQuery
from core.domain.models import Checksum, Conflict, Download, Phase, Status
from core.domain.settings import LimitSettings
from core.domain.value import replace
from core.engine.transfer.small import MOST, SmallFile
from core.engine.transfer.transfer import Transfer
from tests.core.engine.conftest import SETTINGS, Workspace, fetch, settled, until
from tests.faults.server import FaultServer

DATA = bytes(range(256)) * 256
SHA = Checksum("sha256", hashlib.sha256(DATA).hexdigest())
WRONG = Checksum("sha256", "0" * 64)


@pytest.fixture(autouse=True, params=["unnamed", "part file"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to make a file: with and without files that have no name."""
    if request.param == "part file":
        monkeypatch.setattr(file_batch, "_UNNAMED", 0)
    return str(request.param)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The part files that were made for the long way while the test lasts."""
    made: list[str] = []
    real = file_batch.part_opening.create

    def create(directory: str, name: str, *, replace: bool) -> object:
        made.append(name)
        return real(directory, name, replace=replace)

    monkeypatch.setattr("core.adapters.files.part_file.create", create)
    return made


def texts(download: Download) -> list[str]:
    return [entry.text for entry in download.timeline]  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [0, 1, MOST])
async def test_a_small_file_takes_no_part_file_and_one_request(
    workspace: Workspace, fault_server: FaultServer, parts: list[str], size: int
) -> None:
    engine = await workspace.engine()
    data = os.urandom(size)
    url = fault_server.file("a.bin", data)
    done = await fetch(engine, workspace.request(url))
    assert done.status is Status.COMPLETED
    assert workspace.content("a.bin") == data
    assert workspace.names() == ["a.bin"]
    assert parts == []
    assert len(fault_server.requests) == 1
    assert texts(done) == ["added", "started", "completed"]
    found = (workspace.files / "a.bin").stat()
    assert stat.S_IMODE(found.st_mode) == final_mode()
    assert (await engine.find(done.id)).progress.bytes_downloaded == size
    (entry,) = (await engine.history(HistoryQuery())).entries
    assert (entry.end, entry.bytes, entry.total_bytes) == (AttemptEnd.COMPLETED, size, size)


async def test_nothing_of_a_small_file_stays_in_memory_for_the_collector_to_find(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    gc.collect()
    gc.disable()
    try:
        done = await fetch(engine, workspace.request(fault_server.file("a.bin", DATA)))
        await asyncio.sleep(0)
        left = [each for each in gc.get_objects() if isinstance(each, Transfer | SmallFile)]
    finally:
        gc.enable()
    assert done.status is Status.COMPLETED
    assert left == []


async def test_a_larger_file_has_a_part_file(
    workspace: Workspace, fault_server: FaultServer, parts: list[str]
) -> None:
    engine = await workspace.engine()
    data = os.urandom(MOST + 1)
    done = await fetch(engine, workspace.request(fault_server.file("a.bin", data)))
    assert done.status is Status.COMPLETED
    assert workspace.content("a.bin") == data
    assert parts == ["a.bin"]


async def test_a_small_file_is_known_by_verify_and_goes_with_its_download(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    done = await fetch(engine, workspace.request(fault_server.file("a.bin", DATA)))
    outcome = await engine.verify([done.id])
    assert not outcome.refused
    removal = await engine.remove([done.id], files=True)
    assert removal.deleted_files == (str(workspace.files / "a.bin"),)
    assert workspace.names() == []


async def test_what_somebody_changed_since_stays(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    done = await fetch(engine, workspace.request(fault_server.file("a.bin", DATA)))
    (workspace.files / "a.bin").write_bytes(b"my notes")
    removal = await engine.remove([done.id], files=True)
    assert removal.deleted_files == ()
    assert workspace.content("a.bin") == b"my notes"


async def test_a_digest_that_is_right_is_said_so(
    workspace: Workspace, fault_server: FaultServer, parts: list[str]
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a.bin", DATA)
    done = await fetch(engine, workspace.request(url, checksum=SHA))
    assert done.resume_verdict == "verified: sha256 is right"
    assert texts(done)[-2:] == ["sha256 is right (given)", "completed"]
    assert parts == []


async def test_a_file_with_another_digest_never_has_the_name(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a.bin", DATA)
    done = await fetch(engine, workspace.request(url, checksum=WRONG))
    assert done.status is Status.FAILED
    assert done.error is not None
    assert done.error.code == ErrorCode.CHECKSUM
    assert workspace.names() == ["a.bin.mismatch"]


@pytest.mark.parametrize("rule", list(Conflict))
@pytest.mark.parametrize("named", [True, False])
async def test_a_file_that_is_there_is_treated_by_the_rule(
    workspace: Workspace, fault_server: FaultServer, rule: Conflict, named: bool
) -> None:
    (workspace.files / "a.bin").write_bytes(b"there")
    engine = await workspace.engine()
    request = workspace.request(fault_server.file("a.bin", DATA), name="a.bin" if named else None)
    done = await fetch(engine, replace(request, conflict=rule))
    files = {path.name: path.read_bytes() for path in workspace.files.iterdir()}
    if rule is Conflict.RENAME:
        assert files == {"a.bin": b"there", "a (1).bin": DATA}
        assert done.name == "a (1).bin"
    elif rule is Conflict.OVERWRITE:
        assert files == {"a.bin": DATA}
    else:
        assert files == {"a.bin": b"there"}
        assert done.status is (Status.COMPLETED if rule is Conflict.SKIP else Status.FAILED)


@pytest.mark.parametrize("rule", list(Conflict))
async def test_a_file_that_comes_to_be_meanwhile_is_never_replaced(
    workspace: Workspace,
    fault_server: FaultServer,
    monkeypatch: pytest.MonkeyPatch,
    rule: Conflict,
) -> None:
    engine = await workspace.engine()
    request = workspace.request(fault_server.file("a.bin", DATA))

    def take() -> None:
        (workspace.files / "a.bin").write_bytes(b"theirs")

    _before_the_append(monkeypatch, take)
    done = await fetch(engine, replace(request, conflict=rule))
    files = {path.name: path.read_bytes() for path in workspace.files.iterdir()}
    assert files.pop("a.bin") == b"theirs"
    if rule in (Conflict.RENAME, Conflict.OVERWRITE):
        assert files == {"a (1).bin": DATA}
        assert done.name == "a (1).bin"
    elif rule is Conflict.SKIP:
        assert files == {}
        assert done.status is Status.COMPLETED
    else:
        assert done.error is not None
        assert done.error.code == ErrorCode.EXISTS


async def test_one_that_comes_slowly_shows_and_keeps_its_progress(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a.bin", DATA, hold_after=20_000)
    (download,) = await engine.add([workspace.request(url)])
    await until(engine, download, lambda view: view.download.phase is Phase.DOWNLOADING)
    await engine.pause([download.id])
    assert (await engine.find(download.id)).progress.bytes_downloaded == 20_000
    assert workspace.names() == ["a.bin.part"]
    fault_server.release("a.bin")
    await engine.resume([download.id])
    assert (await settled(engine, download)).status is Status.COMPLETED
    assert workspace.content("a.bin") == DATA
    assert fault_server.requests_to("a.bin")[-1].range not in (None, "bytes=0-")


async def test_one_that_breaks_off_goes_on_where_it_was(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a.bin", DATA, fail_after=40_000, fail_times=1)
    done = await fetch(engine, workspace.request(url))
    assert done.status is Status.COMPLETED
    assert workspace.content("a.bin") == DATA
    assert fault_server.bytes_served("a.bin") < 1.7 * len(DATA)


async def test_a_pause_before_the_body_is_here_leaves_nothing(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a.bin", DATA, hold_after=0)
    (download,) = await engine.add([workspace.request(url)])
    await fault_server.held("a.bin")
    await engine.pause([download.id])
    assert workspace.names() == []
    fault_server.release("a.bin")
    await engine.resume([download.id])
    assert (await settled(engine, download)).status is Status.COMPLETED
    assert workspace.content("a.bin") == DATA


@pytest.mark.parametrize("ask", ["pause", "cancel", "remove", "close"])
async def test_whoever_stops_it_while_it_gets_its_name_comes_too_late(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch, ask: str
) -> None:
    engine = await workspace.engine()
    url = fault_server.file("a.bin", DATA)
    stopped: list[Awaitable[object]] = []
    asking = asyncio.Event()

    def stop() -> None:
        asks: dict[str, Callable[[], Awaitable[object]]] = {
            "pause": lambda: engine.pause([download.id]),
            "cancel": lambda: engine.cancel([download.id]),
            "remove": lambda: engine.remove([download.id], files=True),
            "close": engine.close,
        }
        stopped.append(asyncio.ensure_future(asks[ask]()))
        asking.set()

    _before_the_append(monkeypatch, stop)
    (download,) = await engine.add([workspace.request(url)])
    await asking.wait()
    await stopped[0]
    if ask == "remove":
        assert workspace.names() == []
        return
    if ask == "close":
        engine = await workspace.engine()
    assert (await engine.find(download.id)).download.status is Status.COMPLETED
    assert workspace.content("a.bin") == DATA


async def test_its_place_is_free_once_its_body_is_here(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await workspace.engine(replace(SETTINGS, limits=LimitSettings(active=1)))
    gate = asyncio.Event()
    real = Catalog.flush

    async def flush(self: Catalog) -> None:
        if self.document is not None and waiting:
            await gate.wait()
        await real(self)

    waiting = False
    monkeypatch.setattr(Catalog, "flush", flush)
    urls = [fault_server.file(name, DATA) for name in ("a", "b", "c")]
    added = await engine.add([workspace.request(url) for url in urls])
    waiting = True
    try:
        await fault_server.until(lambda: len(fault_server.requests) == 3)
        assert not {"a", "b", "c"}.intersection(workspace.names())
        views = [(await engine.find(download.id)).download for download in added]
        assert all(view.status is Status.ACTIVE for view in views)
    finally:
        gate.set()
    for download in added:
        assert (await settled(engine, download)).status is Status.COMPLETED


async def test_a_journal_that_cannot_be_written_names_nothing(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await workspace.engine()
    real = Catalog.flush

    async def flush(self: Catalog) -> None:
        if fault_server.requests:
            raise StateError("the list cannot be written")
        await real(self)

    monkeypatch.setattr(Catalog, "flush", flush)
    failed = await fetch(engine, workspace.request(fault_server.file("a.bin", DATA)))
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert failed.error.message == "the list cannot be written"
    assert workspace.names() == []
    monkeypatch.setattr(Catalog, "flush", real)
    await engine.retry([failed.id])
    assert (await settled(engine, failed)).status is Status.COMPLETED
    assert workspace.names() == ["a.bin"]


async def test_a_mirror_makes_a_small_file_one_of_the_long_way(
    workspace: Workspace, fault_server: FaultServer, parts: list[str]
) -> None:
    engine = await workspace.engine()
    url, other = fault_server.file("a.bin", DATA), fault_server.file("b.bin", DATA)
    request = replace(workspace.request(url), mirrors=(other,))
    assert (await fetch(engine, request)).status is Status.COMPLETED
    assert parts == ["a.bin"]


async def test_many_of_one_name_get_a_name_each(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    urls = [fault_server.file(f"{n}/index.html", bytes([n]) * 10) for n in range(20)]
    added = await engine.add([workspace.request(url) for url in urls])
    names = set()
    for number, download in enumerate(added):
        done = await settled(engine, download)
        names.add(done.name)
        assert workspace.content(done.name) == bytes([number]) * 10
    assert len(names) == 20


async def test_its_phases_are_in_the_history(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    done = await fetch(engine, workspace.request(fault_server.file("a.bin", DATA)))
    assert done.fetched is not None
    assert done.fetched.bytes == len(DATA)
    (entry,) = (await engine.history(HistoryQuery())).entries
    assert entry.phases.connecting > 0
    assert entry.phases.finalizing > 0
    assert entry.connections == 1


def _before_the_append(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Call `act` once, when a file is written down that is about to get its name."""
    real = Catalog.put_commit
    acts = [act]

    def put_commit(self: Catalog, *args: object) -> None:
        real(self, *args)  # type: ignore[arg-type]
        if acts:
            acts.pop()()

    monkeypatch.setattr(Catalog, "put_commit", put_commit)
