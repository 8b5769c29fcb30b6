"""The words on the socket: one JSON object per line, both ways, for the server and the client.

What can be asked is read off the `DownloadService` protocol itself, so that a method is written
down once and both sides check its parameters and its result against the same types.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import typing
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Annotated, Any

import msgspec

from core.domain.errors import ErrorInfo, RpcError, UsageError
from core.domain.events import Event, ProgressBatch, Snapshot
from core.domain.garbage import making_lasting
from core.domain.service import DownloadService
from core.domain.value import Value
from core.domain.version import OLDEST_PROTOCOL
from core.domain.version import PROTOCOL as PROTOCOL  # noqa: PLC0414 - a word of it
from core.rpc.link_progress import MOVED, Moved, batch_of, shortened
from core.rpc.parts import line_of

MAX_LINE = 4 * 1024 * 1024
"""Bytes that a request may have: a hundred thousand ids. What is longer comes in portions."""
MAX_ANSWER = 1024 * 1024 * 1024
"""Bytes that an answer or an event may have: the Snapshot of a very long list is one line.

Only the client has to hold it: the server makes it piece by piece.
"""
MAX_GREETING = 4096
"""Bytes of the first line."""
LARGE = 64 * 1024
"""Bytes from which on a request is large: few of those are worked on at the same time."""
_MOST_VALUES = 250_000
_MOST_OBJECTS = 60_000
"""What a large request may be made of: each value takes ten times its text, each object more."""

_CHUNK = 256 * 1024


Id = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | str


class Greeting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who speaks and how. Connections that name the same `session` are one client.

    A client says the newest protocol it speaks and the `oldest` (0: no other), a server the one
    that is spoken from here on.
    """

    protocol: int
    oldest: int = 0
    client: str = ""
    server: str = ""
    session: str = ""


