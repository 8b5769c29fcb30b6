"""The bytes of an unfinished file, beside where the finished one will be.

The only importer of aiofiles. Everything is relative to the opened directory, so that a directory
that is swapped or a link that is planted meanwhile leads nowhere else. Writes name their offset:
one call each, and no handle has a position that two connections could fight over. An executor
thread cannot be cancelled, so `close` waits for the last one before the lock is given up.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from aiofiles.os import wrap

from core.domain.errors import DestinationError, DiskError, DiskFullError, LockedError, WinchError
from core.domain.models import PartIdentity

if TYPE_CHECKING:
    from collections.abc import Iterator

P = ParamSpec("P")
T = TypeVar("T")

SUFFIX = ".part"
_DATASYNC: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class PartFile:
    """An open, locked part file. Offsets and sizes are bytes."""

    def __init__(self, directory_fd: int, fd: int, directory: str, name: str) -> None:
        self._directory_fd = directory_fd
        self._fd = fd
        self._directory = directory
        self._pending: set[asyncio.Task[object]] = set()
        self.name = name
        found = os.fstat(fd)
        self.identity = PartIdentity(device=found.st_dev, inode=found.st_ino)
        self.size = found.st_size

    @classmethod
    async def create(cls, directory: str, name: str) -> PartFile | None:
        """Make the part file of `name`, or return None where that name is taken.

        Raises DestinationError, DiskError.
        """
        return await _opened(asyncio.ensure_future(wrap(_create)(cls, directory, name)))

    @classmethod
    async def reopen(cls, directory: str, name: str, identity: PartIdentity) -> PartFile | None:
        """Open the part file that a record speaks of; None where it is gone or another file.

        Raises LockedError where another process writes it, DestinationError, DiskError.
        """
        return await _opened(asyncio.ensure_future(wrap(_reopen)(cls, directory, name, identity)))

    async def write(self, offset: int, buffers: Sequence[bytes]) -> None:
        """Write all of `buffers` at `offset`; raises DiskError."""
        await self._run(_write_all, self._fd, self._directory, offset, buffers)

    async def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`; raises DiskError."""
        return await self._run(_read, self._fd, self._directory, offset, size)

    async def truncate(self) -> None:
        """Drop every byte; raises DiskError."""
        await self._run(os.ftruncate, self._fd, 0)

    async def sync(self) -> None:
        """Return once what was written survives a power cut; raises DiskError."""
        await self._run(_DATASYNC, self._fd)

    async def digest(self, algorithm: str, compute: Callable[[int, str], str]) -> str:
        """Return what `compute(fd, algorithm)` makes of the whole file, in a thread."""
        return await self._run(compute, self._fd, algorithm)

    async def publish(self, name: str) -> bool:
        """Give the file its final name, durably; False where that name is taken.

        Raises DiskError. Never replaces a file: the name is linked, not renamed over.
        """
        return await self._run(self._publish, name)

    async def set_aside(self, name: str) -> None:
        """Rename the part file to `name`, replacing an older one set aside; raises DiskError."""
        fd = self._directory_fd
        part = self.name + SUFFIX
        await self._run(lambda: os.replace(part, name, src_dir_fd=fd, dst_dir_fd=fd))

    async def close(self) -> None:
        """Wait for the writes under way, then release the lock and the file."""
        while self._pending:
            await asyncio.wait(self._pending)
        if self._fd >= 0:
            os.close(self._fd)
            os.close(self._directory_fd)
            self._fd = self._directory_fd = -1

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        task: asyncio.Task[T] = asyncio.ensure_future(wrap(function)(*args, **kwargs))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
        try:
            return await asyncio.shield(task)
        except OSError as error:
            raise disk_error(error, self._directory) from error

    def _publish(self, name: str) -> bool:
        fd, part = self._directory_fd, self.name + SUFFIX
        os.fsync(self._fd)
        try:
            os.link(part, name, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
        except FileExistsError:
            if not self._is_own(name):
                return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if _exists(fd, name):
                return False
            os.rename(part, name, src_dir_fd=fd, dst_dir_fd=fd)
            os.fsync(fd)
            return True
        os.unlink(part, dir_fd=fd)
        os.fsync(fd)
        return True

    def _is_own(self, name: str) -> bool:
        found = os.stat(name, dir_fd=self._directory_fd, follow_symlinks=False)
        return PartIdentity(device=found.st_dev, inode=found.st_ino) == self.identity


async def _opened(opening: asyncio.Task[PartFile | None]) -> PartFile | None:
    """Return the file that a thread opens; a cancellation waits for it and closes it again."""
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        await asyncio.wait([opening])
        if opening.exception() is None and (part := opening.result()) is not None:
            await part.close()
        raise


async def check_directory(directory: str) -> None:
    """Raise DestinationError unless files can be made in `directory`."""
    await wrap(_check_directory)(directory)


async def is_published(directory: str, name: str, identity: PartIdentity) -> bool:
    """Tell whether the final name already is the file that a record calls its part file.

    So it is when a crash came between the rename and the record of it.
    """

    def look() -> bool:
        try:
            found = Path(directory, name).lstat()
        except OSError:
            return False
        return PartIdentity(device=found.st_dev, inode=found.st_ino) == identity

    return await wrap(look)()


async def delete(path: str) -> bool:
    """Delete a file and tell whether it was there; raises DiskError."""

    def unlink() -> bool:
        try:
            Path(path).unlink()
        except FileNotFoundError:
            return False
        return True

    try:
        return await wrap(unlink)()
    except OSError as error:
        raise disk_error(error, str(Path(path).parent)) from error


async def exists(path: str) -> bool:
    """Tell whether anything has this name, a dangling link included."""
    return await wrap(os.path.lexists)(path)


def disk_error(error: OSError, directory: str) -> WinchError:
    """Name the cause of a failed file operation in `directory`."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            f"no space is left in {directory}", hint="make room, then `winch resume` it"
        )
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return DestinationError(f"{directory} does not exist", hint=f"mkdir -p '{directory}'")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return DestinationError(
            f"cannot write in {directory}: {reason}", hint="choose another directory with -d"
        )
    if error.errno == errno.ENAMETOOLONG:
        return DestinationError(
            f"the name is too long for {directory}", hint="choose a shorter one with -o"
        )
    return DiskError(f"the disk under {directory} failed: {reason}", hint="check the disk")


@contextmanager
def _directory(directory: str) -> Iterator[int]:
    """Open the directory and close it again only where the block fails."""
    fd = -1
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        yield fd
    except BaseException as error:
        if fd >= 0:
            os.close(fd)
        if isinstance(error, OSError):
            raise disk_error(error, directory) from error
        raise


def _create(cls: type[PartFile], directory: str, name: str) -> PartFile | None:
    part = name + SUFFIX
    with _directory(directory) as directory_fd:
        fd = -1
        if not _exists(directory_fd, name):
            fd = _open_new(directory_fd, part)
        if fd < 0:
            os.close(directory_fd)
            return None
        return cls(directory_fd, fd, directory, name)


def _open_new(directory_fd: int, part: str) -> int:
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(part, flags | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=directory_fd)
    except FileExistsError:
        return _adopt_empty(directory_fd, part)
    if _lock(fd):
        return fd
    os.close(fd)
    return -1


def _adopt_empty(directory_fd: int, part: str) -> int:
    """Take over a part file that a crash left before its first byte: it holds nothing to lose."""
    try:
        fd = os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory_fd)
    except OSError:
        return -1
    found = os.fstat(fd)
    if stat.S_ISREG(found.st_mode) and not found.st_size and found.st_nlink == 1 and _lock(fd):
        return fd
    os.close(fd)
    return -1


def _reopen(
    cls: type[PartFile], directory: str, name: str, identity: PartIdentity
) -> PartFile | None:
    with _directory(directory) as directory_fd:
        try:
            fd = os.open(
                name + SUFFIX, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory_fd
            )
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ELOOP):
                raise
            os.close(directory_fd)
            return None
        found = os.fstat(fd)
        if PartIdentity(device=found.st_dev, inode=found.st_ino) != identity:
            os.close(fd)
            os.close(directory_fd)
            return None
        if not _lock(fd):
            os.close(fd)
            raise LockedError(
                f"another process writes {name}{SUFFIX}", hint="wait for it, or stop it"
            )
        return cls(directory_fd, fd, directory, name)


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _exists(directory_fd: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=directory_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _write_all(fd: int, directory: str, offset: int, buffers: Sequence[bytes]) -> None:
    left = [memoryview(buffer) for buffer in buffers]
    while left:
        written = os.pwritev(fd, left[:512], offset)
        offset += written
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if written:
            left[0] = left[0][written:]


def _read(fd: int, directory: str, offset: int, size: int) -> bytes:
    pieces: list[bytes] = []
    while size and (piece := os.pread(fd, size, offset)):
        pieces.append(piece)
        offset += len(piece)
        size -= len(piece)
    return b"".join(pieces)


def _check_directory(directory: str) -> None:
    with _directory(directory) as fd:
        os.close(fd)
        if not os.access(directory, os.W_OK | os.X_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), directory)
