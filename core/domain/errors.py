"""Everything that can go wrong, by cause: one class per cause, a stable code, and what to do next.

A code is part of the interface (`error_code` in JSON, the exit status of a command), so codes are
added and never renamed. The sentence is for a person, the hint says what that person can do.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from core.domain.text import valid
from core.domain.value import Value, replace


class ExitCode:
    """Exit statuses of the command line, a contract with the scripts that call it."""

    OK = 0
    OTHER = 1
    USAGE = 2
    NOT_FOUND = 3
    NETWORK = 6
    UNFINISHED = 7
    CANNOT_RESUME = 8
    DISK = 9
    EXISTS = 13
    HTTP = 22
    AUTH = 24
    CHECKSUM = 32


class ErrorCode(StrEnum):
    """The stable name of a cause, with the exit status of a command that ends with it."""

    _value_: str
    exit_status: int

    def __new__(cls, name: str, exit_status: int = ExitCode.OTHER) -> Self:
        code = str.__new__(cls, name)
        code._value_ = name
        code.exit_status = exit_status
        return code

    @classmethod
    def _missing_(cls, value: object) -> ErrorCode | None:
        # A newer winch may have named more causes: its sentence says what happened.
        return cls.INTERNAL if isinstance(value, str) else None

    USAGE = "usage", ExitCode.USAGE
    CONFIG = "config", ExitCode.USAGE
    UNKNOWN_ID = "unknown_id", ExitCode.USAGE
    AMBIGUOUS_ID = "ambiguous_id", ExitCode.USAGE
    NOT_ALLOWED = "not_allowed"
    NOT_FOUND = "not_found", ExitCode.NOT_FOUND
    AUTH_REQUIRED = "auth_required", ExitCode.AUTH
    HTTP_STATUS = "http_status", ExitCode.HTTP
    PROTOCOL = "protocol", ExitCode.HTTP
    REDIRECT = "redirect", ExitCode.HTTP
    NETWORK = "network", ExitCode.NETWORK
    TIMEOUT = "timeout", ExitCode.NETWORK
    DNS = "dns", ExitCode.NETWORK
    TLS = "tls", ExitCode.NETWORK
    INCOMPLETE = "incomplete", ExitCode.NETWORK
    CANNOT_RESUME = "cannot_resume", ExitCode.CANNOT_RESUME
    FILE_CHANGED = "file_changed", ExitCode.HTTP
    DISK_FULL = "disk_full", ExitCode.DISK
    DISK = "disk", ExitCode.DISK
    DESTINATION = "destination", ExitCode.USAGE
    EXISTS = "exists", ExitCode.EXISTS
    LOCKED = "locked"
    CHECKSUM = "checksum", ExitCode.CHECKSUM
    STATE = "state"
    STOPPED = "stopped", ExitCode.UNFINISHED
    DAEMON = "daemon"
    HOST = "host", ExitCode.NETWORK
    RPC = "rpc"
    INTERNAL = "internal"


class ErrorInfo(Value, frozen=True, kw_only=True):
    """What is left of an error once it is stored, sent or shown: no exception, no traceback.

    `status` is the number that a server answered with, where it did.
    """

    code: ErrorCode
    message: str
    hint: str = ""
    status: int | None = None

    def to_error(self) -> WinchError:
        """Make the exception again that this was taken from, for the far side of a socket.

        It is of the class that its code stands for, so that both sides catch the same errors.
        """
        kind = _CLASSES.get(self.code, WinchError)
        error = kind.__new__(kind)
        WinchError.__init__(error, self.message, hint=self.hint)
        error.code = self.code
        return error


_CLASSES: dict[ErrorCode, type[WinchError]] = {}
"""The class of each code, the first one where its subclasses share it."""


class WinchError(Exception):
    """The root of every error that winch raises on purpose.

    `code` is the stable cause, `hint` the next step for the person, `retryable` whether the same
    request may succeed later without anybody changing anything.
    """

    code: ErrorCode = ErrorCode.INTERNAL
    retryable: bool = False

    def __init_subclass__(cls) -> None:
        _CLASSES.setdefault(cls.code, cls)

    def __init__(self, message: str, *, hint: str = "") -> None:
        # It may quote a server, or a file name of the system's, and has to be stored and sent.
        super().__init__(valid(message))
        self.message = valid(message)
        self.hint = valid(hint)

    def info(self) -> ErrorInfo:
        """Return the part of this error that can be stored, sent and shown."""
        return ErrorInfo(code=self.code, message=self.message, hint=self.hint)


class UsageError(WinchError):
    """The person asked for something that cannot be meant."""

    code = ErrorCode.USAGE


class ConfigError(WinchError):
    """A setting is misspelt, of the wrong type or out of range."""

    code = ErrorCode.CONFIG


class UnknownIdError(WinchError):
    """No download has this id."""

    code = ErrorCode.UNKNOWN_ID


class AmbiguousIdError(WinchError):
    """More than one download has an id that starts like this."""

    code = ErrorCode.AMBIGUOUS_ID


class NotAllowedError(WinchError):
    """The download's state does not admit this action."""

    code = ErrorCode.NOT_ALLOWED