class Hello(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first line of either side; with `error` it is a refusal."""

    hello: Greeting
    error: ErrorInfo | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A call. The id is the client's and comes back with the answer."""

    id: Id
    method: str
    params: msgspec.Raw = msgspec.Raw(b"{}")


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A line from the server: the answer to a request, or an event of a subscription.

    An event has the id of the request that began its subscription.
    """

    id: Id | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: ErrorInfo | None = None
    event: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """What a daemon that was started says once: it serves (no error), or why it does not."""

    error: ErrorInfo | None = None


class Method(Value, frozen=True):
    """One method of the service as it looks on the socket."""

    name: str
    signature: inspect.Signature
    params: type[msgspec.Struct]
    result: Any

    def params_of(self, *args: object, **named: object) -> msgspec.Struct:
        """Return the parameters of a call; raises TypeError where they do not fit the method."""
        return self.params(**self.signature.bind(*args, **named).arguments)


_WIRE_NAMES = {"download_id": "id"}
"""Parameters that are called something else on the socket."""


def _methods() -> dict[str, Method]:
    methods = {}
    for name, function in inspect.getmembers(DownloadService, inspect.iscoroutinefunction):
        hints = typing.get_type_hints(function)
        # Without `self`.
        parameters = list(inspect.signature(function).parameters.values())[1:]
        fields = [
            (p.name, hints[p.name], msgspec.NODEFAULT if p.default is p.empty else p.default)
            for p in parameters
        ]
        params = msgspec.defstruct(
            f"{name}_params",
            fields,
            kw_only=True,
            forbid_unknown_fields=True,
            # An older daemon need not know what is not asked of it.
            omit_defaults=True,
            rename=_WIRE_NAMES,
        )
        methods[name] = Method(name, inspect.Signature(parameters), params, hints["return"])
    return methods


METHODS: dict[str, Method] = _methods()

SUBSCRIBE = "subscribe"
COMMAND = "command"
UNSUBSCRIBE = "unsubscribe"
PING = "ping"
"""Asks for a sign of life, where one connection is all there is."""
END = "end"
"""The event that closes a subscription whose service has ended."""


class NoParams(msgspec.Struct, forbid_unknown_fields=True):
    """The parameters of a method that takes none."""


class Unsubscribed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which subscription ends, by the id of the request that began it; None: all of them."""

    subscription: Id | None = None


_EVENTS: dict[str, type[Any]] = {
    re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower(): kind
    for kind in typing.get_args(Event)
}
_EVENT_NAMES = {kind: name for name, kind in _EVENTS.items()}


def common_protocol(hello: Greeting) -> int | None:
    """Return the newest protocol that a client speaks as well as this side, None without one."""
    common = min(hello.protocol, PROTOCOL)
    return common if common >= max(OLDEST_PROTOCOL, hello.oldest or hello.protocol) else None


def encode(message: object) -> bytes:
    """Return a message as one line; raises RpcError for text that is not Unicode."""
    try:
        return msgspec.json.encode(message) + b"\n"
    except ValueError as error:
        raise RpcError("text with bytes that are not valid UTF-8 cannot be sent") from error


def _encode_valid(**fields: object) -> bytes:
    """Return what a server says as one line, with its text made valid where that is needed.

    What a client asks for is not changed like that: it would ask for something else.
    """
    return b"".join(line_of(**fields))


def decode(data: bytes | bytearray | msgspec.Raw, kind: Any) -> Any:
    """Return a value of `kind`; raises RpcError saying what is wrong with the data."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise RpcError(f"the message has the wrong shape: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RpcError("the line is not JSON") from error


def encode_hello(server: str, error: ErrorInfo | None, protocol: int = PROTOCOL) -> bytes:
    """Return the line with which a server greets, or with an error refuses to speak."""
    return encode(Hello(hello=Greeting(protocol=protocol, server=server), error=error))


def encode_request(number: int, method: str, params: object) -> bytes:
    """Return the line that asks for something; raises UsageError where it cannot be asked."""
    try:
        line = encode({"id": number, "method": method, "params": params})
    except RpcError as error:
        raise UsageError(error.message) from error
    if len(line) > MAX_LINE:
        raise too_much()
    return line


def check_counts(line: bytes | bytearray) -> None:
    """Raise UsageError where a request holds so many things that reading it would take too much."""
    if line.count(b",") > _MOST_VALUES or line.count(b"{") > _MOST_OBJECTS:
        raise too_much()


def too_much() -> UsageError:
    """Return the error for a request that is longer than it may be."""
    return UsageError("this is too much for one request", hint="hand it over in several portions")


def encode_output(request_id: int | str, text: str, *, is_error: bool) -> bytes:
    """Return a line with a part of what a command prints."""
    return _encode_valid(id=request_id, **{"stderr" if is_error else "stdout": text})


def result_pieces(request_id: int | str, result: object) -> Iterator[bytes]:
    """Return the line with the answer to a request, piece by piece."""
    return line_of(id=request_id, result=result)


def encode_error(request_id: int | str | None, error: ErrorInfo) -> bytes:
    """Return the line that refuses a request; without an id when it could not be read."""
    return _encode_valid(id=request_id, error=error)


def event_pieces(event: Event, subscription: int | str, *, short: bool = False) -> Iterator[bytes]:
    """Return the line that tells of an event, in pieces; `short` is for progress over a link."""
    if short and isinstance(event, ProgressBatch):
        return line_of(id=subscription, **shortened(event))
    return line_of(id=subscription, event=_EVENT_NAMES[type(event)], data=event)


def encode_end(subscription: int | str) -> bytes:
    """Return the line that closes a subscription whose service has ended."""
    return encode({"id": subscription, "event": END})


def decode_event(reply: Reply) -> Event | None:
    """Return the event of a line; None for a kind that this version does not know."""
    if reply.event == MOVED:
        return batch_of(decode(reply.data, Moved))
    kind = _EVENTS.get(reply.event or "")
    if kind is None:
        return None
    with making_lasting() if kind is Snapshot else nullcontext():
        event: Event = decode(reply.data, kind)
    return event


class LineReader:
    """Lines from a stream, with a bound on their length and a small buffer below it.

    The stream's own buffer stays small, so that a reader who stops reading makes the writer wait,
    however long a line may be. `received` counts the bytes that have come, the last of them at
    `heard_at` by the loop's clock; `held` is called with those that are kept of a line that is not
    whole, whenever that changes. Of an overlong line a lenient one reads on to its end.
    """

    def __init__(
        self,
        stream: asyncio.StreamReader,
        limit: int,
        held: Callable[[int], None] = lambda _: None,
        *,
        is_lenient: bool = True,
    ) -> None:
        self._stream = stream
        self._is_lenient = is_lenient
        self.limit = limit
        self._held = held
        self._buffer = bytearray()
        self.received = 0
        self.heard_at = asyncio.get_running_loop().time()

    async def line(self) -> bytes | bytearray | None:
        """Return the next line without its end, or None when there are no more.

        Raises RpcError for a line that is too long or ends too early. The line is used up then and
        reading may go on. A connection that was reset has no more lines.
        """
        searched = 0
        overlong = False
        while True:
            end = self._buffer.find(b"\n", searched)
            if end >= 0:
                line = self._taken(end)
                if overlong or len(line) > self.limit:
                    raise RpcError(f"the line is longer than {self.limit} bytes")
                return line
            if len(self._buffer) > self.limit:
                if not self._is_lenient:
                    raise RpcError(f"the line is longer than {self.limit} bytes")
                overlong = True
                self._buffer.clear()
            searched = len(self._buffer)
            self._held(searched)
            try:
                chunk = await self._stream.read(_CHUNK)
            except OSError:
                return None
            if not chunk:
                break
            self.received += len(chunk)
            self.heard_at = asyncio.get_running_loop().time()
            self._buffer += chunk
        if self._buffer or overlong:
            self._buffer.clear()
            raise RpcError("the line ends before its newline")
        return None

    def clear(self) -> None:
        """Forget what has come and is no line."""
        self._buffer = bytearray()

    def _taken(self, end: int) -> bytes | bytearray:
        """Take a line out of the buffer; a long one is handed on, as a copy takes as much again."""
        if end + 1 == len(self._buffer):
            line, self._buffer = self._buffer, bytearray()
            del line[end:]
            self._held(0)
            return line
        short = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._held(len(self._buffer))
        return short
