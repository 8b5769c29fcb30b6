"""What was asked for of a download changes: its place in the queue, its wishes, its address."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from core.adapters.state.resume_data import ResumeStore
from core.domain.errors import NotAllowedError, WinchError
from core.domain.models import DownloadRecord, Status, Validator
from core.domain.redact import redact_url
from core.domain.service import Changes, MoveTo, Outcome, Refusal
from core.engine.downloads.list import DownloadList
from core.engine.running.runner import Runner
from core.policy.filename import suggest
from core.policy.request_rules import apply_changes, with_url

_RESTING = (Status.PAUSED, Status.CANCELLED)


class Adjuster:
    """Changes downloads in the list, as `DownloadService` says; what runs follows at once."""

    def __init__(self, downloads: DownloadList, runner: Runner, resume_data: ResumeStore) -> None:
        self._downloads = downloads
        self._runner = runner
        self._queue = runner.queue
        self._resume_data = resume_data

    async def move(self, chosen: Sequence[DownloadRecord], to: MoveTo | int) -> Outcome:
        for download in self._downloads.place(chosen, to):
            self._queue.scheduler.reorder(self._downloads.update(download))
        return await self._changed(chosen)

    async def set(self, chosen: Sequence[DownloadRecord], changes: Changes) -> Outcome:
        for download, request in [(d, apply_changes(d.request, changes)) for d in chosen]:
            self._runner.adjust(self._downloads.update(download, request=request))
        return await self._changed(chosen)

    async def replace_url(self, found: DownloadRecord, url: str) -> Outcome:
        with_url(found.request, url)
        # It may not start, nor save what it knows of the old address, while the address changes.
        self._queue.forget([found.id])
        await self._runner.halt([found.id])
        try:
            changed = await self._send_elsewhere(found.id, url)
        except WinchError as error:
            if found.id in self._downloads and not self._downloads[found.id].status.is_settled:
                self._queue.go_on(found.id, f"its URL was not replaced: {error.message}")
            outcome = Outcome(refused=(Refusal(id=found.id, error=error.info()),))
        else:
            outcome = Outcome(changed=(changed,))
        await self._downloads.flush()
        return outcome

    async def _send_elsewhere(self, download_id: str, url: str) -> DownloadRecord:
        """Give a halted download another URL; raises NotAllowedError, StateError."""
        (download,) = self._downloads.resolve([download_id])
        if download.status is Status.COMPLETED:
            raise NotAllowedError(
                "a completed download has nothing left to fetch", hint="add the URL on its own"
            )
        record = await self._resume_data.load(download_id)
        if record is not None:
            # First of all: a kill in between leaves the old address with a proof by its bytes, and
            # never the new one with the old one's word for which version it has.
            resource = dataclasses.replace(record.resource, validator=Validator())
            await self._resume_data.save(dataclasses.replace(record, resource=resource))
        (download,) = self._downloads.resolve([download_id])
        request = with_url(download.request, url)
        name = download.name
        if request.name is None and not download.name_settled:
            name = suggest(disposition=None, url=url)
        text = f"its URL is another one now: {redact_url(url)}"
        if download.status in _RESTING:
            self._downloads.note(download_id, text)
            return self._downloads.update(self._downloads[download_id], request=request, name=name)
        return self._queue.go_on(download_id, text, request=request, name=name, retry_count=0)

    async def _changed(self, chosen: Sequence[DownloadRecord]) -> Outcome:
        await self._downloads.flush()
        return Outcome(changed=tuple(self._downloads.current(d.id for d in chosen)))
