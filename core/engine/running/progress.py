"""Tells the watchers how far the running downloads are, four times a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from core.domain.models import Progress
from core.engine.downloads.list import DownloadList
from core.engine.downloads.recorder import AttemptRecorder

TICK = 0.25
"""Seconds between progress events."""
AT_ONCE = 20
"""Downloads that are started or looked at in one turn of the event loop: others wait for it too."""


class ProgressTicker:
    """Publishes progress while anything of `running` does, and samples the attempts' rates.

    `eta` returns how long all together will still take.
    """

    def __init__(
        self,
        downloads: DownloadList,
        recorder: AttemptRecorder,
        running: Collection[str],
        eta: Callable[[], float | None],
    ) -> None:
        self._downloads = downloads
        self._eta = eta
        self._recorder = recorder
        self._running = running
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Go on ticking; it ends by itself when nothing runs any more."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._tick(), name="progress")

    def close(self) -> None:
        """Stop ticking."""
        if self._task is not None:
            self._task.cancel()

    async def _tick(self) -> None:
        last: dict[str, Progress] = {}
        while self._running:
            await asyncio.sleep(TICK)
            before, last = last, {}
            ids = list(self._running)
            eta = self._eta() if self._downloads.bus.has_subscribers else None
            for start in range(0, len(ids), AT_ONCE):
                chosen = ids[start : start + AT_ONCE]
                for id_ in chosen:
                    self._recorder.sample(id_)
                if self._downloads.bus.has_subscribers:
                    now = {id_: self._downloads.progress_of(id_) for id_ in chosen}
                    last |= now
                    if moved := {id_: now[id_] for id_ in chosen if before.get(id_) != now[id_]}:
                        self._downloads.publish_progress(moved, eta)
                await asyncio.sleep(0)
