"""HTTP as winch needs it: one GET at a time, its body piece by piece, and errors by cause.

The only importer of aiohttp. Bodies are never decoded, redirects are followed here by the rules of
`policy.redirects`, and every exception of the library becomes one of winch's.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import socket
import ssl
import struct
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

import aiohttp
import aiohttp.http_writer
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from core.adapters.net.credentials import Cookies, Netrc
from core.adapters.net.logins import Exchange, Logins, is_closed_door
from core.adapters.net.proxies import proxy_for
from core.adapters.net.reach import addresses
from core.domain.errors import (
    AuthRequiredError,
    ConfigError,
    DnsError,
    IncompleteBodyError,
    NetworkError,
    ProtocolError,
    RedirectError,
    TlsError,
    TransferTimeoutError,
    UnknownHostError,
    UsageError,
)
from core.domain.login import basic
from core.domain.settings import NetworkSettings
from core.domain.text import octets_of, valid
from core.domain.version import VERSION
from core.policy.challenges import SentLogin
from core.policy.redirects import STATUSES, Hop, check_reach, follow, is_public, private_error
from core.policy.throttle import AHEAD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

INTERIM: Final = 20
"""Interim answers (1xx) that may come before the real one."""
BARREN: Final = 1024 * 1024
"""Bytes of heads, chunk extensions and trailers that an answer may have in any case."""
FRAMING: Final = 64
"""Bytes of those that it may have for each byte of the file: a chunk may hold a single one."""
# The second one is glibc's: there is such a name, and it has no address.
_NO_SUCH_NAME: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", -5)})
_TCP_INFO: Final = getattr(socket, "TCP_INFO", None)
_ROUND_TRIP: Final = struct.Struct("68xI")  # tcpi_rtt, in microseconds
_SO_BUF_LOCK: Final = 72  # Linux 5.15; Python has no name for it
_ANY_SIZE: Final = 2**30
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
_VALIDATORS: Final = frozenset({"etag", "last-modified"})
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def _serialize(status_line: str, headers: Mapping[str, str]) -> bytes:
    """Return the head of a request with every byte as it was given (PEP 383).

    The library drops or refuses bytes that are not UTF-8; a validator has to go back as it came.
    """
    lines = [status_line, *(f"{name}: {value}" for name, value in headers.items())]
    if any(map(_FORBIDDEN.search, lines)):
        raise ValueError("a control character in a header")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


aiohttp.http_writer._serialize_headers = _serialize  # noqa: SLF001 (it has no other way in)


class Response:
    """An answer whose body is still on its way. Header names are lower case, repeats joined.

    All text is valid Unicode; of validators each character is a byte (see `core.domain.text`).
    `hop` is the request that it answers, after all redirects, and `login` what of one that was
    shown. `buffer` is the size in bytes of its buffer, which is full at twice that; a read waits
    `patience` seconds at the most.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        hop: Hop,
        *,
        login: SentLogin = SentLogin.NONE,
        patience: float,
        buffer: int,
    ) -> None:
        self._response = response
        self._patience = patience
        self.hop = hop
        self.login = login
        self.buffer = buffer
        self.url = str(response.url)
        self.status = response.status
        self.reason = valid(response.reason or "")
        self.headers = _fields(response.headers)
        self._tls = _tls_of(response)

    @property
    def peer(self) -> str | None:
        """The IP address at the other end, a proxy's where there is one; None once it is gone."""
        connection = self._response.connection
        transport = None if connection is None else connection.transport
        found = None if transport is None else transport.get_extra_info("peername")
        return found[0] if isinstance(found, tuple) else None

    async def read(self, limit: int | None = None) -> bytes:
        """Return some of the bytes that have arrived, at least one; `b""` where the body ends.

        A body that was cut may look like one that ended: callers count. Raises NetworkError and
        its kin; TransferTimeoutError where nothing of the file comes within the patience, whatever
        else does. Only the time in here counts: who is slowed down by a limit waits elsewhere.
        """
        content = self._response.content
        with _translated(self.url):
            try:
                async with asyncio.timeout(self._patience):
                    if limit is not None:
                        piece = await content.read(limit)
                    else:
                        # One piece as it came from the socket: `readany` would copy them together.
                        piece = (await content.readchunk())[0] or await content.readany()
                if not piece and not self._ended_well():
                    raise aiohttp.ServerDisconnectedError
                return piece
            except (aiohttp.ClientError, OSError):
                # After a cut the library hands out nothing more, though bytes lie in its buffer:
                # a server that cuts often would never get anywhere.
                if arrived := content._read_nowait(-1):  # noqa: SLF001
                    return arrived
                raise

    def read_ahead(self, most: int | None) -> None:
        """Let at most about so many bytes wait to be read; None: as many as the buffers hold.

        Beside the library's buffer there is the kernel's, which Linux lets be kept small.
        """
        content, low = self._response.content, min(self.buffer, (most or 2 * self.buffer) // 2)
        content._low_water, content._high_water = low, 2 * low  # noqa: SLF001 (no other way)
        connection = self._response.connection
        transport = None if connection is None else connection.transport
        wire = None if transport is None else transport.get_extra_info("socket")
        if wire is not None and sys.platform == "linux":
            with suppress(OSError):
                _keep_small(wire, most)

    def _ended_well(self) -> bool:
        """Tell whether a body that only the connection's end can end was ended by the server.

        Without TLS nobody knows; with TLS only a close_notify says so (RFC 9112 section 9.8).
        """
        if self._tls is None or not self.headers.keys().isdisjoint(_FRAMING):
            return True
        try:
            self._tls.read(1)
        except ssl.SSLZeroReturnError:
            return True
        except ssl.SSLError:
            return False
        return False

    def close(self) -> None:
        """Close the connection, if the body has not ended."""
        self._response.close()


def _keep_small(wire: socket.socket, most: int | None) -> None:
    """Let the kernel hold at most about `most` bytes for a socket beside those that are on the way.

    A window clamp would not do: the kernel overrides it as soon as it tunes its buffer. None lets
    it tune that again. Raises OSError where the system has no such option.
    """
    if most is None:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ANY_SIZE)
        wire.setsockopt(socket.SOL_SOCKET, _SO_BUF_LOCK, 0)
        return
    (trip,) = _ROUND_TRIP.unpack(
        wire.getsockopt(socket.IPPROTO_TCP, _TCP_INFO or 0, _ROUND_TRIP.size)
    )
    size = int(most * (1 + 2 * trip / 1e6 / AHEAD))
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, min(size, _ANY_SIZE))


