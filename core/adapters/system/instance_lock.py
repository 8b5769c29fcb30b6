"""One owner per state directory: two engines on one catalog would lose each other's records.

The kernel frees the lock when its owner dies, however it dies, so a file that was left behind never
blocks anybody. What the file says is for people.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import msgspec

from core.adapters.files.named_file import read_named
from core.adapters.system.process import birth, send
from core.domain.errors import LockedError, StateError

_MOST_BYTES = 64 * 1024


class LockOwner(msgspec.Struct, frozen=True, kw_only=True):
    """Who wrote the lock file; `born` tells its process from a later one with the same number."""

    pid: int
    host: str
    started_at: datetime
    born: str | None = None


class InstanceLock:
    """The lock on a state directory, held from `acquire` to `release` or as a context."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the lock and note who holds it.

        Raises LockedError naming the owner when another process has it, StateError when the file
        cannot be used.
        """
        try:
            # Close-on-exec: a hook or a helper that outlives its parent must not keep the lock.
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StateError(f"{self._path} cannot be locked: {error.strerror}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            owner = LockOwner(
                pid=os.getpid(),
                host=socket.gethostname(),
                started_at=datetime.now(UTC),
                born=birth(os.getpid()),
            )
            os.ftruncate(fd, 0)
            os.pwrite(fd, msgspec.json.encode(owner) + b"\n", 0)
        except BlockingIOError as error:
            os.close(fd)
            raise self._locked() from error
        except OSError as error:
            os.close(fd)
            raise StateError(f"{self._path} cannot be locked: {error.strerror}") from error
        self._fd = fd

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        # The file stays: unlinking it would let two processes lock two files of the same name.
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def owner(self) -> LockOwner | None:
        """Return who wrote the file last, held or not; None when it cannot be told."""
        try:
            return msgspec.json.decode(read_named(self._path, most=_MOST_BYTES), type=LockOwner)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def is_held(self) -> bool:
        """Tell whether any process holds the lock at this moment."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def signal_owner(self, number: signal.Signals) -> bool:
        """Send a signal to the process that holds the lock; False where that cannot be told.

        It is the one that wrote the file, on this machine, and no other that has its number by now.
        Raises DaemonError where it belongs to somebody else.
        """
        owner = self.owner()
        if owner is None or owner.host != socket.gethostname() or not self.is_held():
            return False
        return send(owner.pid, number, born=owner.born)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _locked(self) -> LockedError:
        owner = self.owner()
        who = f"process {owner.pid} on {owner.host}" if owner else "another process"
        return LockedError(
            f"the state directory {self._path.parent} is in use by {who}",
            hint="`winch daemon status` tells more; or set WINCH_HOME to another directory",
        )
