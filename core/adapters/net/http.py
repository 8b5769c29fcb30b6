"""HTTP as winch needs it: one GET at a time, and redirects by the rules of `policy`.

What comes back is a `Response` (`response.py`), and every error is one of winch's
(`translation.py`).
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from core.adapters.net import fields
from core.adapters.net.blocks import BlockPool
from core.adapters.net.credentials import Credentials, without_userinfo
from core.adapters.net.logins import Exchange, WantedLogins, is_closed_door
from core.adapters.net.proxies import proxy_for
from core.adapters.net.reach import Route
from core.adapters.net.remembered import Remembered, origin_of
from core.adapters.net.request import Address, Answer, Connections, address_of
from core.adapters.net.response import Passed, Response
from core.adapters.net.tls import Trust
from core.adapters.net.translation import translated
from core.domain.errors import RedirectError, UsageError
from core.domain.settings import NetworkSettings
from core.policy.transfer.challenges import SentLogin
from core.policy.transfer.redirects import STATUSES, Hop, follow


class HttpClient:
    """Connections to servers, shared by all downloads; `tls` None trusts what the system does."""

    def __init__(self, settings: NetworkSettings, *, tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._trust = Trust(tls)
        self._connections: Connections | None = None
        self._wanted_logins: WantedLogins = OrderedDict()
        self._blocks = BlockPool()
        self._credentials = Credentials()
        self._proxies = Remembered()

    async def get(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        cookies: str | None = None,
        buffer: int,
        ahead: int | None = None,
        public: bool = False,
    ) -> Response:
        """Send a GET, follow redirects and return the answer, whatever its status.

        `headers` travel as far as the URL's own origin; userinfo in the URL becomes an
        Authorization header and leaves the address; a name and a password in one are shown to the
        server as it asks for them, by Digest or Basic. `cookies` is the path of a cookies.txt; its
        cookies and the logins of netrc go to the hosts that they are for, on every hop. Once
        twice `buffer` bytes wait to be read, the server is slowed; at first, once there are `ahead`
        (None: the same). With `public` it goes to no private network, for an address that a public
        server named. Whoever asks releases the answer. Raises NetworkError and its kin,
        TlsError, ProtocolError, RedirectError, AuthRequiredError (a proxy's), ConfigError (netrc,
        cookies, proxy) and UsageError.
        """
        start = without_userinfo(url, headers)
        first = min(buffer, (ahead or 2 * buffer) // 2)
        passed: list[Passed] = []
        response, hop, login, withheld = await self._follow(
            start, cookies, first, passed, public=public
        )
        media_type = response.headers.get("Content-Type", "")
        if withheld and is_closed_door(response.status, media_type):
            response.release()
            passed.clear()
            response, hop, login, _ = await self._follow(
                start, cookies, first, passed, public=public, unasked=True
            )
        patience, blocks = self._settings.read_timeout, self._blocks
        return Response(
            response,
            hop,
            login=login,
            patience=patience,
            buffer=buffer,
            blocks=blocks,
            passed=passed,
        )

    async def _follow(
        self,
        hop: Hop,
        cookies: str | None,
        buffer: int,
        passed: list[Passed],
        *,
        public: bool,
        unasked: bool = False,
    ) -> tuple[Answer, Hop, SentLogin, bool]:
        """Send a request and those that redirects ask for; return the answer and what it answers.

        The last two tell what it was shown of a login, and whether one was withheld on the way.
        Redirects that say more than where to go are put into `passed`.
        """
        route, before, withheld = Route(must_be_public=public), SentLogin.NONE, False
        for count in itertools.count():
            try:
                response, asking = await self._ask(
                    hop, cookies, buffer, route, redirected=count > 0, unasked=unasked
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
            if "Link" in response.headers:
                passed.append((hop.url, fields.received(response.headers)))
            response.release()
            following = follow(hop, response.headers.get("Location"), count=count)
            with translated(following.url, late="has a name that takes too long to look up"):
                async with asyncio.timeout(self._settings.connect_timeout):
                    route = await route.onward(hop.url, following.url)
            hop = without_userinfo(following.url, following.headers)
        raise AssertionError("`follow` ends it")

    async def _ask(
        self,
        hop: Hop,
        cookies: str | None,
        buffer: int,
        route: Route,
        *,
        redirected: bool,
        unasked: bool,
    ) -> tuple[Answer, Exchange]:
        """Send one hop's request, and again as the server asks for the login that is there."""
        address = _address(hop.url, redirected=redirected)
        headers = await self._credentials.headers_for(hop, cookies)
        asking = Exchange(self._wanted_logins, hop.url, address.target, headers, unasked=unasked)
        proxy = self._proxy_for(hop.url)
        is_secure = address.is_secure or proxy.lower().startswith("https:")
        trusted = await self._trust.context() if is_secure else True
        while True:
            with translated(hop.url, late="did not answer in time"):
                response = await self._open().get(
                    address,
                    asking.headers,
                    proxy=proxy,
                    trusted=trusted,
                    buffer=buffer,
                    route=route,
                )
            challenges: Sequence[str] = ()
            if response.status == 401:
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
        if self._connections is not None:
            await self._connections.close()
            self._connections = None

    def _open(self) -> Connections:
        if self._connections is None:
            self._connections = Connections(self._settings)
        return self._connections


def _address(url: str, *, redirected: bool) -> Address:
    try:
        return address_of(url)
    except ValueError:
        if redirected:
            raise RedirectError("the server redirected to an address that cannot be read") from None
        raise UsageError("the address cannot be read as a URL") from None
