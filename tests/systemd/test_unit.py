"""The unit that `winch daemon install` writes, run by a systemd (see the package)."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from core.domain.errors import DaemonError
from core.domain.service import ServiceStatus
from core.rpc.client import RemoteService
from tests.systemd import UserManager, user_manager
from tests.unix import short_directory

T = TypeVar("T")

# What a unit has to quote.
ODD = 'w %n ${x} "q" \'é'


class Machine:
    """A home with winch on it, and the manager that starts it."""

    def __init__(self, manager: UserManager) -> None:
        self.manager = manager
        self.home = Path(manager.env["HOME"]) / ODD
        self.home.mkdir()
        manager.env["WINCH_HOME"] = str(self.home)
        # What was called is what is installed.
        self.program = shutil.copy(Path(sys.executable).with_name("winch"), self.home / "winch")

    def winch(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command as the manager's user, who can ask the manager."""
        return self.manager(str(self.program), *words)

    def status(self) -> ServiceStatus | None:
        """Return what the daemon says of itself, None where none runs."""

        async def ask() -> ServiceStatus | None:
            try:
                async with await RemoteService.open(self.home / "run" / "winch.sock") as service:
                    return await service.status()
            except DaemonError:
                return None

        return asyncio.run(ask())

    def back(self) -> ServiceStatus:
        """Return what the daemon says once one runs."""
        return wait_for(self.status)

    def kill(self, number: signal.Signals) -> int:
        """Send a signal to the daemon, and return the number of its process."""
        pid = self.back().pid
        assert self.manager("kill", f"-{int(number)}", str(pid)).returncode == 0
        return pid

    @property
    def unit(self) -> Path:
        (unit,) = self.manager.directory.glob("*.service")
        return unit

    def unit_state(self) -> str:
        words = ("show", "--property=ActiveState", "--value", self.unit.name)
        return self.manager("systemctl", "--user", *words).stdout.strip()


def wait_for(found: Callable[[], T | None]) -> T:
    """Return what is found, once it is."""
    until = time.monotonic() + 30
    while not (value := found()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return value


@pytest.fixture
def machine() -> Iterator[Machine]:
    with short_directory() as home, user_manager(home) as manager:
        yield Machine(manager)


def test_a_machine_starts_the_daemon_and_keeps_it_running(machine: Machine) -> None:
    # One that runs already goes over to the unit, with all that it knows.
    assert machine.winch("add", "--paused", "http://127.0.0.1:9/x").returncode == 0
    before = machine.back().pid
    installed = machine.winch("daemon", "install")
    assert installed.returncode == 0, installed.stderr
    assert f"process {before}, ends at a checkpoint" in installed.stderr
    first = machine.back()
    assert first.pid != before
    assert first.counts["paused"] == 1
    assert "has it already" in machine.winch("daemon", "install").stderr
    assert machine.back().pid == first.pid

    # Killed, and nobody there: it is back.
    assert machine.kill(signal.SIGKILL) == first.pid
    assert machine.back().pid != first.pid

    # After a power cut it is there before anybody asks.
    machine.manager.crash()
    assert machine.status() is None
    machine.manager.boot()
    assert machine.manager.answers()
    assert machine.back().counts["paused"] == 1

    # Ended on purpose it stays away, also where it is about to start again, until it is needed:
    # then the unit starts it.
    machine.kill(signal.SIGKILL)
    assert "has ended" in machine.winch("daemon", "stop").stderr
    assert machine.unit_state() == "inactive"
    assert machine.winch("ls").returncode == 0
    assert machine.unit_state() == "active"

    removed = machine.winch("daemon", "uninstall")
    assert removed.returncode == 0, removed.stderr
    assert not machine.manager.directory.exists()
    assert machine.status() is None
    again = machine.winch("daemon", "uninstall")
    assert (again.returncode, "nothing is installed" in again.stderr) == (0, True)


def test_a_daemon_reads_its_settings_again_and_is_replaced_when_it_hangs(machine: Machine) -> None:
    assert machine.winch("daemon", "install").returncode == 0
    hurried = Path(f"{machine.unit}.d")
    hurried.mkdir()
    (hurried / "watchdog.conf").write_text("[Service]\nWatchdogSec=1\n")
    machine.manager("systemctl", "--user", "daemon-reload")
    machine.manager("systemctl", "--user", "restart", machine.unit.name)
    (machine.home / "config.toml").write_text("[limits]\nactive = 7\n")
    reloaded = machine.manager("systemctl", "--user", "reload", machine.unit.name)
    assert reloaded.returncode == 0
    log = machine.home / "state" / "winch.log"
    wait_for(lambda: "settings were read again" in log.read_text())

    hung = machine.kill(signal.SIGSTOP)
    wait_for(lambda: machine.manager("kill", "-0", str(hung)).returncode)
    assert machine.back().pid != hung