class _FloodError(aiohttp.ClientError):
    """The server sends what nobody asked for, without end."""


class _Protocol(ResponseHandler):
    """The library's end of a connection, which also counts what is not the file.

    The library passes over interim answers in a loop that gives no turn to anybody while more of
    them lie ready: here they are dropped as they come.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._interim = self._came = 0

    def set_response_params(self, **params: Any) -> None:
        """Begin with the answer to another request."""
        self._interim = self._came = 0
        super().set_response_params(**params)

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Take the head of an answer."""
        status = data[0].code
        if 100 <= status < 200 and status != 101:
            self._interim += 1
        elif self._interim <= INTERIM:
            super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        super().data_received(data)
        self._came += len(data)
        of_the_file = 0 if self._payload is None else self._payload.total_bytes
        if self._interim > INTERIM:
            self._refuse("it answers again and again that it is about to answer")
        elif self._came > BARREN + (FRAMING + 1) * of_the_file:
            self._refuse("it sends and sends, and next to nothing of it is the file")

    def _refuse(self, reason: str) -> None:
        error = _FloodError(reason)
        self.set_exception(error)
        if self._payload is not None:
            self._payload.set_exception(error)
            self._payload = None
        if self.transport is not None:
            self.transport.close()


def _protocol(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return _Protocol(loop)


@dataclass(slots=True)
class _Way:
    """How a request travels: whether only the world is open to it, and the address it reached."""

    must_be_public: bool = False
    peer: str | None = None


_WAY: ContextVar[_Way] = ContextVar("way")


class _Connector(aiohttp.TCPConnector):
    """Looks at who is at the other end of a connection before anything is sent there."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        super().__init__(limit=0, ssl=tls or True)
        self._factory = partial(_protocol, loop=self._loop)

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        way = _WAY.get(None)
        transport = connection.transport
        found = None if transport is None else transport.get_extra_info("peername")
        if way is None or not isinstance(found, tuple):
            return connection
        way.peer = str(found[0])
        if way.must_be_public and not is_public(way.peer):
            connection.close()
            raise private_error()
        return connection


class HttpClient:
    """Connections to servers, shared by all downloads; `tls` None trusts what the system does."""

    def __init__(self, settings: NetworkSettings, *, tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._logins = Logins()
        self._netrc = Netrc()
        self._cookies = Cookies()

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
        (None: the same). Leaving early closes the connection.
        """
        start = _without_userinfo(url, headers)
        first = min(buffer, (ahead or 2 * buffer) // 2)
        response, hop, login, withheld = await self._follow(start, cookies, first)
        media_type = response.headers.get("Content-Type", "")
        if withheld and is_closed_door(response.status, media_type):
            response.release()
            response, hop, login, _ = await self._follow(start, cookies, first, unasked=True)
        try:
            patience = self._settings.read_timeout
            yield Response(response, hop, login=login, patience=patience, buffer=buffer)
        finally:
            response.release()

    async def _follow(
        self, hop: Hop, cookies: str | None, buffer: int, *, unasked: bool = False
    ) -> tuple[aiohttp.ClientResponse, Hop, SentLogin, bool]:
        """Send a request and those that redirects ask for; return the answer and what it answers.

        The last two tell what it was shown of a login, and whether one was withheld on the way.
        """
        way, before, withheld = _Way(), SentLogin.NONE, False
        for count in itertools.count():
            _WAY.set(way)
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
                    way = await _check_reach(way, hop.url, following.url)
            hop = _without_userinfo(following.url, following.headers)
        raise AssertionError("`follow` ends it")

    async def _ask(
        self, hop: Hop, cookies: str | None, buffer: int, *, redirected: bool, unasked: bool
    ) -> tuple[aiohttp.ClientResponse, Exchange]:
        """Send one hop's request, and again as the server asks for the login that is there."""
        address = _address(hop.url, redirected=redirected)
        headers = await self._with_credentials(hop, cookies)
        asking = self._logins.begin(hop.url, address.raw_path_qs, headers, unasked=unasked)
        settings = self._settings
        while True:
            with _translated(hop.url, late="did not answer in time"):
                # Names, connection, TLS, proxy and head together, however each of them drips.
                async with asyncio.timeout(settings.connect_timeout + settings.read_timeout):
                    response = await self._open().get(
                        address,
                        headers=asking.headers,
                        proxy=proxy_for(hop.url),
                        allow_redirects=False,
                        read_bufsize=buffer,
                    )
            challenges = response.headers.getall("WWW-Authenticate", ())
            if not asking.again(response.status, response.headers, challenges):
                return response, asking
            response.release()

    def peer_of(self, url: str) -> str:
        """Return the host that a request for a URL connects to: the URL's own, or its proxy.

        A proxy that cannot be used is passed over: the request itself says so.
        """
        try:
            proxy = proxy_for(url)
        except ConfigError:
            proxy = None
        return urlsplit(proxy or url).hostname or ""

    async def _with_credentials(self, hop: Hop, cookies: str | None) -> Mapping[str, str]:
        """Return a hop's headers with what files hold for its host; what was given goes first."""
        given = {name.lower() for name in hop.headers}
        headers = dict(hop.headers)
        host = urlsplit(hop.url).hostname or ""
        if "authorization" not in given and (login := await self._netrc.authorization(host)):
            headers["Authorization"] = login
        if cookies and "cookie" not in given:
            held = await self._cookies.header(cookies, hop.url)
            headers |= {"Cookie": held} if held else {}
        return headers

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                connector=_Connector(self._tls),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"winch/{VERSION}", "Accept": "*/*"},
                timeout=aiohttp.ClientTimeout(
                    total=None,
                    sock_connect=self._settings.connect_timeout,
                    sock_read=self._settings.read_timeout,
                ),
            )
        return self._session


