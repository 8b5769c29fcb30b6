"""What a front end may ask of the downloads in this process: the service itself.

It lives in one event loop and answers requests by changing the list; the runner does the work.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, suppress

from core.adapters.files.threads import run_to_end
from core.adapters.net.http import HttpClient
from core.adapters.net.network import Network
from core.adapters.state.stores import State
from core.adapters.system.clock import Clock
from core.adapters.system.log_file import LOG_NAME, tail
from core.domain.errors import StoppedError, UsageError, WinchError
from core.domain.events import Event
from core.domain.history import History, HistoryQuery, Statistics
from core.domain.inspection import Inspection
from core.domain.lifecycle import Action
from core.domain.models import DownloadRecord, DownloadRequest, DownloadView, Status
from core.domain.service import (
    MOST_LOG_LINES,
    Changes,
    LimitChanges,
    Limits,
    MoveTo,
    Outcome,
    Removal,
    ServiceStatus,
    SettingInForce,
)
from core.domain.settings import Settings
from core.domain.upkeep import Checkup, Cleanup
from core.domain.version import VERSION
from core.engine.downloads.list import DownloadList
from core.engine.downloads.recorder import AttemptRecorder
from core.engine.requests.add import Adder
from core.engine.requests.inspect import Inspector
from core.engine.requests.limits import LimitKeeper
from core.engine.requests.remove import Remover
from core.engine.requests.reverify import Reverifier
from core.engine.requests.transitions import Transitions
from core.engine.running.forgetting import Forgetting
from core.engine.running.maintenance import Maintenance
from core.engine.running.runner import Runner
from core.engine.running.startup import Startup
from core.engine.running.wall_clock import WallClock
from core.engine.transfer.context import TransferContext
from core.policy.host_budget import HostBudget
from core.policy.rate import RateWindow
from core.policy.request_rules import apply_changes, check_query
from core.policy.settings_in_force import settings_in_force
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
        self.settings = settings
        self.load_settings: Callable[[], Settings] = lambda: settings
        # The settings (`limits.rate`) that come from the environment, which does not change.
        self.environment: Collection[str] = ()
        self._clock = clock
        self._http = http
        self._log_file = state.directory / LOG_NAME
        self._embedded = embedded
        self._resume_data = state.resume_data
        # The connections are made with these, until the end.
        self._network = settings.network
        self._downloads = DownloadList(state.catalog, clock)
        self._downloads = self._downloads
        self._context = context = TransferContext(
            http=http,
            network=network or Network(),
            resume_data=state.resume_data,
            clock=clock,
            limits=settings.limits,
            downloads=settings.downloads,
            host_budget=HostBudget(settings.limits.connections_per_host),
            rate_limit=TokenBucket(settings.limits.rate_bytes, clock.monotonic()),
            total_rate=RateWindow(clock.monotonic()),
        )
        self._recorder = AttemptRecorder(state.history, clock, context.host_memory)
        self._runner = Runner(settings, self._downloads, context, self._recorder, embedded=embedded)
        self._adder = Adder(self._downloads, self._runner, clock, state.directory)
        self._transitions = Transitions(self._downloads, self._runner, state.resume_data)
        self._remover = Remover(self._downloads, self._runner, state, clock)
        self._inspector = Inspector(self._downloads, self._runner, context)
        self._reverifier = Reverifier(self._downloads, self._runner, clock)
        self._maintenance = Maintenance(state, self._downloads, clock)
        self._forgetting = Forgetting(
            self._downloads,
            self._recorder,
            clock,
            after=lambda: context.downloads.forget_done_seconds,
            kept=self._remover.brought_back,
        )
        self._startup = Startup(
            self._downloads, self._runner, self._recorder, context, embedded=embedded
        )
        self._limits = LimitKeeper(settings.limits, context, clock, self._limits_changed)
        self._wall_clock = WallClock(clock, self._clock_jumped)
        self._started_at = clock.now()
        self._closing = False
        self.stop_requested = asyncio.Event()
        self.client_count: Callable[[], int] = lambda: 0

    async def start(self) -> None:
        """Load what was there before and begin to work it off; raises StateError."""
        self._downloads.notices += await self._recorder.start()
        await self._startup.run()
        self._maintenance.verified = self._startup.verified
        if not self._startup.verified:
            # A sound generation at once, whatever comes next; what cannot be saved is told.
            with suppress(WinchError):
                await self._downloads.flush()
        self._maintenance.steps = tuple(self._startup.steps)
        self._limits.start(self._downloads.limits)
        for download in self._downloads.ordered():
            self._runner.take_up(download)
        self._maintenance.start()
        if not self._embedded:
            self._forgetting.start()
        self._wall_clock.start()

    async def close(self) -> None:
        """Stop all transfers, with what they have recorded, and write the state; idempotent."""
        if self._closing:
            return
        self._closing = True
        await self._wall_clock.close()
        await self._maintenance.close()
        await self._forgetting.close()
        self._limits.close()
        try:
            await self._reverifier.close()
            await self._runner.close()
        finally:
            await self._resume_data.close()
            await self._recorder.close()
            await self._http.close()
            await self._downloads.close()

    def admit(self, ids: Iterable[str]) -> None:
        """Let these downloads run in an embedded engine, which holds all others."""
        self._runner.admit(ids)

    @property
    def has_work(self) -> bool:
        """Whether anything runs, waits for its turn or waits to be tried again."""
        return self._runner.has_work or self._reverifier.is_busy

    def on_work_change(self, callback: Callable[[], None]) -> None:
        """Have `callback` called whenever `has_work` may have changed."""
        self._runner.on_work_change = callback

    async def add(self, requests: Sequence[DownloadRequest]) -> list[DownloadRecord]:
        """Queue downloads, durably; see `DownloadService.add`."""
        return await self._adder.add(requests, refuse_if_closing=self._refuse_if_closing)

    async def add_new(
        self, requests: Sequence[DownloadRequest], *, more: bool = False
    ) -> list[str]:
        """Queue what is not in the list yet; see `DownloadService.add_new`."""
        return await self._adder.add_new(
            requests, more=more, refuse_if_closing=self._refuse_if_closing
        )

    async def downloads(self) -> list[DownloadView]:
        """Return everything in the list, in the order of the queue."""
        return [
            DownloadView(download=d, progress=self._downloads.progress_of(d.id), position=position)
            for position, d in enumerate(self._downloads.ordered(), start=1)
        ]

    async def find(self, download_id: str) -> DownloadView:
        """Return one download; raises UnknownIdError or AmbiguousIdError."""
        (found,) = self._downloads.resolve([download_id])
        position = 1 + sum(other.sort_key < found.sort_key for other in self._downloads)
        progress = self._downloads.progress_of(found.id)
        return DownloadView(download=found, progress=progress, position=position)

    async def inspect(self, download_id: str) -> Inspection:
        """Look at one download closely; see `DownloadService.inspect`."""
        (found,) = self._downloads.resolve([download_id])
        return await self._inspector.inspect(found)

    async def pause(self, ids: Sequence[str] | None) -> Outcome:
        """Stop downloads and keep what they have."""
        return await self._act(Action.PAUSE, ids)

    async def resume(self, ids: Sequence[str] | None) -> Outcome:
        """Let paused, failed or cancelled downloads go on; `None` means the paused ones."""
        return await self._act(Action.RESUME, ids, Status.PAUSED)

    async def retry(self, ids: Sequence[str] | None) -> Outcome:
        """Try failed or cancelled downloads again now; `None` means the failed ones."""
        return await self._act(Action.RETRY, ids, Status.FAILED)

    async def start_fresh(self, ids: Sequence[str]) -> Outcome:
        """Forget what unfinished downloads have and fetch them from their first byte."""
        self._refuse_if_closing()
        return await self._transitions.start_fresh(self._downloads.resolve(ids))

    async def hold(self, paused: bool) -> None:
        """Stop the queue as a whole, or let it go on; see `DownloadService.hold`."""
        self._refuse_if_closing()
        self._downloads.hold(paused)
        await self._runner.held_changed()
        await self._downloads.flush()

    async def cancel(self, ids: Sequence[str] | None) -> Outcome:
        """Give downloads up; their record and their part files stay."""
        return await self._act(Action.CANCEL, ids)

    async def remove(
        self, ids: Sequence[str] | None, *, files: bool = False, dry_run: bool = False
    ) -> Removal:
        """Take downloads off the list; see `DownloadService.remove`."""
        self._refuse_if_closing()
        chosen = self._downloads.ordered() if ids is None else self._downloads.resolve(ids)
        if dry_run:
            return await self._remover.would_remove(chosen, files=files)
        return await self._remover.remove(chosen, files=files)

    async def restore(self, ids: Sequence[str]) -> Outcome:
        """Bring back what was removed; see `DownloadService.restore`."""
        self._refuse_if_closing()
        return await self._remover.restore(ids)

    async def move(self, ids: Sequence[str], to: MoveTo | int) -> Outcome:
        """Move downloads within the queue, keeping their order; a number is a position from 1."""
        moved = self._downloads.resolve(ids)
        for download in self._downloads.place(moved, to):
            self._runner.reorder(self._downloads.update(download))
        await self._downloads.flush()
        return Outcome(changed=tuple(self._downloads.current(d.id for d in moved)))

    async def start_now(self, ids: Sequence[str]) -> Outcome:
        """Start downloads at once; see `DownloadService.start_now`."""
        self._refuse_if_closing()
        return await self._transitions.start_now(self._downloads.resolve(ids))

    async def expedite(self, ids: Sequence[str]) -> None:
        """Let downloads run beside those of the queue; see `DownloadService.expedite`."""
        self._refuse_if_closing()
        self._runner.expedite([download.id for download in self._downloads.resolve(ids)])

    async def set(self, ids: Sequence[str], changes: Changes) -> Outcome:
        """Change what was asked for of downloads; see `DownloadService.set`."""
        self._refuse_if_closing()
        chosen = self._downloads.resolve(ids)
        for download, request in [(d, apply_changes(d.request, changes)) for d in chosen]:
            self._runner.adjust(self._downloads.update(download, request=request))
        await self._downloads.flush()
        return Outcome(changed=tuple(self._downloads.current(d.id for d in chosen)))

    async def replace_url(self, download_id: str, url: str) -> Outcome:
        """Fetch an unfinished download from elsewhere; see `DownloadService.replace_url`."""
        self._refuse_if_closing()
        (found,) = self._downloads.resolve([download_id])
        return await self._transitions.replace_url(found, url)

    async def verify(self, ids: Sequence[str]) -> Outcome:
        """Read finished files again and compare them; see `DownloadService.verify`."""
        self._refuse_if_closing()
        return await self._reverifier.verify(self._downloads.resolve(ids))

    async def limit(self, changes: LimitChanges) -> Limits:
        """Change the limits of all downloads together; see `DownloadService.limit`."""
        if changes != LimitChanges():
            self._refuse_if_closing()
            self._downloads.keep_limits(self._limits.change(changes))
            await self._downloads.flush()
        return self._limits.in_force

    async def settings_in_force(self) -> list[SettingInForce]:
        """Return the settings that are obeyed now; see `DownloadService.settings_in_force`."""
        limits, changes = self._limits.in_force, self._downloads.limits
        held = dataclasses.replace(self.settings, network=self._network)
        return settings_in_force(held, limits, changes, self.environment)

    async def reload(self) -> list[str]:
        """Read the settings again and let them hold; see `DownloadService.reload`."""
        self._refuse_if_closing()
        settings = await run_to_end(self.load_settings)
        self.settings = settings
        self._context.downloads = settings.downloads
        self._forgetting.look()
        self._runner.configure(settings)
        self._limits.configure(settings.limits)
        return [
            f"network.{field.name}"
            for field in dataclasses.fields(settings.network)
            if getattr(settings.network, field.name) != getattr(self._network, field.name)
        ]

    async def status(self) -> ServiceStatus:
        """Return the state of the service as a whole."""
        counts = self._downloads.counts
        totals = self._downloads.totals(self._runner.running, self._runner.prospects)
        return ServiceStatus(
            version=VERSION,
            pid=os.getpid(),
            started_at=self._started_at,
            embedded=self._embedded,
            counts={status.value: counts.get(status, 0) for status in Status},
            rate=totals.rate,
            clients=self.client_count(),
            paused=self._downloads.paused,
            totals=totals,
            notices=tuple(self._downloads.notices),
        )

    async def history(self, query: HistoryQuery) -> History:
        """Return attempts that were made, the newest first."""
        check_query(query)
        return await self._recorder.history(query)

    async def clear_history(self) -> int:
        """Forget every attempt and return how many there were."""
        return await self._recorder.clear()

    async def statistics(self, days: int) -> Statistics:
        """Return the figures of the last days; raises UsageError for less than one."""
        return await self._recorder.statistics(days)

    async def clean(self, *, dry_run: bool, only: Sequence[str] | None = None) -> Cleanup:
        """Remove what nothing needs any more; see `DownloadService.clean`."""
        return await self._maintenance.clean(dry_run=dry_run, only=only)

    async def checkup(self) -> Checkup:
        """Tell how the last start went and what lies around."""
        return await self._maintenance.checkup()

    async def tail_log(self, lines: int) -> list[str]:
        """Return the last lines of the log; see `DownloadService.tail_log`."""
        if lines < 1:
            raise UsageError("the end of the log has a line at least")
        return await run_to_end(tail, self._log_file, min(lines, MOST_LOG_LINES))

    async def shutdown(self) -> None:
        """Ask whoever runs the engine to close it."""
        self.stop_requested.set()

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Follow what happens; see `DownloadService.subscribe`."""
        return self._downloads.bus.subscribe()

    async def _act(
        self, action: Action, ids: Sequence[str] | None, meant: Status | None = None
    ) -> Outcome:
        self._refuse_if_closing()
        return await self._transitions.take(action, self._transitions.chosen(action, ids, meant))

    def _limits_changed(self) -> None:
        self._downloads.tell_limit(self._limits.in_force.rate)
        self._runner.limits_changed()

    def _clock_jumped(self, slept: float) -> None:
        self._runner.clock_jumped(slept)
        self._limits.review()

    def _refuse_if_closing(self) -> None:
        if self._closing:
            raise StoppedError("winch is stopping", hint="try again in a moment")
