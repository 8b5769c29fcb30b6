"""One POST to an address that a person has set, with nothing of what downloads have.

No cookies, no netrc and no connection is shared with them, no redirect is followed, and of the
answer only the status is looked at. Errors name the host alone: such addresses hold secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from core.adapters.net.credentials import without_userinfo
from core.adapters.net.library import aiohttp
from core.adapters.net.proxies import proxy_for
from core.adapters.net.tls import Trust
from core.adapters.net.translation import translated
from core.domain.errors import HttpStatusError
from core.domain.version import VERSION

_LONGEST = 8190
"""Bytes of a line of the answer's head, as the library has it anyway."""


async def post(
    url: str, headers: Mapping[str, str], body: bytes, *, timeout: float, trust: Trust
) -> None:
    """Send a body and return once it was taken (2xx) within `timeout` seconds.

    Raises NetworkError and its kin, TlsError, ProtocolError, HttpStatusError, ConfigError (proxy)
    and UsageError.
    """
    hop = without_userinfo(url, {"User-Agent": f"winch/{VERSION}", **headers})
    host = urlsplit(hop.url).hostname or "the server"
    proxy = proxy_for(hop.url)
    secure = any((address or "").lower().startswith("https:") for address in (hop.url, proxy))
    trusted = await trust.context() if secure else True
    limit = aiohttp.ClientTimeout(total=timeout)
    with translated(hop.url, late="did not answer in time"):
        async with (
            aiohttp.ClientSession(
                timeout=limit,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                max_line_size=_LONGEST,
                max_field_size=_LONGEST,
            ) as session,
            session.post(
                hop.url,
                headers=hop.headers,
                data=body,
                proxy=proxy,
                ssl=trusted,
                allow_redirects=False,
            ) as answer,
        ):
            status = answer.status
    if not 200 <= status < 300:
        hint = "it leads elsewhere: set the address that it leads to" if 300 <= status < 400 else ""
        raise HttpStatusError(f"{host} answered with {status}", status=status, hint=hint)