class TransferError(WinchError):
    """A download did not get on: the base of what the network and the server do."""


class NetworkError(TransferError):
    """The connection was refused, reset or never came about."""

    code = ErrorCode.NETWORK
    retryable = True


class TransferTimeoutError(NetworkError):
    """Nothing arrived for longer than the read timeout."""

    code = ErrorCode.TIMEOUT


class DnsError(NetworkError):
    """The host's name could not be resolved."""

    code = ErrorCode.DNS


class UnknownHostError(DnsError):
    """No host has this name: the name service answered, and said so."""


class TlsError(TransferError):
    """The server could not prove who it is; there is no fallback."""

    code = ErrorCode.TLS


class IncompleteBodyError(NetworkError):
    """The body ended before the announced length (RFC 9112 section 8)."""

    code = ErrorCode.INCOMPLETE


class ProtocolError(TransferError):
    """The answer breaks HTTP, so its bytes cannot be trusted."""

    code = ErrorCode.PROTOCOL


class RedirectError(TransferError):
    """A redirect loops, leads nowhere or leads where it must not."""

    code = ErrorCode.REDIRECT


class FileChangedError(TransferError):
    """The server's answer no longer is the file that was begun."""

    code = ErrorCode.FILE_CHANGED


class HttpStatusError(TransferError):
    """The server answered with an error status.

    `retry_after` is the wait in seconds that the server asked for (RFC 9110 section 10.2.3), or
    None.
    """

    code = ErrorCode.HTTP_STATUS
    status: int = 0
    retry_after: float | None = None

    def __init__(
        self, message: str, *, status: int, retry_after: float | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retry_after = retry_after
        self.retryable = status in (408, 425, 429) or (status >= 500 and status != 501)

    def info(self) -> ErrorInfo:
        return replace(super().info(), status=self.status or None)


class NotFoundError(HttpStatusError):
    """The server has nothing at this address (404, 410)."""

    code = ErrorCode.NOT_FOUND


class AuthRequiredError(HttpStatusError):
    """The server or a proxy wants to know who asks (401, 407)."""

    code = ErrorCode.AUTH_REQUIRED


class CannotResumeError(TransferError):
    """The file would have to begin anew, and that is not wanted."""

    code = ErrorCode.CANNOT_RESUME


class DiskError(WinchError):
    """The destination's disk failed to read or write."""

    code = ErrorCode.DISK


class DiskFullError(DiskError):
    """No space or quota is left (ENOSPC, EDQUOT)."""

    code = ErrorCode.DISK_FULL


class DestinationError(WinchError):
    """The directory is missing, is no directory or cannot be written."""

    code = ErrorCode.DESTINATION


class DestinationExistsError(WinchError):
    """The destination exists and the conflict rule is `fail`."""

    code = ErrorCode.EXISTS


class LockedError(WinchError):
    """Another process holds the state directory or the part file."""

    code = ErrorCode.LOCKED


class ChecksumError(WinchError):
    """The file is whole but it is not the file that was asked for."""

    code = ErrorCode.CHECKSUM


class StateError(WinchError):
    """What winch keeps on disk cannot be read or written."""

    code = ErrorCode.STATE


class StoppedError(WinchError):
    """The work was told to stop before it was done."""

    code = ErrorCode.STOPPED


class DaemonError(WinchError):
    """The daemon cannot be started or reached."""

    code = ErrorCode.DAEMON


class UnreachableError(DaemonError):
    """Nobody answers at the socket: no daemon runs, or it is about to end."""


class HostError(WinchError):
    """Another machine cannot be reached, or there is no winch on it."""

    code = ErrorCode.HOST


class RpcError(WinchError):
    """A message on the socket is malformed, unknown or too long."""

    code = ErrorCode.RPC


def without_frames(error: WinchError) -> WinchError:
    """Return an error that no longer knows where it and what led to it were raised.

    One that is remembered by what it was raised in would keep all of that, its connections and
    buffers too, until the garbage collector comes to such a circle.
    """
    each: BaseException | None = error
    while each is not None and each.__traceback__ is not None:
        each.__traceback__ = None
        each = each.__cause__ or each.__context__
    return error
