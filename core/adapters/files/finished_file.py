"""A file under its final name, opened to be read again."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from core.adapters.files.checksum import RunningDigest
from core.adapters.files.destination import MISMATCH, SUFFIX, identity_of, stamp_of
from core.adapters.files.threads import run_to_end
from core.domain.errors import DiskError
from core.domain.models import PartIdentity

_UNFINISHED = (SUFFIX, MISMATCH)


class FinishedFile:
    """An open file; `size` is in bytes, `modified` in seconds since the epoch.

    Nothing is locked: whoever owns it may change it.
    """

    def __init__(self, fd: int, path: str) -> None:
        self._fd = fd
        self._path = path
        found = os.fstat(fd)
        self.size = found.st_size
        self.modified = found.st_mtime
        self.identity = identity_of(found)
        self.stamp = stamp_of(found)
        self.is_own = found.st_uid == os.geteuid()

    @classmethod
    async def open(cls, path: str) -> FinishedFile | None:
        """Open a file, through a link too; None where there is none. Raises DiskError."""
        try:
            fd = await run_to_end(_open, path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _error(path, error) from error
        return None if fd is None else cls(fd, path)

    @classmethod
    async def find(cls, directory: str, identity: PartIdentity) -> FinishedFile | None:
        """Open the file that a part file has become, under whatever name; None where it has not.

        Nor where it is somebody else's, who could change it later. Raises DiskError.
        """
        path = await run_to_end(_find, directory, identity)
        file = None if path is None else await cls.open(path)
        if file is None or (file.identity == identity and file.is_own):
            return file
        file.close()
        return None

    @property
    def name(self) -> str:
        return os.path.basename(self._path)  # noqa: PTH119 (a name, no look at the disk)

    async def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`; raises DiskError."""
        try:
            return await run_to_end(os.pread, self._fd, size, offset)
        except OSError as error:
            raise _error(self._path, error) from error

    async def digest(self, running: RunningDigest, end: int) -> None:
        """Let a digest go on to the byte `end`, or to the end of the file; raises DiskError."""
        try:
            await run_to_end(running.advance, self._fd, end)
        except OSError as error:
            raise _error(self._path, error) from error

    def close(self) -> None:
        os.close(self._fd)


def _find(directory: str, identity: PartIdentity) -> str | None:
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.inode() == identity.inode and not entry.name.endswith(_UNFINISHED):
                return entry.path
    return None


def _open(path: str) -> int | None:
    # Something else may have the name by now, and a pipe would wait for its writer.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    return None


def _error(path: str, error: OSError) -> DiskError:
    return DiskError(f"{path} cannot be read: {error.strerror or error}", hint="check the disk")
