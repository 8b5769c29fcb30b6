"""A text in a file of this machine, or one that somebody writes into a pipe."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import Final

from core.adapters.files.named_file import UnfitFileError, open_named
from core.adapters.files.threads import run_to_end
from core.domain.bounds import cut
from core.domain.errors import (
    DiskError,
    IncompleteBodyError,
    TransferTimeoutError,
    UsageError,
    WinchError,
)
from core.domain.models import Validator

_MISTAKES = (UnfitFileError, FileNotFoundError, PermissionError, NotADirectoryError)
_PIECE: Final = 256 * 1024


class FileDocument:
    """A `Document` in a file; `most` is bytes, `patience` seconds to wait for those of a pipe."""

    def __init__(
        self, path: str, fd: int, found: os.stat_result, *, most: int, patience: float
    ) -> None:
        self.url = path
        self.media_type = ""
        self.headers: Mapping[str, str] = {}
        self.validator = _validator_of(found)
        self._fd = fd
        self._is_pipe = stat.S_ISFIFO(found.st_mode)
        self._size = found.st_size
        self._most = most
        self._patience = patience

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield its bytes; raises WinchError where they cannot be read, or are too many."""
        count = 0
        while piece := await self._piece():
            count += len(piece)
            if count > self._most:
                raise _unreadable(self.url, f"it is longer than {self._most:,} bytes")
            yield piece
        if count < self._size and not self._is_pipe:
            raise IncompleteBodyError(f"{_shown(self.url)} became shorter while it was read")

    async def _piece(self) -> bytes:
        while True:
            try:
                if self._is_pipe:
                    await self._readable()
                return await run_to_end(os.read, self._fd, _PIECE)
            except BlockingIOError:
                continue
            except OSError as error:
                raise _translated(self.url, error) from error

    async def _readable(self) -> None:
        """Return once a pipe has bytes or has ended, which it has not before somebody wrote."""
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._fd, ready.set)
        try:
            async with asyncio.timeout(self._patience):
                await ready.wait()
        except TimeoutError:
            raise TransferTimeoutError(
                f"nobody writes into the pipe {_shown(self.url)}",
                hint="start what writes into it, or name a file",
            ) from None
        finally:
            loop.remove_reader(self._fd)


@asynccontextmanager
async def opened_file(
    path: str, *, most: int, known: Validator | None, patience: float
) -> AsyncIterator[FileDocument | None]:
    """Open the file of an absolute path, None where it is the version that is `known`.

    Raises UsageError where it cannot be read by this user, is none or is too large, and DiskError.
    """
    try:
        fd, found = await run_to_end(open_named, path, most=most)
    except (OSError, ValueError) as error:
        raise _translated(path, error) from None
    try:
        document = FileDocument(path, fd, found, most=most, patience=patience)
        yield None if known is not None and known.etag == document.validator.etag else document
    finally:
        os.close(fd)


def _validator_of(found: os.stat_result) -> Validator:
    if not stat.S_ISREG(found.st_mode):
        return Validator()
    etag = f'"{found.st_dev:x}-{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"'
    return Validator(etag=etag, last_modified=formatdate(found.st_mtime, usegmt=True))


def _translated(path: str, error: OSError | ValueError) -> WinchError:
    if not isinstance(error, OSError):
        return _unreadable(path, "no file can have this name")
    reason = error.strerror or "the system does not say why"
    if isinstance(error, _MISTAKES):
        return _unreadable(path, reason)
    return DiskError(f"{_shown(path)} cannot be read: {reason}")


def _unreadable(path: str, reason: str) -> UsageError:
    return UsageError(f"{_shown(path)} cannot be read: {reason}", hint="check the path")


def _shown(path: str) -> str:
    return f"'{cut(path, 200)}'"
