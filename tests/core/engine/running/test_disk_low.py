"""A disk that runs full costs no byte and no retry: downloads wait for room and go on."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import threading
from asyncio import StreamWriter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.domain.errors import ErrorCode
from core.domain.models import Status, WaitReason
from core.domain.settings import DiskSettings, LimitSettings, NetworkSettings, Settings
from core.domain.value import replace
from core.engine.running import disk_room, guards
from tests.core.engine.conftest import SETTINGS, Workspace, fetch, settled, until
from tests.faults.model import Request, content
from tests.faults.server import FaultServer

MIB = 1024 * 1024
DATA = content(4 * MIB)
LOST = "{} is no longer on the file system where this began"
NO_MARKS = replace(SETTINGS, disk=DiskSettings(low_water="0"))


@pytest.fixture
def disk(
    workspace: Workspace, small_disk: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.setattr(guards, "POLL", 0.02)
    small_disk(workspace.files, "10m")
    return workspace.files


def marks(low: str, high: str = "") -> Settings:
    return replace(SETTINGS, disk=DiskSettings(low_water=low, high_water=high))


def fill(disk: Path, size: int) -> Path:
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * size)
    return ballast


@contextmanager
def covered(disk: Path) -> Iterator[None]:
    """Have another file system in the place of a disk."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def replace_disk(disk: Path) -> None:
    """Unmount a disk that is in use, and mount an empty one."""
    subprocess.run(["umount", "--lazy", str(disk)], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(disk)], check=True)