def _fields(headers: Mapping[str, str]) -> Mapping[str, str]:
    fields: dict[str, list[str]] = {}
    for name, value in headers.items():
        key = valid(name.lower())
        fields.setdefault(key, []).append((octets_of if key in _VALIDATORS else valid)(value))
    return {name: ", ".join(values) for name, values in fields.items()}


def _address(url: str, *, redirected: bool) -> URL:
    try:
        return URL(url, encoded=url.isascii() and " " not in url)
    except ValueError:
        if redirected:
            raise RedirectError("the server redirected to an address that cannot be read") from None
        raise UsageError("the address cannot be read as a URL") from None


async def _check_reach(way: _Way, source: str, target: str) -> _Way:
    """Raise RedirectError for a way from the world into a private network, or return the next."""
    hosts = [urlsplit(url).hostname or "" for url in (source, target)]
    # Behind a proxy it is the proxy that resolves, and that reaches what it may.
    if proxy_for(target) is not None:
        return _Way()
    if hosts[0] == hosts[1]:
        return _Way(must_be_public=way.must_be_public)
    there = await addresses(hosts[1])
    # A name can have another address each time it is asked for: what was connected to counts too.
    sources = [await addresses(hosts[0])]
    if proxy_for(source) is None and way.peer is not None:
        sources.append(frozenset({way.peer}))
    for known in sources:
        check_reach(known, there)
    return _Way(must_be_public=any(all(map(is_public, known)) for known in sources))


