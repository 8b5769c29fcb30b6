"""What follows when a file is whole: the list says so, and its resume record goes.

That goes once list and history know. Small files end by the hundred in a second: they share a save
of the list and a way to the disk.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from core.domain.errors import WinchError
from core.domain.lifecycle import Action
from core.domain.models import Fetched, Status
from core.engine.downloads.index import SHORT
from core.engine.downloads.list import DownloadList
from core.engine.downloads.recorder import AttemptRecorder
from core.engine.transfer.context import TransferContext, Whole
from core.policy.request_rules import without_secrets

log = logging.getLogger(__name__)

PAUSE = 2.0
"""Seconds in which others that end may join; as long as the history gathers attempts."""


LOG_PAUSE = 0.25
"""Seconds after which the log says of a download that it is completed."""
_LINE = 100
"""Downloads in a line of the log."""


class Completion:
    """Completes downloads, and deletes their records beside everything else."""

    def __init__(
        self, downloads: DownloadList, recorder: AttemptRecorder, context: TransferContext
    ) -> None:
        self._downloads = downloads
        self._recorder = recorder
        self._context = context
        self._ids: list[str] = []
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unlogged: list[str] = []

    def complete(self, download_id: str, whole: Whole) -> None:
        """Complete an active download whose file is whole under its final name."""
        download = self._downloads[download_id]
        figures = self._recorder.figures(download_id)
        fetched = None
        if figures is not None:
            seconds, rate = figures.phases.whole, figures.average_rate
            fetched = Fetched(bytes=figures.bytes, seconds=seconds, rate=rate)
        self._downloads.step(
            download,
            Action.COMPLETE,
            *whole.notes,
            "completed",
            request=without_secrets(download.request),
            name=whole.name,
            name_settled=True,
            completed_at=self._context.clock.now(),
            fetched=fetched,
            **whole.fields,
        )
        self._log(download_id)
        self._ids.append(download_id)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._delete_records(), name="completion")

    async def close(self) -> None:
        """Delete what is still to be deleted, at once."""
        self._write_log()
        self._hurry.set()
        if self._task is not None:
            await self._task

    def _log(self, download_id: str) -> None:
        """Have the log say it, of all that end together in one line."""
        if not self._unlogged:
            asyncio.get_running_loop().call_later(LOG_PAUSE, self._write_log)
        self._unlogged.append(download_id)
        if len(self._unlogged) >= _LINE:
            self._write_log()

    def _write_log(self) -> None:
        if self._unlogged:
            ids, self._unlogged = self._unlogged, []
            named = " ".join(id_[:SHORT] for id_ in ids)
            log.info("completed %s", named, extra={"downloads": ids})

    async def _delete_records(self) -> None:
        while self._ids:
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE):
                    await self._hurry.wait()
            ids, self._ids = self._ids, []
            # A record or a commit that stays is harmless: the next start finds the file whole.
            with suppress(WinchError):
                await self._downloads.flush()
                await self._recorder.flush()
                records = self._context.resume_data
                # What is fetched again meanwhile has a record and a commit of its own.
                ids = [id_ for id_ in ids if not self._is_fetched_again(id_)]
                await records.delete(*filter(records.may_have, ids))
                self._context.committer.forget(ids)

    def _is_fetched_again(self, download_id: str) -> bool:
        if download_id not in self._downloads:
            return False
        return self._downloads[download_id].status is not Status.COMPLETED
