"""Open part files so that nobody else's is taken for ours, and nobody else writes what we write.

For `part_file`, in a thread: all of it blocks. In a directory that several users write in, anybody
may have made the file first.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import NamedTuple

from core.adapters.files import part_lock, part_owner
from core.adapters.files.destination import SUFFIX, identity_of, opened_directory
from core.adapters.files.part_owner import ForeignPartError
from core.domain.models import PartIdentity

# Not blocking: somebody else's file may be under a lease, or be none.
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class OpenedPart(NamedTuple):
    """The descriptors of a directory and of a locked part file in it.

    `distrust` says why what is in it proves nothing: others could have written it.
    """

    directory_fd: int
    fd: int
    distrust: str | None = None


def create(directory: str, name: str, *, replace: bool) -> OpenedPart | None:
    """Make the part file of `name` and lock it; None where that name is taken.

    With `replace`, only its part file counts. Raises PartInUseError, ForeignPartError,
    DestinationError, DiskError.
    """
    with opened_directory(directory) as directory_fd:
        fd = -1
        if replace or lstat(directory_fd, name) is None:
            fd = _open_new(directory_fd, directory, name)
        if fd < 0:
            part_lock.close(directory_fd)
            return None
        return OpenedPart(directory_fd, fd)


def _open_new(directory_fd: int, directory: str, name: str) -> int:
    flags = _FLAGS | os.O_CREAT | os.O_EXCL
    try:
        fd = os.open(name + SUFFIX, flags, part_owner.PRIVATE, dir_fd=directory_fd)
    except FileExistsError:
        return _adopt_empty(directory_fd, directory, name)
    return fd if _lock(fd, directory, name) else -1


def _adopt_empty(directory_fd: int, directory: str, name: str) -> int:
    """Take over a part file that a crash left before its first byte: it holds nothing to lose."""
    part = name + SUFFIX
    found = lstat(directory_fd, part)
    try:
        fd = os.open(part, _FLAGS, dir_fd=directory_fd)
    except OSError:
        if found is not None and found.st_uid != os.geteuid():
            raise ForeignPartError(f"{part} belongs to another user") from None
        return -1
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        part_lock.close(fd)
        return -1
    # Before the lock: whoever else owns the file may hold that for ever.
    if (reason := part_owner.distrust(fd, directory_fd, part)) is not None:
        part_lock.close(fd)
        raise ForeignPartError(reason)
    if not _lock(fd, directory, name):
        return -1
    found = os.fstat(fd)
    if not found.st_size and found.st_nlink == 1:
        part_owner.make_private(fd)
        return fd
    part_lock.close(fd)
    return -1


def reopen(directory: str, name: str, identity: PartIdentity) -> OpenedPart | None:
    """Open the part file that a record speaks of and lock it; None where it is gone or another.

    Raises PartInUseError, DestinationError, DiskError.
    """
    part = name + SUFFIX
    with opened_directory(directory) as directory_fd:
        try:
            fd = os.open(part, _FLAGS, dir_fd=directory_fd)
        except OSError as error:
            is_other = (found := lstat(directory_fd, part)) and identity_of(found) != identity
            if error.errno not in (errno.ENOENT, errno.ELOOP) and not is_other:
                raise
            part_lock.close(directory_fd)
            return None
        if identity_of(os.fstat(fd)) != identity:
            part_lock.close(fd)
            part_lock.close(directory_fd)
            return None
        distrust = part_owner.distrust(fd, directory_fd, part)
        if not _lock(fd, directory, name):
            raise part_lock.PartInUseError(_path(directory, name), os.getpid(), identity)
        if distrust is None:
            part_owner.make_private(fd)
        return OpenedPart(directory_fd, fd, distrust)


def _lock(fd: int, directory: str, name: str) -> bool:
    """Lock an open file; where that cannot be, it is closed. Raises PartInUseError."""
    locked = False
    try:
        locked = part_lock.lock(fd, _path(directory, name))
    finally:
        if not locked:
            part_lock.close(fd)
    return locked


def _path(directory: str, name: str) -> str:
    return f"{directory.rstrip('/')}/{name}{SUFFIX}"


def lstat(directory_fd: int, name: str) -> os.stat_result | None:
    """Return what has a name in an open directory, a link itself; None for nothing."""
    try:
        return os.stat(name, dir_fd=directory_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
