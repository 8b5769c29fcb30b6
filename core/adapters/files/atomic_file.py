"""Replace a small file so that, whatever happens, the old content or the new one is there whole.

For everything that winch keeps about itself (downloads.json, resume data). The temporary file has
a fixed name, so that a kill leaves nothing behind that the next write does not reuse: one process
owns a state directory, and each store lets one writer at a time reach a file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

from core.adapters.files.sync_times import timed
from core.domain.errors import DiskFullError, StateError, WinchError

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_BUSY = frozenset({errno.EBUSY, errno.EAGAIN, errno.ETXTBSY})

BUSY_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds to wait, one after the other, for a file that another program (a backup) holds."""

P = ParamSpec("P")
R = TypeVar("R")


class NotAFileError(Exception):
    """A directory, a pipe or a device has the name of a file: waiting for its bytes may be vain."""


def read_file(path: Path) -> bytes:
    """Return what a file holds; blocks while it is busy, up to BUSY_PAUSES.

    Raises OSError, and NotAFileError where the name is that of something else.
    """
    with open_file(path) as file:
        return file.read()


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading; blocks and raises as `read_file`."""
    return patiently(_opened, path)


def open_state(path: Path) -> BinaryIO | None:
    """Open a file of winch's own for reading, None where there is none; raises as `read_state`."""
    try:
        return patiently(_opened, path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise state_error(error, path, verb="read") from error


def read_state(path: Path) -> bytes | None:
    """Return what a file of winch's own holds, None where there is none; blocks as `read_file`.

    Raises NotAFileError where the name is that of something else, StateError where it cannot be
    read.
    """
    try:
        return read_file(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise state_error(error, path, verb="read") from error


def write_atomically(path: Path, chunks: Iterable[bytes], *, backup: Path | None = None) -> None:
    """Replace `path` by the chunks; on return they survive a power cut.

    The chunks are gone through once for each attempt, so that they may be made as they are written.
    The new file has mode 0600; missing directories are made with 0700. With `backup`, the previous
    content is kept there, and at every instant `path` or `backup` is whole. Blocks while a file is
    busy, up to BUSY_PAUSES for each step. Raises OSError; `path` then holds the old content, or the
    new one where only its durability is in doubt.
    """
    make_private_directory(path.parent)
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        patiently(_write_new, temporary, chunks)
        if backup is not None:
            patiently(_keep, path, backup)
        patiently(temporary.replace, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def make_private_directory(path: Path) -> None:
    """Make sure that the directory exists and that only its owner can look inside.

    The entries of the directories that had to be made are synced as well: a file that survives a
    power cut is of no use below a directory that does not. Raises OSError.
    """
    if path.is_dir():
        if path.stat().st_mode & 0o077:
            path.chmod(0o700)
        return
    if not path.parent.is_dir():
        make_private_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_directory(path.parent)


def name_aside(path: Path) -> Path:
    """Return a name for what cannot be trusted, `<name>.damaged-<time>`.

    It is kept for a person to look at, and never overwritten by the next damage: the time goes
    down to microseconds.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return path.with_name(f"{path.name}.damaged-{stamp}")


def set_aside(path: Path) -> Path:
    """Give what cannot be trusted the name of `name_aside` and return it; raises StateError."""
    target = name_aside(path)
    try:
        patiently(path.rename, target)
        sync_directory(path.parent)
    except OSError as error:
        raise state_error(error, path, verb="set aside") from error
    return target


def sync_file(descriptor: int) -> None:
    """Return once a file's bytes are on the medium, as far as the kernel can tell.

    macOS leaves them in the drive's cache unless asked with F_FULLFSYNC, which some file systems
    do not know. Raises OSError.
    """
    if sys.platform == "darwin":
        with contextlib.suppress(OSError):
            timed(lambda fd: fcntl.fcntl(fd, fcntl.F_FULLFSYNC), descriptor)
            return
    timed(os.fsync, descriptor)


def sync_data(descriptor: int) -> None:
    """Return once a file's bytes, and as much of its length, are on the medium.

    Unlike `sync_file` it does not wait for times and rights, where the kernel knows a difference.
    Raises OSError.
    """
    if hasattr(os, "fdatasync") and sys.platform != "darwin":
        timed(os.fdatasync, descriptor)
    else:
        sync_file(descriptor)


def sync_directory(path: Path) -> None:
    """Return once the names in a directory (created, renamed, removed) are on the medium."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        timed(os.fsync, descriptor)
    finally:
        os.close(descriptor)


def state_error(error: OSError, path: Path, *, verb: str = "written") -> WinchError:
    """Return the error to raise for one of the system's: DiskFullError where space is missing."""
    reason = error.strerror or str(error)
    if error.errno in _NO_SPACE:
        return DiskFullError(
            f"{path} cannot be {verb}: {reason}",
            hint=f"free some space on the disk that holds {path.parent}",
        )
    if error.errno in _BUSY:
        return StateError(
            f"{path} cannot be {verb}: another program holds it ({reason})",
            hint="let that program (a backup perhaps) come to its end, and try again",
        )
    return StateError(
        f"{path} cannot be {verb}: {reason}",
        hint=f"check the disk and the permissions of {path.parent}",
    )


def _opened(path: Path) -> BinaryIO:
    # Opening a pipe would wait for somebody to write.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise NotAFileError("is not a file")


def patiently(step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Take a step that may be repeated from its beginning until the file is no longer busy."""
    for pause in BUSY_PAUSES:
        try:
            return step(*args, **kwargs)
        except OSError as error:
            if error.errno not in _BUSY:
                raise
        time.sleep(pause)
    return step(*args, **kwargs)


def _write_new(path: Path, chunks: Iterable[bytes]) -> None:
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        for chunk in chunks:
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        sync_file(descriptor)
    finally:
        os.close(descriptor)


def _keep(path: Path, backup: Path) -> None:
    # A second name first, moved over the old backup afterwards: neither name is ever missing.
    second = backup.with_name(f"{backup.name}.tmp")
    second.unlink(missing_ok=True)
    try:
        os.link(path, second, follow_symlinks=False)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # Without hard links `path` is missing for a moment, but then `backup` is whole.
        path.replace(backup)
        return
    second.replace(backup)
    # Where both were names of one file already, that has done nothing.
    second.unlink(missing_ok=True)
