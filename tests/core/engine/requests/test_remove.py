"""What a removal deletes: what is as winch left it, as it was told before, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.adapters.state import left_parts
from core.adapters.state.left_parts import LeftPart, LeftParts
from core.domain.models import Download, FileStamp, PartIdentity
from core.domain.outcomes import Removal
from core.domain.upkeep import LeftoverKind
from core.engine.service import Engine
from tests.core.engine.conftest import Workspace, fetch, until
from tests.faults.model import content
from tests.faults.server import FaultServer

DATA = content(300_000)
BIG = content(4 * 1024 * 1024)


def told(removal: Removal) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the names of what goes, and of what stays with the reason."""
    kept = [(Path(each.path).name, each.reason) for each in removal.kept]
    return [Path(path).name for path in removal.deleted_files], kept


async def removed(engine: Engine, *ids: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Delete with the files what was told before, and return what became of it."""
    before = told(await engine.remove(ids, files=True, dry_run=True))
    assert {d.download.id for d in await engine.downloads()} >= set(ids)
    after = told(await engine.remove(ids, files=True))
    assert before == after
    return after


async def half(
    workspace: Workspace, engine: Engine, server: FaultServer, name: str = "half"
) -> Download:
    """Return a download that was stopped on its way."""
    url = server.file(name, BIG, hold_after=2 * 1024 * 1024)
    (download,) = await engine.add([workspace.request(url)])
    await until(engine, download, lambda view: view.progress.bytes_downloaded >= 1024 * 1024)
    await engine.pause([download.id])
    return (await engine.find(download.id)).download


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"mine")


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(DATA)
    other.replace(path)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"mine")


def be_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def be_a_link(path: Path) -> None:
    target = path.rename(path.with_name("target"))
    path.symlink_to(target)


def be_another_users(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("giving a file away takes root")
    os.chown(path, 65534, -1)


@contextmanager
def immutable(path: Path) -> Iterator[None]:
    """Let nobody delete a file for a while."""
    chattr = shutil.which("chattr")
    if chattr is None or subprocess.call([chattr, "+i", path], stderr=subprocess.DEVNULL):
        pytest.skip("nobody here can make a file immutable")
    try:
        yield
    finally:
        subprocess.run([chattr, "-i", path], check=True)


CHANGES: list[tuple[Callable[[Path], None], str]] = [
    (grow, "not as winch left it"),
    (replace, "not as winch left it: something else has its name"),
    (be_a_directory, "not as winch left it: a directory has its name"),
    (be_a_link, "not as winch left it: a link has its name"),
    (be_another_users, "not as winch left it: it belongs to another user"),
]


@pytest.mark.parametrize(("change", "reason"), [(rewrite, "not as winch left it"), *CHANGES])
async def test_a_whole_file_that_was_changed_since_is_kept_and_named(
    workspace: Workspace, fault_server: FaultServer, change: Callable[[Path], None], reason: str
) -> None:
    engine = await workspace.engine()
    changed = await fetch(engine, workspace.request(fault_server.file("a.bin", DATA)))
    sound = await fetch(engine, workspace.request(fault_server.file("b.bin", DATA)))
    change(workspace.files / "a.bin")
    result = await removed(engine, changed.id, sound.id)
    assert result == (["b.bin"], [("a.bin", reason)])
    assert os.path.lexists(workspace.files / "a.bin")
    assert not (workspace.files / "b.bin").exists()
    assert await engine.downloads() == []


@pytest.mark.parametrize(("change", "reason"), CHANGES)
async def test_so_is_a_part_file(
    workspace: Workspace, fault_server: FaultServer, change: Callable[[Path], None], reason: str
) -> None:
    engine = await workspace.engine()
    download = await half(workspace, engine, fault_server)
    path = workspace.files / "half.part"
    if change is grow:
        # It may be as long as the whole file at most.
        os.truncate(path, len(BIG))
    change(path)
    assert await removed(engine, download.id) == ([], [("half.part", reason)])
    assert os.path.lexists(path)


async def test_a_part_file_that_holds_less_than_was_proved_is_somebody_elses(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    download = await half(workspace, engine, fault_server)
    os.truncate(workspace.files / "half.part", 5)
    result = await removed(engine, download.id)
    assert result == ([], [("half.part", "not as winch left it")])


async def test_what_cannot_be_deleted_is_named_and_the_others_go(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    stuck = await fetch(engine, workspace.request(fault_server.file("a.bin", DATA)))
    fine = await fetch(engine, workspace.request(fault_server.file("b.bin", DATA)))
    with immutable(workspace.files / "a.bin"):
        removal = await engine.remove([stuck.id, fine.id], files=True)
    names, kept = told(removal)
    assert names == ["b.bin"]
    assert kept[0][0] == "a.bin"
    assert "cannot be deleted" in kept[0][1]


async def test_what_vanished_is_neither_deleted_nor_kept(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    download = await fetch(engine, workspace.request(fault_server.file("a.bin", DATA)))
    (workspace.files / "a.bin").unlink()
    assert await removed(engine, download.id) == ([], [])


async def test_what_a_later_winch_finds_changed_it_keeps_too(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    download = await fetch(engine, workspace.request(fault_server.file("a.bin", DATA)))
    await engine.close()
    rewrite(workspace.files / "a.bin")
    engine = await workspace.engine()
    assert (await removed(engine, download.id))[1] == [("a.bin", "not as winch left it")]


class TestLeft:
    """A part file that stays is known again, until it is gone or somebody's own."""

    async def test_clean_finds_it_with_its_size(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine()
        download = await half(workspace, engine, fault_server)
        await engine.remove([download.id])
        await engine.close()
        engine = await workspace.engine()
        (left,) = (await engine.clean(dry_run=True)).removed
        path = workspace.files / "half.part"
        assert (left.kind, left.path) == (LeftoverKind.PART_FILE, str(path))
        assert left.size == path.stat().st_size
        assert left.reason.startswith("left by a removal from the list on ")
        await engine.clean(dry_run=False, only=[])
        assert path.exists()
        assert (await engine.clean(dry_run=False)).removed == (left,)
        assert not path.exists()
        assert (await engine.clean(dry_run=True)).removed == ()
        assert await LeftParts(workspace.state).all() == []

    @pytest.mark.parametrize(("change", "reason"), [(rewrite, "not as winch left it"), *CHANGES])
    async def test_what_was_changed_since_is_named_and_stays(
        self,
        workspace: Workspace,
        fault_server: FaultServer,
        change: Callable[[Path], None],
        reason: str,
    ) -> None:
        engine = await workspace.engine()
        download = await half(workspace, engine, fault_server)
        await engine.remove([download.id])
        path = workspace.files / "half.part"
        change(path)
        cleanup = await engine.clean(dry_run=False)
        assert [(each.path, each.reason) for each in cleanup.kept] == [(str(path), reason)]
        assert cleanup.removed == ()
        assert os.path.lexists(path)

    async def test_it_is_forgotten_when_it_is_gone(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine()
        download = await half(workspace, engine, fault_server)
        await engine.remove([download.id])
        (workspace.files / "half.part").unlink()
        assert (await engine.clean(dry_run=True)).removed == ()
        assert await LeftParts(workspace.state).all() == []

    async def test_what_is_brought_back_is_no_leftover(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine()
        download = await half(workspace, engine, fault_server)
        await engine.remove([download.id])
        await engine.restore([download.id])
        assert (await engine.clean(dry_run=False)).removed == ()
        assert (workspace.files / "half.part").exists()

    async def test_a_whole_file_is_the_persons_and_no_leftover(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine()
        download = await fetch(engine, workspace.request(fault_server.file("a.bin", DATA)))
        await engine.remove([download.id])
        assert (await engine.clean(dry_run=False)).removed == ()
        assert (workspace.files / "a.bin").exists()

    async def test_while_its_disk_is_away_it_is_remembered(
        self, workspace: Workspace, fault_server: FaultServer
    ) -> None:
        engine = await workspace.engine()
        download = await half(workspace, engine, fault_server)
        await engine.remove([download.id])
        away = workspace.files.rename(workspace.files.with_name("away"))
        assert (await engine.clean(dry_run=True)).removed == ()
        away.rename(workspace.files)
        assert len((await engine.clean(dry_run=True)).removed) == 1

    async def test_a_record_that_cannot_be_read_is_set_aside(self, workspace: Workspace) -> None:
        (workspace.state / "left.json").write_text("garbage")
        engine = await workspace.engine()
        assert (await engine.clean(dry_run=True)).removed == ()
        assert list(workspace.state.glob("left.json.damaged-*"))


async def test_only_so_many_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_parts, "MOST", 2)
    store = LeftParts(tmp_path)
    await store.put(
        LeftPart(
            id=f"{number:016x}",
            directory="/data",
            name="a",
            identity=PartIdentity(device=1, inode=number),
            size=1,
            stamp=FileStamp(uid=0, modified=0),
            at=datetime.now(UTC),
        )
        for number in range(3)
    )
    assert [part.identity.inode for part in await LeftParts(tmp_path).all()] == [1, 2]
