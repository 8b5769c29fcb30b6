"""Who writes a part file: this process, another one, or nobody.

The lock is flock's: the kernel frees it when its owner dies, and it holds between processes as well
as between two files opened here. The latter must not be taken for somebody else, so what this
process holds is remembered.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import nullcontext, suppress
from pathlib import Path

from core.domain.errors import LockedError
from core.domain.models import PartIdentity

# Locking and remembering are one step: in between, another thread would meet a stranger.
_GUARD = threading.Lock()
_OWN: dict[int, tuple[int, int]] = {}
"""Device and inode by descriptor."""


class PartInUseError(LockedError):
    """Another process writes the part file at `path`, whose `identity` tells what becomes of it."""

    def __init__(self, path: str, holder: int | None, identity: PartIdentity) -> None:
        who = f"another winch (process {holder})" if holder else "another winch"
        name = os.path.basename(path)  # noqa: PTH119 (a name, no look at the disk)
        super().__init__(f"{who} writes {name}", hint="it goes on by itself once that has ended")
        self.path = path
        self.identity = identity


def lock(fd: int, path: str) -> bool:
    """Lock an open part file; False where this process has it open already.

    Raises PartInUseError where another one has.
    """
    key = _key(fd)
    with _GUARD:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if key in _OWN.values():
                return False
            device, inode = key
            identity = PartIdentity(device=device, inode=inode)
            raise PartInUseError(path, _holder(*key), identity) from None
        _OWN[fd] = key
    return True


def close(fd: int) -> None:
    """Close a descriptor, and give up the lock if `lock` has taken one on it.

    Raises nothing: the number is free whatever the answer is, and may be another thread's by the
    time that anybody tried again. What was synced is on disk, and the rest nobody counts on.
    """
    with _GUARD if fd in _OWN else nullcontext():
        _OWN.pop(fd, None)
        with suppress(OSError):
            os.close(fd)


def is_locked(path: str) -> bool:
    """Tell whether anybody writes the part file at `path`; False where there is none.

    Asking locks it for a moment. Who wants it then is told that it is in use, and tries again.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False


def _key(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino


def _holder(device: int, inode: int) -> int | None:
    """Return the process that holds a lock, None where the kernel does not tell."""
    wanted = f"{os.major(device):02x}:{os.minor(device):02x}:{inode}"
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/locks").read_text("ascii").splitlines():
            # 1: FLOCK  ADVISORY  WRITE 708 fd:00:1234 0 EOF
            fields = line.split()
            if fields[1] == "FLOCK" and fields[5] == wanted:
                return int(fields[4]) or None
    return None
