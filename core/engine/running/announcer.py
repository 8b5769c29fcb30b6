"""What happens to downloads, handed to the person's own programs and notices.

It hears of every step of the list, and of disks and runs of the queue; nobody waits for it.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence

from core.adapters.net.post import post
from core.adapters.net.tls import Trust
from core.adapters.state.catalog import Catalog
from core.adapters.system.clock import Clock
from core.domain.hooks import HookCall, HookEvent, LowDisk, QueueRun
from core.domain.models import Download, Status
from core.domain.settings import Settings
from core.engine.downloads.list import DownloadList
from core.engine.running.hooks import Hooks
from core.engine.running.low_disks import LowDisks
from core.engine.running.notifier import Notifier
from core.engine.running.queue_runs import QueueRuns

_EVENTS = {Status.COMPLETED: HookEvent.DONE, Status.FAILED: HookEvent.FAILED}


class Announcer:
    """Tells of what happens; `has_work` tells whether downloads go on.

    `changed` is called when `is_busy` may have changed. With `embedded`, what others left in the
    list is none of its business.
    """

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        downloads: DownloadList,
        clock: Clock,
        *,
        embedded: bool,
        has_work: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        self._downloads = downloads
        self._clock = clock
        self._embedded = embedded
        self._has_work = has_work
        self._changed = changed
        self._has_started = False
        self._trust = Trust()
        self.low_disks = LowDisks(clock, self._disk_is_low)
        self._hooks = Hooks(
            settings.hooks,
            catalog,
            downloads,
            os.environ,
            embedded=embedded,
            changed=self._look,
        )
        self._notifier = Notifier(
            settings.notify,
            downloads,
            post=self._post,
            host=platform.node().partition(".")[0],
            changed=changed,
        )
        self._runs = QueueRuns(
            catalog,
            downloads,
            clock,
            embedded=embedded,
            has_work=has_work,
            has_hooks=lambda: self._hooks.is_busy,
            began=self._hooks.begin_run,
            ended=self._queue_done,
            changed=changed,
        )
        downloads.on_step = self._stepped
        downloads.on_removed = self._removed

    @property
    def is_busy(self) -> bool:
        """Whether anything is still to be told, or about to be."""
        return self._hooks.is_busy or self._notifier.is_busy or self._runs.is_settling

    @property
    def waiting(self) -> int:
        """How many hooks wait for their turn."""
        return self._hooks.waiting

    def configure(self, settings: Settings) -> None:
        """Let other programs and another address hold from now on."""
        self._hooks.configure(settings.hooks)
        self._notifier.configure(settings.notify)

    def start(self) -> None:
        """Begin, once the list is in order."""
        self._has_started = True
        self._hooks.start()
        self._runs.start()

    def look(self) -> None:
        """Take in that work has come or gone."""
        self._runs.look()

    async def close(self) -> None:
        """Bring what runs to its end, within some seconds.

        A run of an embedded engine is over with its downloads, and all that follows is done here.
        """
        if self._embedded and not self._has_work():
            await self._hooks.drain()
            self._runs.settle_now()
            await self._hooks.drain()
        self._runs.close()
        await self._hooks.close()
        await self._notifier.close()

    def _look(self) -> None:
        self._runs.look()
        self._changed()

    def _stepped(self, before: Download, after: Download) -> None:
        self._runs.stepped(before, after)
        if (event := _EVENTS.get(after.status)) is not None:
            self._tell(event, after)
        elif after.status is Status.ACTIVE and before.started_at is None and self._has_started:
            self._tell(HookEvent.START, after)

    def _removed(self, downloads: Sequence[Download]) -> None:
        self._runs.removed(downloads)

    def _disk_is_low(self, disk: LowDisk) -> None:
        self._hand_on(HookCall(number=0, event=HookEvent.DISK_LOW, at=self._clock.now(), disk=disk))

    def _queue_done(self, run: QueueRun) -> None:
        self._downloads.tell_ended(run)
        self._hand_on(HookCall(number=0, event=HookEvent.QUEUE_DONE, at=self._clock.now(), run=run))

    def _tell(self, event: HookEvent, download: Download) -> None:
        error = download.error if event is HookEvent.FAILED else None
        at, id_ = self._clock.now(), download.id
        call = HookCall(number=0, event=event, at=at, download_id=id_, error=error)
        self._hand_on(call, download)

    def _hand_on(self, call: HookCall, about: Download | None = None) -> None:
        self._hooks.add(call, about)
        self._notifier.add(call, about)

    async def _post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> None:
        await post(url, headers, body, timeout=timeout, trust=self._trust)
