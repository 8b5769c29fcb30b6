"""Every exception of the HTTP library becomes one of winch's, by cause and with a sentence."""

from __future__ import annotations

import asyncio
import socket
import ssl
from types import TracebackType
from urllib.parse import urlsplit

from core.adapters.net.library import aiohttp
from core.adapters.net.transport import lookup_error, reason_of
from core.domain.errors import (
    AuthRequiredError,
    IncompleteBodyError,
    NetworkError,
    ProtocolError,
    TlsError,
    TransferTimeoutError,
    UsageError,
)
from core.domain.names import one_line


class FloodError(aiohttp.ClientError):
    """The server sends what nobody asked for, without end."""


class translated:  # noqa: N801 (a function, but for what a generator costs each small file)
    """Turn the library's exceptions into winch's."""

    __slots__ = ("_late", "_url")

    def __init__(self, url: str, *, late: str = "sent nothing for too long") -> None:
        self._url = url
        self._late = late

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _kind: object, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            _raise_ours(error, urlsplit(self._url).hostname or "the server", self._late)


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
        case FloodError():
            raise ProtocolError(
                f"the answer of {host} has no end: {error}", hint="the server is broken, or hostile"
            ) from None
        case aiohttp.http.HttpProcessingError() | aiohttp.ClientResponseError():
            # The library's words go over several lines, the server's own among them.
            what = " ".join(one_line(error.message[:200]).split())
            raise ProtocolError(
                f"the answer of {host} breaks HTTP" + (f": {what}" if what else "")
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
