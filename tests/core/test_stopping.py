"""Ending a daemon that does not listen any more, and nobody else in its place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from core import launcher, stopping
from core.adapters.system.instance_lock import InstanceLock, LockOwner
from core.adapters.system.process import birth, send
from core.domain.errors import DaemonError
from core.rpc import client, wire
from tests.unix import short_directory

ROOT = Path(__file__).parents[2]

# A daemon that serves and then hears nothing more: its loop is in a call that does not return.
_BLOCKED = """
import asyncio, sys, time
from core import daemon
def block():
    print("ready", flush=True)
    asyncio.get_running_loop().call_soon(time.sleep, 600)
asyncio.run(daemon.run(linger=False, on_ready=block))
"""
# What holds the lock on a state directory and has no socket.
_MUTE = """
import pathlib, sys
from core.adapters.system.instance_lock import InstanceLock
with InstanceLock(pathlib.Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("ASKING", "TERMINATING"):
        monkeypatch.setattr(stopping, name, 0.5)
    with short_directory() as directory:
        monkeypatch.setenv("WINCH_HOME", str(directory))
        launcher.paths().prepare()
        yield directory


def lock() -> InstanceLock:
    return InstanceLock(launcher.paths().lock_file)


@contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-P", "-c", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "ready\n"
            yield running
        finally:
            running.kill()


async def test_one_that_was_stopped_hears_of_it_and_ends_in_good_order(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # As long as a clean end takes under load.
    monkeypatch.setattr(stopping, "TERMINATING", 30.0)
    async with await launcher.connect() as service:
        pid = (await service.status()).pid
    os.kill(pid, signal.SIGSTOP)
    told: list[str] = []
    assert await launcher.stop_daemon(told.append) is True
    assert told == [f"the daemon has not answered for 0 s; sending SIGTERM to process {pid}"]
    assert not lock().is_held()
    assert "winch ended" in launcher.paths().log_file.read_text()


async def test_one_that_hears_nothing_is_killed_and_each_step_is_told(home: Path) -> None:
    with process(_BLOCKED) as daemon:
        told: list[str] = []
        assert await launcher.stop_daemon(told.append) is True
        assert daemon.wait(10) == -signal.SIGKILL
    assert [word in line for word, line in zip(("SIGTERM", "SIGKILL"), told, strict=True)] == [
        True,
        True,
    ]
    assert await launcher.stop_daemon(told.append) is False


async def test_one_without_a_socket_is_ended_too(home: Path) -> None:
    with process(_MUTE, str(launcher.paths().lock_file)) as daemon:
        assert await launcher.stop_daemon() is True
        assert daemon.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("fields", [{"born": "1"}, {"host": "elsewhere"}])
async def test_who_has_got_its_number_is_left_alone(home: Path, fields: dict[str, str]) -> None:
    path = launcher.paths().lock_file
    bystander = "print('ready', flush=True); input()"
    with process(_MUTE, str(path)) as daemon, process(bystander) as other:
        owner = lock().owner()
        assert owner is not None
        assert owner.born == birth(daemon.pid)
        named = msgspec.structs.replace(owner, pid=other.pid, **fields)
        path.write_bytes(msgspec.json.encode(named))
        with pytest.raises(DaemonError, match="cannot be ended from here"):
            await launcher.stop_daemon()
        assert other.poll() is None
        assert daemon.poll() is None


def test_a_number_that_nobody_has_gets_no_signal() -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    assert send(gone.pid, signal.SIGTERM, born=None) is False
    assert send(1, signal.SIGTERM, born=None) is False
    assert send(os.getpid(), signal.SIGTERM, born=None) is False


def test_the_lock_file_of_an_older_version_can_be_read() -> None:
    older = b'{"pid":7,"host":"h","started_at":"2026-01-01T00:00:00Z"}'
    assert msgspec.json.decode(older, type=LockOwner).born is None


@pytest.mark.parametrize("hears", ["never", "once"])
async def test_whoever_meets_one_that_hangs_is_told_how_to_end_it(
    home: Path, hears: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also whoever it has greeted before it hung, and whoever only listens."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(stopping, "TERMINATING", 30.0)
    async with await launcher.connect() as service:
        pid = (await service.status()).pid
        async with service.subscribe() as events:
            await anext(events)
            monkeypatch.setattr(wire, "GREETING_TIMEOUT", 0.5)
            monkeypatch.setattr(client, "PATIENCE_SECONDS", 0.5)
            os.kill(pid, signal.SIGSTOP)
            try:
                with pytest.raises(DaemonError) as caught:
                    await (service.status() if hears == "once" else launcher.connect())
                assert "`winch daemon stop` ends it" in caught.value.hint
                with pytest.raises(client.UnresponsiveDaemonError, match="has not answered"):
                    await anext(events)
            finally:
                os.kill(pid, signal.SIGCONT)
        # What takes its time is waited for as long as it lives.
        assert (await service.status()).pid == pid
    await launcher.stop_daemon()
