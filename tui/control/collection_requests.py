"""What a person asks of one collection as a whole, on the page of its own.

Nothing here changes the screen: what is shown changes when the service says that it has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from core.domain.collections import (
    Collection,
    CollectionChanges,
    SyncOptions,
    SyncPlan,
)
from core.domain.models import Status
from core.domain.outcomes import Outcome, Removal
from core.domain.service import DownloadService
from tui.control.applicable import is_unread
from tui.control.queue_requests import QueueRequests, ServiceCall, Tell
from tui.model.collection_sums import CauseKey
from tui.model.store import DownloadStore
from tui.text.fmt import counted
from tui.text.sync_words import sync_counts
from tui.text.verify_results import summary


class CollectionRequests:
    """Turns keys into requests about a collection that there is; `ask` sends them.

    `requests` are those of the list, where an undo is found whoever made the change.
    """

    def __init__(
        self,
        name: str,
        store: DownloadStore,
        requests: QueueRequests,
        ask: Callable[[ServiceCall], None],
        tell: Tell,
    ) -> None:
        self.name = name
        self._store = store
        self._requests = requests
        self._ask = ask
        self._tell = tell

    @property
    def collection(self) -> Collection | None:
        """The collection as it stands; None once it is gone."""
        return self._store.collections.get(self.name)

    @property
    def known(self) -> Mapping[str, Collection]:
        """All collections by their names."""
        return self._store.collections

    @property
    def pauses(self) -> bool:
        """Whether anything of it goes on by itself."""
        return self.collection is not None and self._requests.is_pausable(self.collection)

    @property
    def resumes(self) -> bool:
        """Whether it is paused, or any of its members."""
        return self.collection is not None and self._requests.is_resumable(self.collection)

    @property
    def lacking(self) -> list[str]:
        """The ids of all that is bad or missing."""
        return [id_ for ids in self._causes.values() for id_ in ids]

    @property
    def _causes(self) -> Mapping[CauseKey, Iterable[str]]:
        # A key may come before the page knows that its collection is gone.
        return self._store.members(self.name).lacking if self.collection is not None else {}

    @property
    def can_sync(self) -> bool:
        """Whether its source can be read again."""
        source = self.collection.source if self.collection is not None else None
        return source is not None and source.address != "-"

    def toggle_pause(self) -> None:
        """Pause all of it; where nothing goes on by itself, let it go on."""
        pauses = self.pauses
        self._ask(
            lambda service: service.change_collection(self.name, CollectionChanges(paused=pauses))
        )

    @property
    def is_unread(self) -> bool:
        """Whether its source could not be read and may be read again."""
        return self.collection is not None and is_unread(self.collection)

    def retry(self, cause: CauseKey) -> None:
        """Try again what is bad or missing for one cause."""
        ids = list(self._causes.get(cause, ()))

        async def retry(service: DownloadService) -> Outcome:
            outcome = await service.retry(ids)
            if outcome.changed:
                self._tell(f"{counted(len(outcome.changed), 'file')} tried again")
            return outcome

        if ids:
            self._ask(retry)

    def retry_all(self) -> None:
        """Try again all that is bad or missing, and read its source again if that failed."""
        unread = [self.collection] if self.collection is not None and self.is_unread else []
        self._requests.retry_these(self.lacking, unread)

    def verify(self) -> None:
        """Have its finished files read again and compared, and say how they are."""
        if (collection := self.collection) is None:
            return
        names = {
            download.id: collection.path_of(download)
            for download in self._store.by_id.values()
            if download.request.group == self.name and download.status is Status.COMPLETED
        }

        async def verify(service: DownloadService) -> None:
            for result in summary(await service.verify(list(names)), names):
                self._tell(result.text, wrong=result.is_wrong)

        if not names:
            self._tell("Nothing of it is whole yet.")
            return
        self._tell(f"Reading {counted(len(names), 'file')} again")
        self._ask(verify)

    def sync(self, *, delete_extra: bool) -> None:
        """Read its source again, fetch what that takes, and say what it came to."""

        async def sync(service: DownloadService) -> None:
            plan = await service.sync(self.name, SyncOptions(delete_extra=delete_extra))
            self._tell(f"{self.name}: {_came_to(plan)}")

        self._ask(sync)

    def set_limit(self, rate: int | None) -> None:
        """Give all members together a limit in bytes/s, or none."""
        self._requests.set_limit((), rate, [self.name])

    def raise_priority(self, step: int) -> None:
        """Raise its priority and that of its members; by less than 0, lower it."""
        if (collection := self.collection) is None:
            return
        members = [d for d in self._store.by_id.values() if d.request.group == self.name]
        self._requests.raise_priority_of(members, [collection], step)

    async def would_remove(self, service: DownloadService, *, files: bool) -> Removal:
        """Return what a removal would take away."""
        return await service.remove_collection(self.name, files=files, dry_run=True)

    def remove(self, *, files: bool) -> None:
        """Take it off the list with its members; with their files that is for good."""
        self._requests.remove((), files=files, collections=[self.name])


def _came_to(plan: SyncPlan) -> str:
    counts = sync_counts(plan)
    words = {"new": "new", "changed": "changed", "damaged": "damaged", "deleted": "deleted"}
    parts = [f"{counts[name]:,} {word}" for name, word in words.items() if counts[name]]
    if (left := counts["vanished"] - counts["deleted"]) > 0:
        parts.append(f"{left:,} no longer named by the source")
    return ", ".join(parts) or f"up to date, {counted(plan.unchanged, 'file')}"
