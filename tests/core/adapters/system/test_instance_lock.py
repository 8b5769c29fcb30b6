"""One owner per state directory, until it lets go or dies."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from core.adapters.system.instance_lock import InstanceLock, LockOwner
from core.domain.errors import LockedError, StateError

_HOLD = """
import sys, pathlib
from core.adapters.system.instance_lock import InstanceLock
with InstanceLock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@contextmanager
def other_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[4],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_file_tells_people_who_holds_it(path: Path) -> None:
    with InstanceLock(path) as lock:
        owner = lock.owner()
        assert owner is not None
        assert owner.pid == os.getpid()
        assert owner.host
        assert owner.started_at.tzinfo is not None
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_owner_is_refused_and_told_of_the_first(path: Path) -> None:
    with other_process(path) as process:
        with pytest.raises(LockedError, match=f"process {process.pid} "):
            InstanceLock(path).acquire()
        assert InstanceLock(path).is_held()


def test_the_refused_one_leaves_the_file_as_it_was(path: Path) -> None:
    with other_process(path) as process:
        with pytest.raises(LockedError):
            InstanceLock(path).acquire()
        owner = InstanceLock(path).owner()
        assert owner is not None
        assert owner.pid == process.pid


def test_a_killed_owner_blocks_nobody(path: Path) -> None:
    with other_process(path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with InstanceLock(path) as lock:
            owner = lock.owner()
            assert owner is not None
            assert owner.pid == os.getpid()


def test_releasing_frees_it_and_keeps_the_file(path: Path) -> None:
    lock = InstanceLock(path)
    lock.acquire()
    inode = path.stat().st_ino
    lock.release()
    lock.release()
    assert not lock.is_held()
    with InstanceLock(path):
        assert path.stat().st_ino == inode


def test_a_child_that_outlives_the_owner_does_not_keep_it(path: Path) -> None:
    with InstanceLock(path):
        child = subprocess.Popen(
            [sys.executable, "-c", "print('runs', flush=True); input()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            close_fds=False,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "runs\n"
    try:
        assert not InstanceLock(path).is_held()
    finally:
        child.communicate("\n")


@pytest.mark.parametrize("pid", [2**22 + 1, 1, os.getpid()], ids=["nobody", "init", "self"])
def test_a_file_that_names_somebody_blocks_nobody(path: Path, pid: int) -> None:
    """Neither a process that is dead, nor one that got its number or lives on another machine."""
    owner = LockOwner(pid=pid, host="elsewhere", started_at=datetime.now(UTC))
    path.write_bytes(msgspec.json.encode(owner) + b"\n" * 500)
    assert not InstanceLock(path).is_held()
    with InstanceLock(path) as lock:
        found = lock.owner()
        assert found is not None
        assert (found.pid, found.host) == (os.getpid(), socket.gethostname())
        assert path.read_bytes().count(b"\n") == 1


@pytest.mark.parametrize("content", [b"", b"garbage", b'{"pid":"x"}', b"\xff"])
def test_a_file_that_says_nothing_is_no_hindrance(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert InstanceLock(path).owner() is None
    with InstanceLock(path) as lock:
        assert lock.owner() is not None


def test_an_owner_that_cannot_be_told_still_owns(path: Path) -> None:
    with other_process(path):
        path.write_bytes(b"")
        with pytest.raises(LockedError, match="another process"):
            InstanceLock(path).acquire()


def test_a_link_in_its_place_is_not_followed(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("content")
    path.symlink_to(target)
    with pytest.raises(StateError):
        InstanceLock(path).acquire()
    assert target.read_text() == "content"
