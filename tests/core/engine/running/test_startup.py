"""What a start makes of what the last end left: each thing that may be found, on real files."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.adapters.files import destination, leftovers
from core.adapters.state.catalog import Catalog
from core.adapters.state.resume_data import ResumeStore
from core.adapters.system.clock import Clock
from core.domain.errors import ErrorCode
from core.domain.history import AttemptEnd, HistoryQuery
from core.domain.models import Checksum, Download, Phase, Status, WaitReason
from core.domain.origins import Origin, PieceHashes
from core.domain.settings import DownloadSettings, RecoveryMode, Settings
from core.domain.value import replace
from core.engine.running import startup
from core.engine.service import Engine
from tests.core.engine.conftest import SETTINGS, Workspace, settled, until
from tests.faults.model import content
from tests.faults.server import FaultServer

SIZE = 3_000_000
HALF = SIZE // 2
DATA = content(SIZE)
DAYS = timedelta(days=1)


class Stopped(Clock):
    """The wall clock of some moment, for what is written down at that moment."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        return self._moment


def rule(recovery: RecoveryMode, ask_after: str = "24h") -> Settings:
    downloads = DownloadSettings(recovery=recovery, ask_after=ask_after)
    return replace(SETTINGS, downloads=downloads)


async def begun(
    workspace: Workspace, server: FaultServer, *names: str, ranges: bool = True, **wishes: object
) -> list[Download]:
    """Have downloads half done by an engine that ended in good order; return them as it left them.

    The server gives no more than half of each until it is told to.
    """
    engine = await workspace.engine()
    requests = [
        workspace.request(server.file(name, DATA, hold_after=HALF, ranges=ranges)) for name in names
    ]
    asked = [replace(r, connections=1, **wishes) for r in requests]  # type: ignore[arg-type]
    added = await engine.add(asked)
    for download in added:
        await until(engine, download, lambda view: view.progress.bytes_downloaded >= HALF // 2)
    left = [(await engine.find(download.id)).download for download in added]
    await engine.close()
    for name in names:
        server.release(name)
    return left


async def rewrite(workspace: Workspace, *downloads: Download, ago: timedelta = timedelta()) -> None:
    """Leave these in the list as if winch had been killed a while ago, in this state."""
    moment = datetime.now(UTC) - ago
    catalog = Catalog(workspace.state)
    await catalog.load()
    catalog.document.now = Stopped(moment).now
    for download in downloads:
        catalog.put(download)
    await catalog.close()
    store = ResumeStore(workspace.state / "resume_data")
    for record in (await store.load_all()).values():
        await store.save(replace(record, saved_at=moment))


async def killed(
    workspace: Workspace,
    server: FaultServer,
    *names: str,
    ago: timedelta = timedelta(),
    ranges: bool = True,
) -> list[Download]:
    """Have downloads that were killed half done, that long ago."""
    downloads = [
        download.replace(status=Status.ACTIVE, phase=Phase.DOWNLOADING)
        for download in await begun(workspace, server, *names, ranges=ranges)
    ]
    await rewrite(workspace, *downloads, ago=ago)
    return downloads


async def found(engine: Engine, download: Download) -> Download:
    return (await engine.find(download.id)).download


async def notices(engine: Engine) -> tuple[str, ...]:
    return (await engine.status()).notices


async def steps(engine: Engine, step: str) -> list[str]:
    return [item.text for item in (await engine.checkup()).steps if item.step == step]


def texts(download: Download) -> list[str]:
    return [entry.text for entry in download.timeline]


# -- interrupted ----------------------------------------------------------------------------------


async def test_what_was_killed_goes_on_by_itself(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (left,) = await killed(workspace, fault_server, "a", ago=timedelta(minutes=10))
    engine = await workspace.engine()
    done = await settled(engine, left)
    assert done.status is Status.COMPLETED
    assert done.interrupted is None
    assert "interrupted 10 min ago" in texts(done)
    assert workspace.content("a") == DATA
    assert fault_server.requests_to("a")[-1].range != "bytes=0-"
    entries = (await engine.history(HistoryQuery())).entries
    assert AttemptEnd.INTERRUPTED in [entry.end for entry in entries]


async def test_what_its_server_cannot_continue_is_said_to_begin_anew(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (left,) = await killed(workspace, fault_server, "a", ranges=False)
    waiting = await found(await workspace.engine(rule(RecoveryMode.ASK)), left)
    assert waiting.interrupted is not None
    assert waiting.interrupted.anew


@pytest.mark.parametrize(
    ("settings", "ago"), [(rule(RecoveryMode.ASK), timedelta(hours=1)), (SETTINGS, 3 * DAYS)]
)
async def test_a_person_is_asked_by_rule_or_after_a_long_time(
    workspace: Workspace, fault_server: FaultServer, settings: Settings, ago: timedelta
) -> None:
    downloads = await killed(workspace, fault_server, "a", "b", ago=ago)
    engine = await workspace.engine(settings)
    for left in downloads:
        waiting = await found(engine, left)
        assert waiting.status is Status.PAUSED
        assert waiting.interrupted is not None
        assert waiting.interrupted.phase is Phase.DOWNLOADING
        assert not waiting.interrupted.anew
        assert datetime.now(UTC) - waiting.interrupted.at >= ago
        assert "waits for your word" in texts(waiting)[-1]
    assert not engine.has_work
    (notice,) = await notices(engine)
    assert notice.startswith("2 downloads were interrupted ")
    await engine.resume([downloads[0].id])
    assert await notices(engine) == (notice,)
    await engine.resume(None)
    assert await notices(engine) == ()
    for left in downloads:
        assert (await settled(engine, left)).status is Status.COMPLETED
        assert workspace.content(left.name) == DATA


async def test_old_ones_go_on_where_nobody_wants_to_be_asked(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (left,) = await killed(workspace, fault_server, "a", ago=300 * DAYS)
    engine = await workspace.engine(rule(RecoveryMode.RESUME, ask_after="off"))
    assert (await settled(engine, left)).status is Status.COMPLETED


async def test_by_the_rule_to_pause_they_pause_without_a_question(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (left,) = await killed(workspace, fault_server, "a")
    engine = await workspace.engine(rule(RecoveryMode.PAUSE))
    waiting = await found(engine, left)
    assert waiting.status is Status.PAUSED
    assert waiting.interrupted is None
    assert texts(waiting)[-1].endswith("paused, as the settings say")
    assert await notices(engine) == ()


async def test_the_queue_behind_waits_with_what_was_running(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (first,) = await killed(workspace, fault_server, "a", ago=3 * DAYS)
    behind = first.replace(
        id="beef" * 4,
        status=Status.PENDING,
        phase=None,
        wait_reason=WaitReason.QUEUED,
        request=workspace.request(fault_server.file("b", DATA)),
        name="b",
        name_settled=False,
        part=None,
    )
    paused = behind.replace(id="cafe" * 4, status=Status.PAUSED, wait_reason=None)
    await rewrite(workspace, behind, paused, ago=3 * DAYS)
    engine = await workspace.engine()
    assert (await found(engine, first)).status is Status.PAUSED
    assert (await found(engine, behind)).status is Status.PAUSED
    assert (await notices(engine))[0].startswith("2 downloads")
    assert (await found(engine, paused)).interrupted is None


async def test_downloads_of_a_clean_stop_are_asked_for_too(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (left,) = await begun(workspace, fault_server, "a")
    engine = await workspace.engine(rule(RecoveryMode.ASK))
    waiting = await found(engine, left)
    assert (waiting.status, waiting.interrupted is None) == (Status.PAUSED, False)
    assert (await notices(engine))[0].startswith("1 download was interrupted")


async def test_an_end_in_the_future_counts_as_now(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (left,) = await killed(workspace, fault_server, "a", ago=-10 * DAYS)
    engine = await workspace.engine(rule(RecoveryMode.ASK))
    interrupted = (await found(engine, left)).interrupted
    assert interrupted is not None
    assert interrupted.at <= datetime.now(UTC)


@pytest.mark.parametrize("answer", ["cancel", "remove", "pause"])
async def test_the_question_stands_until_it_is_answered(
    workspace: Workspace, fault_server: FaultServer, answer: str
) -> None:
    (left,) = await killed(workspace, fault_server, "a", ago=3 * DAYS)
    engine = await workspace.engine()
    await engine.close()
    engine = await workspace.engine()
    assert len(await notices(engine)) == 1
    await getattr(engine, answer)([left.id])
    # To pause what is paused already is no answer.
    assert len(await notices(engine)) == (1 if answer == "pause" else 0)


async def test_asking_for_the_same_file_again_is_an_answer(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (left,) = await killed(workspace, fault_server, "a", ago=3 * DAYS)
    engine = await workspace.engine()
    (again,) = await engine.add([left.request])
    assert again.id == left.id
    assert (await settled(engine, left)).status is Status.COMPLETED
    assert await notices(engine) == ()


async def test_what_waited_behind_is_asked_for_by_the_next_daemon_too(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (left,) = await begun(workspace, fault_server, "a")
    await rewrite(workspace, left.replace(status=Status.PENDING, phase=None), ago=3 * DAYS)
    embedded = await workspace.engine(embedded=True)
    await embedded.add([workspace.request(fault_server.file("b", DATA))])
    await embedded.close()
    engine = await workspace.engine()
    interrupted = (await found(engine, left)).interrupted
    assert interrupted is not None
    assert datetime.now(UTC) - interrupted.at >= 3 * DAYS


async def test_an_embedded_engine_leaves_the_question_to_the_next_daemon(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (left,) = await killed(workspace, fault_server, "a", ago=3 * DAYS)
    embedded = await workspace.engine(rule(RecoveryMode.ASK), embedded=True)
    held = await found(embedded, left)
    assert (held.status, held.wait_reason) == (Status.PENDING, WaitReason.NOT_ADMITTED)
    assert await notices(embedded) == ()
    url = fault_server.file("b", DATA)
    (mine,) = await embedded.add_own([workspace.request(url)])
    (others,) = await embedded.add([workspace.request(fault_server.file("c", DATA))])
    assert (await settled(embedded, mine)).status is Status.COMPLETED
    await embedded.close()
    engine = await workspace.engine(rule(RecoveryMode.ASK))
    waiting = await found(engine, left)
    assert waiting.status is Status.PAUSED
    assert waiting.interrupted is not None
    assert waiting.interrupted.phase is Phase.DOWNLOADING
    assert datetime.now(UTC) - waiting.interrupted.at >= 3 * DAYS
    # Handed over by somebody meanwhile, and never begun: nothing was interrupted.
    assert (await settled(engine, others)).status is Status.COMPLETED


# -- rebuild --------------------------------------------------------------------------------------


def damage(workspace: Workspace) -> None:
    for path in workspace.state.glob("downloads.journal*"):
        path.unlink()
    for name in ("downloads.json", "downloads.json.bak"):
        (workspace.state / name).write_bytes(b"{ this is no")


def lose(workspace: Workspace) -> None:
    for path in workspace.state.glob("downloads.j*"):
        path.unlink()


@pytest.mark.parametrize("lost", [damage, lose])
async def test_a_lost_list_is_rebuilt_and_goes_on(
    workspace: Workspace,
    fault_server: FaultServer,
    lost: object,
) -> None:
    before = await begun(workspace, fault_server, "a", "b", "c", group="set")
    assert callable(lost)
    lost(workspace)
    engine = await workspace.engine()
    views = await engine.downloads()
    assert [view.download.id for view in views] == [download.id for download in before]
    for left, view in zip(before, views, strict=True):
        download = view.download
        assert download.request == left.request
        assert (download.name, download.part) == (left.name, left.part)
        assert (download.created_at, download.total_bytes) == (left.created_at, SIZE)
        assert "rebuilt from its resume data: the list was lost" in texts(download)
        assert texts(left)[0] in texts(download)
        assert view.progress.bytes_downloaded >= HALF // 2
    assert any("3 unfinished downloads could be rebuilt" in text for text in await notices(engine))
    assert (await engine.clean(dry_run=True)).refused
    for left in before:
        assert (await settled(engine, left)).status is Status.COMPLETED
        assert workspace.content(left.name) == DATA
        assert fault_server.requests_to(left.name)[-1].range != "bytes=0-"
    await engine.close()
    again = await workspace.engine()
    assert len(await again.downloads()) == 3


async def test_what_the_journal_of_a_lost_list_tells_is_kept_beside_what_is_rebuilt(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (begun_before,) = await begun(workspace, fault_server, "a")
    engine = await workspace.engine()
    request = replace(workspace.request(fault_server.file("b", DATA)), paused=True)
    (waiting,) = await engine.add([request])
    await engine.close()
    for path in workspace.state.glob("downloads.json*"):
        path.unlink()

    engine = await workspace.engine()
    views = {view.download.id: view.download for view in await engine.downloads()}
    assert views.keys() == {begun_before.id, waiting.id}
    assert views[waiting.id].request == request
    assert views[waiting.id].status is Status.PAUSED
    assert "No readable list of downloads is left" in " ".join(await notices(engine))
    assert (await engine.clean(dry_run=True)).refused
    assert (await settled(engine, begun_before)).status is Status.COMPLETED


async def test_what_an_older_winch_left_is_named_where_it_cannot_be_rebuilt(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (left,) = await begun(workspace, fault_server, "a")
    store = ResumeStore(workspace.state / "resume_data")
    record = await store.load(left.id)
    assert record is not None
    await store.save(replace(record, request=None))
    damage(workspace)
    engine = await workspace.engine()
    assert await engine.downloads() == []
    (notice,) = [text for text in await notices(engine) if "could not be rebuilt" in text]
    assert notice.endswith(": a.")
    assert (workspace.files / "a.part").exists()


async def test_a_list_that_is_empty_and_whole_is_not_rebuilt(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    (left,) = await begun(workspace, fault_server, "a")
    shutil.copytree(workspace.state / "resume_data", workspace.state / "kept")
    engine = await workspace.engine()
    await engine.remove([left.id])
    await engine.close()
    shutil.rmtree(workspace.state / "resume_data")
    (workspace.state / "kept").rename(workspace.state / "resume_data")
    engine = await workspace.engine()
    assert await engine.downloads() == []
    records, parts = await steps(engine, "orphans")
    assert left.id[:8] in records
    assert parts.endswith(f" {workspace.files}/a.part")
    assert (workspace.files / "a.part").exists()


# -- reconcile ------------------------------------------------------------------------------------


def gone(part: Path) -> None:
    part.unlink()


def shorter(part: Path) -> None:
    os.truncate(part, 1000)


def longer(part: Path) -> None:
    os.truncate(part, SIZE + 1)


def another(part: Path) -> None:
    copy = part.with_name("copy")
    shutil.copy(part, copy)
    copy.rename(part)


@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (gone, "missing"),
        (shorter, "shorter than recorded"),
        (longer, "longer than the whole file"),
        (another, "another file by now"),
    ],
)
async def test_what_happened_to_a_part_file_is_told_and_ends_well(
    workspace: Workspace, fault_server: FaultServer, happens: object, words: str
) -> None:
    intact, left = await begun(workspace, fault_server, "intact", "a")
    assert callable(happens)
    happens(workspace.files / "a.part")
    engine = await workspace.engine()
    told = await steps(engine, "reconcile")
    assert told == [
        "2 unfinished files compared with the disk",
        f"the part file is {words}: {left.id[:8]}",
    ]
    done = await settled(engine, left)
    assert done.status is Status.COMPLETED
    assert workspace.content(done.name) == DATA
    assert (await settled(engine, intact)).status is Status.COMPLETED
    assert workspace.content("intact") == DATA


async def published(workspace: Workspace, server: FaultServer, **wishes: object) -> Download:
    """Have a file that got its final name just before winch was killed."""
    (left,) = await begun(workspace, server, "a", **wishes)
    store = ResumeStore(workspace.state / "resume_data")
    record = await store.load(left.id)
    assert record is not None
    part = workspace.files / "a.part"
    part.write_bytes(DATA)
    whole = replace(record.done[0], start=0, end=SIZE)
    await store.save(replace(record, done=(whole,)))
    part.rename(workspace.files / "a")
    return left


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.PENDING])
async def test_a_file_that_has_its_final_name_already_is_complete_at_once(
    workspace: Workspace, fault_server: FaultServer, status: Status
) -> None:
    left = await published(workspace, fault_server)
    await rewrite(workspace, left.replace(status=status))
    asked = len(fault_server.requests)
    engine = await workspace.engine()
    done = await found(engine, left)
    assert (done.status, done.name) == (Status.COMPLETED, "a")
    assert done.completed_at is not None
    assert workspace.names() == ["a"]
    assert len(fault_server.requests) == asked
    await engine.close()
    assert list((workspace.state / "resume_data").glob("*.json")) == []


@pytest.mark.parametrize("size", [0, SIZE])
async def test_a_file_of_unknown_length_that_has_its_final_name_already_is_complete_at_once(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    async def nothing(*_: object) -> None: ...

    engine = await workspace.engine()
    url = fault_server.file("a", DATA[:size], chunked=True, ranges=False)
    with monkeypatch.context() as patch:
        patch.setattr(ResumeStore, "delete", nothing)  # the kill comes before it
        (left,) = await engine.add([workspace.request(url)])
        assert (await settled(engine, left)).status is Status.COMPLETED
        await engine.close()
    await rewrite(workspace, left.replace(status=Status.ACTIVE))
    asked = len(fault_server.requests)
    engine = await workspace.engine()
    assert (await found(engine, left)).status is Status.COMPLETED
    assert workspace.names() == ["a"]
    assert len(fault_server.requests) == asked


@pytest.mark.parametrize("right", [True, False])
async def test_a_file_with_its_final_name_is_verified_where_a_digest_is_known(
    workspace: Workspace, fault_server: FaultServer, right: bool
) -> None:
    hexdigest = hashlib.sha256(DATA).hexdigest() if right else "0" * 64
    left = await published(workspace, fault_server, checksum=Checksum("sha256", hexdigest))
    engine = await workspace.engine()
    ended = await settled(engine, left)
    if right:
        assert ended.status is Status.COMPLETED
        assert workspace.names() == ["a"]
    else:
        assert ended.error is not None
        assert ended.error.code is ErrorCode.CHECKSUM
        assert workspace.names() == ["a.mismatch"]


@pytest.mark.parametrize("right", [True, False])
async def test_a_file_with_its_final_name_is_verified_where_its_pieces_have_digests(
    workspace: Workspace, fault_server: FaultServer, right: bool
) -> None:
    hexdigest = hashlib.sha256(DATA).hexdigest() if right else "0" * 64
    pieces = PieceHashes(algorithm="sha256", length=SIZE, hexdigests=(hexdigest,))
    left = await published(workspace, fault_server, origin=Origin(pieces=pieces))
    engine = await workspace.engine()
    ended = await settled(engine, left)
    if right:
        assert ended.status is Status.COMPLETED
        assert workspace.names() == ["a"]
    else:
        assert ended.error is not None
        assert ended.error.code is ErrorCode.CHECKSUM
        assert workspace.names() == ["a.mismatch"]


async def test_a_mount_that_hangs_holds_nobody_up(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (left,) = await begun(workspace, fault_server, "a")
    hung = workspace.files / "hung"
    hung.mkdir()
    other = left.replace(id="beef" * 4, status=Status.PAUSED)
    other = other.replace(request=replace(left.request, directory=str(hung)))
    await rewrite(workspace, left, other)
    store = ResumeStore(workspace.state / "resume_data")
    record = await store.load(left.id)
    assert record is not None
    await store.save(replace(record, id=other.id))
    answers = threading.Event()
    look = destination._look

    def stuck(directory: str, names: Collection[str]) -> dict[str, os.stat_result | None]:
        if directory == str(hung):
            answers.wait()
        return look(directory, names)

    monkeypatch.setattr(destination, "_look", stuck)
    monkeypatch.setattr(startup, "PATIENCE", 0.2)
    # What is left over is looked for beside all that, and an engine that ends waits for it.
    monkeypatch.setattr(leftovers, "_PATIENCE", 0.2)
    engine = await workspace.engine()
    assert f"no look could be had at {hung}" in await steps(engine, "reconcile")
    assert (await settled(engine, left)).status is Status.COMPLETED
    answers.set()


async def test_the_steps_are_told_in_the_order_in_which_they_were_taken(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    await killed(workspace, fault_server, "a")
    engine = await workspace.engine()
    told = [step.step for step in (await engine.checkup()).steps]
    assert told == ["lock", "load", "reconcile", "interrupted"]
