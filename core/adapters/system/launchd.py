"""The daemon as an agent of the user's launchd, on macOS; through `launchctl`, see there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from core.adapters.files.atomic_file import state_error
from core.adapters.system.process import ask, said
from core.adapters.system.unit_files import Program, install_file, launchd_agent, written_by_us
from core.domain.errors import DaemonError

_PATIENCE = 60.0


class Launchd:
    """An agent below ~/Library/LaunchAgents."""

    kind = "launchd"

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        self._label = name
        self._environment = environment
        self.file = Path("~/Library/LaunchAgents").expanduser() / f"{name}.plist"

    @property
    def place(self) -> str:
        """Where it is written."""
        return str(self.file)

    def text(self, program: Program) -> str:
        """Return what is written there."""
        return launchd_agent(program).decode()

    def refusal(self) -> str | None:
        """Return why no launchd can be asked here, None where it answers."""
        found = self._launchctl("version")
        return None if found is not None and found.returncode == 0 else "launchctl does not answer"

    def written(self) -> str | None:
        """Return the agent as it is installed, None where there is none of ours."""
        return written_by_us(self.file)

    def install(self, program: Program) -> bool:
        """Write and load the agent; False where it was there already, the same.

        Raises DaemonError and StateError; what was begun is taken back then.
        """
        text = self.text(program)
        if self.written() == text and self.is_active():
            return False
        install_file(self.file, text, enable=self._load, take_back=self.uninstall)
        return True

    def uninstall(self) -> bool:
        """Stop, unload and remove the agent; False where there is none of ours."""
        if self.written() is None:
            return False
        self._launchctl("bootout", self._target)
        try:
            self.file.unlink()
        except OSError as error:
            raise state_error(error, self.file, verb="removed") from error
        return True

    def is_active(self) -> bool:
        """Tell whether launchd knows the agent."""
        found = self._launchctl("print", self._target)
        return found is not None and found.returncode == 0

    def start(self) -> bool:
        """Have the agent started, without waiting for it; False where launchd does not know it."""
        found = self._launchctl("kickstart", self._target)
        return found is not None and found.returncode == 0

    def restart(self) -> None:
        """Do nothing: loading what was written anew has done it."""

    def stop(self) -> bool:
        """Ask the agent to end, without waiting for that; False where it does not run."""
        # It ends well, and is not started again.
        found = self._launchctl("kill", "SIGTERM", self._target)
        return found is not None and found.returncode == 0

    def _load(self) -> None:
        self._launchctl("bootout", self._target)
        self._launchctl("enable", self._target)
        found = self._launchctl("bootstrap", self._domain, str(self.file))
        if found is None or found.returncode:
            raise DaemonError(f"`launchctl bootstrap`: {said(found)}")

    @property
    def _domain(self) -> str:
        # There is a graphical one only while the person is logged in at the machine itself.
        graphical = f"gui/{os.getuid()}"
        found = self._launchctl("print", graphical)
        return graphical if found is not None and not found.returncode else f"user/{os.getuid()}"

    @property
    def _target(self) -> str:
        return f"{self._domain}/{self._label}"

    def _launchctl(self, *words: str) -> subprocess.CompletedProcess[bytes] | None:
        return ask(("launchctl", *words), self._environment, patience=_PATIENCE)