async def test_a_disk_that_fills_under_way_stops_nothing_for_good(
    workspace: Workspace, disk: Path, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(NO_MARKS)
    url = fault_server.file("a", DATA, hold_after=2 * MIB)
    (download,) = await engine.add([replace(workspace.request(url), retries=0, connections=1)])
    await until(engine, download, lambda view: view.progress.bytes_downloaded >= MIB)
    ballast = fill(disk, 7 * MIB)
    fault_server.release("a")
    view = await until(engine, download, lambda v: v.download.wait_reason is WaitReason.DISK_LOW)
    assert view.download.status is Status.PENDING
    assert view.download.error is not None
    assert view.download.error.code is ErrorCode.DISK_FULL
    assert view.progress.bytes_downloaded >= MIB
    ballast.unlink()
    done = await settled(engine, download)
    assert (done.status, done.retry_count) == (Status.COMPLETED, 0)
    assert workspace.content("a") == DATA
    assert fault_server.requests_to("a")[-1].range != "bytes=0-"


async def test_where_another_file_system_took_the_place_nothing_is_written(
    workspace: Workspace, disk: Path, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(replace(NO_MARKS, limits=LimitSettings(active=1)))
    url = fault_server.file("a", DATA, hold_after=2 * MIB)
    (begun,) = await engine.add([replace(workspace.request(url), connections=1)])
    (later,) = await engine.add([workspace.request(fault_server.file("b", DATA))])
    elsewhere = replace(workspace.request(fault_server.file("c", DATA)), directory=str(disk.parent))
    (other,) = await engine.add([elsewhere])
    await until(engine, begun, lambda view: view.progress.bytes_downloaded >= MIB)
    with covered(disk):
        for download in (begun, later):
            view = await until(engine, download, lambda v: v.download.status is Status.PAUSED)
            assert view.download.error is not None
            assert view.download.error.message == LOST.format(disk)
        assert (await settled(engine, other)).status is Status.COMPLETED
        assert workspace.names() == []
    fault_server.release("a")
    await engine.resume([begun.id, later.id])
    for download, name in ((begun, "a"), (later, "b")):
        done = await settled(engine, download)
        assert (done.status, done.error) == (Status.COMPLETED, None)
        assert workspace.content(name) == DATA
    assert fault_server.requests_to("a")[-1].range != "bytes=0-"


async def test_what_hangs_with_its_disk_keeps_nothing_else_from_starting(
    workspace: Workspace, disk: Path, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await workspace.engine(NO_MARKS)
    device, real = disk.stat().st_dev, os.pwritev
    hangs, goes_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def write(fd: int, *rest: object) -> int:
        if os.fstat(fd).st_dev == device:
            loop.call_soon_threadsafe(hangs.set)
            goes_on.wait()
        return int(real(fd, *rest))  # type: ignore[arg-type]

    url = fault_server.file("a", DATA, hold_after=2 * MIB)
    (begun,) = await engine.add([replace(workspace.request(url), connections=1)])
    await until(engine, begun, lambda view: view.progress.bytes_downloaded >= MIB)
    monkeypatch.setattr(os, "pwritev", write)
    fault_server.release("a")
    try:
        await hangs.wait()
        with covered(disk):
            later, other = await engine.add(
                [
                    workspace.request(fault_server.file("b", DATA)),
                    replace(
                        workspace.request(fault_server.file("c", DATA)), directory=str(disk.parent)
                    ),
                ]
            )
            pausing = asyncio.create_task(engine.pause([begun.id]))
            await until(engine, later, lambda v: v.download.status.is_settled)
            assert (await settled(engine, other)).status is Status.COMPLETED
            (more,) = await engine.add([replace(other.request, name="d")])
            assert (await settled(engine, more)).status is Status.COMPLETED
            assert (await engine.find(begun.id)).download.status is Status.ACTIVE
            goes_on.set()
            await pausing
            await until(engine, begun, lambda v: v.download.status is Status.PAUSED)
    finally:
        goes_on.set()


async def test_a_directory_that_went_with_its_file_system_is_told_and_one_deleted_is_not(
    workspace: Workspace,
    disk: Path,
    fault_server: FaultServer,
    small_disk: Callable[[Path, str], None],
) -> None:
    engine = await workspace.engine(NO_MARKS)
    gone, deleted = disk / "gone", disk.parent / "deleted"
    for directory in (gone, deleted):
        directory.mkdir()
    began = []
    for name, directory in (("a", gone), ("b", deleted)):
        request = workspace.request(fault_server.file(name, DATA, hold_after=2 * MIB))
        (download,) = await engine.add([replace(request, directory=str(directory))])
        await until(engine, download, lambda view: view.progress.bytes_downloaded >= MIB)
        began.append(download)
    shutil.rmtree(deleted)
    replace_disk(disk)
    view = await until(engine, began[0], lambda v: v.download.status is Status.PAUSED)
    assert view.download.error is not None
    assert view.download.error.message == LOST.format(gone)
    assert (await engine.find(began[1].id)).download.status is Status.ACTIVE
    fault_server.release("b")
    failed = await settled(engine, began[1])
    assert failed.error is not None
    assert "no longer" not in failed.error.message


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldLook]:
    """The next look at the disks, which waits before and after its figures are taken."""
    held = HeldLook(disk_room._look)
    monkeypatch.setattr(disk_room, "_look", held)
    yield held
    held.before.set()
    held.after.set()


class HeldLook:
    def __init__(self, real: Callable[[set[str]], tuple[disk_room.Spaces, disk_room.Devices]]):
        self._real = real
        self.before, self.taken, self.after = (threading.Event() for _ in range(3))
        self.before.set()
        self.after.set()

    def __call__(self, directories: set[str]) -> tuple[disk_room.Spaces, disk_room.Devices]:
        self.before.wait()
        found = self._real(directories)
        if directories:
            self.taken.set()
        self.after.wait()
        return found


async def test_a_small_file_that_nobody_looked_for_knows_its_file_system_from_the_start(
    workspace: Workspace,
    disk: Path,
    fault_server: FaultServer,
    look: HeldLook,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(disk_room, "PLENTY", 1)
    monkeypatch.setattr(disk_room, "FRESH", 60.0)
    engine = await workspace.engine(NO_MARKS)
    look.before.clear()
    small = DATA[: MIB // 2]
    assert (await fetch(engine, workspace.request(fault_server.file("a", small)))).error is None
    url = fault_server.file("b", small, hold_after=1000)
    (download,) = await engine.add([workspace.request(url)])
    await until(engine, download, lambda view: view.download.status is Status.ACTIVE)
    with covered(disk):
        look.before.set()
        view = await until(engine, download, lambda v: v.download.status is not Status.ACTIVE)
        assert view.download.status is Status.PAUSED


async def test_figures_from_before_a_download_was_started_anew_are_none_of_its(
    workspace: Workspace, disk: Path, fault_server: FaultServer, look: HeldLook
) -> None:
    engine = await workspace.engine(NO_MARKS)
    url = fault_server.file("a", DATA, hold_after=2 * MIB)
    look.after.clear()
    (download,) = await engine.add([workspace.request(url)])
    await until(engine, download, lambda view: view.progress.bytes_downloaded >= MIB)
    await asyncio.to_thread(look.taken.wait)
    await engine.pause([download.id])
    with covered(disk):
        await engine.resume([download.id])
        await until(engine, download, lambda view: view.download.status is Status.ACTIVE)
        look.after.set()
        fault_server.release("a")
        assert (await settled(engine, download)).status is Status.COMPLETED
        assert workspace.content("a") == DATA


async def test_without_room_a_download_waits_before_it_takes_any(
    workspace: Workspace, disk: Path, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(marks("1M"))
    ballast = fill(disk, 6 * MIB)
    (download,) = await engine.add([workspace.request(fault_server.file("a", DATA))])
    view = await until(engine, download, lambda v: v.download.wait_reason is WaitReason.DISK_LOW)
    assert view.download.error is not None
    assert "1.0 MiB of room are missing" in view.download.error.message
    assert workspace.names() == ["ballast"]
    assert engine.has_work
    ballast.unlink()
    assert (await settled(engine, download)).status is Status.COMPLETED
    assert workspace.content("a") == DATA


async def test_what_is_under_way_has_its_room_reserved(
    workspace: Workspace, disk: Path, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(marks("3M"))
    (first,) = await engine.add([workspace.request(fault_server.file("a", DATA, hold_after=1))])
    await until(engine, first, lambda view: view.download.name_settled)
    (second,) = await engine.add([workspace.request(fault_server.file("b", DATA))])
    await until(engine, second, lambda v: v.download.wait_reason is WaitReason.DISK_LOW)
    fault_server.release("a")
    assert (await settled(engine, first)).status is Status.COMPLETED
    assert (await engine.find(second.id)).download.status is Status.PENDING
    (disk / "a").unlink()
    assert (await settled(engine, second)).status is Status.COMPLETED


async def test_running_downloads_stop_under_the_low_mark_and_go_on_above_the_high_one(
    workspace: Workspace, disk: Path, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(marks("2M", "4M"))
    url = fault_server.file("a", DATA, hold_after=3 * MIB)
    (download,) = await engine.add([workspace.request(url)])
    await until(engine, download, lambda view: view.progress.bytes_downloaded >= 2 * MIB)
    ballast = fill(disk, 6 * MIB)
    view = await until(engine, download, lambda v: v.download.wait_reason is WaitReason.DISK_LOW)
    assert view.progress.bytes_downloaded >= 2 * MIB
    fault_server.release("a")
    ballast.unlink()
    assert (await settled(engine, download)).status is Status.COMPLETED
    assert workspace.content("a") == DATA


async def test_what_is_larger_than_the_disk_fails_with_the_reason(
    workspace: Workspace, disk: Path, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(NO_MARKS)
    failed = await fetch(engine, workspace.request(fault_server.file("a", content(11 * MIB))))
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert "the whole file system" in failed.error.message
    assert failed.error.code.exit_status == 9
    assert workspace.names() == []


@pytest.mark.parametrize("pause", [0.05, 60.0], ids=["drips", "stalls"])
async def test_a_length_whose_bytes_do_not_come_takes_no_room_from_others(
    workspace: Workspace, disk: Path, fault_server: FaultServer, pause: float
) -> None:
    async def lie(request: Request, writer: StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (8 * MIB))
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(pause)

    engine = await workspace.engine(replace(marks("1M"), network=NetworkSettings(read_timeout=0.5)))
    liar = replace(workspace.request(fault_server.script("lie", lie)), retries=1000, name="lie")
    (first,) = await engine.add([liar])
    await until(engine, first, lambda view: view.download.name_settled)
    (second,) = await engine.add([workspace.request(fault_server.file("b", DATA))])
    await until(engine, second, lambda v: v.download.wait_reason is WaitReason.DISK_LOW)
    assert (await settled(engine, second)).status is Status.COMPLETED
    assert workspace.content("b") == DATA
    assert not (await engine.find(first.id)).download.status.is_settled


async def test_a_length_beyond_all_disks_is_nobody_elses_matter(
    workspace: Workspace, disk: Path, fault_server: FaultServer
) -> None:
    async def lie(request: Request, writer: StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000\r\n\r\nx")
        await writer.drain()

    engine = await workspace.engine(marks("1M"))
    lies = [workspace.request(fault_server.script(name, lie)) for name in ("l1", "l2", "l3")]
    *liars, good = await engine.add([*lies, workspace.request(fault_server.file("b", DATA))])
    assert (await settled(engine, good)).status is Status.COMPLETED
    for liar in liars:
        failed = await settled(engine, liar)
        assert failed.error is not None
        assert "the whole file system" in failed.error.message
    told = [entry.text for entry in (await engine.find(good.id)).download.timeline]
    assert not any("room" in text for text in told), told


async def test_a_queue_goes_on_beside_what_waits_for_room(
    workspace: Workspace, disk: Path, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(marks("1M"))
    fill(disk, 6 * MIB)
    big, small = await engine.add(
        [
            workspace.request(fault_server.file("big", DATA)),
            workspace.request(fault_server.file("small", DATA[:MIB])),
        ]
    )
    assert (await settled(engine, small)).status is Status.COMPLETED
    assert (await engine.find(big.id)).download.wait_reason is WaitReason.DISK_LOW
