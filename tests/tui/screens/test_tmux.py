"""From end to end as a person does it: winch in tmux, its own daemon, a server that is slow."""

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pty import ROOT
from tests.unix import short_directory, until
from tui.demo.files import KIB, MIB, DemoFile
from tui.demo.server import DemoServer

WINCH = (sys.executable, "-c", "from tui.cli.main import main; main()")
LIMIT = 15.0
FILES = [
    DemoFile(name, 4 * MIB, rate=20 * KIB)
    for name in ("alpha.iso", "beta.iso", "gamma.tar", "delta.tar")
]


class Tmux:
    """A terminal of 100 x 24 with a shell that finds `winch`, in tmux."""

    def __init__(self, place: Path) -> None:
        program = place / "winch"
        program.write_text(f'#!/bin/sh\nexec {shlex.join(WINCH)} "$@"\n')
        program.chmod(0o700)
        (place / "files").mkdir()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TMUX", "WINCH", "SSH"))}
        self.environment = kept | {
            "HOME": str(place),
            "LC_ALL": "C.UTF-8",
            "PATH": f"{place}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm-256color",
            "WINCH_DOWNLOADS_DIRECTORY": str(place / "files"),
            "WINCH_HOME": str(place / "home"),
            "WINCH_LIMITS_ACTIVE": "4",
        }
        self._socket = str(place / "tmux")
        self._run("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "24", "sh")

    def type(self, *keys: str) -> None:
        """Press keys by tmux's names; what is no name is typed."""
        self._run("send-keys", "--", *keys)

    def screen(self) -> str:
        """Return what the terminal shows."""
        return self._run("capture-pane", "-p")

    def row(self, name: str) -> str:
        """Return the line that a download is on, or nothing."""
        return next((line for line in self.screen().splitlines() if name in line), "")

    async def shows(self, *texts: str, without: str = "\0") -> None:
        """Return once the terminal shows all of these and not that."""

        def is_there() -> bool:
            screen = self.screen()
            return without not in screen and all(text in screen for text in texts)

        try:
            async with asyncio.timeout(LIMIT):
                await until(is_there)
        except TimeoutError:
            raise AssertionError(f"{texts} not as expected on\n{self.screen()}") from None

    async def has_row(self, name: str, text: str) -> None:
        """Return once the line of a download says so."""
        try:
            async with asyncio.timeout(LIMIT):
                await until(lambda: text in self.row(name))
        except TimeoutError:
            raise AssertionError(f"{name} is not '{text}' on\n{self.screen()}") from None

    def end(self) -> None:
        """End the daemon, and the terminal with all that runs in it."""
        stop = [*WINCH, "daemon", "stop"]
        subprocess.run(stop, env=self.environment, check=False, capture_output=True)
        self._run("kill-server")

    def _run(self, *words: str) -> str:
        command = ["tmux", "-S", self._socket, *words]
        done = subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout


@pytest.fixture
def tmux() -> Iterator[Tmux]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    with short_directory() as place:
        terminal = Tmux(place)
        try:
            yield terminal
        finally:
            terminal.end()


async def test_a_queue_is_worked_on_left_and_found_again_as_it_was(tmux: Tmux) -> None:
    with DemoServer(FILES) as server:
        tmux.type(f"winch {shlex.join(server.url(file) for file in FILES)}", "Enter")
        for file in FILES:
            await tmux.has_row(file.name, "KiB/s")

        tmux.type("Space", "Space")
        await tmux.shows("2 marked")
        tmux.type("p")
        await tmux.has_row("alpha.iso", "paused")
        await tmux.has_row("beta.iso", "paused")
        assert "paused" not in tmux.row("gamma.tar")
        tmux.type("Escape")
        await tmux.shows(without="2 marked")

        tmux.type("/", "iso", "Enter")
        await tmux.shows("alpha.iso", "beta.iso", without="gamma.tar")
        tmux.type("\\")
        await tmux.shows("gamma.tar", "delta.tar")

        tmux.type("G", "x")
        await tmux.shows("Keep")
        tmux.type("y")
        await tmux.shows("gamma.tar", without="delta.tar")

        tmux.type("q")
        await tmux.shows("1 download goes on in the background; come back with: winch")
        tmux.type("clear; winch", "Enter")
        await tmux.has_row("alpha.iso", "paused")
        await tmux.has_row("beta.iso", "paused")
        await tmux.has_row("gamma.tar", "KiB/s")
        assert not tmux.row("delta.tar")
        tmux.type("q")
        await tmux.shows("come back with: winch", without="alpha.iso")
