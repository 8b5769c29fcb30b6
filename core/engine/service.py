"""What a front end may ask of the downloads in this process: wiring, and one line per request.

It lives in one event loop. What a person asks for is decided in `requests/`, and what follows from
it in `running/`. What only reads the list or the history is asked of `downloads/`, upkeep and the
order of the queue of `running/` itself.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager

from core.adapters.files.browsing import Surroundings
from core.adapters.files.threads import run_to_end
from core.adapters.net.http import HttpClient
from core.adapters.net.network import Network
from core.adapters.state.stores import State
from core.adapters.system.clock import Clock
from core.adapters.system.log_file import LOG_NAME, tail
from core.domain.collections import (
    CollectionRecord,
)
from core.domain.errors import ErrorInfo, StoppedError, UsageError
from core.domain.events import Event
from core.domain.figures import ChangesSince, Figures
from core.domain.history import History, HistoryQuery, Statistics
from core.domain.inspection import Inspection
from core.domain.lifecycle import Action
from core.domain.machines import DirectoryView, Machine
from core.domain.models import DownloadRecord, DownloadRequest, DownloadView, Status
from core.domain.outcomes import AddedPortion, Outcome, Removal
from core.domain.service import (
    MOST_LOG_LINES,
    Changes,
    LimitChanges,
    Limits,
    MoveTo,
    ServiceStatus,
    SettingInForce,
)
from core.domain.settings import Settings
from core.domain.upkeep import Checkup, Cleanup
from core.domain.version import VERSION
from core.engine.collections.handlers import CollectionHandlers
from core.engine.collections.service import CollectionRequests
from core.engine.downloads.list import DownloadList
from core.engine.downloads.recorder import AttemptRecorder
from core.engine.requests.add import Adder
from core.engine.requests.change import Changer
from core.engine.requests.inspect import Inspector
from core.engine.requests.limits import LimitKeeper
from core.engine.requests.remove import Remover
from core.engine.requests.reverify import Reverifier
from core.engine.requests.settings import SettingsKeeper
from core.engine.running.announcer import Announcer
from core.engine.running.figures import FigureKeeper
from core.engine.running.forgetting import Forgetting
from core.engine.running.maintenance import Maintenance
from core.engine.running.runner import Runner
from core.engine.running.startup import Startup
from core.engine.running.wall_clock import WallClock
from core.engine.transfer.committer import Committer
from core.engine.transfer.context import TransferContext
from core.policy.request_rules import check_query
from core.policy.transfer.host_budget import HostBudget
from core.policy.transfer.rate import RateWindow
from core.policy.transfer.throttle import TokenBucket


class Engine(CollectionRequests):
    """Implements `DownloadService`, which says what each request does and raises.

    With `embedded`, only downloads that were admitted run. `read_settings` is called to read the
    settings again, `environment` names those (`limits.rate`) that the process has from its
    environment, which does not change; `client_count` tells how many are connected.
    """

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
        self.read_settings: Callable[[], Settings] = lambda: settings
        self.environment: Collection[str] = ()
        self.client_count: Callable[[], int] = lambda: 0
        self.stop_requested = asyncio.Event()
        self._http = http
        self._log_file = state.directory / LOG_NAME
        self._embedded = embedded
        self._resume_data = state.resume_data
        self._downloads = downloads = DownloadList(state.catalog, clock)
        self._context = context = TransferContext(
            http=http,
            network=network or Network(),
            resume_data=state.resume_data,
            committer=Committer(state.catalog),
            clock=clock,
            limits=settings.limits,
            downloads=settings.downloads,
            host_budget=HostBudget(settings.limits.connections_per_host),
            rate_limit=TokenBucket(settings.limits.rate_bytes, clock.monotonic()),
            total_rate=RateWindow(clock.monotonic()),
        )
        self._recorder = recorder = AttemptRecorder(state.history, clock, context.host_memory)
        self._runner = runner = Runner(settings, downloads, context, recorder, embedded=embedded)
        self._adder = Adder(
            downloads,
            runner,
            clock,
            state.directory,
            self._refuse_if_closing,
            sources=context.sources,
        )
        self._changer = Changer(downloads, runner, state.resume_data)
        self._remover = Remover(downloads, runner, state, clock)
        self._handlers = CollectionHandlers(
            context,
            runner,
            downloads,
            adder=self._adder,
            changer=self._changer,
            remover=self._remover,
            settings=lambda: self.settings,
            on_work_change=self._tell_work_change,
        )
        self._inspector = Inspector(runner, context)
        self._surroundings = Surroundings()
        self._reverifier = Reverifier(downloads, clock, self._tell_work_change)
        self._limits = LimitKeeper(settings.limits, downloads, context, runner.reassign)
        downloads.on_collection = self._collection_changed
        self._settings = SettingsKeeper(settings, downloads, self._limits, self._obey)
        self._maintenance = Maintenance(state, downloads, clock)
        self.figure_keeper = FigureKeeper(downloads, runner, context, recorder, state)
        self._forgetting = Forgetting(
            downloads,
            recorder,
            clock,
            after=lambda: context.downloads.forget_done_seconds,
            kept=self._remover.brought_back,
        )
        self._announcer = Announcer(
            settings,
            state.catalog,
            downloads,
            clock,
            embedded=embedded,
            has_work=lambda: self.has_work,
            changed=self._tell_change_beside,
        )
        runner.queue.guards.low_disks = self._announcer.low_disks
        self.figure_keeper.hooks = lambda: self._announcer.waiting
        runner.on_work_change = self._tell_work_change
        self._on_work_change: Callable[[], None] = lambda: None
        self._startup = Startup(downloads, runner.completion, recorder, context, embedded=embedded)
        self._wall_clock = WallClock(clock, self._clock_jumped)
        self._started_at = clock.now()
        self._closing = False

    # -- for the process it lives in --------------------------------------------------------------

    async def start(self) -> None:
        """Load what was there before and begin to work it off; raises StateError."""
        self._downloads.notices.extend(await self._recorder.start())
        await self._startup.run()
        await self._handlers.start()
        self._limits.obey(self.settings.limits)
        for download in self._downloads.ordered():
            self._runner.queue.take_up(download)
        self._maintenance.started(self._startup.steps, is_list_whole=self._startup.is_list_whole)
        if not self._embedded:
            self._forgetting.start()
        self._wall_clock.start()
        self.figure_keeper.start(self.settings.metrics, is_busy=lambda: self._is_watched)
        if not self._embedded:
            self._handlers.read_on()
        self._announcer.start()

    async def close(self) -> None:
        """Stop all transfers, with what they have recorded, and write the state; idempotent."""
        if self._closing:
            return
        self._closing = True
        await self._wall_clock.close()
        await self._handlers.close()
        await self._maintenance.close()
        await self.figure_keeper.close()
        await self._forgetting.close()
        self._limits.close()
        # What ran beside the downloads ends beside them; a container may not wait for it.
        ending = asyncio.create_task(self._announcer.close())
        try:
            await self._reverifier.close()
            await self._runner.close()
        finally:
            try:
                await self._resume_data.close()
                await self._recorder.close()
                await self._http.close()
            finally:
                await ending
                await self._downloads.close()

    async def add_own(self, requests: Sequence[DownloadRequest]) -> list[DownloadRecord]:
        """Do as `add`, and let these downloads run in an embedded engine, which holds all others.

        Raises as `add`.
        """
        return await self._adder.add(requests, admit=True)

    @property
    def settings(self) -> Settings:
        """Those that it was started with, or that were read last."""
        return self._settings.current

    @property
    def has_work(self) -> bool:
        """Whether anything runs, waits for its turn or waits to be tried again."""
        return self._runner.has_work or self._is_busy_beside

    @property
    def is_busy(self) -> bool:
        """Whether there is work, or somebody is still to be told of it."""
        return self.has_work or self._announcer.is_busy

    @property
    def _is_busy_beside(self) -> bool:
        """Whether anything goes on that is no download."""
        return self._reverifier.is_busy or self._handlers.is_busy

    @property
    def _is_watched(self) -> bool:
        """Whether it matters to anybody how soon something is done."""
        return self.has_work or self._downloads.bus.has_subscribers

    def on_work_change(self, callback: Callable[[], None]) -> None:
        """Have `callback` called whenever `has_work` or `is_busy` may have changed."""
        self._on_work_change = callback

    def _tell_work_change(self) -> None:
        self._announcer.look()
        self._on_work_change()

    def _tell_change_beside(self) -> None:
        self._on_work_change()

    def _obey(self, settings: Settings) -> None:
        self._context.downloads = settings.downloads
        self._forgetting.look()
        self._runner.queue.configure(settings)
        self._limits.obey(settings.limits)
        self.figure_keeper.obey(settings.metrics)
        self._announcer.configure(settings)

    def _collection_changed(self, name: str, collection: CollectionRecord | None) -> None:
        self._limits.obey_group(name, None if collection is None else collection.limit)

    def _clock_jumped(self, slept: float) -> None:
        self._runner.queue.clock_jumped(slept)
        self._limits.review()

    def _refuse_if_closing(self) -> None:
        if self._closing:
            raise StoppedError("winch is stopping", hint="try again in a moment")

    # -- DownloadService: what it tells -----------------------------------------------------------

    async def downloads(self) -> Sequence[DownloadView]:
        return self._downloads.views()

    async def find(self, download_id: str) -> DownloadView:
        return self._downloads.view(download_id)

    async def inspect(self, download_id: str) -> Inspection:
        (found,) = self._downloads.resolve([download_id])
        return await self._inspector.inspect(found)

    async def status(self) -> ServiceStatus:
        totals = self._runner.progress.totals()
        return ServiceStatus(
            version=VERSION,
            pid=os.getpid(),
            started_at=self._started_at,
            embedded=self._embedded,
            counts={status.value: self._downloads.sums.counts[status] for status in Status},
            rate=totals.rate,
            clients=self.client_count(),
            paused=self._downloads.paused,
            totals=totals,
            notices=tuple(self._downloads.notices),
            waiting=self._downloads.sums.waiting(),
        )

    async def figures(self) -> Figures:
        return await self.figure_keeper.figures()

    async def changes_since(self, life: str, revision: int) -> ChangesSince:
        return self._downloads.changes_since(life, revision)

    async def settings_in_force(self) -> list[SettingInForce]:
        return self._settings.in_force(self.environment)

    async def history(self, query: HistoryQuery) -> History:
        check_query(query)
        return await self._recorder.history(query)

    async def statistics(self, days: int) -> Statistics:
        return await self._recorder.statistics(days)

    async def checkup(self) -> Checkup:
        return await self._maintenance.checkup()

    async def tail_log(self, lines: int) -> list[str]:
        if lines < 1:
            raise UsageError("the end of the log has a line at least")
        return await run_to_end(tail, self._log_file, min(lines, MOST_LOG_LINES))

    async def machine(self) -> Machine:
        return self._surroundings.machine(self.settings.downloads.directory)

    async def browse(self, path: str, prefix: str = "") -> DirectoryView:
        return await self._surroundings.browse(self.settings.downloads.directory, path, prefix)

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        return self._downloads.bus.subscribe()

    # -- DownloadService: what it is asked to do --------------------------------------------------

    async def add(self, requests: Sequence[DownloadRequest]) -> list[DownloadRecord]:
        return await self._adder.add(requests)

    async def add_many(
        self, requests: Sequence[DownloadRequest], *, more: bool = False
    ) -> AddedPortion:
        return await self._adder.add_many(requests, more=more)

    async def add_new(
        self, requests: Sequence[DownloadRequest], *, more: bool = False
    ) -> list[str]:
        return await self._adder.add_new(requests, more=more)

    async def make_directories(self, root: str, directories: Sequence[str]) -> dict[str, ErrorInfo]:
        wrong = await self._adder.make_directories(root, directories)
        return {directory: error.info() for directory, error in wrong.items()}

    async def pause(self, ids: Sequence[str] | None) -> Outcome:
        return await self._take(Action.PAUSE, ids)

    async def resume(self, ids: Sequence[str] | None) -> Outcome:
        return await self._take(Action.RESUME, ids, Status.PAUSED)

    async def retry(self, ids: Sequence[str] | None) -> Outcome:
        return await self._take(Action.RETRY, ids, Status.FAILED)

    async def cancel(self, ids: Sequence[str] | None) -> Outcome:
        return await self._take(Action.CANCEL, ids)

    async def _take(
        self, action: Action, ids: Sequence[str] | None, meant: Status | None = None
    ) -> Outcome:
        self._refuse_if_closing()
        return await self._changer.take(action, ids, meant)

    async def start_fresh(self, ids: Sequence[str]) -> Outcome:
        return await self._changer.start_fresh(self._chosen(ids))

    async def start_now(self, ids: Sequence[str]) -> Outcome:
        return await self._changer.start_now(self._chosen(ids))

    async def hold(self, paused: bool) -> None:
        self._refuse_if_closing()
        await self._changer.hold(paused)

    async def expedite(self, ids: Sequence[str]) -> None:
        self._runner.queue.expedite([download.id for download in self._chosen(ids)])

    async def move(self, ids: Sequence[str], to: MoveTo | int) -> Outcome:
        return await self._changer.move(self._downloads.resolve(ids), to)

    async def set(self, ids: Sequence[str], changes: Changes) -> Outcome:
        return await self._changer.set(self._chosen(ids), changes)

    async def replace_url(self, download_id: str, url: str) -> Outcome:
        (found,) = self._chosen([download_id])
        self._context.sources.check_url(url)
        return await self._changer.replace_url(found, url)

    async def remove(
        self, ids: Sequence[str] | None, *, files: bool = False, dry_run: bool = False
    ) -> Removal:
        chosen = self._chosen(ids)
        if dry_run:
            return await self._remover.would_remove(chosen, files=files)
        await self._handlers.publisher.settled(*{d.request.group for d in chosen})
        removal = await self._remover.remove(chosen, files=files)
        # What it lacked may be gone.
        self._handlers.publisher.look_at_all()
        return removal

    async def restore(self, ids: Sequence[str]) -> Outcome:
        self._refuse_if_closing()
        return await self._remover.restore(ids)

    async def verify(self, ids: Sequence[str]) -> Outcome:
        chosen = self._chosen(ids)
        # What is about to get its name is looked at where it is then.
        await self._handlers.publisher.settled(*{d.request.group for d in chosen})
        return await self._reverifier.verify(chosen)

    async def limit(self, changes: LimitChanges) -> Limits:
        if changes != LimitChanges():
            self._refuse_if_closing()
            await self._limits.change(changes)
        return self._limits.in_force

    async def reload(self) -> list[str]:
        self._refuse_if_closing()
        return await self._settings.reload(self.read_settings)

    async def clear_history(self) -> int:
        return await self._recorder.clear()

    async def clean(self, *, dry_run: bool, only: Sequence[str] | None = None) -> Cleanup:
        return await self._maintenance.clean(dry_run=dry_run, only=only)

    async def shutdown(self) -> None:
        self.stop_requested.set()

    def _chosen(self, ids: Sequence[str] | None) -> list[DownloadRecord]:
        """Return the downloads that are named (None: all), unless the engine is being closed."""
        self._refuse_if_closing()
        return self._downloads.ordered() if ids is None else self._downloads.resolve(ids)
