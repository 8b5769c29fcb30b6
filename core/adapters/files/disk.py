"""The room on a file system: how much there is, what a file takes of it, and reserving some."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from core.domain.figures import MOST_DISKS, DiskFigures
from core.domain.value import Value

_KEEP_SIZE = 1
_WRITE = 2
_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})


class Space(Value, frozen=True, kw_only=True):
    """A file system: its device number, its size and what an ordinary user may still write."""

    device: int
    size: int
    free: int


def space(directory: str) -> Space | None:
    """Return the file system that holds `directory`, None where it cannot be asked.

    Blocks for as long as the file system takes to answer: microseconds, unless it hangs.
    """
    try:
        found = os.statvfs(directory)
        device = os.stat(directory).st_dev  # noqa: PTH116 (one call less than a Path's)
    except OSError:
        return None
    return Space(
        device=device,
        size=found.f_blocks * found.f_frsize,
        free=found.f_bavail * found.f_frsize,
    )


def file_systems(directories: Iterable[str]) -> tuple[DiskFigures, ...]:
    """Return the file systems of directories, each once, by where it is mounted.

    Those that cannot be asked are left out, and what is more than MOST_DISKS. Blocks as `space`
    does.
    """
    found: dict[int, DiskFigures] = {}
    for directory in directories:
        there = space(directory)
        if there is not None and there.device not in found and len(found) < MOST_DISKS:
            path = _mount_point(directory, there.device)
            found[there.device] = DiskFigures(path=path, size=there.size, free=there.free)
    return tuple(sorted(found.values(), key=lambda disk: disk.path))


def _mount_point(directory: str, device: int) -> str:
    """Return the uppermost directory above this one that is on the same device."""
    path = Path(directory).absolute()
    with suppress(OSError):
        while path != path.parent and path.parent.stat().st_dev == device:
            path = path.parent
    return str(path)


def device_below(directory: str) -> int | None:
    """Return the device on which a directory would be made that is gone, None where nobody can say.

    Blocks as `space` does.
    """
    for path in (Path(directory), *Path(directory).parents):
        try:
            return path.stat().st_dev
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            break
    return None


def allocated(path: str) -> int:
    """Return how many bytes of its file system a file takes already, 0 where there is none.

    A preallocated file takes more than was written to it, a compressed one less.
    """
    try:
        return os.stat(path).st_blocks * 512  # noqa: PTH116
    except OSError:
        return 0


def preallocate(fd: int, size: int) -> bool:
    """Reserve `size` bytes for an open file; False where system or file system cannot.

    A full disk shows at once then. The size of the file stays what was written: whoever asks how
    much is there gets the truth. Python's posix_fallocate would grow the file, and where a file
    system has no fallocate the C library imitates it by writing to every block, which takes
    minutes. Raises OSError, with ENOSPC where the disk has no room for it.
    """
    fallocate = _fallocate()
    if fallocate is None or size <= 0:
        return False
    # A file system that finds out only at its last block has none left for anybody meanwhile.
    disk = os.fstatvfs(fd)
    if size > disk.f_bavail * disk.f_frsize:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    while fallocate(fd, _KEEP_SIZE, 0, size) != 0:
        number = ctypes.get_errno()
        if number in _UNSUPPORTED:
            return False
        if number != errno.EINTR:
            # Blocks behind the end that it got before it failed go back.
            os.ftruncate(fd, os.fstat(fd).st_size)
            raise OSError(number, os.strerror(number))
    return True


def start_writing(fd: int) -> None:
    """Have what was written to an open file go to the disk, without waiting for it, on Linux.

    A sync that comes later then waits for the disk alone; what goes wrong it tells.
    """
    if _SYNC_RANGE is not None:
        _SYNC_RANGE(fd, 0, 0, _WRITE)


def _sync_range() -> Callable[[int, int, int, int], int] | None:
    """Return Linux's sync_file_range(2), None on other systems."""
    function = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if function is None:
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    function.restype = ctypes.c_int
    return function  # type: ignore[no-any-return]


def _fallocate() -> Callable[[int, int, int, int], int] | None:
    """Return Linux's fallocate(2) with 64-bit offsets, None on other systems."""
    library = ctypes.CDLL(None, use_errno=True)
    function = getattr(library, "fallocate64", None) or getattr(library, "fallocate", None)
    if function is None:
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    function.restype = ctypes.c_int
    return function  # type: ignore[no-any-return]


_SYNC_RANGE = _sync_range()
