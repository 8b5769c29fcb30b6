"""Done downloads leave the list by themselves after a while, where the settings say so.

Their files stay, and so does what the history has of them. What a person brought back to the list
is left to that person, and what was found damaged stays to be seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container

from core.adapters.system.clock import Clock
from core.domain.errors import WinchError
from core.domain.models import Download
from core.engine.downloads.list import DownloadList
from core.engine.downloads.recorder import AttemptRecorder
from core.engine.running.background import Background
from core.policy.retention import is_forgettable

log = logging.getLogger(__name__)

LOOK = 3600.0
"""Seconds between two looks at the list; a short time to be kept is looked at more often."""
_SHORTEST = 30.0


class Forgetting(Background):
    """Takes done downloads off the list `after` seconds; None leaves them there.

    `kept` are the ids of those that a person brought back.
    """

    name = "forgetting"

    def __init__(
        self,
        downloads: DownloadList,
        recorder: AttemptRecorder,
        clock: Clock,
        *,
        after: Callable[[], float | None],
        kept: Container[str],
    ) -> None:
        self._downloads = downloads
        self._recorder = recorder
        self._clock = clock
        self._after = after
        self._kept = kept
        self._asked = asyncio.Event()

    def look(self) -> None:
        """Look at once: the settings have changed."""
        self._asked.set()

    async def _run(self) -> None:
        while True:
            self._asked.clear()
            after = self._after()
            if after is not None:
                try:
                    await self._forget(after)
                except WinchError as error:
                    log.warning("done downloads could not be forgotten: %s", error.message)
            try:
                pause = LOOK if after is None else min(LOOK, max(_SHORTEST, after / 2))
                async with asyncio.timeout(pause):
                    await self._asked.wait()
            except TimeoutError:
                continue

    async def _forget(self, after: float) -> None:
        # First, so that nothing leaves the list that the history does not have yet.
        await self._recorder.flush()
        now = self._clock.now()
        gone = [
            download
            for download in self._downloads
            if is_forgettable(download, after, now) and not self._is_wanted(download)
        ]
        if not gone:
            return
        self._downloads.remove(gone)
        log.info("%d done downloads left the list; their files stay", len(gone))
        await self._downloads.flush()

    def _is_wanted(self, download: Download) -> bool:
        reading = self._downloads.progress_of(download.id).verified is not None
        # A collection is one thing: it is whole as long as all of it can be told.
        is_member = download.request.group in self._downloads.collections
        return reading or is_member or download.id in self._kept
