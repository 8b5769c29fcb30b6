"""What an engine consists of: its parts put together, told of each other, started and ended.

It lives in one event loop, and this is what the process around it knows of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from core.adapters.files.browsing import Surroundings
from core.adapters.net.http import HttpClient
from core.adapters.net.network import Network
from core.adapters.state.stores import State
from core.adapters.system.clock import Clock
from core.adapters.system.log_file import LOG_NAME
from core.domain.collections import CollectionRecord
from core.domain.errors import StoppedError
from core.domain.models import DownloadRecord, DownloadRequest
from core.domain.settings import Settings
from core.engine.collections.handlers import CollectionHandlers
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
from core.policy.transfer.host_budget import HostBudget
from core.policy.transfer.rate import RateWindow
from core.policy.transfer.throttle import TokenBucket


class EngineParts:
    """The parts of an engine, by the names that its requests have for them.

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
