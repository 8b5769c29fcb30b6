"""One GET over the library's connections: the head that is sent, and the one that comes back.

Of the library it takes the connections (names, TLS, proxies, reuse) and what reads answers. Its
session is passed by: that knows cookies, redirects, bodies and much else which winch does by
itself or never, and costs each small file as much as all the rest of its request.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from ssl import SSLContext
from typing import Final

from yarl import URL

from core.adapters.net import fields
from core.adapters.net.library import aiohttp
from core.adapters.net.protocol import Connector, HttpProtocol
from core.adapters.net.reach import Route
from core.adapters.net.transport import has_come, tls_of
from core.domain.settings import NetworkSettings
from core.domain.value import Value
from core.domain.version import VERSION

_DEFAULTS: Final = (
    ("user-agent", "User-Agent", f"winch/{VERSION}"),
    ("accept", "Accept", "*/*"),
    ("accept-encoding", "Accept-Encoding", "identity"),
)
_KNOWN: Final = 256
"""Servers whose place among the library's connections is kept at the same time."""

# What nearly every URL looks like, and what would come out of the URL library as it went in.
_PLAIN: Final = re.compile(
    r"(http(s)?://[a-z0-9.-]+(?::(?!80/|443/)[0-9]{1,5})?)(/[!-\"$-~]*)(?<!\?)", re.ASCII
)


class Address(Value, frozen=True):
    """A URL as it is asked for: scheme, host and port, and what the request line holds."""

    origin: str
    target: str
    is_secure: bool

    @property
    def url(self) -> str:
        """The URL, without a fragment."""
        return self.origin + self.target


def address_of(url: str) -> Address:
    """Return a URL's address; raises ValueError where it cannot be asked for."""
    if (plain := _PLAIN.fullmatch(url)) is not None:
        return Address(plain[1], plain[3], plain[2] is not None)
    parts = URL(url, encoded=url.isascii() and " " not in url)
    if parts.scheme not in ("http", "https"):
        raise ValueError("no address of the web")
    return Address(str(parts.origin()), parts.raw_path_qs, parts.scheme == "https")


class Answer:
    """The head of an answer as the library reads it, and its body, which may be on its way.

    `url` is the address that was asked. The connection serves others once the body has ended.
    """

    def __init__(
        self,
        url: str,
        connection: aiohttp.connector.Connection,
        head: aiohttp.http.RawResponseMessage,
        content: aiohttp.StreamReader,
    ) -> None:
        self.url = url
        self.status = head.code
        self.reason = head.reason
        self.version = head.version
        self.headers = head.headers
        self.content = content
        self.tls = tls_of(connection.transport)
        """What TLS knows of the connection, also after it is given up; None without TLS."""
        self._connection = connection
        self._protocol = connection.protocol
        content.on_eof(self._ended)

    @property
    def protocol(self) -> HttpProtocol | None:
        """The end of the connection, None once it is given up or serves others."""
        owner = self._connection.protocol
        return owner if isinstance(owner, HttpProtocol) else None

    @property
    def transport(self) -> asyncio.Transport | None:
        """The connection below HTTP, None once it is given up or serves others."""
        return self._connection.transport

    def close(self) -> None:
        """Close the connection, if the body has not ended."""
        self._end_reading()
        self._connection.close()

    def release(self) -> None:
        """Let the connection be used again, if the body has ended; else close it."""
        self._end_reading()
        self._connection.release()

    def _ended(self) -> None:
        # What follows an answer that changes the protocol is no HTTP any more.
        if self._protocol is not None and not self._protocol.upgraded:
            self._connection.release()

    def _end_reading(self) -> None:
        """Have whoever still waits for more of the body wait no longer."""
        if self.content.exception() is None:
            self.content.set_exception(aiohttp.ClientConnectionError("Connection closed"))


