"""How far the running downloads are, told four times a second, and how long all will still take."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from core.domain.models import Progress
from core.domain.totals import Totals
from core.engine.downloads.list import DownloadList
from core.engine.downloads.recorder import AttemptRecorder
from core.engine.downloads.totals import EtaInputs
from core.engine.running.background import Background
from core.engine.running.queue import AT_ONCE
from core.engine.transfer.context import TransferContext
from core.policy.queue.scheduler import Scheduler

TICK = 0.25
"""Seconds between progress events."""


class ProgressReporter(Background):
    """Publishes progress while any of `running` does, and samples the attempts' rates."""

    name = "progress"

    def __init__(
        self,
        downloads: DownloadList,
        recorder: AttemptRecorder,
        context: TransferContext,
        scheduler: Scheduler,
        running: Collection[str],
    ) -> None:
        self._downloads = downloads
        self._recorder = recorder
        self._context = context
        self._scheduler = scheduler
        self._running = running

    def totals(self) -> Totals:
        """Return how far all together are; costs a step for each that runs."""
        moving = self._downloads.in_progress(self._running)
        now = self._context.clock.monotonic()
        return self._downloads.sums.totals(moving, inputs=self._eta_inputs(), now=now)

    async def _run(self) -> None:
        last: dict[str, Progress] = {}
        while self._running:
            await asyncio.sleep(TICK)
            before, last = last, {}
            ids = list(self._running)
            eta = self.totals().eta if self._downloads.bus.has_subscribers else None
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

    def _eta_inputs(self) -> EtaInputs:
        context = self._context
        return EtaInputs(
            recent=self._recorder.recent,
            slots=context.limits.active,
            limit=context.rate_limit.rate,
            rate=context.total_rate.rate,
            waiting=self._scheduler.waiting_for,
            lanes=self._scheduler.lanes(),
            delayed=self._delayed(),
        )

    def _delayed(self) -> tuple[float, int | None] | None:
        """Return until when the last one waits that has to, and the bytes that it lacks."""
        if (found := self._scheduler.longest_delay()) is None:
            return None
        id_, until = found
        total = self._downloads[id_].total_bytes
        done = self._downloads.progress_of(id_).bytes_downloaded
        return until, None if total is None else max(0, total - done)
