"""Connections below HTTP: who is there, how one ended, how much may wait, why there is none.

For `http`, which knows connections only by the transports that asyncio has for them.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from core.domain.errors import DnsError, UnknownHostError
from core.policy.transfer.throttle import AHEAD

# The second one is glibc's: there is such a name, and it has no address.
_NO_SUCH_NAME: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", -5)})
_TCP_INFO: Final = getattr(socket, "TCP_INFO", None)
_ROUND_TRIP: Final = struct.Struct("68xI")  # tcpi_rtt, in microseconds
_SO_BUF_LOCK: Final = 72  # Linux 5.15; Python has no name for it
_ANY_SIZE: Final = 2**30
_AT_ONCE: Final = struct.pack("ii", 1, 0)  # struct linger


def peer_address(transport: asyncio.BaseTransport | None) -> str | None:
    """Return the IP address at the other end, which may be a proxy's; None once it is gone."""
    found = None if transport is None else transport.get_extra_info("peername")
    return str(found[0]) if isinstance(found, tuple) else None


def tls_of(transport: asyncio.BaseTransport | None) -> ssl.SSLObject | None:
    """Return the TLS state of a connection, None where it has none."""
    found = None if transport is None else transport.get_extra_info("ssl_object")
    return found if isinstance(found, ssl.SSLObject) else None


def was_closed(tls: ssl.SSLObject) -> bool:
    """Tell whether the other end has said that it closes; a cut says nothing (RFC 8446 6.1)."""
    try:
        tls.read(1)
    except ssl.SSLZeroReturnError:
        return True
    except ssl.SSLError:
        return False
    return False


def hold_records(transport: asyncio.BaseTransport | None) -> None:
    """Let TLS receive nothing more while nobody reads what it has decrypted.

    A transport that is paused above TLS goes on to receive below it, and if the connection ends
    there it drops all that nobody has read yet.
    """
    if transport is not None and not transport.is_closing():
        _limit_records(transport, 0)


def release_records(transport: asyncio.BaseTransport | None, is_paused: Callable[[], bool]) -> None:
    """Let TLS receive again behind `hold_records`, unless reading `is_paused` anew by then.

    Only in the next turn of the loop: what was received is decrypted there first, and the end of
    the connection, seen before that, would drop it.
    """

    def release() -> None:
        if not is_paused():
            _limit_records(transport, None)

    if hasattr(transport, "set_read_buffer_limits"):
        asyncio.get_running_loop().call_soon(release)


def _limit_records(transport: asyncio.BaseTransport | None, high: int | None) -> None:
    set_limits = getattr(transport, "set_read_buffer_limits", None)
    if set_limits is not None:
        with suppress(AttributeError):  # of a transport that has lost what is below it
            set_limits(high=high)


def has_come(transport: asyncio.BaseTransport | None) -> bool:
    """Tell whether the kernel holds something of a connection that was not received, or its end."""
    wire = None if transport is None else transport.get_extra_info("socket")
    if wire is None or (number := wire.fileno()) < 0:
        return True
    found = select.poll()
    found.register(number, select.POLLIN)
    return bool(found.poll(0))


def reset(transport: asyncio.Transport | None) -> None:
    """End a connection by a reset (RFC 9293 section 3.10.5).

    A server hears of that before it sends more; of a polite end only by the answer to what it sends
    next, and over TLS all that comes until then would be received.
    """
    wire = None if transport is None else transport.get_extra_info("socket")
    if wire is not None:
        with suppress(OSError):
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    if transport is not None:
        transport.abort()


def limit_kernel_buffer(transport: asyncio.BaseTransport | None, most: int | None) -> None:
    """Let Linux hold at most about `most` bytes beside those on the way; None lets it tune that.

    A window clamp would not do: the kernel overrides it as soon as it tunes its buffer. Other
    systems, and older ones, go on as they are.
    """
    wire = None if transport is None else transport.get_extra_info("socket")
    if wire is None or sys.platform != "linux":
        return
    with suppress(OSError):
        if most is None:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ANY_SIZE)
            wire.setsockopt(socket.SOL_SOCKET, _SO_BUF_LOCK, 0)
            return
        (trip,) = _ROUND_TRIP.unpack(
            wire.getsockopt(socket.IPPROTO_TCP, _TCP_INFO or 0, _ROUND_TRIP.size)
        )
        size = int(most * (1 + 2 * trip / 1e6 / AHEAD))
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, min(size, _ANY_SIZE))


def lookup_error(host: str, error: OSError) -> DnsError:
    """Return the error for a name that could not be resolved, by what the resolver said of it."""
    if error.errno in _NO_SUCH_NAME:
        return UnknownHostError(
            f"there is no host named {host}",
            hint="check the address; --wait-for-host waits until there is one",
        )
    return DnsError(f"the name {host} could not be resolved")


def reason_of(error: BaseException) -> str:
    """Return what the system calls a failure, or else the exception's name."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else type(error).__name__
