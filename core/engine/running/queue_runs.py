"""Runs of the queue: from being idle to being idle again, with what came of each.

A run goes on over pauses, holds and restarts. It ends with the last download that is done or has
failed, and the hooks of all; a retry that waits is work, and a person who pauses, cancels or
removes the last one knows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from core.adapters.state.catalog import Catalog
from core.adapters.system.clock import Clock
from core.domain.hooks import QueueRun
from core.domain.models import Download, Status
from core.domain.value import replace
from core.engine.downloads.list import DownloadList

SETTLING = 1.0
"""Seconds of rest after which a run has ended: a script adds one download after the other."""
_ENDS = (Status.COMPLETED, Status.FAILED)


class QueueRuns:
    """Follows the queue; `began` and `ended` are called at both ends of a run.

    `changed` is called when `is_settling` has become false by itself.
    `has_work` tells whether downloads go on, `has_hooks` whether hooks of theirs do. With
    `embedded`, what others left in the list does not count.
    """

    def __init__(
        self,
        catalog: Catalog,
        downloads: DownloadList,
        clock: Clock,
        *,
        embedded: bool,
        has_work: Callable[[], bool],
        has_hooks: Callable[[], bool],
        began: Callable[[], None],
        ended: Callable[[QueueRun], None],
        changed: Callable[[], None],
    ) -> None:
        self._catalog = catalog
        self._downloads = downloads
        self._clock = clock
        self._embedded = embedded
        self._has_work = has_work
        self._has_hooks = has_hooks
        self._began = began
        self._ended = ended
        self._changed = changed
        self._run: QueueRun | None = None
        self._last: Status | None = None
        self._idle_since: datetime | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_open = False

    @property
    def is_settling(self) -> bool:
        """Whether a run is about to end."""
        return self._timer is not None

    def start(self) -> None:
        """Go on with the run that was under way when winch ended, by what the list says."""
        self._is_open = True
        began = None if self._embedded else self._catalog.run_began
        if began is not None:
            ended = [d for d in self._downloads if d.status in _ENDS and _end_of(d) >= began]
            done = [d for d in ended if d.status is Status.COMPLETED]
            size = sum(map(_bytes_of, done))
            failed = len(ended) - len(done)
            self._run = QueueRun(began_at=began, done=len(done), failed=failed, bytes=size)
            last = max(self._downloads, key=_end_of, default=None)
            self._last = None if last is None else last.status
        self.look()

    def close(self) -> None:
        """Follow no more; a run that has not ended goes on at the next start."""
        self._is_open = False
        self._rest()

    def stepped(self, before: Download, after: Download) -> None:
        """Take in a step of a download."""
        self._last = after.status
        if (run := self._run) is None:
            return
        if before.status in _ENDS and _end_of(before) >= run.began_at:
            run = _counted(run, before, -1)
        if after.status in _ENDS:
            run = _counted(run, after, 1)
        self._run = run

    def removed(self, downloads: Sequence[Download]) -> None:
        """Take in that downloads have left the list."""
        if not all(download.status.is_settled for download in downloads):
            self._last = None

    def look(self) -> None:
        """Take in that work, or hooks, have come or gone."""
        if not self._is_open:
            return
        if self._has_work():
            self._rest()
            self._idle_since = None
            if self._run is None:
                self._run = QueueRun(began_at=self._clock.now())
                self._keep(self._run.began_at)
                self._began()
            return
        self._idle_since = self._idle_since or self._clock.now()
        if self._has_hooks():
            self._rest()
        elif self._run is not None and self._timer is None:
            seconds = (self._idle_since - self._run.began_at).total_seconds()
            self._run = replace(self._run, seconds=max(0.0, seconds))
            self._timer = asyncio.get_running_loop().call_later(SETTLING, self._settled)

    def settle_now(self) -> None:
        """End the run that is about to end."""
        if self._timer is not None:
            self._rest()
            self._settle()

    def _settled(self) -> None:
        self._timer = None
        self._settle()
        self._changed()

    def _settle(self) -> None:
        run, counts = self._run, self._downloads.sums.counts
        if run is None or self._has_work() or self._has_hooks():
            return
        is_left = not self._embedded and (counts[Status.PENDING] or counts[Status.ACTIVE])
        if self._last in _ENDS and not is_left and (run.done or run.failed):
            self._end()
            self._ended(run)
        elif not is_left and not counts[Status.PAUSED]:
            self._end()

    def _end(self) -> None:
        self._run = None
        self._keep(None)

    def _keep(self, began: datetime | None) -> None:
        if not self._embedded:
            self._catalog.put_run(began)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _counted(run: QueueRun, download: Download, by: int) -> QueueRun:
    if download.status is Status.FAILED:
        return replace(run, failed=run.failed + by)
    return replace(run, done=run.done + by, bytes=run.bytes + by * _bytes_of(download))


def _end_of(download: Download) -> datetime:
    """Return when a download came to where it is."""
    return download.completed_at or download.updated_at or download.created_at


def _bytes_of(download: Download) -> int:
    return 0 if download.fetched is None else download.fetched.bytes