class Connections:
    """The connections to all servers, kept for the next request while they are good for one."""

    def __init__(self, settings: NetworkSettings) -> None:
        self._connector = Connector(settings.read_timeout)
        self._timeout = aiohttp.ClientTimeout(
            total=None,
            # Names, connection, TLS and proxy together, however each of them drips.
            connect=settings.connect_timeout + settings.read_timeout,
            sock_connect=settings.connect_timeout,
        )
        self._servers: dict[object, aiohttp.ClientRequest] = {}

    async def get(
        self,
        address: Address,
        headers: Mapping[str, str],
        *,
        proxy: str,
        trusted: SSLContext | bool,
        buffer: int,
        route: Route,
    ) -> Answer:
        """Send a GET and return the answer, once its head is there.

        `proxy` is a URL or "". Raises what the library does, ValueError for a header that cannot be
        sent, and what `route` thinks of the address at the other end.
        """
        server = self._server(address.origin, proxy, trusted)
        try:
            return await self._send(server, address, headers, buffer, route)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            # A server may close a connection that was idle just as it is used again, and a GET may
            # be sent twice (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1).
            return await self._send(server, address, headers, buffer, route)

    def _server(self, origin: str, proxy: str, trusted: SSLContext | bool) -> aiohttp.ClientRequest:
        """Return how the library's connections know a server: by a request that goes there."""
        key = origin, proxy, trusted
        if (known := self._servers.get(key)) is None:
            try:
                via = URL(proxy) if proxy else None
            except ValueError:
                raise aiohttp.InvalidURL(proxy) from None
            url, loop = URL(origin, encoded=True), asyncio.get_running_loop()
            known = aiohttp.ClientRequest("GET", url, loop=loop, ssl=trusted, proxy=via)
            if len(self._servers) >= _KNOWN:
                self._servers.clear()
            self._servers[key] = known
        return known

    async def _send(
        self,
        server: aiohttp.ClientRequest,
        address: Address,
        headers: Mapping[str, str],
        buffer: int,
        route: Route,
    ) -> Answer:
        connection, protocol = await self._connect(server)
        was_kept = protocol.was_asked
        try:
            if protocol.peer is not None:
                # Before anything is sent there.
                route.arrive(protocol.peer)
            protocol.set_response_params(
                read_until_eof=True, auto_decompress=False, read_bufsize=buffer
            )
            protocol.send(_head(server, address, headers))
            return Answer(address.url, connection, *await protocol.read())
        except BaseException as error:
            connection.close()
            if was_kept and isinstance(error, aiohttp.http.HttpProcessingError):
                # It may be what was left of the answer before.
                raise aiohttp.ServerDisconnectedError from error
            raise

    async def _connect(
        self, server: aiohttp.ClientRequest
    ) -> tuple[aiohttp.connector.Connection, HttpProtocol]:
        """Return a connection to a server; one that was kept only if nothing has come over it.

        What did come belongs to nothing, and would be taken for the next answer.
        """
        while True:
            connection = await self._connector.connect(server, [], self._timeout)
            protocol = connection.protocol
            assert isinstance(protocol, HttpProtocol)
            if not protocol.was_asked or not (
                protocol.should_close or has_come(protocol.transport)
            ):
                return connection, protocol
            connection.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._connector.close()


def _head(server: aiohttp.ClientRequest, address: Address, headers: Mapping[str, str]) -> bytes:
    """Return what is sent over a connection that is there; raises ValueError."""
    given = {name.lower() for name in headers}
    sent = {} if "host" in given else {"Host": server.headers["Host"]}
    sent |= {name: value for key, name, value in _DEFAULTS if key not in given}
    target = address.target
    if server.proxy is not None and not address.is_secure:
        target = address.url
        # The login in the proxy's address was put there as the connection was made.
        if login := server.headers.get("Proxy-Authorization"):
            sent["Proxy-Authorization"] = login
    return fields.serialize(f"GET {target} HTTP/1.1", {**sent, **headers})
