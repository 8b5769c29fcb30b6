"""The disk and the network, as far as a source may use them: bounded, and with the logins of HTTP.

What a server fails at for a moment is asked for again, so that one answer of 503 does not end the
reading of a list that names ten thousand files.
"""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from core.adapters.net.http import HttpClient
from core.adapters.net.response import Response
from core.adapters.system.clock import Clock
from core.domain.checks import check_url
from core.domain.errors import ProtocolError, UsageError, WinchError
from core.domain.models import Validator
from core.domain.settings import NetworkSettings, RetrySettings
from core.domain.text import from_octets
from core.domain.value import replace
from core.policy.queue.retry import GiveUp, decide_retry
from core.policy.transfer.filename import coding_of
from core.policy.transfer.http_dates import http_date
from core.policy.transfer.redirects import Hop, headers_for, is_same_origin
from core.policy.transfer.status_errors import status_error
from core.sources.base import Address, Document
from core.sources.file_document import opened_file
from core.sources.web_document import WebDocument, too_large

AT_ONCE: Final = 4
"""Documents of one host that a source had better not exceed at a time."""

_ATTEMPTS: Final = 4
_LONGEST_PAUSE: Final = 8.0
_LONGEST_ASKED: Final = 60.0
_BUFFER: Final = 64 * 1024
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


class SourceFetcher:
    """Opens what a source reads; `requests` counts those that were sent to servers.

    `has_proved_ends` tells whether no text that was read may have been cut unnoticed.

    `headers` go to the origin of the URL `origin` only, `cookies` is the path of a cookies.txt.
    `at_once` is how many documents of one host may be open at a time. `resolve` says where to ask
    for an address that is none of the web, such as one in an object store.
    """

    def __init__(
        self,
        http: HttpClient,
        clock: Clock,
        network: NetworkSettings,
        *,
        retry: RetrySettings | None = None,
        origin: str = "",
        headers: Mapping[str, str] | None = None,
        cookies: str | None = None,
        at_once: int = AT_ONCE,
        resolve: Callable[[str], Awaitable[Address]] | None = None,
    ) -> None:
        self._http = http
        self._clock = clock
        self._patience = network.read_timeout
        self._retry = brief(retry or RetrySettings())
        self._own = Hop(origin, headers or {})
        self._cookies = cookies
        self._resolve = resolve
        self.at_once = max(1, min(AT_ONCE, at_once))
        self.requests = 0
        self.has_proved_ends = True

    def open(
        self, address: str, *, most: int, known: Validator | None = None
    ) -> AbstractAsyncContextManager[Document | None]:
        """Open an address, or the file of an absolute path, of at most `most` bytes.

        None where it is the version that is `known`. Raises WinchError, by cause.
        """
        if address.startswith("/"):
            return opened_file(address, most=most, known=known, patience=self._patience)
        return self._opened(address, most, known)

    @asynccontextmanager
    async def _opened(
        self, url: str, most: int, known: Validator | None
    ) -> AsyncIterator[Document | None]:
        check_url(url)
        trials = Trials(self._retry, self._clock)
        response = await self._answer(url, known, trials)
        try:
            if response is None or _is_known(response, known):
                yield None
                return
            length = response.headers.get("content-length", "")
            if length.isascii() and length.isdecimal() and int(length[:18]) > most:
                raise too_large(url, most)
            document = WebDocument(
                response,
                most=most,
                patience=self._patience,
                clock=self._clock,
                again=lambda error: self._again(url, error, trials),
                # Where that led is signed, and to be told to nobody.
                url=_with_login(response.url, url) if _is_web(url) else url,
            )
            try:
                yield document
            finally:
                self.has_proved_ends &= document.has_proved_end
                response = document.response
        finally:
            if response is not None:
                response.release()

    async def _again(self, url: str, error: WinchError, trials: Trials) -> Response:
        """Ask for a document once more after its body broke off; raises the error at the end."""
        await trials.pause(error)
        response = await self._answer(url, None, trials)
        assert response is not None, "only a known version is answered by nothing"
        return response

    async def _answer(self, url: str, known: Validator | None, trials: Trials) -> Response | None:
        """Return the answer that brings a document, None where it is the version that is known."""
        while True:
            address = await self._address(url)
            headers = {**address.headers, **conditions(known)}
            self.requests += 1
            try:
                response = await self._http.get(
                    address.url, headers, cookies=self._cookies, buffer=_BUFFER
                )
                try:
                    return self._judged(response, is_known=known is not None)
                except BaseException:
                    response.release()
                    raise
            except WinchError as error:
                await trials.pause(error)

    async def _address(self, url: str) -> Address:
        """Return where to ask for an address; raises UsageError, and what `resolve` raises."""
        if _is_web(url):
            return Address(url, headers_for(url, self._own))
        if self._resolve is None:
            raise UsageError("a text is read from http and https addresses, and from files")
        return await self._resolve(url)

    def _judged(self, response: Response, *, is_known: bool) -> Response | None:
        """Return an answer that brings a document; raises the error that any other stands for."""
        if response.status == 304 and is_known:
            response.release()
            return None
        if response.status not in (200, 203):
            now = self._clock.now().timestamp()
            raise status_error(response.status, response.headers, now, response.login)
        coding = coding_of(response.headers.get("content-encoding", ""))
        if coding not in (None, "gzip", "deflate"):
            raise ProtocolError(
                f"the server sends the text coded as {coding}, though it was asked for the plain"
            )
        return response


def brief(retry: RetrySettings) -> RetrySettings:
    """Return how to try again where somebody waits for the answer."""
    return replace(
        retry,
        attempts=min(_ATTEMPTS, retry.attempts),
        cap=min(_LONGEST_PAUSE, retry.cap),
        retry_after_cap=min(_LONGEST_ASKED, retry.retry_after_cap),
    )


class Trials:
    """The failures of one request, and the pauses after them; `settings` are to be `brief`."""

    def __init__(self, settings: RetrySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._failures = 0

    async def pause(self, error: WinchError) -> None:
        """Return when to ask again; raises the error where that is of no use any more."""
        self._failures += 1
        most = self._settings.attempts
        decision = decide_retry(
            self._settings,
            error,
            self._failures,
            retries=most,
            jitter=random.random(),  # noqa: S311 (no secret)
        )
        # One that waits as its server asks would try for a day; somebody waits for this.
        if isinstance(decision, GiveUp) or self._failures > most:
            raise error
        await self._clock.sleep(decision.seconds)


def conditions(known: Validator | None) -> dict[str, str]:
    """Return the fields that ask for a document unless it is a known version (RFC 9110, 13.1)."""
    fields: dict[str, str] = {}
    if known is None:
        return fields
    if known.etag is not None and not _CONTROLS.search(known.etag):
        fields["If-None-Match"] = from_octets(known.etag)
    modified = known.last_modified
    if modified is not None and http_date(modified) is not None and not _CONTROLS.search(modified):
        fields["If-Modified-Since"] = modified
    return fields


def _with_login(url: str, asked: str) -> str:
    """Return where an answer came from, with the login of the address that was asked for.

    What the document names relative to itself is behind the same door, if that is of one origin.
    """
    login, at, _ = urlsplit(asked).netloc.rpartition("@")
    if not at or not is_same_origin(url, asked):
        return url
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{login}@{rest}"


def _is_web(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def _is_known(response: Response, known: Validator | None) -> bool:
    """Tell whether a server that asks for no condition answers with the version that is known."""
    etag = response.headers.get("etag")
    return known is not None and etag is not None and etag == known.etag
