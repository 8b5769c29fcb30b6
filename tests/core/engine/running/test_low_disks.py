"""A file system that is low is told once for each time, however many wait for it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from core.domain.hooks import LowDisk
from core.domain.models import Download, DownloadRequest
from core.engine.running.low_disks import REST, LowDisks
from tests.hourglass import Hourglass

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_download(id_: str, directory: Path) -> Download:
    request = DownloadRequest(url="https://example.org/a", directory=str(directory))
    return Download(id=id_, request=request, name="a", order=1.0, created_at=AT)


def test_it_is_told_again_only_after_a_rest_without_anybody_waiting(tmp_path: Path) -> None:
    clock, told = Hourglass(AT), list[LowDisk]()
    disks = LowDisks(clock, told.append)
    (tmp_path / "b").mkdir()
    for id_, directory in (("a1", tmp_path), ("b1", tmp_path / "b")):
        disks.waits(a_download(id_, directory), 5)
        disks.waits(a_download(id_, directory), 5)
    assert [(disk.directory, disk.low_water) for disk in told] == [(str(tmp_path), 5)]
    assert told[0].free > 0

    disks.ends("a1")
    clock.suspend(2 * REST)
    disks.waits(a_download("a1", tmp_path), 5)
    for id_ in ("a1", "b1", "unknown"):
        disks.ends(id_)
    disks.waits(a_download("c1", tmp_path), 5)
    disks.ends("c1")
    assert len(told) == 1

    clock.suspend(REST)
    disks.waits(a_download("c1", tmp_path), 5)
    assert len(told) == 2


def test_a_directory_that_is_gone_is_no_disk(tmp_path: Path) -> None:
    told = list[LowDisk]()
    LowDisks(Hourglass(AT), told.append).waits(a_download("a1", tmp_path / "gone"), 5)
    assert told == []
