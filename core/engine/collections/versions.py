"""Whether a server still has the version of a file that was fetched: one small request for each.

For sources that name files and say nothing of their versions. The request is for the first byte,
on the condition that the file is another one by now: 304 is all that most servers send.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from weakref import WeakValueDictionary

from core.domain.entries import Entry
from core.domain.errors import ProtocolError, WinchError
from core.domain.hosts import site_of
from core.domain.models import DownloadRequest, Validator
from core.domain.origins import Origin
from core.domain.settings import RetrySettings
from core.engine.transfer.context import TransferContext
from core.policy.collections.sync_plan import Answer, answer_of
from core.policy.transfer.redirects import Hop
from core.policy.transfer.status_errors import status_error
from core.sources.fetcher import Trials, brief, conditions

_BUFFER = 16 * 1024
_ANSWERS = frozenset({200, 206, 304, 416})
_SILENT = 3
"""Failures in a row after which a host is asked no more: very many would wait for each of them."""


class HostGates:
    """Who may ask a host: as many at a time as the limits allow, of all syncs together."""

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._gates: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, host: str) -> asyncio.Semaphore:
        """Return the gate of a host, which is there as long as somebody has it."""
        gate = self._gates.get(host)
        if gate is None:
            self._gates[host] = gate = asyncio.Semaphore(max(1, self._limit()))
        return gate


class VersionCheck:
    """The questions of one sync; `requests` counts what was sent."""

    def __init__(self, context: TransferContext, retry: RetrySettings, gates: HostGates) -> None:
        self._context = context
        self._retry = brief(retry)
        self._gates = gates
        self._failed: defaultdict[str, list[WinchError]] = defaultdict(list)
        self.requests = 0

    async def ask(self, wanted: DownloadRequest, name: str, known: Validator | None) -> Answer:
        """Return what the server of a file says of it; raises why it says nothing."""
        host = site_of(wanted.url)
        async with self._gates.of(host):
            failed = self._failed[host]
            if len(failed) >= _SILENT:
                raise failed[-1].info().to_error()
            trials = Trials(self._retry, self._context.clock)
            try:
                while True:
                    try:
                        answer = await self._answer(wanted, name, known)
                        failed.clear()
                        return answer
                    except WinchError as error:
                        await trials.pause(error)
            except WinchError as error:
                if error.retryable:
                    failed.append(error)
                raise

    async def _answer(self, wanted: DownloadRequest, name: str, known: Validator | None) -> Answer:
        context, url, headers = self._context, wanted.url, wanted.headers
        if context.sources.resolves(url):
            origin = wanted.origin or Origin()
            address = await context.sources.refresh(
                Entry(url=url, headers=headers, version=origin.version, options=origin.options)
            )
            url, headers = address.url, address.headers
        asked = conditions(known)
        self.requests += 1
        hop = Hop(url, {**headers, "Range": "bytes=0-0", **asked})
        response = await context.http.get(
            hop.url, hop.headers, cookies=wanted.cookies, buffer=_BUFFER
        )
        async with response:
            if response.status not in _ANSWERS or (response.status == 304 and not asked):
                now = context.clock.now().timestamp()
                raise status_error(response.status, response.headers, now, response.login)
            if response.status == 206:
                # With its byte read, the connection serves the next one.
                await response.read()
            answer = answer_of(name, response.status, response.headers)
        if response.status == 416 and answer.total is None:
            raise ProtocolError("the server refuses every range of the file (416)")
        return answer
