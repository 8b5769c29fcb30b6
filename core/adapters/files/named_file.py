"""Read what a person named: a file, and nothing that could keep a reader for ever.

A pipe waits for a writer, a device may have no end, and a file of ten gigabytes under the name of a
list is a mistake. Blocking all the same, because a mount may hang: not for an event loop.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1024 * 1024
NETRC_BYTES = MIB
COOKIES_BYTES = 4 * MIB
CHUNK = MIB
"""Bytes that are read at once of what may be long."""
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a directory",
}


class UnfitFileError(OSError):
    """What has the name is no file, or too large; `strerror` says which."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EINVAL, reason)


def read_named(path: str | Path, *, most: int, pipes: bool = False) -> bytes:
    """Return what a file holds, up to `most` bytes.

    With `pipes` also what comes through a pipe or from a terminal, and that is waited for: only
    where nobody but the one who named it waits. Raises OSError, UnfitFileError where it is no file
    or larger.
    """
    return read_with_status(path, most=most, pipes=pipes)[0]


def read_with_status(
    path: str | Path, *, most: int, pipes: bool = False
) -> tuple[bytes, os.stat_result]:
    """Return what `read_named` does, and what the system says of the very file that was read."""
    with _opened(path, most, pipes=pipes) as (fd, found):
        return _within(_read(fd, most + 1), most), found


def named_chunks(path: str | Path, *, most: int) -> Iterator[bytes]:
    """Yield what a file holds as it comes, also through a pipe or from a terminal.

    Raises OSError, UnfitFileError where it is no file, or a file of more than `most` bytes.
    """
    with _opened(path, most, pipes=True) as (fd, _):
        while chunk := os.read(fd, CHUNK):
            yield chunk


def open_named(path: str | Path, *, most: int) -> tuple[int, os.stat_result]:
    """Open a file of at most `most` bytes, or a pipe, and tell what the system says of it.

    A pipe is opened without waiting for a writer, and reading it does not wait either. Raises
    OSError, UnfitFileError where it is neither or the file is larger.
    """
    fd = os.open(path, _FLAGS)
    try:
        found = os.fstat(fd)
        if not stat.S_ISFIFO(found.st_mode):
            _check_kind(found, most)
    except BaseException:
        os.close(fd)
        raise
    return fd, found


def check_named(path: str | Path, *, most: int) -> None:
    """Raise OSError where a library that opens files by itself had better not open this one.

    UnfitFileError where it is no file, or has more than `most` bytes.
    """
    fd = os.open(path, _FLAGS)
    try:
        _check_kind(os.fstat(fd), most)
    finally:
        os.close(fd)


@contextmanager
def _opened(path: str | Path, most: int, *, pipes: bool) -> Iterator[tuple[int, os.stat_result]]:
    # Looked at first: a pipe opened without waiting, and again to wait, loses a writer that came
    # and went between the two, and then waits for ever.
    waits = pipes and stat.S_ISFIFO(Path(path).stat().st_mode)
    fd = os.open(path, _FLAGS & ~os.O_NONBLOCK if waits else _FLAGS)
    try:
        found = os.fstat(fd)
        if pipes and (stat.S_ISFIFO(found.st_mode) or os.isatty(fd)):
            os.set_blocking(fd, True)
        else:
            _check_kind(found, most)
        yield fd, found
    finally:
        os.close(fd)


def _check_kind(found: os.stat_result, most: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise UnfitFileError(f"it is {kind}, not a file")
    if found.st_size > most:
        raise _too_large(most)


def _within(data: bytes, most: int) -> bytes:
    if len(data) > most:
        raise _too_large(most)
    return data


def _too_large(most: int) -> UnfitFileError:
    return UnfitFileError(f"it is larger than {most // MIB} MiB")


def _read(fd: int, size: int) -> bytes:
    pieces = []
    while size and (piece := os.read(fd, min(size, MIB))):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
