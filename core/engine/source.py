"""Where a download's bytes come from: one address, what it redirects to, and how it has done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from core.adapters.clock import Clock
from core.adapters.http import HttpClient, Response
from core.domain.models import Resource
from core.policy.host_budget import host_of
from core.policy.ranges import Judgement, RangeRequest, judge
from core.policy.redirects import Hop

_EXPIRED = frozenset({400, 401, 403, 404, 410})


class Source:
    """One URL of a download. `dropped` says why it is not asked any more."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        http: HttpClient,
        clock: Clock,
        *,
        cookies: str | None = None,
    ) -> None:
        self.url = url
        self.host = host_of(url)
        self.dropped: str | None = None
        self.failures = 0
        self.not_before = 0.0
        self.connections = 0
        self.best_rate: float | None = None
        self._headers = headers
        self._cookies = cookies
        self._http = http
        self._clock = clock
        self._resolved: Hop | None = None
        self._renewal = asyncio.Lock()

    @asynccontextmanager
    async def ask(
        self, request: RangeRequest, *, known: Resource | None, buffer: int
    ) -> AsyncIterator[tuple[Response, Judgement]]:
        """Send a request and yield the answer with what is to be thought of it.

        All connections share what the address redirected to; when that answers no more (a signed
        URL has expired), the address itself is asked again. Raises NetworkError and its kin.
        """
        if (hop := self._resolved) is not None:
            async with self._get(hop, request, buffer) as response:
                if response.status not in _EXPIRED:
                    yield response, self._judge(request, response, known)
                    return
        async with AsyncExitStack() as renewal:
            if hop is not None:
                # One asks for all: the others wait for what it finds.
                await renewal.enter_async_context(self._renewal)
                if self._resolved is hop:
                    self._resolved = None
            start = self._resolved or Hop(self.url, self._headers)
            async with self._get(start, request, buffer) as response:
                if response.hop.url != start.url and response.status < 400:
                    self._resolved = response.hop
                await renewal.aclose()
                yield response, self._judge(request, response, known)

    @asynccontextmanager
    async def _get(self, hop: Hop, request: RangeRequest, buffer: int) -> AsyncIterator[Response]:
        headers = {**hop.headers, **request.headers()}
        self.connections += 1
        try:
            async with self._http.get(
                hop.url, headers, cookies=self._cookies, buffer=buffer
            ) as response:
                yield response
        finally:
            self.connections -= 1

    def _judge(
        self, request: RangeRequest, response: Response, known: Resource | None
    ) -> Judgement:
        return judge(
            request,
            response.status,
            response.headers,
            url=response.url,
            now=self._clock.now().timestamp(),
            known=known,
        )
