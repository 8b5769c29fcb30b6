"""One GET over the library's connections: the head that is sent, and the one that comes back.

Of the library it takes the connections (names, TLS, proxies, reuse) and what reads answers. Its
session is passed by: that knows cookies, redirects, bodies and much else which winch does by
itself or never, and costs each small file as much as all the rest of its request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from ssl import SSLContext
from typing import Final

from yarl import URL

from core.adapters.net import fields
from core.adapters.net.library import aiohttp
from core.adapters.net.protocol import Connector, HttpProtocol
from core.adapters.net.reach import Route
from core.domain.settings import NetworkSettings
from core.domain.version import VERSION

_DEFAULTS: Final = (
    ("user-agent", "User-Agent", f"winch/{VERSION}"),
    ("accept", "Accept", "*/*"),
    ("accept-encoding", "Accept-Encoding", "identity"),
)


class Answer:
    """The head of an answer as the library reads it, and its body, which may be on its way.

    `url` is the address that was asked, without a fragment. The connection serves others once the
    body has ended.
    """

    def __init__(
        self,
        url: URL,
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
        self._settings = settings
        self._connector = Connector(settings.read_timeout)
        self._timeout = aiohttp.ClientTimeout(
            total=None,
            # Names, connection, TLS and proxy together, however each of them drips.
            connect=settings.connect_timeout + settings.read_timeout,
            sock_connect=settings.connect_timeout,
        )

    async def get(
        self,
        address: URL,
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
        request = _Request(address, headers, proxy=proxy, trusted=trusted)
        try:
            return await self._send(request, buffer, route)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            # A server may close a connection that was idle just as it is used again, and a GET may
            # be sent twice (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1).
            return await self._send(request, buffer, route)

    async def _send(self, request: _Request, buffer: int, route: Route) -> Answer:
        connection = await self._connector.connect(request.library, [], self._timeout)
        try:
            protocol = connection.protocol
            assert isinstance(protocol, HttpProtocol)
            if protocol.peer is not None:
                # Before anything is sent there.
                route.arrive(protocol.peer)
            protocol.set_response_params(
                read_until_eof=True, auto_decompress=False, read_bufsize=buffer
            )
            protocol.send(request.head())
            return Answer(request.library.url, connection, *await protocol.read())
        except BaseException:
            connection.close()
            raise

    async def close(self) -> None:
        """Close all connections."""
        await self._connector.close()


class _Request:
    """What is sent, and where to: `library` is how the library's connections know it."""

    def __init__(
        self, address: URL, headers: Mapping[str, str], *, proxy: str, trusted: SSLContext | bool
    ) -> None:
        if address.scheme not in ("http", "https"):
            raise aiohttp.InvalidURL(address)
        try:
            via = URL(proxy) if proxy else None
        except ValueError:
            raise aiohttp.InvalidURL(proxy) from None
        self._headers = headers
        self.library = aiohttp.ClientRequest(
            "GET", address, loop=asyncio.get_running_loop(), ssl=trusted, proxy=via
        )

    def head(self) -> bytes:
        """Return what is sent once there is a connection; raises ValueError."""
        library = self.library
        sent = {"Host": library.headers["Host"]}
        given = {name.lower() for name in self._headers}
        sent |= {name: value for key, name, value in _DEFAULTS if key not in given}
        target = library.url.raw_path_qs
        if library.proxy is not None and not library.is_ssl():
            target = str(library.url)
            # The login in the proxy's address was put there as the connection was made.
            if login := library.headers.get("Proxy-Authorization"):
                sent["Proxy-Authorization"] = login
        if "host" in given:
            del sent["Host"]
        return fields.serialize(f"GET {target} HTTP/1.1", sent | dict(self._headers))
