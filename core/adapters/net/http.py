"""HTTP as winch needs it: one GET at a time, its body piece by piece, and errors by cause.

The only importer of aiohttp. Bodies are never decoded, redirects are followed here by the rules of
`policy.transfer.redirects`, and every exception of the library becomes one of winch's.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from yarl import URL

from core.adapters.net import fields
from core.adapters.net.blocks import BlockPool
from core.adapters.net.credentials import Credentials, without_userinfo
from core.adapters.net.logins import Exchange, WantedLogins, is_closed_door
from core.adapters.net.proxies import proxy_for
from core.adapters.net.reach import Route
from core.adapters.net.remembered import Remembered, origin_of
from core.adapters.net.takeover import BlockReader, BodyCutError
from core.adapters.net.tls import Trust, certificates_unread
from core.adapters.net.transport import (
    hold_records,
    limit_kernel_buffer,
    lookup_error,
    peer_address,
    reason_of,
    tls_of,
    was_closed,
)
from core.domain.errors import (
    AuthRequiredError,
    IncompleteBodyError,
    NetworkError,
    ProtocolError,
    RedirectError,
    TlsError,
    TransferTimeoutError,
    UsageError,
)
from core.domain.settings import NetworkSettings
from core.domain.text import valid
from core.domain.version import VERSION
from core.policy.transfer.challenges import SentLogin
from core.policy.transfer.redirects import STATUSES, Hop, follow

# It makes two contexts for TLS as it is imported, which are not those that are used here.
with certificates_unread():
    import aiohttp
    import aiohttp.http_writer
    from aiohttp.client_proto import ResponseHandler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

MOST_INTERIM: Final = 20
"""Interim answers (1xx) that may come before the real one."""
OVERHEAD_BYTES: Final = 1024 * 1024
"""Bytes of heads, chunk extensions and trailers that an answer may have in any case."""
OVERHEAD_RATIO: Final = 64
"""Bytes of those that it may have for each byte of the file: a chunk may hold a single one."""
TAKEN_OVER: Final = 128 * 1024
"""Bytes that must be left of a body of known length to be read past the library."""
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})


aiohttp.http_writer._serialize_headers = fields.serialize  # noqa: SLF001 (it has no other way in)


Piece = bytes | memoryview
"""Some of a body."""


class Response:
    """An answer whose body is still on its way. Header names are lower case, repeats joined.

    All text is valid Unicode; of validators each character is a byte (see `core.domain.text`).
    `hop` is the request that it answers, after all redirects, and `login` what of one that was
    shown. `buffer` is the size in bytes of its buffer, which is full at twice that; a read waits
    `patience` seconds at the most. `blocks` is the memory for a body that is taken over.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        hop: Hop,
        *,
        login: SentLogin = SentLogin.NONE,
        patience: float,
        buffer: int,
        blocks: BlockPool,
    ) -> None:
        self._response = response
        self._patience = patience
        self._blocks = blocks
        self._reader: BlockReader | None = None
        self._before = b""
        self.hop = hop
        self.login = login
        self.buffer = buffer
        self.url = str(response.url)
        self.status = response.status
        self.reason = valid(response.reason or "")
        self.headers = fields.received(response.headers)
        self._tls = tls_of(self._transport)

    @property
    def peer(self) -> str | None:
        """The IP address at the other end, a proxy's where there is one; None once it is gone."""
        return peer_address(self._transport)

    @property
    def _transport(self) -> asyncio.Transport | None:
        connection = self._response.connection
        return None if connection is None else connection.transport

    def take_over(self) -> bool:
        """Read the rest of the body past the library if that can be, and tell whether it is so.

        What `read` returns from then on may be overwritten as soon as it was given to `recycle`,
        and as long as too much of it was not, nothing more is read.
        """
        if self._reader is not None:
            return True
        length, connection = self.headers.get("content-length", ""), self._response.connection
        owner = None if connection is None else connection.protocol
        if (
            self._response.version != aiohttp.HttpVersion11
            or "transfer-encoding" in self.headers
            or not (length.isascii() and length.isdecimal())
            or not isinstance(owner, _Protocol)
        ):
            return False
        content = self._response.content
        if int(length) - content.total_bytes < TAKEN_OVER or not owner.is_amid(content):
            return False
        before = []
        while piece := content._read_nowait(-1):  # noqa: SLF001 (as below)
            before.append(piece)
        self._before = b"".join(before)
        left = int(length) - content.total_bytes
        if left > 0 and owner.is_amid(content):
            self._reader = owner.lend(content, left, self._blocks)
        return self._reader is not None

    @property
    def is_block_full(self) -> bool:
        """Whether a whole block of a body that was taken over is read, and can be written."""
        return self._reader is not None and self._reader.is_full

    def recycle(self, keep: int = 0) -> None:
        """Let all that was read be overwritten, but the last `keep` bytes of it."""
        if self._reader is not None:
            self._reader.recycle(keep)

    async def read(self, limit: int | None = None, *, enough: int | None = None) -> Piece:
        """Return some of the bytes that have arrived, at least one; `b""` where the body ends.

        A body that was taken over comes in blocks, or once `enough` is there, or after a moment.
        A body that was cut may look like one that ended: callers count. Raises NetworkError and
        its kin; TransferTimeoutError where nothing of the file comes within the patience, whatever
        else does. Only the time in here counts: who is slowed down by a limit waits elsewhere.
        """
        if self._before:
            limit = limit or len(self._before)
            piece, self._before = self._before[:limit], self._before[limit:]
            return piece
        content, reader = self._response.content, self._reader
        with _translated(self.url):
            try:
                async with asyncio.timeout(self._patience):
                    if reader is not None:
                        enough = 1 if limit else enough or sys.maxsize
                        return await reader.take(limit, enough) or b""
                    if limit is not None:
                        piece = await content.read(limit)
                    else:
                        # One piece as it came from the socket: `readany` would copy them together.
                        piece = (await content.readchunk())[0] or await content.readany()
                if not piece and not self._ended_well():
                    raise aiohttp.ServerDisconnectedError
                return piece
            except BodyCutError:
                raise aiohttp.ClientPayloadError from None
            except (aiohttp.ClientError, OSError):
                # After a cut the library hands out nothing more, though bytes lie in its buffer:
                # a server that cuts often would never get anywhere.
                if arrived := content._read_nowait(-1):  # noqa: SLF001
                    return arrived
                raise

    def ready(self) -> bytes:
        """Return all that has arrived and was not read, without waiting; `b""` for nothing."""
        content = self._response.content
        return b"" if content.exception() is not None else content.read_nowait()

    def read_ahead(self, most: int | None) -> None:
        """Let at most about so many bytes wait to be read; None: as many as the buffers hold.

        Beside the library's buffer there is the kernel's, which Linux lets be kept small.
        """
        content, low = self._response.content, min(self.buffer, (most or 2 * self.buffer) // 2)
        content._low_water, content._high_water = low, 2 * low  # noqa: SLF001 (no other way)
        if self._reader is not None:
            self._reader.keep_unread(most)
        limit_kernel_buffer(self._transport, most)

    def _ended_well(self) -> bool:
        """Tell whether a body that only the connection's end can end was ended by the server.

        Without TLS nobody knows; with TLS only a close_notify says so (RFC 9112 section 9.8).
        """
        if self._tls is None or not self.headers.keys().isdisjoint(_FRAMING):
            return True
        return was_closed(self._tls)

    def close(self) -> None:
        """Close the connection, if the body has not ended."""
        if self._reader is not None:
            self._reader.detach()
        self._response.close()

    def release(self) -> None:
        """Let the connection be used again, if the body has ended; else close it."""
        if self._reader is not None:
            self._reader.detach()
        self._response.release()


class _FloodError(aiohttp.ClientError):
    """The server sends what nobody asked for, without end."""


class _Protocol(ResponseHandler):
    """The library's end of a connection, which also counts what is not the file.

    A head has to be there within `patience` seconds, however it drips. The library passes over
    interim answers in a loop that gives no turn to anybody while more of them lie ready: here they
    are dropped as they come.
    """

    peer: str | None = None
    """The IP address at the other end, from when the connection was made."""

    def __init__(self, loop: asyncio.AbstractEventLoop, patience: float) -> None:
        super().__init__(loop)
        self._interim = self._came = 0
        self._lent = False
        self._patience = patience
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.peer = peer_address(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._head_ended()
        super().connection_lost(exc)

    def set_response_params(self, **params: Any) -> None:
        self._interim = self._came = 0
        self._lent = False
        self._head_ended()
        self._deadline = self._loop.call_later(self._patience, self._head_is_late)
        super().set_response_params(**params)

    def _head_ended(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _head_is_late(self) -> None:
        self.set_exception(aiohttp.SocketTimeoutError("no head in time"))

    def pause_reading(self) -> None:
        was_paused = self._reading_paused
        super().pause_reading()
        if not was_paused:
            hold_records(self.transport, hold=True)

    def resume_reading(self, resume_parser: bool = True) -> None:
        super().resume_reading(resume_parser)
        if not self._reading_paused:
            hold_records(self.transport, hold=False)

    def is_amid(self, content: aiohttp.StreamReader) -> bool:
        """Tell whether more of a body is to come, and nothing is wrong so far."""
        is_whole = self._payload is not content or content.is_eof()
        is_broken = self._exception is not None or content.exception() is not None
        connected = self.transport is not None and not self.transport.is_closing()
        return connected and not (is_whole or is_broken or self.upgraded)

    def lend(
        self, content: aiohttp.StreamReader, left: int, blocks: BlockPool
    ) -> BlockReader | None:
        """Let another read the last `left` bytes of a body; None while some of it is unparsed."""
        if self.transport is None or self._reading_paused:
            return None
        self._drop_timeout()
        self._lent = True
        return BlockReader(self.transport, self, left, blocks, ended=content.feed_eof)

    def feed_data(self, data: Any, size: int = 0) -> None:
        status = data[0].code
        if 100 <= status < 200 and status != 101:
            self._interim += 1
        elif self._interim <= MOST_INTERIM:
            self._head_ended()
            super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        if self._lent:
            # Behind a body that was read past the library, as nobody has asked for anything since.
            if data and self.transport is not None:
                self.transport.close()
            return
        super().data_received(data)
        self._came += len(data)
        of_the_file = 0 if self._payload is None else self._payload.total_bytes
        if self._interim > MOST_INTERIM:
            self._refuse("it answers again and again that it is about to answer")
        elif self._came > OVERHEAD_BYTES + (OVERHEAD_RATIO + 1) * of_the_file:
            self._refuse("it sends and sends, and next to nothing of it is the file")

    def _refuse(self, reason: str) -> None:
        error = _FloodError(reason)
        self.set_exception(error)
        if self._payload is not None:
            self._payload.set_exception(error)
            self._payload = None
        if self.transport is not None:
            self.transport.close()


def _protocol(loop: asyncio.AbstractEventLoop, patience: float) -> ResponseHandler:
    return _Protocol(loop, patience)


_ROUTE: ContextVar[Route] = ContextVar("route")


class _Connector(aiohttp.TCPConnector):
    """Looks at who is at the other end of a connection before anything is sent there."""

    def __init__(self, patience: float) -> None:
        super().__init__(limit=0)
        self._factory = partial(_protocol, self._loop, patience)

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        route, protocol = _ROUTE.get(None), connection.protocol
        if route is not None and isinstance(protocol, _Protocol) and protocol.peer is not None:
            try:
                route.arrive(protocol.peer)
            except RedirectError:
                connection.close()
                raise
        return connection


class HttpClient:
    """Connections to servers, shared by all downloads; `tls` None trusts what the system does."""

    def __init__(self, settings: NetworkSettings, *, tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._trust = Trust(tls)
        self._session: aiohttp.ClientSession | None = None
        self._wanted_logins: WantedLogins = OrderedDict()
        self._blocks = BlockPool()
        self._credentials = Credentials()
        self._proxies = Remembered()

    @asynccontextmanager
    async def get(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        cookies: str | None = None,
        buffer: int,
        ahead: int | None = None,
    ) -> AsyncIterator[Response]:
        """Send a GET, follow redirects and yield the answer, whatever its status.

        `headers` travel as far as the URL's own origin; userinfo in the URL becomes an
        Authorization header and leaves the address; a name and a password in one are shown to the
        server as it asks for them, by Digest or Basic. `cookies` is the path of a cookies.txt; its
        cookies and the logins of netrc go to the hosts that they are for, on every hop. Once
        twice `buffer` bytes wait to be read, the server is slowed; at first, once there are `ahead`
        (None: the same). Leaving early closes the connection. Raises NetworkError and its kin,
        TlsError, ProtocolError, RedirectError, AuthRequiredError (a proxy's), ConfigError (netrc,
        cookies, proxy) and UsageError.
        """
        start = without_userinfo(url, headers)
        first = min(buffer, (ahead or 2 * buffer) // 2)
        response, hop, login, withheld = await self._follow(start, cookies, first)
        media_type = response.headers.get("Content-Type", "")
        if withheld and is_closed_door(response.status, media_type):
            response.release()
            response, hop, login, _ = await self._follow(start, cookies, first, unasked=True)
        patience, blocks = self._settings.read_timeout, self._blocks
        found = Response(
            response, hop, login=login, patience=patience, buffer=buffer, blocks=blocks
        )
        try:
            yield found
        finally:
            found.release()

    async def _follow(
        self, hop: Hop, cookies: str | None, buffer: int, *, unasked: bool = False
    ) -> tuple[aiohttp.ClientResponse, Hop, SentLogin, bool]:
        """Send a request and those that redirects ask for; return the answer and what it answers.

        The last two tell what it was shown of a login, and whether one was withheld on the way.
        """
        route, before, withheld = Route(), SentLogin.NONE, False
        for count in itertools.count():
            _ROUTE.set(route)
            try:
                response, asking = await self._ask(
                    hop, cookies, buffer, redirected=count > 0, unasked=unasked
                )
            except UsageError:
                if count == 0:
                    raise
                raise RedirectError(
                    "the server redirected to an address that cannot be asked"
                ) from None
            withheld = withheld or asking.withheld
            login = before if asking.login is SentLogin.NONE else asking.login
            if response.status not in STATUSES:
                return response, hop, login, withheld
            before = login if login is SentLogin.NONE else SentLogin.ELSEWHERE
            response.release()
            following = follow(hop, response.headers.get("Location"), count=count)
            with _translated(following.url, late="has a name that takes too long to look up"):
                async with asyncio.timeout(self._settings.connect_timeout):
                    route = await route.onward(hop.url, following.url)
            hop = without_userinfo(following.url, following.headers)
        raise AssertionError("`follow` ends it")

    async def _ask(
        self, hop: Hop, cookies: str | None, buffer: int, *, redirected: bool, unasked: bool
    ) -> tuple[aiohttp.ClientResponse, Exchange]:
        """Send one hop's request, and again as the server asks for the login that is there."""
        address = _address(hop.url, redirected=redirected)
        headers = await self._credentials.headers_for(hop, cookies)
        wanted, target = self._wanted_logins, address.raw_path_qs
        asking = Exchange(wanted, hop.url, target, headers, unasked=unasked)
        proxy = self._proxy_for(hop.url)
        is_secure = address.scheme == "https" or proxy.lower().startswith("https:")
        trusted = await self._trust.context() if is_secure else True
        while True:
            with _translated(hop.url, late="did not answer in time"):
                response = await self._open().get(
                    address,
                    headers=asking.headers,
                    proxy=proxy or None,
                    ssl=trusted,
                    allow_redirects=False,
                    read_bufsize=buffer,
                )
            challenges = response.headers.getall("WWW-Authenticate", ())
            if not asking.again(response.status, response.headers, challenges):
                return response, asking
            response.release()

    def _proxy_for(self, url: str) -> str:
        """Return the proxy for a URL, "" for none."""
        origin = origin_of(url)
        if (known := self._proxies.get(origin)) is not None:
            return known
        return self._proxies.put(origin, proxy_for(url) or "")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            settings = self._settings
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                connector=_Connector(settings.read_timeout),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"winch/{VERSION}", "Accept": "*/*"},
                timeout=aiohttp.ClientTimeout(
                    total=None,
                    # Names, connection, TLS and proxy together, however each of them drips.
                    connect=settings.connect_timeout + settings.read_timeout,
                    sock_connect=settings.connect_timeout,
                    # The protocol sees to the head, and whoever reads to the body.
                    sock_read=None,
                ),
            )
        return self._session


def _address(url: str, *, redirected: bool) -> URL:
    try:
        return URL(url, encoded=url.isascii() and " " not in url)
    except ValueError:
        if redirected:
            raise RedirectError("the server redirected to an address that cannot be read") from None
        raise UsageError("the address cannot be read as a URL") from None


@contextmanager
def _translated(url: str, *, late: str = "sent nothing for too long") -> Iterator[None]:
    """Turn the library's exceptions into winch's."""
    try:
        yield
    except Exception as error:
        _raise_ours(error, urlsplit(url).hostname or "the server", late)
        raise


def _raise_ours(error: Exception, host: str, late: str) -> None:  # noqa: C901, PLR0912
    """Raise winch's error for one of the library's, most specific first; pass over all others."""
    match error:
        case aiohttp.InvalidURL() | UnicodeError():
            raise UsageError("the address cannot be read as a URL") from None
        case aiohttp.ClientSSLError():
            raise TlsError(
                f"{host} could not prove who it is: {_tls_reason(error)}",
                hint="check the host's name and this machine's clock and certificates",
            ) from error
        case aiohttp.ConnectionTimeoutError() | aiohttp.SocketTimeoutError() | TimeoutError():
            raise TransferTimeoutError(f"{host} {late}") from error
        case aiohttp.ClientHttpProxyError():
            if error.status == 407:
                raise AuthRequiredError(
                    "the proxy wants to know who asks",
                    status=407,
                    hint="the proxy's address in the environment has to hold the right login",
                ) from None
            raise NetworkError(f"the proxy answered {error.status} when asked for {host}") from None
        case aiohttp.ClientProxyConnectionError():
            raise NetworkError(
                f"cannot connect to the proxy for {host}: {reason_of(error.os_error)}"
            ) from None
        case aiohttp.ClientConnectorDNSError():
            raise lookup_error(host, error.os_error) from error
        case aiohttp.ClientConnectorError():
            if isinstance(error.os_error, socket.gaierror):
                raise lookup_error(host, error.os_error) from error
            raise NetworkError(f"cannot connect to {host}: {reason_of(error.os_error)}") from error
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError():
            raise IncompleteBodyError(f"{host} closed the connection too early") from error
        case _FloodError():
            raise ProtocolError(
                f"the answer of {host} has no end: {error}", hint="the server is broken, or hostile"
            ) from None
        case aiohttp.ClientResponseError():
            raise ProtocolError(
                f"the answer of {host} breaks HTTP: {error.message.splitlines()[0][:200]}"
                if error.message
                else f"the answer of {host} breaks HTTP",
            ) from error
        case aiohttp.ClientOSError() | ConnectionError() | asyncio.IncompleteReadError():
            raise NetworkError(f"the connection to {host} broke: {reason_of(error)}") from error
        case aiohttp.ClientError():
            raise NetworkError(f"the request to {host} failed: {type(error).__name__}") from error
        case ValueError():
            raise UsageError(
                "the request cannot be sent as it stands:"
                " a header or its proxy's address is broken",
                hint="check the headers and cookies that were given for it",
            ) from error


def _tls_reason(error: aiohttp.ClientSSLError) -> str:
    cause: BaseException = error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    return reason_of(cause)
