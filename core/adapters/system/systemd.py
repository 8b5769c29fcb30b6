"""The daemon as a service of the user's systemd: installed, taken back, started and ended.

All of it through `systemctl --user` and `loginctl`; see there. What blocks here does so for as long
as the unit takes to start or to end.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from core.adapters.files.atomic_file import state_error
from core.adapters.system.process import ask, said
from core.adapters.system.unit_files import Program, install_file, systemd_unit, written_by_us
from core.domain.errors import DaemonError

_ASKING = 10.0
"""Seconds for a question."""
_STARTING = 20.0
"""Seconds for a start, after which whoever waits looks for the daemon itself."""
_WORKING = 90.0
"""Seconds for anything else; a stop takes no longer than the unit says."""
_OVER = ("inactive", "failed")


class Systemd:
    """A unit of the systemd that runs for this user."""

    kind = "systemd"

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        self.unit = f"{name}.service"
        configured = environment.get("XDG_CONFIG_HOME", "")
        base = Path(configured) if configured.startswith("/") else Path("~/.config").expanduser()
        self.file = base / "systemd" / "user" / self.unit
        self._wanted = self.file.parent / "default.target.wants" / self.unit
        self._environment = dict(environment)
        # Missing after `su` and in a cron job; the manager is there all the same.
        if not environment.get("XDG_RUNTIME_DIR"):
            self._environment["XDG_RUNTIME_DIR"] = f"/run/user/{os.getuid()}"

    @property
    def place(self) -> str:
        """Where it is written."""
        return str(self.file)

    def text(self, program: Program) -> str:
        """Return what is written there."""
        return systemd_unit(program)

    def refusal(self) -> str | None:
        """Return why no systemd can be asked here, None where it answers."""
        try:
            self._systemctl("show", "--property=Version", patience=_ASKING)
        except DaemonError as error:
            return error.message
        return None

    def written(self) -> str | None:
        """Return the unit as it is installed, None where there is none of ours."""
        return written_by_us(self.file)

    def install(self, program: Program) -> bool:
        """Write and enable the unit; False where it was there already, the same.

        Raises DaemonError and StateError; what was begun is taken back then.
        """
        text = self.text(program)
        return install_file(self.file, text, enable=self._enable, take_back=self.uninstall)

    def uninstall(self) -> bool:
        """Stop, disable and remove the unit; False where there is none of ours."""
        if self.written() is None:
            return False
        # Without a manager nothing of it runs, and the files say all.
        with suppress(DaemonError):
            self._systemctl("disable", "--now", self.unit)
        try:
            if self._wanted.is_symlink():
                self._wanted.unlink()
            self.file.unlink()
        except OSError as error:
            raise state_error(error, self.file, verb="removed") from error
        for directory in (self._wanted.parent, self.file.parent, self.file.parent.parent):
            with suppress(OSError):
                directory.rmdir()
        with suppress(DaemonError):
            self._systemctl("daemon-reload")
        return True

    def is_enabled(self) -> bool:
        """Tell whether it is started with the manager; asks the disk alone."""
        return self._wanted.is_symlink()

    def is_active(self) -> bool:
        """Tell whether the unit runs, or is about to; False where no manager answers."""
        with suppress(DaemonError):
            state = self._systemctl("show", "--property=ActiveState", "--value", self.unit)
            return state not in ("", *_OVER)
        return False

    def start(self) -> bool:
        """Start the unit and return once it is ready; False where it could not be."""
        with suppress(DaemonError):
            self._systemctl("start", self.unit, patience=_STARTING)
            return True
        return False

    def begin(self) -> None:
        """Have the unit started, without waiting for it."""
        self._systemctl("start", "--no-block", self.unit)

    def restart(self) -> None:
        """Have what runs end at a checkpoint, and start the unit as it is written now."""
        self._systemctl("restart", self.unit)

    def stop(self) -> bool:
        """Stop the unit, also where it is about to start again; False where it does not run."""
        if not self.is_active():
            return False
        self._systemctl("stop", self.unit)
        return True

    def lingers(self) -> bool | None:
        """Tell whether this user's services run without a login; None where nobody knows."""
        words = ("loginctl", "show-user", str(os.getuid()), "--property=Linger", "--value")
        found = ask(words, self._environment, patience=_ASKING)
        if found is not None and found.returncode == 0:
            return found.stdout.strip() == b"yes"
        # It knows nobody who is neither logged in nor lingers, as in `su` and in a cron job.
        known = found is not None and b"not logged in or lingering" in found.stderr
        return False if known else None

    def ends_at_logout(self) -> bool:
        """Tell whether logind ends what a login leaves behind, unless it is a unit's."""
        words = ("loginctl", "show-session", "--property=KillUserProcesses", "--value")
        found = ask(words, self._environment, patience=_ASKING)
        return found is not None and found.stdout.strip() == b"yes"

    def linger(self) -> None:
        """Have this user's services run from boot on; raises DaemonError where one may not."""
        words = ("loginctl", "--no-ask-password", "enable-linger")
        found = ask(words, self._environment, patience=_ASKING)
        if found is None or found.returncode:
            raise DaemonError(
                f"lingering could not be enabled: {said(found)}",
                hint=f"sudo loginctl enable-linger {getpass.getuser()}",
            )

    def _enable(self) -> None:
        self._systemctl("daemon-reload")
        self._systemctl("enable", self.unit)

    def _systemctl(self, *words: str, patience: float = _WORKING) -> str:
        found = ask(("systemctl", "--user", *words), self._environment, patience=patience)
        if found is None or found.returncode:
            raise DaemonError(f"`systemctl --user {words[0]}`: {said(found)}")
        return found.stdout.decode("utf-8", "replace").strip()
