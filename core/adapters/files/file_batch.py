"""Small files that are whole in memory, made on disk many at a time.

Each is written without a name and synced before it gets its final one, so that no step shows half a
file, and a kill before the name leaves nothing behind. Where a file system knows no files without a
name, it is the usual part file meanwhile. The writes of all are begun before any of them is waited
for: the syncs of many then cost little more than that of one. All of it blocks, for a thread; what
goes wrong with one file is told of that file alone.
"""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from core.adapters.files import part_lock, part_opening, part_owner
from core.adapters.files.destination import (
    SUFFIX,
    disk_error,
    identity_of,
    opened_directory,
    stamp_of,
)
from core.adapters.files.disk import start_writing
from core.adapters.files.part_opening import lstat
from core.adapters.files.part_owner import ForeignPartError
from core.adapters.files.sync_times import timed
from core.adapters.files.writer import write_all
from core.domain.errors import WinchError
from core.domain.models import FileStamp, PartIdentity
from core.policy.transfer.filename import alternatives

MOST = 128
"""Files of a batch, where there are descriptors for that many."""

_UNNAMED = getattr(os, "O_TMPFILE", 0)
_NO_UNNAMED = frozenset({errno.EOPNOTSUPP, errno.ENOTSUP, errno.EISDIR, errno.EINVAL, errno.ENOSYS})
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})

# Devices that were seen to know no files without a name, and those without hard links.
_named_only: set[int] = set()
_without_links: set[int] = set()


