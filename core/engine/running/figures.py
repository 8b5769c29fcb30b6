"""What the service measures of itself, put together when somebody asks.

Whoever does the work counts as it goes, which costs an addition; everything else is looked up here,
so that figures which nobody reads cost nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from core.adapters.files.disk import file_systems
from core.adapters.files.sync_times import SYNC_TIMES
from core.adapters.files.threads import BACKLOG
from core.adapters.files.writer import writes_waiting
from core.adapters.state.stores import State
from core.adapters.system.usage import process_figures
from core.domain.figures import (
    MOST_COSTS,
    MOST_DISKS,
    ClientFigures,
    DiskFigures,
    DownloadCost,
    DurationCounter,
    Figures,
    ProcessFigures,
)
from core.domain.models import Status
from core.domain.settings import MetricsSettings
from core.domain.version import VERSION
from core.engine.downloads.list import DownloadList
from core.engine.downloads.recorder import AttemptRecorder
from core.engine.running.loop_lag import LoopLag
from core.engine.running.metrics_file import MetricsFile
from core.engine.running.runner import Runner
from core.engine.transfer.context import TransferContext
from core.engine.transfer.transfer import Transfer

_PATIENCE = 1.0
"""Seconds that a disk has to tell its room; from one that hangs the last answer is told."""


@dataclass(slots=True)
class _Account:
    """What a transfer has been charged of the loop's time, and how far it was then."""

    transfer: Transfer
    received: int = 0
    loop: float = 0.0


class FigureKeeper:
    """Tells the figures of an engine, to whoever asks and in a file; `clients` says who asks."""

    def __init__(
        self,
        downloads: DownloadList,
        runner: Runner,
        context: TransferContext,
        recorder: AttemptRecorder,
        state: State,
    ) -> None:
        self.clients: Callable[[], ClientFigures] = ClientFigures
        self.hooks: Callable[[], int] = lambda: 0
        self._downloads = downloads
        self._runner = runner
        self._context = context
        self._recorder = recorder
        self._state = state
        self._started_at = context.clock.now()
        self._lag = DurationCounter()
        self._loop_lag: LoopLag | None = None
        self._file = MetricsFile(self.figures, downloads.notices)
        self._accounts: dict[str, _Account] = {}
        self._charged = 0.0
        self._received = 0
        self._directories: dict[str, None] = {}
        """Where downloads ran lately, the last at the end."""
        self._disks: tuple[DiskFigures, ...] = ()
        self._looking: asyncio.Task[tuple[DiskFigures, ...]] | None = None

    def start(self, settings: MetricsSettings, *, is_busy: Callable[[], bool]) -> None:
        """Begin to measure, and to write the file that is wanted."""
        # What came before is no download's.
        self._charged = process_figures().loop_cpu
        self._loop_lag = LoopLag(self._lag, is_busy=is_busy)
        self._loop_lag.start()
        self._file.write_to(settings.file)
        self._file.start()

    def obey(self, settings: MetricsSettings) -> None:
        """Write another file from now on."""
        self._file.write_to(settings.file)

    async def figures(self) -> Figures:
        """Return everything as it is now."""
        disks = await self._look_at_disks()
        process = process_figures()
        counters, recorder = self._context.counters, self._recorder
        document, sums = self._state.catalog.document, self._downloads.sums
        return Figures(
            at=self._context.clock.now(),
            version=VERSION,
            started_at=self._started_at,
            counts={status.value: sums.counts[status] for status in Status},
            rate=self._runner.progress.totals().rate,
            limit=self._downloads.limit,
            connections=self._context.open_connections,
            received=counters.received,
            fetched_twice=dict(counters.fetched_twice),
            ended=dict(recorder.ended),
            failures=dict(recorder.failures),
            retries=dict(recorder.retries),
            restarts=counters.restarts,
            disks=disks,
            lag=self._lag.durations,
            syncs=SYNC_TIMES.durations,
            state_writes={
                "journal": document.appends,
                "list": document.rewrites,
                "resume_data": self._state.resume_data.saves,
            },
            queues={
                "thread": BACKLOG.waiting,
                "written": writes_waiting(),
                "checkpoint": sum(transfer.is_recording for transfer in self._runner.running),
                "journal": document.unsaved,
                "events": self._downloads.bus.backlog,
                "hooks": self.hooks(),
            },
            clients=self.clients(),
            process=process,
            costs=self._costs(process),
        )

    async def close(self) -> None:
        """Measure no more, and say so in the file."""
        if self._loop_lag is not None:
            self._loop_lag.stop()
        await self._file.close()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def _costs(self, process: ProcessFigures) -> tuple[DownloadCost, ...]:
        """Charge those that run for the time since the last look, and return what they cost."""
        spent, received = process.loop_cpu - self._charged, self._context.counters.received
        came = received - self._received
        self._charged, self._received = process.loop_cpu, received
        accounts: dict[str, _Account] = {}
        for id_, transfer in self._runner.transfers.items():
            account = self._accounts.get(id_)
            if account is None or account.transfer is not transfer:
                account = _Account(transfer)
            if came:
                account.loop += spent * min(1.0, (transfer.received - account.received) / came)
            account.received = transfer.received
            accounts[id_] = account
        self._accounts = accounts
        dearest = sorted(
            accounts, key=lambda id_: accounts[id_].loop + accounts[id_].transfer.cpu_seconds
        )
        return tuple(self._cost(id_, accounts[id_]) for id_ in dearest[: -MOST_COSTS - 1 : -1])

    def _cost(self, download_id: str, account: _Account) -> DownloadCost:
        transfer = account.transfer
        return DownloadCost(
            id=download_id,
            name=self._downloads[download_id].name,
            threads=transfer.cpu_seconds,
            loop=account.loop,
            received=transfer.received,
            rate=transfer.rate,
            connections=transfer.connections,
        )

    async def _look_at_disks(self) -> tuple[DiskFigures, ...]:
        for id_ in self._runner.transfers:
            directory = self._downloads[id_].request.directory
            self._directories.pop(directory, None)
            self._directories[directory] = None
        for directory in list(self._directories)[: -4 * MOST_DISKS]:
            del self._directories[directory]
        if self._looking is None or self._looking.done():
            directories = list(self._directories)
            # Abandoned where it hangs: the end of the service waits for no disk.
            look = asyncio.to_thread(file_systems, directories)
            self._looking = asyncio.create_task(look)
        # Meanwhile somebody else may have begun the next look, or ended this one.
        looking = self._looking
        await asyncio.wait([looking], timeout=_PATIENCE)
        if looking.done() and not looking.cancelled():
            self._disks = looking.result()
        return self._disks