def _tls_of(response: aiohttp.ClientResponse) -> ssl.SSLObject | None:
    connection = response.connection
    transport = None if connection is None else connection.transport
    found = None if transport is None else transport.get_extra_info("ssl_object")
    return found if isinstance(found, ssl.SSLObject) else None


def _without_userinfo(url: str, headers: Mapping[str, str]) -> Hop:
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return Hop(url, headers)
    bare = urlunsplit(parts._replace(netloc=host))
    if any(name.lower() == "authorization" for name in headers):
        return Hop(bare, headers)
    user, _, password = userinfo.partition(":")
    return Hop(bare, {**headers, "Authorization": basic(unquote(user), unquote(password))})


@contextmanager
def _translated(url: str, *, late: str = "sent nothing for too long") -> Iterator[None]:  # noqa: C901, PLR0912
    """Turn the library's exceptions into winch's, most specific first."""
    host = urlsplit(url).hostname or "the server"
    try:
        yield
    except (aiohttp.InvalidURL, UnicodeError):
        raise UsageError("the address cannot be read as a URL") from None
    except aiohttp.ClientSSLError as error:
        raise TlsError(
            f"{host} could not prove who it is: {_ssl_reason(error)}",
            hint="check the host's name and this machine's clock and certificates",
        ) from error
    except (aiohttp.ConnectionTimeoutError, aiohttp.SocketTimeoutError, TimeoutError) as error:
        raise TransferTimeoutError(f"{host} {late}") from error
    except aiohttp.ClientHttpProxyError as error:
        if error.status == 407:
            raise AuthRequiredError(
                "the proxy wants to know who asks",
                status=407,
                hint="the proxy's address in the environment has to hold the right login",
            ) from None
        raise NetworkError(f"the proxy answered {error.status} when asked for {host}") from None
    except aiohttp.ClientProxyConnectionError as error:
        raise NetworkError(
            f"cannot connect to the proxy for {host}: {_os_reason(error.os_error)}"
        ) from None
    except aiohttp.ClientConnectorDNSError as error:
        raise _name_error(host, error.os_error) from error
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, socket.gaierror):
            raise _name_error(host, error.os_error) from error
        raise NetworkError(f"cannot connect to {host}: {_os_reason(error.os_error)}") from error
    except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError) as error:
        raise IncompleteBodyError(f"{host} closed the connection too early") from error
    except _FloodError as error:
        raise ProtocolError(
            f"the answer of {host} has no end: {error}", hint="the server is broken, or hostile"
        ) from None
    except aiohttp.ClientResponseError as error:
        raise ProtocolError(
            f"the answer of {host} breaks HTTP: {error.message.splitlines()[0][:200]}"
            if error.message
            else f"the answer of {host} breaks HTTP",
        ) from error
    except (aiohttp.ClientOSError, ConnectionError, asyncio.IncompleteReadError) as error:
        raise NetworkError(f"the connection to {host} broke: {_os_reason(error)}") from error
    except aiohttp.ClientError as error:
        raise NetworkError(f"the request to {host} failed: {type(error).__name__}") from error
    except ValueError as error:
        raise UsageError(
            "the request cannot be sent as it stands: a header or its proxy's address is broken",
            hint="check the headers and cookies that were given for it",
        ) from error


def _name_error(host: str, error: OSError) -> DnsError:
    if error.errno in _NO_SUCH_NAME:
        return UnknownHostError(
            f"there is no host named {host}",
            hint="check the address; --wait-for-host waits until there is one",
        )
    return DnsError(f"the name {host} could not be resolved")


def _os_reason(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else type(error).__name__


def _ssl_reason(error: aiohttp.ClientSSLError) -> str:
    cause: BaseException = error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    return _os_reason(cause)
