"""Whether a part file is ours alone, so that nobody else can change what it becomes.

In a directory that several users write in, anybody may have made the file first: who owns it can
change it for ever, whatever winch writes there.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress

PRIVATE = 0o600
"""The mode of a file that is not finished: who cannot open it cannot lock it either."""
_WRITABLE = 0o022


class ForeignPartError(Exception):
    """A part file is another user's, or others can write it; the message says which."""


def distrust(fd: int, directory_fd: int, part: str) -> str | None:
    """Return why the open file `part` of a directory is not ours alone, None where it is."""
    found = os.fstat(fd)
    is_ours = found.st_uid == os.geteuid()
    if (is_ours and not found.st_mode & _WRITABLE) or _is_imposed(directory_fd, found):
        return None
    return f"{part} {'can be written by others' if is_ours else 'belongs to another user'}"


def make_private(fd: int) -> None:
    """Keep everybody else from an open file of ours, where the file system knows modes."""
    if os.fstat(fd).st_mode & 0o077:
        set_mode(fd, PRIVATE)


def set_mode(fd: int, mode: int) -> None:
    """Give an open file a mode, where the file system knows modes."""
    with suppress(OSError):
        os.fchmod(fd, mode)


def final_mode() -> int:
    """Return the mode that files have where nobody says otherwise: the umask's."""
    return 0o666 & ~_UMASK


def directory_mode() -> int:
    """Return the mode that directories have where nobody says otherwise: the umask's."""
    return 0o777 & ~_UMASK


def _is_imposed(directory_fd: int, found: os.stat_result) -> bool:
    """Tell whether a new file of ours would look the same, so that owner and mode say nothing.

    FAT, network mounts and Windows' disks under WSL show one owner and one mode for all there is.
    """
    name = f".winch-{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(name, flags, PRIVATE, dir_fd=directory_fd)
    except OSError:
        return False
    try:
        new = os.fstat(fd)
        os.unlink(name, dir_fd=directory_fd)
    finally:
        os.close(fd)
    shown = found.st_uid, found.st_mode & _WRITABLE
    return shown == (new.st_uid, new.st_mode & _WRITABLE)


def _read_umask() -> int:
    with suppress(OSError, ValueError, StopIteration), open("/proc/self/status") as status:  # noqa: PTH123
        return int(next(line for line in status if line.startswith("Umask:")).split()[1], 8)
    # Elsewhere it can only be read by setting it: once, before there are threads.
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


_UMASK = _read_umask()
