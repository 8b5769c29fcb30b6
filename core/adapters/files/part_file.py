"""The bytes of an unfinished file, beside where the finished one will be.

The only importer of aiofiles. Everything is relative to the opened directory, so that a directory
that is swapped or a link that is planted meanwhile leads nowhere else. Writes name their offset:
one call each, and no handle has a position that two connections could fight over. A thread cannot
be cancelled, so `close` waits for the last one before the lock is given up.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from aiofiles.os import wrap

from core.adapters.files import part_lock, part_owner
from core.adapters.files.checksum import RunningDigest
from core.adapters.files.destination import SUFFIX, disk_error, identity_of, stamp_of
from core.adapters.files.disk import preallocate
from core.adapters.files.part_opening import OpenedPart, create, lstat, reopen
from core.adapters.files.sync_times import timed
from core.adapters.files.threads import BACKLOG, UncancellableFuture
from core.adapters.files.writer import Buffers, writer_of
from core.domain.errors import DiskError
from core.domain.models import FileStamp, PartIdentity

P = ParamSpec("P")
T = TypeVar("T")

_DATASYNC: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
# Hashing has threads of its own: a write never waits behind it, and it leaves a core to the rest.
_HASHERS = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 2), thread_name_prefix="digest")
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class PartFile:
    """An open, locked part file. Offsets and sizes are bytes.

    `distrust` says why what is in it proves nothing: others could have written it. Until it is
    published only its owner can open it.
    """

    def __init__(self, opened: OpenedPart, directory: str, name: str) -> None:
        self._directory_fd, self._fd, self.distrust = opened
        self._directory = directory
        self._pending: set[asyncio.Future[Any]] = set()
        self.name = name
        found = os.fstat(self._fd)
        self.identity = identity_of(found)
        self.size = found.st_size
        self._unsynced = self.size > 0
        self.cpu_seconds = 0.0
        """What writing and hashing it has cost, in threads that did nothing else then."""

    @classmethod
    async def create(cls, directory: str, name: str, *, replace: bool = False) -> PartFile | None:
        """Make the part file of `name`, or return None where that name is taken.

        With `replace`, only its part file counts: the file itself may be there. Raises
        PartInUseError where another process writes that part file (what becomes of the name is
        seen once it has ended), ForeignPartError where it is not ours alone, DestinationError,
        DiskError.
        """
        return await _opened(
            cls, directory, name, partial(create, directory, name, replace=replace)
        )

    @classmethod
    async def reopen(cls, directory: str, name: str, identity: PartIdentity) -> PartFile | None:
        """Open the part file that a record speaks of; None where it is gone or another file.

        Raises PartInUseError where somebody writes it, DestinationError, DiskError.
        """
        return await _opened(cls, directory, name, partial(reopen, directory, name, identity))

    async def write(self, offset: int, buffers: Buffers) -> None:
        """Write all of `buffers` at `offset`; raises DiskError.

        A cancellation comes too late for that: `buffers` must stay as they are.
        """
        await asyncio.shield(self.begin_write(offset, buffers))

    def begin_write(self, offset: int, buffers: Buffers) -> UncancellableFuture[None]:
        """Return what is done once all of `buffers` is written, or fails with DiskError.

        Until it is done, `buffers` must stay as they are.
        """
        done = UncancellableFuture[None](loop=asyncio.get_running_loop())

        def ended(error: OSError | None, seconds: float) -> None:
            self._unsynced = True
            self.cpu_seconds += seconds
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(disk_error(error, self._directory))

        self._watch(done)
        writer_of(self.identity.device).write(self._fd, offset, buffers, ended)
        return done

    async def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`; raises DiskError."""
        return await self._run(_read, self._fd, offset, size)

    async def truncate(self) -> None:
        """Drop every byte; raises DiskError."""
        self._unsynced = True
        await self._run(os.ftruncate, self._fd, 0)

    async def sync(self) -> None:
        """Return once what was written survives a power cut; raises DiskError."""
        if not self._unsynced:
            return
        self._unsynced = False
        try:
            await self._run(timed, _DATASYNC, self._fd)
        except BaseException:
            self._unsynced = True
            raise

    async def preallocate(self, size: int) -> None:
        """Reserve room for `size` bytes where that can be done; raises DiskFullError."""
        await self._run(preallocate, self._fd, size)

    async def stamp(self) -> FileStamp:
        """Return whose the file is and when it was last changed; raises DiskError."""
        return stamp_of(await self._run(os.fstat, self._fd))

    async def give_back(self) -> None:
        """Give up the room behind the last byte that was reserved; raises DiskError."""
        await self._run(lambda: os.ftruncate(self._fd, os.fstat(self._fd).st_size))

    async def digest(self, running: RunningDigest, end: int) -> None:
        """Let a digest go on to the byte `end`, or to the end of the file; raises DiskError."""

        def advance() -> float:
            began = time.thread_time()
            running.advance(self._fd, end)
            return time.thread_time() - began

        self.cpu_seconds += await self._finish(wrap(advance)(executor=_HASHERS))

    async def publish(
        self, name: str, *, replace: bool = False, modified: float | None = None
    ) -> bool:
        """Give the file its final name, durably; False where that name is taken.

        Nothing is replaced, the name is linked and not renamed over, unless `replace` asks for
        it: then the old file is there until the very moment the new one is, and False means that
        something other than a file has the name. `modified` becomes the time of its last change,
        in seconds since the epoch. Raises DiskError.
        """
        return await self._run(self._publish, name, replace, modified)

    async def set_aside(self, name: str) -> bool:
        """Rename the part file to `name`; False where that name is taken. Raises DiskError."""
        return await self._run(self._rename, name)

    async def discard(self) -> None:
        """Delete the part file; raises DiskError."""
        await self._run(lambda: os.unlink(self.name + SUFFIX, dir_fd=self._directory_fd))

    async def close(self) -> None:
        """Wait for the writes under way, then release the lock and the file."""
        while self._pending:
            await asyncio.wait(self._pending)
        descriptors = self._fd, self._directory_fd
        self._fd = self._directory_fd = -1
        for fd in descriptors:
            if fd >= 0:
                part_lock.close(fd)

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._finish(wrap(function)(*args, **kwargs))

    async def _finish(self, work: Awaitable[T]) -> T:
        task: asyncio.Task[T] = asyncio.ensure_future(work)
        BACKLOG.begin(task)
        self._watch(task)
        try:
            return await asyncio.shield(task)
        except OSError as error:
            raise disk_error(error, self._directory) from error

    def _watch(self, work: asyncio.Future[Any]) -> None:
        self._pending.add(work)
        work.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Future[object]) -> None:
        self._pending.discard(task)
        if not task.cancelled():
            # Whoever was cancelled meanwhile asks no more how it ended, and that is no fault.
            task.exception()

    def _publish(self, name: str, replace: bool, modified: float | None) -> bool:
        if modified is not None:
            os.utime(self._fd, (modified, modified))
        part_owner.set_mode(self._fd, part_owner.final_mode())
        timed(os.fsync, self._fd)
        published = False
        try:
            published = self._replace(name) if replace else self._rename(name)
        finally:
            if not published:
                part_owner.make_private(self._fd)
        return published

    def _replace(self, name: str) -> bool:
        """Rename the part file durably over a file; False where something else has the name."""
        part, fd = self._own_part(), self._directory_fd
        if (found := lstat(fd, name)) is not None and not (
            stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)
        ):
            return False
        os.rename(part, name, src_dir_fd=fd, dst_dir_fd=fd)
        self._check_own(name)
        timed(os.fsync, fd)
        return True

    def _rename(self, name: str) -> bool:
        """Rename the part file durably without replacing anything; False where that would."""
        part, fd = self._own_part(), self._directory_fd
        try:
            os.link(part, name, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
        except FileExistsError:
            if not self._is_own(name):
                return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if lstat(fd, name) is not None:
                return False
            os.rename(part, name, src_dir_fd=fd, dst_dir_fd=fd)
            self._check_own(name)
            timed(os.fsync, fd)
            return True
        if not self._is_own(name):
            os.unlink(name, dir_fd=fd)
            raise self._lost()
        os.unlink(part, dir_fd=fd)
        timed(os.fsync, fd)
        return True

    def _own_part(self) -> str:
        """Return the part file's name; raises DiskError where another file has it by now."""
        part = self.name + SUFFIX
        self._check_own(part)
        return part

    def _check_own(self, name: str) -> None:
        """Raise DiskError where a name is not this file's: in a shared directory anybody renames.

        Looked at after each step as well, because somebody may have come in between.
        """
        if not self._is_own(name):
            raise self._lost()

    def _lost(self) -> DiskError:
        return DiskError(
            f"somebody removed or replaced {self.name}{SUFFIX}",
            hint="`winch retry` fetches it again",
        )

    def _is_own(self, name: str) -> bool:
        found = lstat(self._directory_fd, name)
        return found is not None and identity_of(found) == self.identity


async def _opened(
    cls: type[PartFile], directory: str, name: str, step: Callable[[], OpenedPart | None]
) -> PartFile | None:
    """Return the file that a thread opens; a cancellation waits for it and closes it again."""

    def open_() -> PartFile | None:
        found = step()
        return None if found is None else cls(found, directory, name)

    opening: asyncio.Task[PartFile | None] = asyncio.ensure_future(wrap(open_)())
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        await asyncio.wait([opening])
        if opening.exception() is None and (part := opening.result()) is not None:
            await part.close()
        raise


def _read(fd: int, offset: int, size: int) -> bytes:
    pieces: list[bytes] = []
    while size and (piece := os.pread(fd, size, offset)):
        pieces.append(piece)
        offset += len(piece)
        size -= len(piece)
    return b"".join(pieces)
