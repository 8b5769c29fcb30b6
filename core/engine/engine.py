"""What a front end may ask of the downloads in this process: the service itself.

It lives in one event loop and answers requests by changing the ledger; the runner does the work.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager

from core.adapters.clock import Clock
from core.adapters.destination import delete, find_own
from core.adapters.http import HttpClient
from core.adapters.network import Network
from core.adapters.state import State
from core.domain.errors import NotAllowedError, StoppedError
from core.domain.events import Event
from core.domain.history import History, HistoryQuery, Statistics
from core.domain.lifecycle import Action, allowed_actions, is_already
from core.domain.models import Download, DownloadRequest, DownloadView, Status
from core.domain.service import (
    Changes,
    LimitChanges,
    Limits,
    MoveTo,
    Outcome,
    Refusal,
    Removal,
    ServiceStatus,
)
from core.domain.settings import Settings
from core.domain.upkeep import Checkup, Cleanup
from core.domain.version import VERSION
from core.engine.chronicle import Chronicle
from core.engine.intake import Intake
from core.engine.ledger import Ledger
from core.engine.limits import LimitKeeper
from core.engine.maintenance import Maintenance
from core.engine.runner import Runner
from core.engine.shared import Shared
from core.engine.transfer import Tools
from core.policy.host_budget import HostBudget
from core.policy.requests import apply_changes
from core.policy.throttle import TokenBucket

log = logging.getLogger(__name__)


class Engine:
    """Implements `DownloadService`. With `embedded`, only downloads that were admitted run."""

    def __init__(
        self,
        settings: Settings,
        *,
        state: State,
        http: HttpClient,
        clock: Clock,
        network: Network | None = None,
        embedded: bool = False,
    ) -> None:
        self._clock = clock
        self._http = http
        self._resume_data = state.resume_data
        self._embedded = embedded
        self._ledger = Ledger(state.catalog, clock)
        self._queue = self._ledger.queue
        shared = Shared(
            hosts=HostBudget(settings.limits.connections_per_host),
            limit=TokenBucket(settings.limits.rate_bytes, clock.monotonic()),
        )
        tools = Tools(
            http=http,
            network=network or Network(),
            resume_data=state.resume_data,
            clock=clock,
            shared=shared,
            limits=settings.limits,
            downloads=settings.downloads,
        )
        self._runner = Runner(settings, self._ledger, tools, embedded=embedded)
        self._intake = Intake(self._ledger, self._runner, clock)
        self._chronicle = Chronicle(state.history, clock)
        self._maintenance = Maintenance(state, self._ledger, clock)
        self._limits = LimitKeeper(settings.limits, tools, clock, self._runner.limits_changed)
        self._started_at = clock.now()
        self._closing = False
        self.stop_requested = asyncio.Event()
        self.client_count: Callable[[], int] = lambda: 0

    async def start(self) -> None:
        """Load what was there before and begin to work it off; raises StateError."""
        downloads = await self._ledger.load()
        self._limits.start(self._ledger.limits)
        whole = []
        for id_, record in (await self._resume_data.load_all()).items():
            if id_ not in self._queue:
                continue
            if self._queue[id_].status is Status.COMPLETED:
                # The end came before the epilogue.
                whole.append(id_)
            else:
                self._ledger.settle(id_, record.bytes_done)
        await self._resume_data.delete(*whole)
        for download in downloads:
            self._runner.enqueue(download)
        log.info("loaded %d downloads", len(downloads))

    async def close(self) -> None:
        """Stop all transfers, with what they have recorded, and write the state; idempotent."""
        if self._closing:
            return
        self._closing = True
        self._limits.close()
        try:
            await self._runner.close()
        finally:
            await self._http.close()
            await self._ledger.close()

    def admit(self, ids: Iterable[str]) -> None:
        """Let these downloads run in an embedded engine, which holds all others."""
        self._runner.admit(ids)

    @property
    def has_work(self) -> bool:
        """Whether anything runs, waits for its turn or waits to be tried again."""
        return self._runner.has_work

    def on_work_change(self, callback: Callable[[], None]) -> None:
        """Have `callback` called whenever `has_work` may have changed."""
        self._runner.on_work_change = callback

    async def add(
        self, requests: Sequence[DownloadRequest], *, only_new: bool = False
    ) -> list[Download]:
        """Queue downloads, durably; see `DownloadService.add`."""
        return await self._intake.add(
            requests, only_new=only_new, refuse_if_closing=self._refuse_if_closing
        )

    async def downloads(self) -> list[DownloadView]:
        """Return everything in the list, in the order of the queue."""
        return [
            DownloadView(download=d, progress=self._ledger.progress_of(d.id), position=position)
            for position, d in enumerate(self._queue.ordered(), start=1)
        ]

    async def find(self, id: str) -> DownloadView:  # noqa: A002
        """Return one download; raises UnknownIdError or AmbiguousIdError."""
        (found,) = self._queue.resolve([id])
        position = 1 + sum(other.sort_key < found.sort_key for other in self._queue)
        progress = self._ledger.progress_of(found.id)
        return DownloadView(download=found, progress=progress, position=position)

    async def pause(self, ids: Sequence[str] | None) -> Outcome:
        """Stop downloads and keep what they have."""
        return await self._act(Action.PAUSE, self._chosen(Action.PAUSE, ids))

    async def resume(self, ids: Sequence[str] | None) -> Outcome:
        """Let paused, failed or cancelled downloads go on; `None` means the paused ones."""
        return await self._act(Action.RESUME, self._chosen(Action.RESUME, ids, Status.PAUSED))

    async def retry(self, ids: Sequence[str] | None) -> Outcome:
        """Try failed or cancelled downloads again now; `None` means the failed ones."""
        return await self._act(Action.RETRY, self._chosen(Action.RETRY, ids, Status.FAILED))

    async def start_fresh(self, ids: Sequence[str]) -> Outcome:
        """Fetch unfinished downloads from their first byte."""
        raise NotImplementedError

    async def hold(self, paused: bool) -> None:
        """Stop the queue as a whole, or let it go on; see `DownloadService.hold`."""
        self._refuse_if_closing()
        self._ledger.hold(paused)
        await self._runner.held_changed()
        await self._ledger.flush()

    async def cancel(self, ids: Sequence[str] | None) -> Outcome:
        """Give downloads up; their record and their part files stay."""
        return await self._act(Action.CANCEL, self._chosen(Action.CANCEL, ids))

    async def remove(self, ids: Sequence[str] | None, *, files: bool = False) -> Removal:
        """Take downloads off the list; with `files`, delete their data too."""
        self._refuse_if_closing()
        chosen = self._queue.ordered() if ids is None else self._queue.resolve(ids)
        await self._runner.halt(d.id for d in chosen)
        removed = [self._queue[d.id] for d in chosen if d.id in self._queue]
        self._runner.forget(d.id for d in removed)
        self._ledger.remove(removed)
        await self._ledger.flush()
        deleted, kept = [], []
        for download in removed:
            await self._resume_data.delete(download.id)
            if download.part is None:
                continue
            # By identity: another download, or the person, may have a file of this name by now.
            is_whole = download.status is Status.COMPLETED
            path = await find_own(
                download.request.directory,
                download.name,
                download.part,
                size=download.total_bytes if is_whole else None,
            )
            if path is not None and files and await delete(path):
                deleted.append(path)
            elif path is not None:
                kept.append(path)
        return Removal(removed=tuple(removed), deleted_files=tuple(deleted), kept_files=tuple(kept))

    async def move(self, ids: Sequence[str], to: MoveTo | int) -> Outcome:
        """Move downloads within the queue, keeping their order; a number is a position from 1."""
        moved = self._queue.resolve(ids)
        for download in self._queue.place(moved, to):
            self._runner.reorder(self._ledger.update(download))
        await self._ledger.flush()
        return Outcome(changed=tuple(self._queue[d.id] for d in moved if d.id in self._queue))

    async def start_now(self, ids: Sequence[str]) -> Outcome:
        """Start downloads at once; see `DownloadService.start_now`."""
        outcome = await self.resume(ids)
        changed, refused = [], list(outcome.refused)
        for download in outcome.changed:
            try:
                self._runner.start_now(self._queue[download.id])
                changed.append(download)
            except NotAllowedError as error:
                refused.append(Refusal(id=download.id, error=error.info()))
        return Outcome(changed=tuple(changed), refused=tuple(refused))

    async def set(self, ids: Sequence[str], changes: Changes) -> Outcome:
        """Change what was asked for of downloads; see `DownloadService.set`."""
        self._refuse_if_closing()
        chosen = self._queue.resolve(ids)
        for download, request in [(d, apply_changes(d.request, changes)) for d in chosen]:
            self._runner.adjust(self._ledger.update(download, request=request))
        await self._ledger.flush()
        return Outcome(changed=tuple(self._queue[d.id] for d in chosen if d.id in self._queue))

    async def limit(self, changes: LimitChanges) -> Limits:
        """Change the limits of all downloads together; see `DownloadService.limit`."""
        if changes != LimitChanges():
            self._refuse_if_closing()
            self._ledger.keep_limits(self._limits.change(changes))
            await self._ledger.flush()
        return self._limits.in_force

    async def status(self) -> ServiceStatus:
        """Return the state of the service as a whole."""
        counts = Counter(download.status for download in self._queue)
        return ServiceStatus(
            version=VERSION,
            pid=os.getpid(),
            started_at=self._started_at,
            embedded=self._embedded,
            counts={status.value: counts[status] for status in Status},
            rate=self._runner.rate,
            clients=self.client_count(),
            paused=self._ledger.paused,
            notices=tuple(self._ledger.notices),
        )

    async def history(self, query: HistoryQuery) -> History:
        """Return attempts that were made, the newest first."""
        return await self._chronicle.history(query)

    async def clear_history(self) -> int:
        """Forget every attempt and return how many there were."""
        return await self._chronicle.clear()

    async def statistics(self, days: int) -> Statistics:
        """Return the figures of the last days; raises UsageError for less than one."""
        return await self._chronicle.statistics(days)

    async def clean(self, *, dry_run: bool) -> Cleanup:
        """Remove what nothing needs any more; see `DownloadService.clean`."""
        return await self._maintenance.clean(dry_run=dry_run)

    async def checkup(self) -> Checkup:
        """Tell how the last start went and what lies around."""
        return await self._maintenance.checkup()

    async def shutdown(self) -> None:
        """Ask whoever runs the engine to close it."""
        self.stop_requested.set()

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Follow what happens; see `DownloadService.subscribe`."""
        return self._ledger.bus.subscribe()

    def _chosen(
        self, action: Action, ids: Sequence[str] | None, meant: Status | None = None
    ) -> list[Download]:
        if ids is not None:
            return self._queue.resolve(ids)
        return [
            download
            for download in self._queue.ordered()
            if action in allowed_actions(download.status) and meant in (None, download.status)
        ]

    async def _act(self, action: Action, chosen: list[Download]) -> Outcome:
        self._refuse_if_closing()
        if action in (Action.PAUSE, Action.CANCEL):
            await self._runner.halt(d.id for d in chosen)
        changed: list[Download] = []
        refused: list[Refusal] = []
        for download in [self._queue[d.id] for d in chosen if d.id in self._queue]:
            try:
                changed.append(self._take(action, download))
            except NotAllowedError as error:
                refused.append(Refusal(id=download.id, error=error.info()))
        await self._ledger.flush()
        return Outcome(changed=tuple(changed), refused=tuple(refused))

    def _take(self, action: Action, download: Download) -> Download:
        """Take a step that a person asked for; raises NotAllowedError."""
        if is_already(download.status, action):
            return download
        stepped = self._ledger.step(download, action, _DONE[action])
        self._runner.forget([download.id])
        self._runner.enqueue(stepped)
        return self._queue[download.id]

    def _refuse_if_closing(self) -> None:
        if self._closing:
            raise StoppedError("winch is stopping", hint="try again in a moment")


_DONE = {
    Action.PAUSE: "paused",
    Action.RESUME: "resumed",
    Action.RETRY: "asked to try again",
    Action.CANCEL: "cancelled",
}
