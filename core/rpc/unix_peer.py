"""Whose the other end of a Unix socket is, as far as the kernel tells."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys

# struct ucred of unix(7): process, user, group.
_UCRED = struct.Struct("3i")
# Level and option of unix(4) on macOS.
_LOCAL_PEERPID = (0, 2)


def user_of(connection: socket.socket) -> int | None:
    """Return the user at the other end, None where the kernel does not tell; raises OSError."""
    credentials = _credentials(connection)
    return None if credentials is None else credentials[1]


def process_of(connection: socket.socket) -> int | None:
    """Return the process at the other end, None where the kernel does not tell."""
    with contextlib.suppress(OSError):
        if sys.platform == "darwin":
            return connection.getsockopt(*_LOCAL_PEERPID)
        credentials = _credentials(connection)
        return None if credentials is None else credentials[0]
    return None


def _credentials(connection: socket.socket) -> tuple[int, int] | None:
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    process, user, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, option, _UCRED.size))
    return process, user
