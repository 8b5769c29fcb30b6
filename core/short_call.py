"""Have the daemon that runs do a command: what a short command needs, with next to nothing loaded.

A shell waits longer for Python's modules than for the daemon's answer. So this loads only what each
Python has loaded or built in; whatever is not plain is left to the process that does the command
itself, and nothing is ever done twice: it is left only where the daemon cannot have begun.
"""

import os
import sys
import time

from core.domain.version import PROTOCOL, VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable
    from typing import Any

    Scanner = Callable[[str, int], tuple[Any, int]]

PATIENCE = 10.0
"""Seconds without a word after which the daemon is asked whether it still hears."""
_MOST_ASKED = 64 * 1024
"""Bytes of a command; what is longer is not short, and might not go out in one piece."""
_MOST_ANSWERED = 1 << 30
_CHUNK = 256 * 1024
_UNDER_WAY = 1
"""The number of the call, as it comes back with each part of the answer."""


class LostError(Exception):
    """The daemon was gone before its answer was here, and may have done what it was asked."""


class SilentError(Exception):
    """The daemon holds the socket and does not answer."""


class FailedError(Exception):
    """The daemon failed at the command, in a way that nobody foresaw: code, message and hint."""


class Answer:
    """What a command says, in its order, on stderr where that is so, and how it ends."""

    def __init__(self) -> None:
        self.said: list[tuple[bool, str]] = []
        self.status = 0


def surroundings() -> dict[str, str]:
    """Return what a command finds around it and cannot be told: it has to be alike in the daemon.

    Where the home is, what time it is in the zone of this process, how wide a character is.
    """
    env = os.environ
    names = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "TZ", "UNICODE_VERSION")
    zone = {"zone": f"{time.timezone} {time.altzone} {' '.join(time.tzname)}"}
    return {name: env[name] for name in names if name in env} | zone


def socket_path() -> str | None:
    """Return where the daemon listens, as `Paths` says; None where only that knows.

    A path that is too long for a socket leads nowhere, and the daemon's is another one then.
    """
    if home := os.environ.get("WINCH_HOME"):
        return f"{home}/run/winch.sock" if home.startswith("/") else None
    home, state = os.environ.get("HOME", ""), os.environ.get("XDG_STATE_HOME", "")
    if not home.startswith("/"):
        return None
    if not state.startswith("/"):
        places = {"linux": f"{home}/.local/state", "darwin": f"{home}/Library/Application Support"}
        state = places.get(sys.platform, "")
    return f"{state}/winch/run/winch.sock" if state else None


def call(words: list[str], columns: int | None) -> Answer | None:
    """Return what the daemon answers to a command, None where it has to be done here.

    `columns` is how wide a line on stdout may be. Raises LostError, SilentError and FailedError
    where it may have been done, or half done.
    """
    try:
        # What json and socket are made of: these load re, enum and more.
        import _json  # noqa: PLC0415
        import _socket  # noqa: PLC0415

        decode = _json.make_scanner(_Plain)  # type: ignore[arg-type]
    except (ImportError, AttributeError):
        return None
    path, line = socket_path(), _line(words, columns, _json.encode_basestring_ascii)
    if path is None or line is None or len(line) > _MOST_ASKED:
        return None
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        return _ask(connection, path, line, decode)
    finally:
        connection.close()


def _ask(connection: "socket", path: str, line: bytes, decode: "Scanner") -> Answer | None:
    connection.settimeout(PATIENCE)
    try:
        connection.connect(path)
        if not _is_ours(connection, path):
            return None
        connection.sendall(_hello() + line)
    except TimeoutError:
        raise SilentError from None
    except (OSError, ValueError):
        # Without its end, no line is carried out.
        return None
    replies = _Replies(connection, path, decode)
    try:
        greeting = replies.next()
    except LostError:
        # It greets before it reads on.
        return None
    hello = greeting.get("hello")
    if "error" in greeting or not isinstance(hello, dict) or hello.get("protocol") != PROTOCOL:
        return None
    replies.is_greeted = True
    return _answer(replies)


