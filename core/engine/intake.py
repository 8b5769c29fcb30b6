"""What becomes of a request: a new download, or one that is in the list already and goes on."""

from __future__ import annotations

import dataclasses
import logging
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from core.adapters.clock import Clock
from core.adapters.destination import check_directory, is_within
from core.domain.errors import DestinationError, WinchError
from core.domain.lifecycle import Action, allowed_actions
from core.domain.models import DownloadRecord, DownloadRequest, Status
from core.domain.redact import redact_url
from core.engine.ledger import Ledger
from core.engine.queue import SHORT
from core.engine.runner import Runner
from core.policy.filename import suggest
from core.policy.requests import check_request

log = logging.getLogger(__name__)

_LOGGED = 100
"""Of very many downloads, those that the log names: a line each would take longer than the rest."""


class Intake:
    """Takes requests into the ledger and hands what may run to the runner."""

    def __init__(self, ledger: Ledger, runner: Runner, clock: Clock, state_directory: Path) -> None:
        self._ledger = ledger
        self._state_directory = state_directory
        self._queue = ledger.queue
        self._runner = runner
        self._clock = clock

    async def add(
        self,
        requests: Sequence[DownloadRequest],
        *,
        only_new: bool,
        refuse_if_closing: Callable[[], None],
    ) -> list[DownloadRecord]:
        """Queue downloads durably; see `DownloadService.add`."""
        for request in requests:
            check_request(request)
        for directory in dict.fromkeys(request.directory for request in requests):
            await check_directory(directory)
            if await is_within(directory, self._state_directory):
                raise DestinationError(
                    f"{directory} is where winch keeps its own state",
                    hint="choose another directory",
                )
        refuse_if_closing()
        before = {download.id for download in self._queue}
        if only_new:
            asked = [self._create(r) for r in requests if not self._is_known(r)]
        else:
            asked = [self._continue(r) or self._create(r) for r in requests]
        _log_added([download for download in asked if download.id not in before])
        try:
            await self._ledger.flush()
        except WinchError:
            # What could not be stored was not taken on: nothing may haunt the list.
            self._ledger.remove([d for d in asked if d.id not in before])
            raise
        finally:
            # What was in the list before goes on all the same: nobody else would start it.
            added = [self._queue[d.id] for d in asked if d.id in self._queue]
            for download in added:
                self._runner.enqueue(download)
        return [self._queue[d.id] for d in added]

    def _is_known(self, request: DownloadRequest) -> bool:
        """Tell whether the list has it; what is completed was stored without its secrets."""
        urls = dict.fromkeys((request.url, redact_url(request.url)))
        return any(
            self._queue.same(url=url, directory=request.directory, name=request.name)
            for url in urls
        )

    def _continue(self, request: DownloadRequest) -> DownloadRecord | None:
        """Return the unfinished download that a request asks for again, going on."""
        same = self._queue.same(url=request.url, directory=request.directory, name=request.name)
        found = next((d for d in same if d.status is not Status.COMPLETED), None)
        if found is None:
            return None
        before = found.request
        merged = dataclasses.replace(
            before,
            checksum=request.checksum or before.checksum,
            # Not what was said earlier: leave to overwrite belongs to the command that gave it.
            conflict=request.conflict,
            connections=request.connections or before.connections,
            limit=before.limit if request.limit is None else request.limit or None,
            mirrors=tuple(dict.fromkeys((*before.mirrors, *request.mirrors))),
            headers=request.headers or before.headers,
            cookies=request.cookies or before.cookies,
            priority=request.priority or before.priority,
            restart=request.restart,
            wait_for_host=request.wait_for_host or before.wait_for_host,
            group=request.group or before.group,
            retries=before.retries if request.retries is None else request.retries,
        )
        found = self._ledger.update(found, request=merged, asked_at=self._clock.now())
        self._runner.adjust(found)
        if request.paused or Action.RESUME not in allowed_actions(found.status):
            return found
        return self._ledger.step(found, Action.RESUME, "asked for again")

    def _create(self, request: DownloadRequest) -> DownloadRecord:
        id_ = secrets.token_hex(8)
        while not self._queue.is_free(id_):
            id_ = secrets.token_hex(8)
        download = DownloadRecord(
            id=id_,
            request=request if request.limit != 0 else dataclasses.replace(request, limit=None),
            name=request.name or suggest(disposition=None, url=request.url),
            order=self._queue.next_order(),
            created_at=self._clock.now(),
            status=Status.PAUSED if request.paused else Status.PENDING,
        )
        return self._ledger.add(download, "added")


def _log_added(added: Sequence[DownloadRecord]) -> None:
    for download in added[:_LOGGED]:
        log.info("added %s %s", download.id[:SHORT], redact_url(download.request.url))
    if (more := len(added) - _LOGGED) > 0:
        log.info("added %d more", more)
