"""What the daemon's process loads for the commands in it, and tells whoever has started it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import NoReturn

import pytest

from core.adapters.system.instance_lock import InstanceLock
from core.domain.version import VERSION
from core.rpc.command import CommandCall
from tests.fakes import FakeService
from tests.tui.cli.conftest import COMMAND
from tests.unix import short_directory
from tui.cli import daemon_process

FIRST_TWO = """
import asyncio, sys
from tui.cli import daemon_process

async def second():
    while "tui.cli.in_daemon" not in sys.modules:
        await asyncio.sleep(0)
    return await daemon_process._loaded()

async def main():
    one, other = await asyncio.gather(daemon_process._loaded(), second())
    assert one is other

asyncio.run(main())
"""


def test_two_commands_at_once_may_be_the_first() -> None:
    subprocess.run([sys.executable, "-c", FIRST_TWO], check=True)


async def test_once_its_files_are_others_whoever_asks_does_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded = 0

    def fail(_: str) -> NoReturn:
        nonlocal loaded
        loaded += 1
        raise ImportError("cannot import name 'New' from 'core.domain.old'")

    async def write(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(daemon_process, "_is_replaced", False)
    monkeypatch.setattr(daemon_process, "_IN_DAEMON", "tui.cli.not_loaded_yet")
    monkeypatch.setattr(daemon_process.importlib, "import_module", fail)
    call = CommandCall(
        version=VERSION, words=("ls",), directory="/", environment={}, surroundings={}, columns=80
    )
    for _ in range(2):
        assert await daemon_process.commands(call, FakeService(), write) is None
    assert loaded == 1


def test_a_service_manager_hears_of_the_daemon_from_its_first_to_its_last_moment() -> None:
    with (
        short_directory() as home,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        manager.settimeout(30)
        manager.bind(str(home / "notify"))

        def until(fact: str) -> str:
            while not (told := manager.recv(4096).decode()).startswith(fact):
                pass
            return told

        (home / "state").mkdir(mode=0o700)
        # A command that has the state directory just now is waited for.
        with (
            InstanceLock(home / "state" / "lock") as lock,
            subprocess.Popen(
                [*COMMAND, "daemon", "run"],
                env={
                    **{name: v for name, v in os.environ.items() if "WINCH" not in name},
                    "WINCH_HOME": str(home),
                    "NOTIFY_SOCKET": str(home / "notify"),
                    "WATCHDOG_USEC": "200000",
                },
                stderr=subprocess.DEVNULL,
            ) as daemon,
        ):
            assert f"waits for process {os.getpid()} to end" in until("EXTEND_TIMEOUT_USEC=")
            lock.release()
            until("READY=1")
            until("WATCHDOG=1")
            assert until("STATUS=") == "STATUS=nothing to do"
            until("WATCHDOG=1")
            (home / "config.toml").write_text("[limits]\nactive = 7\n")
            daemon.send_signal(signal.SIGHUP)
            log = home / "state" / "winch.log"
            while "settings were read again" not in log.read_text():
                until("WATCHDOG=1")
            daemon.send_signal(signal.SIGTERM)
            until("STOPPING=1")
            assert daemon.wait(30) == 0
