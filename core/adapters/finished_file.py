"""A file under its final name, opened to be read again."""

from __future__ import annotations

import os
import stat

from core.adapters.checksum import RunningDigest
from core.adapters.threads import run_to_end
from core.domain.errors import DiskError


class FinishedFile:
    """An open file; `size` is in bytes. Nothing is locked: whoever owns it may change it."""

    def __init__(self, fd: int, path: str) -> None:
        self._fd = fd
        self._path = path
        self.size = os.fstat(fd).st_size

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

    async def digest(self, running: RunningDigest, end: int) -> None:
        """Let a digest go on to the byte `end`, or to the end of the file; raises DiskError."""
        try:
            await run_to_end(running.advance, self._fd, end)
        except OSError as error:
            raise _error(self._path, error) from error

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)


def _open(path: str) -> int | None:
    # Something else may have the name by now, and a pipe would wait for its writer.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    return None


def _error(path: str, error: OSError) -> DiskError:
    return DiskError(f"{path} cannot be read: {error.strerror or error}", hint="check the disk")
