"""Reserve a file's blocks before its bytes arrive, so that a full disk shows at once.

The size of the file stays what was written: whoever asks how much is there gets the truth, and a
resume needs no other rules. Python's posix_fallocate would grow the file, and where a file system
has no fallocate the C library imitates it by writing to every block, which takes minutes.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable

_KEEP_SIZE = 1
_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})


def preallocate(fd: int, size: int) -> bool:
    """Reserve `size` bytes for an open file; False where system or file system cannot.

    The file is then sparse, as one that is written at several places at once is anyway. Raises
    OSError, with ENOSPC where the disk has no room for it.
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


def _fallocate() -> Callable[[int, int, int, int], int] | None:
    """Return Linux's fallocate(2) with 64-bit offsets, None on other systems."""
    library = ctypes.CDLL(None, use_errno=True)
    function = getattr(library, "fallocate64", None) or getattr(library, "fallocate", None)
    if function is None:
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    function.restype = ctypes.c_int
    return function  # type: ignore[no-any-return]
