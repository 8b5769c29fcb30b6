"""What follows when a file is whole: its resume record goes, once list and history know.

Small files end by the hundred in a second. They share a save of the list and a way to the disk.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from core.adapters.state.resume_data import ResumeStore
from core.domain.errors import WinchError
from core.engine.downloads.list import DownloadList
from core.engine.downloads.recorder import AttemptRecorder

PAUSE = 2.0
"""Seconds in which others that end may join; as long as the history gathers attempts."""


class CompletedRecords:
    """Deletes the records of completed downloads, beside everything else."""

    def __init__(
        self, downloads: DownloadList, recorder: AttemptRecorder, resume_data: ResumeStore
    ) -> None:
        self._downloads = downloads
        self._recorder = recorder
        self._resume_data = resume_data
        self._ids: list[str] = []
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def completed(self, download_id: str) -> None:
        """Have the record of a download deleted that the list shows as completed."""
        self._ids.append(download_id)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="epilogue")

    async def close(self) -> None:
        """Delete what is still to be deleted, at once."""
        self._hurry.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while self._ids:
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE):
                    await self._hurry.wait()
            ids, self._ids = self._ids, []
            # A record that stays is harmless: the next start finds the file whole.
            with suppress(WinchError):
                await self._downloads.flush()
                await self._recorder.flush()
                await self._resume_data.delete(*ids)