def _answer(replies: "_Replies") -> Answer | None:
    answer = Answer()
    while True:
        reply = replies.next()
        match reply:
            case {"error": {"code": "rpc"}} | {"result": {"status": None}}:
                # It knows no such call, or not in this form; or it had better be done here.
                return None
            case {"error": {"code": str(code), "message": str(message), **others}}:
                raise FailedError(code, message, str(others.get("hint", "")))
            case {"result": {"status": int(status)}}:
                answer.status = status
                return answer
            case {"stdout": str(text)}:
                answer.said.append((False, text))
            case {"stderr": str(text)}:
                answer.said.append((True, text))
            case _:
                raise LostError


def _hello() -> bytes:
    return b'{"hello":{"protocol":%d,"client":"winch/%s"}}\n' % (PROTOCOL, VERSION.encode())


def _line(words: list[str], columns: int | None, quoted: "Callable[[str], str]") -> bytes | None:
    """Return the call as a line; None where it holds text that is no Unicode."""

    def pairs(values: dict[str, str]) -> str:
        return ",".join(f"{quoted(name)}:{quoted(value)}" for name, value in values.items())

    try:
        directory = os.getcwd()  # noqa: PTH109
    except OSError:
        return None
    own = {name: value for name, value in os.environ.items() if name.startswith("WINCH_")}
    around = surroundings()
    for text in (directory, *words, *own, *own.values(), *around.values()):
        if not _is_unicode(text):
            return None
    line = (
        f'{{"id":{_UNDER_WAY},"method":"command","params":{{"version":{quoted(VERSION)},'
        f'"words":[{",".join(map(quoted, words))}],"directory":{quoted(directory)},'
        f'"environment":{{{pairs(own)}}},"surroundings":{{{pairs(around)}}},'
        f'"columns":{"null" if columns is None else columns}}}}}\n'
    )
    return line.encode()


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_ours(connection: "socket", path: str) -> bool:
    """Tell whether it is our own daemon that listens, and nobody else's program."""
    import _socket  # noqa: PLC0415

    me = os.geteuid()
    option = getattr(_socket, "SO_PEERCRED", None)
    if option is not None:
        # struct ucred of unix(7): process, user, group.
        found = connection.getsockopt(_socket.SOL_SOCKET, option, 12)
        return int.from_bytes(found[4:8], sys.byteorder) == me
    # Where the kernel does not tell: nobody else can make a file of ours, or put one in there.
    run_dir = os.lstat(os.path.dirname(path))  # noqa: PTH120
    is_private = run_dir.st_uid == me and run_dir.st_mode & 0o077 == 0
    return is_private and os.lstat(path).st_uid == me


class _Replies:
    """The lines that the daemon sends, as they are asked for."""

    def __init__(self, connection: "socket", path: str, decode: "Scanner") -> None:
        self._connection = connection
        self._path = path
        self._decode = decode
        self._lines: list[bytes] = []
        self._rest = b""
        self.is_greeted = False

    def next(self) -> dict[str, "Any"]:
        """Return the next one; raises LostError, SilentError."""
        while not self._lines:
            chunk = self._receive()
            if not chunk or len(self._rest) > _MOST_ANSWERED:
                raise LostError
            *self._lines, self._rest = (self._rest + chunk).split(b"\n")
            self._lines.reverse()
        try:
            reply, _ = self._decode(self._lines.pop().decode(), 0)
        except (ValueError, StopIteration):
            raise LostError from None
        if not isinstance(reply, dict):
            raise LostError
        return reply

    def _receive(self) -> bytes:
        while True:
            try:
                received: bytes = self._connection.recv(_CHUNK)
            except TimeoutError:
                self._check_hearing()
            except OSError:
                return b""
            else:
                return received

    def _check_hearing(self) -> None:
        """Return if the daemon still greets: what it was asked may take its time."""
        if not self.is_greeted:
            raise SilentError
        other = type(self._connection)(self._connection.family, self._connection.type)
        other.settimeout(PATIENCE)
        try:
            other.connect(self._path)
            other.sendall(_hello())
            heard = other.recv(_CHUNK)
        except TimeoutError:
            raise SilentError from None
        except OSError:
            heard = b""
        finally:
            other.close()
        if not heard:
            raise LostError


class _Plain:
    """How JSON is read: as it is."""

    strict = True
    array_hook = None
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012
