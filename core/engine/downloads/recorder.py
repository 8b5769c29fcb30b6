"""What is written down of every attempt, and what the figures of many of them say.

Nothing here may get in the way of a download: what cannot be written down is logged.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import sys
from collections import Counter
from contextlib import suppress
from datetime import datetime
from functools import partial

from core.adapters.state.history import HistoryStore
from core.adapters.system.clock import Clock
from core.domain.errors import ErrorInfo, WinchError
from core.domain.history import (
    AttemptEnd,
    AttemptFigures,
    History,
    HistoryEntry,
    HistoryQuery,
    Statistics,
)
from core.domain.models import Download, DownloadRecord, ResumeRecord
from core.domain.value import replace
from core.engine.downloads.attempts import Attempt, RunningTransfer, entry_of
from core.policy.queue.overall_eta import RecentDownloads
from core.policy.statistics import period_start, statistics
from core.policy.transfer.host_memory import HostMemory

log = logging.getLogger(__name__)

ROUND = 60.0
"""Seconds between looks at what the process uses, and at what of the history is too old."""

WORTH_NOTING = 1.0
"""CPU seconds below which a round writes nothing down."""

STARTED = "started"
"""What the timeline of a download says when an attempt begins."""

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


class AttemptRecorder:
    """Turns attempts into history entries, these into statistics and into what is `known`."""

    def __init__(self, store: HistoryStore, clock: Clock, known: HostMemory) -> None:
        self._store = store
        self._clock = clock
        self._known = known
        self._attempts: dict[str, Attempt] = {}
        self.recent = RecentDownloads()
        """How fast downloads were lately."""
        self._cpu = _cpu_seconds()
        self._rounds: asyncio.Task[None] | None = None
        self._brought: Counter[str] = Counter()
        self._completed: set[str] = set()
        self.ended: Counter[str] = Counter()
        """Attempts since the start, by how they ended."""
        self.failures: Counter[str] = Counter()
        """Those that failed for good, by error code."""
        self.retries: Counter[str] = Counter()
        """Those that are tried again, by error code."""

    async def start(self) -> tuple[str, ...]:
        """Load what was there before and return sentences for the person."""
        notices = await self._store.load()
        self._brought = self._store.bytes_by_download()
        self._completed = set(self._store.completed())
        for entry in self._store.live():
            self._remember(entry)
        self._rounds = asyncio.create_task(self._make_rounds(), name="recorder")
        return notices

    async def close(self) -> None:
        """Write what is not yet written; a failure is logged."""
        if self._rounds is None:
            return
        self._rounds.cancel()
        await asyncio.gather(self._rounds, return_exceptions=True)
        self._note_usage()
        try:
            await self._store.close()
        except WinchError as error:
            log.error("the newest history is lost: %s", error.message)

    async def flush(self) -> None:
        """Return once every attempt that has ended is written down; a failure is logged."""
        try:
            await self._store.flush()
        except WinchError as error:
            log.error("the newest history is not saved yet: %s", error.message)

    def begin(self, download: Download, transfer: RunningTransfer) -> Attempt:
        """Follow an attempt that starts now."""
        attempt = self._attempts[download.id] = Attempt(download, transfer, self._clock)
        return attempt

    def sample(self, download_id: str) -> None:
        """Look how fast a download is, if it runs."""
        if (attempt := self._attempts.get(download_id)) is not None:
            attempt.sample()

    def figures(self, download_id: str) -> AttemptFigures | None:
        """Return what is measured by now of the attempt at a download, None where none runs."""
        attempt = self._attempts.get(download_id)
        return None if attempt is None else attempt.figures()

    def end(self, download: Download, end: AttemptEnd, error: WinchError | None = None) -> None:
        """Write down an attempt that has ended."""
        info = None if error is None else error.info()
        self._count(end, info)
        entry = self._attempts.pop(download.id).entry(
            download, end, info, number=self._store.next_number
        )
        phases, now = entry.phases, self._clock.monotonic()
        self.recent.note(entry.host, now, count=entry.bytes, downloading=phases.downloading)
        if end is AttemptEnd.COMPLETED:
            overhead = phases.connecting + phases.verifying + phases.finalizing
            self.recent.note_whole(entry.total_bytes, overhead)
        self._write(entry)

    def interrupted(
        self, download: DownloadRecord, ended_at: datetime, record: ResumeRecord | None
    ) -> None:
        """Write down the attempt that a kill or a power cut ended at about that time.

        What the record claims is on disk; what earlier attempts brought of it is not this one's.
        Its figures are those of the last checkpoint. Before the first one nobody took any.
        """
        bytes_done = 0 if record is None else record.bytes_done
        self._write_unseen(download, ended_at, AttemptEnd.INTERRUPTED, bytes_done, record)

    def completed(self, download: DownloadRecord, record: ResumeRecord | None = None) -> None:
        """Write down the attempt that made a file whole, unless that was done before a kill."""
        if download.completed_at is not None and download.id not in self._completed:
            self._completed.add(download.id)
            size, ended_at = download.total_bytes or 0, download.completed_at
            self._write_unseen(download, ended_at, AttemptEnd.COMPLETED, size, record)

    def _write_unseen(
        self,
        download: DownloadRecord,
        ended_at: datetime,
        end: AttemptEnd,
        bytes_done: int,
        record: ResumeRecord | None,
    ) -> None:
        began = [entry.at for entry in download.timeline if entry.text == STARTED]
        started_at = min(began[-1] if began else download.started_at or ended_at, ended_at)
        gained = max(0, bytes_done - self._brought[download.id])
        self._brought[download.id] += gained
        figures = record.attempt if record is not None else None
        if figures is None or figures.started_at < started_at:
            # Those of an attempt before this one.
            figures = AttemptFigures(started_at=started_at, retries=download.retry_count)
        figures = replace(figures, started_at=started_at, bytes=gained)
        number = self._store.next_number
        self._write(entry_of(download, figures, ended_at=ended_at, end=end, number=number))

    async def history(self, query: HistoryQuery) -> History:
        return await self._store.query(query)

    async def clear(self) -> int:
        self._known.clear()
        return await self._store.clear()

    async def statistics(self, days: int) -> Statistics:
        now = self._clock.now().astimezone()
        since = period_start(now, days)
        self._note_usage()
        usage = dict(self._store.usage)
        return await self._store.ended_since(
            since, partial(statistics, usage=usage, now=now, days=days)
        )

    def _count(self, end: AttemptEnd, error: ErrorInfo | None) -> None:
        self.ended[end.value] += 1
        if error is not None and end in (AttemptEnd.FAILED, AttemptEnd.RETRIED):
            by_code = self.failures if end is AttemptEnd.FAILED else self.retries
            by_code[error.code.value] += 1

    def _remember(self, entry: HistoryEntry) -> None:
        if entry.served_best is not None:
            self._known.put(entry.host, entry.served_best, entry.ended_at)

    def _write(self, entry: HistoryEntry) -> None:
        self._remember(entry)
        try:
            self._store.append(entry)
        except WinchError as error:
            log.error("an attempt is missing in the history: %s", error.message)

    async def _make_rounds(self) -> None:
        while True:
            await self._store.tidy(self._clock.now())
            await asyncio.sleep(ROUND)
            # An idle daemon writes nothing: what little it uses is counted at the next occasion.
            if _cpu_seconds() - self._cpu >= WORTH_NOTING:
                self._note_usage()

    def _note_usage(self) -> None:
        """Count what the process has used since the last time for today."""
        before, self._cpu = self._cpu, _cpu_seconds()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT
        today = self._clock.now().astimezone().date().isoformat()
        with suppress(WinchError):
            self._store.note_usage(today, self._cpu - before, peak)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
