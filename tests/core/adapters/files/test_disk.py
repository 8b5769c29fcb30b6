"""Room is reserved without making the file look longer than what was written."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.adapters.files.disk import device_below, preallocate

SIZE = 8 * 1024 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reserves without growing")
def test_the_blocks_are_there_and_the_size_is_not(tmp_path: Path) -> None:
    path = tmp_path / "f"
    with path.open("wb") as file:
        if not preallocate(file.fileno(), SIZE):
            pytest.skip("this file system cannot reserve")
        assert path.stat().st_blocks * 512 >= SIZE
        assert path.stat().st_size == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reserves without growing")
def test_more_than_is_free_is_refused_without_taking_what_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    nearly_full = SimpleNamespace(f_bavail=SIZE // 4096 - 1, f_frsize=4096)
    monkeypatch.setattr(os, "fstatvfs", lambda _: nearly_full)
    with path.open("wb") as file:
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            preallocate(file.fileno(), SIZE)
        assert path.stat().st_blocks == 0


def test_without_the_system_call_the_file_stays_sparse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.adapters.files.disk._fallocate", lambda: None)
    with (tmp_path / "f").open("wb") as file:
        assert not preallocate(file.fileno(), SIZE)


def test_a_directory_that_is_gone_would_be_made_on_the_device_above_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    device = tmp_path.stat().st_dev
    for gone in ("a", "a/b/c", "file/a"):
        assert device_below(str(tmp_path / gone)) == device
    for path in ("/dev", "/proc", "/"):
        assert device_below(f"{path}/nowhere/at/all") == Path(path).stat().st_dev
    assert device_below(f"{tmp_path}/{'x' * 300}") is None
