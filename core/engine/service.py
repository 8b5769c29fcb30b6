"""What a front end may ask of the downloads in this process: one line per request.

What a person asks for is decided in `requests/`, and what follows from it in `running/`. What only
reads the list or the history is asked of `downloads/`, upkeep and the order of the queue of
`running/` itself.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

from core.adapters.files.threads import run_to_end
from core.adapters.system.log_file import tail
from core.domain.errors import ErrorInfo, UsageError
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
from core.domain.upkeep import Checkup, Cleanup
from core.domain.version import VERSION
from core.engine.collections.service import CollectionRequests
from core.engine.parts import EngineParts
from core.policy.request_rules import check_query


class Engine(EngineParts, CollectionRequests):
    """Implements `DownloadService`, which says what each request does and raises."""

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
