"""What one transfer tells while it runs: taken over into the list, the queue and the history."""

from __future__ import annotations

from collections.abc import Callable

from core.domain.history import AttemptFigures
from core.domain.hosts import site_of
from core.domain.models import DownloadRecord, Phase
from core.engine.downloads.attempts import Attempt
from core.engine.downloads.list import DownloadList
from core.engine.running.queue import Queue
from core.engine.transfer.context import DownloadHandle, TransferContext


class RunningDownload(DownloadHandle):
    """Joins a transfer to its download; `reassign` is called when others may start.

    The `attempt` is there before the transfer runs.
    """

    attempt: Attempt

    def __init__(
        self,
        download_id: str,
        downloads: DownloadList,
        queue: Queue,
        context: TransferContext,
        reassign: Callable[[], None],
    ) -> None:
        self._id = download_id
        self._downloads = downloads
        self._queue = queue
        self._context = context
        self._reassign = reassign

    def get(self) -> DownloadRecord:
        return self._downloads[self._id]

    def report(self, **fields: object) -> None:
        self.attempt.observe(fields)
        self._downloads.update(self._downloads[self._id], **fields)
        if fields.get("phase") is Phase.DOWNLOADING:
            self._served()
            self._reassign()

    def observe(self, phase: Phase) -> None:
        self.attempt.observe({"phase": phase})
        if phase is Phase.DOWNLOADING:
            self._served()

    def note(self, text: str) -> None:
        self._downloads.note(self._id, text)

    def claim_room(self, total: int | None, *, tell: bool = True) -> None:
        if tell:
            self._downloads.update(self._downloads[self._id], total_bytes=total)
        self._queue.guards.claim_room(self._downloads[self._id], total)

    def landed(self) -> None:
        self._queue.scheduler.forget(self._id)
        self._context.host_budget.leave(self._id)
        self._reassign()

    def figures(self) -> AttemptFigures | None:
        return self.attempt.figures()

    def _served(self) -> None:
        self._queue.retries.rests.served(site_of(self.get().request.url))
