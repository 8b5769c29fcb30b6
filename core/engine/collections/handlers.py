"""All that collections take, put together: reading, gathering, comparing, reporting, changing."""

from __future__ import annotations

from collections.abc import Callable

from core.domain.settings import Settings
from core.engine.collections.change import CollectionChanger
from core.engine.collections.collector import Collector
from core.engine.collections.reading import SourceReader
from core.engine.collections.refetch import Refetcher
from core.engine.collections.report import Reporter
from core.engine.collections.sync import Syncer
from core.engine.collections.sync_run import SyncHands
from core.engine.collections.together import Publisher
from core.engine.downloads.list import DownloadList
from core.engine.requests.add import Adder
from core.engine.requests.change import Changer
from core.engine.requests.remove import Remover
from core.engine.running.runner import Runner
from core.engine.transfer.context import TransferContext


class CollectionHandlers:
    """Whoever does something for collections, each knowing those that it needs.

    `on_work_change` is called when `is_busy` may have changed.
    """

    def __init__(
        self,
        context: TransferContext,
        runner: Runner,
        downloads: DownloadList,
        *,
        adder: Adder,
        changer: Changer,
        remover: Remover,
        settings: Callable[[], Settings],
        on_work_change: Callable[[], None],
    ) -> None:
        self.downloads = downloads
        self._on_work_change = on_work_change
        clock = context.clock
        reader = SourceReader(context, settings)
        self.publisher = Publisher(downloads, on_work_change, is_read=self._is_compared)
        self.collector = Collector(downloads, adder, clock, reader, changed=self.publisher.look)
        self.reporter = Reporter(downloads)
        self.syncer = Syncer(
            SyncHands(
                downloads=downloads,
                collector=self.collector,
                refetcher=Refetcher(downloads, runner, context),
                remover=remover,
                clock=clock,
            ),
            reader,
            context,
            settings,
            self._sync_changed,
        )
        self.changer = CollectionChanger(
            downloads,
            self.collector,
            self.syncer,
            self.publisher,
            changer=changer,
            remover=remover,
            context=context,
        )
        downloads.on_member = self.publisher.member_changed

    async def start(self) -> None:
        """Settle what was about to get its name when the engine ended."""
        await self.publisher.start()

    def read_on(self) -> None:
        """Go on reading what was being read when the engine ended."""
        self.collector.start()

    async def close(self) -> None:
        """Stop; what was not done to its end goes on at the next start."""
        await self.collector.close()
        await self.syncer.close()
        await self.publisher.close()

    @property
    def is_busy(self) -> bool:
        """Whether anything of it goes on."""
        return any(each.is_busy for each in (self.collector, self.syncer, self.publisher))

    def _is_compared(self, name: str) -> bool:
        return self.syncer.is_running(name)

    def _sync_changed(self) -> None:
        self.publisher.look_at_all()
        self._on_work_change()
