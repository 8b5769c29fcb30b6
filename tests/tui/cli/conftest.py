"""The `winch` command as a process, in a home of its own, with its daemon ended afterwards."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.warm import warm_python

MAIN = ("-P", "-c", "from tui.cli.main import main; main()")
COMMAND = (sys.executable, *MAIN)


class Winch:
    """Runs commands against one home; `directory` is where they are called from.

    What is run to its end is started warm (see tests.warm) unless another `python` is wanted.
    """

    def __init__(self, home: Path, directory: Path, python: str | None = None) -> None:
        self.command = (python or warm_python(), *MAIN)
        clean = {name: value for name, value in os.environ.items() if "WINCH" not in name}
        self.env = {**clean, "WINCH_HOME": str(home), "WINCH_RETRY_BASE": "0"}
        self.directory = directory

    def __call__(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [*self.command, *words],
            env=self.env,
            cwd=self.directory,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    def answer(self, answer: bytes, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end at a terminal, where somebody has typed this."""
        controller, terminal = pty.openpty()
        try:
            os.write(controller, answer)
            return subprocess.run(
                [*self.command, *words],
                env=self.env,
                stdin=terminal,
                capture_output=True,
                text=True,
                timeout=50,
                check=False,
            )
        finally:
            os.close(controller)
            os.close(terminal)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command whose stderr can be read while it runs."""
        return subprocess.Popen(
            [*COMMAND, *words],
            env=self.env,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def json(self, *words: str) -> Any:
        """Return what a command prints as JSON."""
        result = self(*words, "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)


@pytest.fixture
def winch(tmp_path: Path) -> Iterator[Winch]:
    """The command, called from an empty directory."""
    directory = tmp_path / "cwd"
    directory.mkdir()
    command = Winch(tmp_path / "home", directory)
    yield command
    assert command("daemon", "stop").returncode == 0