def most_files() -> int:
    """Return how many files a batch may have.

    Each keeps a descriptor open, and of these connections, journals and part files need some too.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(1, min(MOST, soft // 4))


class NeedsPartFileError(Exception):
    """The file cannot be made in one go here, and `part_file` knows what to do."""


@dataclass(slots=True, eq=False)
class NewFile:
    """A file to be made, and what becomes of it.

    With `renames` it takes the next free name where `wanted` is taken. `modified` becomes the time
    of its last change, in seconds since the epoch. `name` is known once it is begun, `identity`
    and `stamp` once it is written, the identity of a part file before that; `error` is why it was
    not made. What follows `made` is the batch's own.
    """

    directory: str
    wanted: str
    pieces: Sequence[bytes]
    renames: bool
    modified: float | None = None
    name: str = ""
    identity: PartIdentity | None = None
    stamp: FileStamp | None = None
    error: WinchError | NeedsPartFileError | None = None
    made: bool = False
    fd: int = -1
    directory_fd: int = -1
    device: int = 0
    has_part: bool = False


class FileBatch:
    """Makes files together.

    `begin`, `write_parts` once the part files among them are known somewhere, `sync`, then `link`
    until none is `pending`, and `close`.
    """

    def __init__(self, files: Sequence[NewFile]) -> None:
        self._files = files
        self._directories: dict[str, tuple[int, int]] = {}
        self._taken: set[tuple[str, str]] = set()

    @property
    def pending(self) -> list[NewFile]:
        """Those that are written and have no name yet."""
        return [file for file in self._files if file.error is None and not file.made]

    @property
    def unwritten(self) -> list[NewFile]:
        """Those that are empty part files as yet: a kill must not leave more that nobody knows."""
        return [file for file in self.pending if file.stamp is None]

    @property
    def is_open(self) -> bool:
        """Whether there is anything to let go of."""
        return bool(self._directories)

    def begin(self) -> None:
        """Write every file that needs no name for that, and make the part files of the others."""
        self._each(self.pending, self._open)
        self._write_all([file for file in self.pending if not file.has_part])

    def write_parts(self) -> None:
        """Write those that are part files."""
        self._write_all(self.unwritten)

    def sync(self) -> None:
        """Return once the bytes of every file survive a power cut."""
        self._each(self.pending, lambda file: timed(os.fsync, file.fd))

    def link(self) -> None:
        """Give the files their names, durably; what was taken meanwhile stays pending.

        Such a one has another name by then.
        """
        linked: dict[int, list[NewFile]] = {}

        def link(file: NewFile) -> None:
            if self._link(file):
                linked.setdefault(file.directory_fd, []).append(file)
            else:
                self._choose_name(file)

        self._each(self.pending, link)
        for fd, files in linked.items():
            try:
                timed(os.fsync, fd)
            except OSError as error:
                for file in files:
                    file.error = disk_error(error, file.directory)
                    self._take_back(file)
            else:
                for file in files:
                    file.made = True

    def close(self) -> None:
        """Let go of everything; what has no name is gone. Raises nothing."""
        for file in self._files:
            self._let_go(file)
        while self._directories:
            _, (fd, _) = self._directories.popitem()
            part_lock.close(fd)

    def _write_all(self, files: Sequence[NewFile]) -> None:
        self._each(files, self._write)
        for file in files:
            if file.error is None:
                start_writing(file.fd)

    def _each(self, files: Iterable[NewFile], step: Callable[[NewFile], None]) -> None:
        for file in files:
            try:
                step(file)
            except OSError as error:
                file.error = disk_error(error, file.directory)
            except (WinchError, NeedsPartFileError) as error:
                file.error = error

    # -- one file ---------------------------------------------------------------------------------

    def _open(self, file: NewFile) -> None:
        if (found := self._directories.get(file.directory)) is None:
            with opened_directory(file.directory) as fd:
                found = self._directories[file.directory] = fd, os.fstat(fd).st_dev
        file.directory_fd, file.device = found
        if file.device in _without_links:
            raise NeedsPartFileError
        if file.device in _named_only or not self._open_unnamed(file):
            self._open_part(file)
            file.identity = identity_of(os.fstat(file.fd))

    def _write(self, file: NewFile) -> None:
        write_all(file.fd, 0, file.pieces)
        if file.modified is not None:
            os.utime(file.fd, (file.modified, file.modified))
        part_owner.set_mode(file.fd, part_owner.final_mode())
        found = os.fstat(file.fd)
        file.identity, file.stamp = identity_of(found), stamp_of(found)

    def _open_unnamed(self, file: NewFile) -> bool:
        """Open a file that has no name, and choose one; False where there are no such files."""
        flags = _UNNAMED | os.O_RDWR | os.O_CLOEXEC
        try:
            if not _UNNAMED:
                return False
            file.fd = os.open(".", flags, part_owner.PRIVATE, dir_fd=file.directory_fd)
        except OSError as error:
            if error.errno not in _NO_UNNAMED:
                raise
            _named_only.add(file.device)
            return False
        self._choose_name(file)
        return True

    def _choose_name(self, file: NewFile) -> None:
        """Take the first free name; raises NeedsPartFileError where it may have no other one.

        A name is free when neither the file nor its part file exists. Who writes a part file, and
        whether it may be taken over, is looked at elsewhere.
        """
        for candidate in alternatives(file.wanted):
            key = file.directory, candidate
            if key not in self._taken:
                if lstat(file.directory_fd, candidate + SUFFIX) is not None:
                    break
                if lstat(file.directory_fd, candidate) is None:
                    self._taken.add(key)
                    file.name = candidate
                    return
            if not file.renames:
                break
        raise NeedsPartFileError

    def _open_part(self, file: NewFile) -> None:
        try:
            for candidate in alternatives(file.wanted):
                opened = part_opening.create(file.directory, candidate, replace=False)
                if opened is not None:
                    part_lock.close(opened.directory_fd)
                    file.fd, file.name = opened.fd, candidate
                    file.has_part = True
                    return
                if not file.renames:
                    break
        except (ForeignPartError, part_lock.PartInUseError):
            pass
        raise NeedsPartFileError

    def _link(self, file: NewFile) -> bool:
        """Link a file to its name; False where that is taken."""
        if file.has_part:
            self._link_part(file)
            return True
        try:
            # Through the link that the kernel has of every open file: there is no other way.
            os.link(f"/proc/self/fd/{file.fd}", file.name, dst_dir_fd=file.directory_fd)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in {*_NO_LINKS, errno.ENOENT}:
                raise
            _named_only.add(file.device)
            raise NeedsPartFileError from error
        return True

    def _link_part(self, file: NewFile) -> None:
        """Give a part file its name; raises NeedsPartFileError where that is taken."""
        fd, part = file.directory_fd, file.name + SUFFIX
        try:
            os.link(part, file.name, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
        except FileExistsError:
            raise NeedsPartFileError from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _without_links.add(file.device)
            raise NeedsPartFileError from error
        if not _is(file, file.name):
            # In a shared directory somebody put another file in its place.
            os.unlink(file.name, dir_fd=fd)
            raise NeedsPartFileError
        os.unlink(part, dir_fd=fd)
        file.has_part = False

    def _take_back(self, file: NewFile) -> None:
        """Remove a name that may not last: the next attempt would make a second file of it."""
        with suppress(OSError):
            if _is(file, file.name):
                os.unlink(file.name, dir_fd=file.directory_fd)

    def _let_go(self, file: NewFile) -> None:
        if file.fd < 0:
            return
        if file.has_part:
            with suppress(OSError):
                if _is(file, file.name + SUFFIX):
                    os.unlink(file.name + SUFFIX, dir_fd=file.directory_fd)
        fd, file.fd = file.fd, -1
        part_lock.close(fd)


def _is(file: NewFile, name: str) -> bool:
    """Tell whether a name is that of an open file."""
    found = lstat(file.directory_fd, name)
    return found is not None and identity_of(found) == identity_of(os.fstat(file.fd))
