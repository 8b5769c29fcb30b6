"""Where winch keeps its settings, its state and its socket, for every process that uses them.

Client and daemon must come to the same answer from the same environment, or they never meet.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from core.adapters.files.atomic_file import make_private_directory, state_error
from core.adapters.files.ownership import ROOT, check_place
from core.adapters.system.log_file import LOG_NAME
from core.domain.errors import DestinationError, StateError
from core.domain.value import Value

# sun_path holds 108 bytes on Linux and 104 on macOS, the closing NUL included.
MAX_SOCKET_PATH = (104 if sys.platform == "darwin" else 108) - 1


class Paths(Value, frozen=True, kw_only=True):
    """Every place outside the destinations that winch reads or writes."""

    config_file: Path
    state_dir: Path
    run_dir: Path

    @classmethod
    def discover(cls, env: Mapping[str, str]) -> Paths:
        """Return the places for this environment; touches no disk.

        `$WINCH_HOME` holds everything when it is set, which is how tests and trials stay apart.
        """
        home = env.get("WINCH_HOME")
        if home:
            base = Path(home).expanduser().absolute()
            config_file, state_dir, run_dir = base / "config.toml", base / "state", base / "run"
        else:
            config_file = platformdirs.user_config_path("winch", appauthor=False) / "config.toml"
            state_dir = platformdirs.user_state_path("winch", appauthor=False)
            # Not $XDG_RUNTIME_DIR: logind removes it at the last logout, and the daemon lives on.
            run_dir = state_dir / "run"
        if len(os.fsencode(run_dir / _SOCKET)) > MAX_SOCKET_PATH:
            run_dir = _short_run_dir(state_dir)
        return cls(config_file=config_file, state_dir=state_dir, run_dir=run_dir)

    @staticmethod
    def usual_state_dir(home: Path) -> Path:
        """Return where the state of an account is, as long as its environment says nothing."""
        below = "Library/Application Support" if sys.platform == "darwin" else ".local/state"
        return home / below / "winch"

    @property
    def socket(self) -> Path:
        """The daemon's socket; its path fits into a Unix socket address."""
        return self.run_dir / _SOCKET

    @property
    def log_file(self) -> Path:
        """What the daemon notes for people."""
        return self.state_dir / LOG_NAME

    @property
    def lock_file(self) -> Path:
        """What the owner of the state directory holds locked."""
        return self.state_dir / "lock"

    @property
    def handover_file(self) -> Path:
        """What is there while one daemon hands over to the next: the number of who sees to it."""
        return self.state_dir / "handover"

    @property
    def has_short_run_dir(self) -> bool:
        """Tell whether the socket lies among temporary files, its path being too long else."""
        return self.run_dir.parent not in (self.state_dir, self.state_dir.parent)

    def check_destination(self, directory: str) -> None:
        """Raise DestinationError where files would lie among winch's own; blocks."""
        real = Path(directory).resolve()
        own = (self.state_dir, self.run_dir)
        if any(real.is_relative_to(place.resolve()) for place in own):
            raise _own_error(directory, "state")
        # Only the directory itself: what lies below it is no settings file.
        if real == self.config_file.parent.resolve():
            raise _own_error(directory, "settings")

    def prepare(self) -> None:
        """Make the directories that are missing, for their owner alone (0700).

        Raises StateError when one cannot be made, belongs to somebody else, or is open to others.
        """
        # First: what others could write in is not made ours by a change of its mode.
        self.check_places()
        try:
            make_private_directory(self.state_dir)
            self.run_dir.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise state_error(error, Path(error.filename or self.state_dir), verb="made") from error
        self.check_places()

    def clear(self) -> None:
        """Take away the short directory of a socket that is gone: it is nobody's but the socket's.

        The directories that are winch's own stay, and so does one in which something else lies.
        """
        if self.has_short_run_dir:
            with contextlib.suppress(OSError):
                self.run_dir.rmdir()

    def check_places(self) -> None:
        """Refuse places that somebody else could write in, or swap for his own.

        Missing ones are fine: nothing is there yet. Raises StateError when one belongs to another
        user or can be written by others, or the run directory is a symbolic link or open to them.
        """
        self._check_run_dir()
        check_place(self.config_file.parent, owners={ROOT})
        check_place(self.state_dir)
        check_place(self.state_dir / "resume_data")
        check_place(self.run_dir)

    def _check_run_dir(self) -> None:
        try:
            found = self.run_dir.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise StateError(f"{self.run_dir} cannot be read: {error.strerror}") from error
        # Anybody may have made the short directory first: it lies where all users can write.
        if not stat.S_ISDIR(found.st_mode):
            problem = "is not a directory"
        elif found.st_uid != os.getuid():
            problem = "belongs to another user"
        elif stat.S_IMODE(found.st_mode) & 0o077:
            problem = "is open to other users"
        else:
            return
        raise StateError(
            f"{self.run_dir} {problem}, so the daemon's socket is not safe there",
            hint=f"remove it, or make it yours alone: chmod 700 {self.run_dir}",
        )


_SOCKET = "winch.sock"


def _own_error(directory: str, what: str) -> DestinationError:
    return DestinationError(
        f"{directory} is where winch keeps its own {what}", hint="choose another directory"
    )


def _short_run_dir(state_dir: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:12]
    directory = Path(tempfile.gettempdir()) / f"winch-{os.getuid()}-{digest}"
    if len(os.fsencode(directory / _SOCKET)) > MAX_SOCKET_PATH:
        raise StateError(
            f"the path {directory / _SOCKET} is too long for a Unix socket",
            hint="set WINCH_HOME or TMPDIR to a shorter path",
        )
    return directory
