"""Where a download's bytes come from: one address, where that is asked for, and how it has done."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from core.adapters.net.http import HttpClient
from core.adapters.net.response import Response
from core.adapters.system.clock import Clock
from core.domain.entries import Entry
from core.domain.errors import HttpStatusError, WinchError
from core.domain.hosts import site_of
from core.domain.models import Download, DownloadRequest, Resource, Validator
from core.domain.origins import Origin, SourceVersion
from core.domain.redact import redact_url
from core.domain.stores import is_store, login_hint, split_store
from core.domain.value import replace
from core.engine.transfer.context import TransferContext
from core.engine.transfer.last_responses import LastResponse
from core.policy.transfer.buffers import BufferPool
from core.policy.transfer.digests import STRONG
from core.policy.transfer.host_budget import HostBudget
from core.policy.transfer.ranges import (
    Accept,
    AskAgain,
    Judgement,
    RangeRequest,
    Reject,
    changed_since_listed,
    judge,
)
from core.policy.transfer.redirects import Hop, headers_for
from core.sources.base import Address

_EXPIRED = frozenset({400, 401, 403, 404, 410})
_CLOSED = frozenset({400, 401, 403})
"""What a store answers whose address was signed too long ago; that it has nothing is final."""


@dataclass(eq=False)
class Source:
    """One URL of a download. `dropped` says why it is not asked any more.

    `answered` hears of the head of every answer; `ahead` returns how many bytes of a new one may
    lie unread (None: as many as memory allows). `not_before` is monotonic seconds. `refresh` says
    where to ask for a URL that nobody can be asked for as it stands; what it says is never told.
    `listed` is the version that is meant; `proves` tells whether a digest proves the file in the
    end, whoever its bytes came from.
    """

    url: str
    headers: Mapping[str, str]
    http: HttpClient
    clock: Clock
    buffers: BufferPool
    cookies: str | None = None
    answered: Callable[[LastResponse], None] = lambda _: None
    ahead: Callable[[], int | None] = lambda: None
    refresh: Callable[[], Awaitable[Address]] | None = None
    listed: SourceVersion | None = None
    proves: Callable[[Resource], bool] = lambda _: False
    dropped: str | None = None
    failures: int = 0
    not_before: float = 0.0
    connections: int = 0
    best_rate: float | None = None
    is_mirror: bool = False
    others: frozenset[str] = frozenset()
    """The hosts of the other addresses that somebody gave, where it is none of these itself."""
    public: bool = False
    """Whether a public server named it, so that it leads into no private network."""
    joined: bool = False
    """Whether a server named it, and nobody asked for it."""
    lies: bool = False
    """Whether it was dropped because of what it sent: its connections are given up at once."""

    def __post_init__(self) -> None:
        self.host = site_of(self.url)
        self._is_store = is_store(self.url)
        self._resolved: Hop | None = None
        self._good_until: float | None = None
        self._renewal = asyncio.Lock()
        self._knows_no_if_range = False
        self._validator: Validator | None = None

    def known(self, resource: Resource) -> Resource:
        """Return what is known of the file, in the words of this server.

        Mirrors call one version by other names than each other. What it is called elsewhere is no
        reason to refuse bytes that a digest proves in the end; without one, it is.
        """
        site = site_of(resource.url)
        is_own = site == self.host if self.is_mirror else site not in self.others
        if is_own or not self.proves(resource):
            return resource
        return replace(resource, validator=self._validator or Validator())

    def note_rate(self, rate: float) -> None:
        """Take in the bytes/s that one of its connections brings."""
        self.best_rate = max(self.best_rate or 0.0, rate)

    @asynccontextmanager
    async def ask(
        self, request: RangeRequest, *, known: Resource | None
    ) -> AsyncIterator[tuple[Response, Judgement]]:
        """Send a request and yield the answer with what is to be thought of it.

        All connections share what the address redirected to; when that answers no more (a signed
        URL has expired), the address itself is asked again. Raises NetworkError and its kin.
        """
        if self._knows_no_if_range:
            request = replace(request, if_range=None)
        if known is None and self._is_store:
            # A store tells the digest of an object only to who asks for all of it.
            request = replace(request, whole=True)
        self.connections += 1
        try:
            with self.buffers.lend() as buffer:
                response, judgement = await self._judged(request, buffer, known)
                try:
                    yield response, judgement
                finally:
                    response.release()
        finally:
            self.connections -= 1

    async def _judged(
        self, request: RangeRequest, buffer: int, known: Resource | None
    ) -> tuple[Response, Judgement]:
        """Send a request, and a simpler one where its answer is of no use."""
        while True:
            response = await self._answer(request, buffer)
            judgement = self._judge(request, response, known)
            if isinstance(judgement, Accept) and (known is None or self._validator is None):
                self._validator = judgement.resource.validator
            if not isinstance(judgement, AskAgain):
                return response, judgement
            response.release()
            # It has fewer fields each time, so this comes to an end.
            self._knows_no_if_range |= judgement.request.if_range != request.if_range
            request = judgement.request

    async def _answer(self, request: RangeRequest, buffer: int) -> Response:
        """Ask where the address led the last time, or the address itself where nobody knows."""
        if (hop := self._known()) is None:
            return await self._follow(await self._start(), request, buffer)
        response = await self._get(hop, request, buffer)
        if response.status not in (_EXPIRED if self.refresh is None else _CLOSED):
            return response
        response.release()
        # One asks for all: the others wait for what it finds.
        async with self._renewal:
            if self._resolved is hop:
                self._resolved = None
            return await self._follow(self._known() or await self._start(), request, buffer)

    def _known(self) -> Hop | None:
        """Return where the address leads, None where nobody knows, or not any more."""
        if self._good_until is not None and self.clock.now().timestamp() >= self._good_until:
            self._resolved = None
        return self._resolved

    async def _start(self) -> Hop:
        """Return the first request for the address; raises WinchError."""
        if self.refresh is None:
            return Hop(self.url, self.headers)
        address = await self.refresh()
        self._resolved = Hop(address.url, {**self.headers, **address.headers})
        self._good_until = address.expires
        return self._resolved

    async def _follow(self, start: Hop, request: RangeRequest, buffer: int) -> Response:
        response = await self._get(start, request, buffer)
        # Where a signed address leads is good for as long as nobody knows.
        if self.refresh is None and response.hop.url != start.url and response.status < 400:
            self._resolved = response.hop
        return response

    async def _get(self, hop: Hop, request: RangeRequest, buffer: int) -> Response:
        """Send a request and have others hear of its answer."""
        headers = {**hop.headers, **request.headers()}
        response = await self.http.get(
            hop.url,
            headers,
            cookies=self.cookies,
            buffer=buffer,
            ahead=self.ahead(),
            public=self.public,
        )
        now, status, reason = self.clock.now(), response.status, response.reason
        url = self._told(response)
        self.answered(LastResponse(now, url, status, reason, response.headers))
        return response

    def _told(self, response: Response) -> str:
        """Return what may be told and kept of where an answer came from."""
        return response.url if self.refresh is None else self.url

    def _judge(
        self, request: RangeRequest, response: Response, known: Resource | None
    ) -> Judgement | AskAgain:
        if error := changed_since_listed(self.listed, response.status, response.headers):
            return Reject(error=error)
        judgement = judge(
            request,
            response.status,
            response.headers,
            url=self._told(response),
            now=self.clock.now().timestamp(),
            known=known,
            login=response.login,
        )
        if self._is_store and isinstance(judgement, Reject) and response.status in _CLOSED:
            judgement.error.hint = login_hint(split_store(self.url).scheme)
        return judgement


class Sources:
    """All addresses of one download: which to ask next, and which not any more.

    `note` gets a sentence for the timeline; `make` returns the source of an address that joins.
    """

    def __init__(
        self,
        owner: str,
        sources: Sequence[Source],
        hosts: HostBudget,
        note: Callable[[str], None],
        *,
        make: Callable[[str], Source],
    ) -> None:
        self._owner = owner
        self._sources = list(sources)
        self._make = make
        self._budget = hosts
        self._note = note

    @classmethod
    def of(
        cls,
        download: Download,
        context: TransferContext,
        note: Callable[[str], None],
        *,
        ahead: Callable[[], int | None],
    ) -> Sources:
        """Return the addresses that a download asks for; `ahead` as for a `Source`."""
        request, registry = download.request, context.sources
        asked = Hop(request.url, request.headers)
        origin = request.origin or Origin()

        def refresh_of(url: str) -> Callable[[], Awaitable[Address]] | None:
            if not registry.resolves(url):
                return None
            version = origin.version if url == request.url else None
            return partial(
                registry.refresh, Entry(url=url, version=version, options=origin.options)
            )

        others = frozenset(map(site_of, request.mirrors)) - {site_of(request.url)}

        def make(url: str) -> Source:
            return Source(
                url,
                headers_for(url, asked),
                context.http,
                context.clock,
                context.buffers,
                cookies=request.cookies,
                answered=partial(context.last_responses.put, download.id),
                ahead=ahead,
                refresh=refresh_of(url),
                # Mirrors have validators of their own.
                listed=origin.version if url == request.url else None,
                proves=partial(_is_proved_in_the_end, request),
                is_mirror=url != request.url,
                others=others,
            )

        sources = [make(url) for url in (request.url, *request.mirrors)]
        return cls(download.id, sources, context.host_budget, note, make=make)

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that connections may go to."""
        return frozenset(source.host for source in self._sources)

    @property
    def usable(self) -> list[Source]:
        """Those that were not dropped, in the order given; never none."""
        return [source for source in self._sources if source.dropped is None]

    def join(self, urls: Sequence[str], *, public: bool) -> int:
        """Ask these as well from now on, and return how many are new.

        With `public`, what they lead to has to be open to all the world.
        """
        known = {source.url for source in self._sources}
        new = [self._make(url) for url in urls if url not in known]
        for source in new:
            source.joined, source.public = True, public
        self._sources += new
        return len(new)

    def part_with_joined(self, reason: str) -> bool:
        """Ask no more those that nobody asked for; False where there is none of them."""
        joined = [source for source in self.usable if source.joined]
        for source in joined:
            self.drop(source, reason)
        return bool(joined)

    def share(self, now: float) -> int:
        """Return how many connections the hosts' budgets allow altogether."""
        hosts = {source.host for source in self.usable}
        return sum(self._budget.share(host, self._owner, now) for host in hosts)

    def choose(self, now: float) -> Source | None:
        """Take the one that has done best for each of its connections, the untried first.

        None while every host is used up, or all that are left have to be left in peace.
        """
        used = Counter[str]()
        for source in self._sources:
            used[source.host] += source.connections
        candidates = [
            source
            for source in self.usable
            if source.not_before <= now
            and used[source.host] < self._budget.share(source.host, self._owner, now)
        ]
        if not candidates:
            return None
        return max(candidates, key=lambda s: (s.connections == 0, s.best_rate or 0.0))

    def failed(self, source: Source, error: WinchError, now: float, *, others: int) -> None:
        """Take in that a connection failed while `others` went on."""
        source.failures += 1
        source.not_before = now + min(30.0, 0.25 * 2.0**source.failures)
        if isinstance(error, HttpStatusError) and error.status in (429, 503) and others:
            # Too many for this server: fewer, for a while, instead of a failure.
            self._budget.refused(source.host, self._owner, now, borne=others)
            source.not_before = now + (error.retry_after or 1.0)
        elif not error.retryable or source.failures >= 3:
            self.drop(source, error.message)
        elif source is not self._sources[0] and source.failures == 1:
            self._note(f"{redact_url(source.url)} failed: {error.message}")

    def note_served(self, served: Counter[str], now: float) -> None:
        """Take in how many connections each host serves at present."""
        for host in self.hosts:
            self._budget.serving(host, self._owner, served[host], now)

    def unserved(self, source: Source, now: float, *, served: int) -> None:
        """Take in that a host serves only so many of the connections that it took."""
        self._budget.refused(source.host, self._owner, now, borne=served)

    def has_refused(self, now: float) -> bool:
        """Tell whether a host gets fewer connections at present than it may have."""
        return any(self._budget.more_in(host, now) is not None for host in self.hosts)

    def distrust(self, source: Source, reason: str) -> None:
        """Ask a source no more, and use nothing more of what it sends; unless it is the last."""
        source.lies = self.drop(source, reason)

    def drop(self, source: Source, reason: str) -> bool:
        """Ask a source no more; False where it is the last one."""
        if source.dropped is None and len(self.usable) > 1:
            source.dropped = reason
            self._note(f"{redact_url(source.url)} is not used any more: {reason}")
        return source.dropped is not None


def _is_proved_in_the_end(request: DownloadRequest, resource: Resource) -> bool:
    """Tell whether a digest says of the file as a whole, or of each piece, what it must be."""
    announced, origin = resource.digest, request.origin
    is_strong = announced is not None and announced.algorithm in STRONG
    has_pieces = origin is not None and origin.pieces is not None
    return request.checksum is not None or has_pieces or is_strong
