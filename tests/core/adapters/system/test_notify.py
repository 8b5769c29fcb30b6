"""What a service manager hears, over real sockets."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.adapters.system.notify import Notifier
from tests.unix import short_directory


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, str]]:
    """A socket as systemd has it, and how it is named in the environment."""
    with (
        short_directory() as directory,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver,
    ):
        path = str(directory / "notify")
        receiver.bind(path if request.param == "path" else f"\0{path}")
        yield receiver, path if request.param == "path" else f"@{path}"


def test_facts_arrive_as_lines(listener: tuple[socket.socket, str]) -> None:
    receiver, address = listener
    environment = {"NOTIFY_SOCKET": address, "HOME": "/"}
    notifier = Notifier.of(environment)
    # What is started from here is not what the manager has started.
    assert environment == {"HOME": "/"}
    assert notifier.has_listener
    notifier.tell("READY=1", status="two lines\nREADY=0")
    assert receiver.recv(4096) == b"READY=1\nSTATUS=two lines READY=0"


@pytest.mark.parametrize(("pid", "fed"), [("own", True), ("", True), ("1", False)])
async def test_the_watchdog_is_fed_by_the_process_that_it_watches(
    listener: tuple[socket.socket, str], pid: str, fed: bool
) -> None:
    receiver, address = listener
    receiver.setblocking(False)

    async def activity() -> str:
        return "busy"

    notifier = Notifier.of(
        {
            "NOTIFY_SOCKET": address,
            "WATCHDOG_USEC": "20000",
            "WATCHDOG_PID": str(os.getpid()) if pid == "own" else pid,
        }
    )
    telling = asyncio.create_task(notifier.keep_telling(activity))
    loop = asyncio.get_running_loop()
    heard = [await loop.sock_recv(receiver, 4096) for _ in range(4 if fed else 1)]
    telling.cancel()
    once = [b"WATCHDOG=1", b"STATUS=busy"]
    assert heard == (once * 2 if fed else once[1:])


@pytest.mark.parametrize("address", ["", "relative", "@", "/nobody/listens/there"])
async def test_without_a_listener_nothing_happens(address: str, tmp_path: Path) -> None:
    notifier = Notifier.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "x"})
    notifier.tell("READY=1", status="all is well")
