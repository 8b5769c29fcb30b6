"""The members of collections as they join and end, and what becomes of each as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.domain.collections import Collection, CollectionState, CollectionView
from core.domain.errors import ErrorCode, ExitCode, UnknownIdError
from core.domain.events import CollectionsChanged, Event, Snapshot
from core.domain.models import Download, Status
from core.domain.service import DownloadService
from core.domain.value import replace
from tui.cli.following import Following
from tui.cli.terminal import say
from tui.text.collection_report import shortcoming

_GOING_ON = frozenset({CollectionState.READING, CollectionState.PUBLISHING})


class CollectionFollowing(Following):
    """All members of some collections, those too that join meanwhile."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(())
        self._names = frozenset(names)
        self._collections: dict[str, Collection] | None = None

    def apply(self, event: Event) -> list[Download]:
        match event:
            case Snapshot(collections=collections):
                self._collections = {}
                self._take(collections)
            case CollectionsChanged(collections=collections, removed=removed):
                self._take(collections)
                for name in removed:
                    (self._collections or {}).pop(name, None)
        return super().apply(event)

    @property
    def is_done(self) -> bool:
        """Whether nothing more happens by itself to any of them."""
        if not super().is_done or self._collections is None:
            return False
        return not any(map(self._goes_on, self._collections.values()))

    def _as_told(self, download: Download) -> Download:
        """Return a download that gathers out of sight with its path within the whole.

        It is not under its final name yet, and where it is now nobody will find it.
        """
        collection = (self._collections or {}).get(download.request.group or "")
        if collection is None or not collection.is_hidden:
            return download
        above, _, _ = collection.path_of(download).rpartition("/")
        return download.replace(
            request=replace(download.request, directory=f"./{above}".rstrip("/"))
        )

    def _take(self, collections: Iterable[Collection]) -> None:
        if self._collections is not None:
            self._collections |= {
                each.name: each for each in collections if each.name in self._names
            }

    def _goes_on(self, collection: Collection) -> bool:
        if collection.state in _GOING_ON:
            # Where its source could not be read, that is tried again some time.
            return collection.trouble is None
        if not collection.together or collection.state is CollectionState.PUBLISHED:
            return False
        # Proved by now, and about to get its name.
        lacks = collection.refused_count or collection.trouble is not None
        members = [d for d in self if d.request.group == collection.name]
        return not lacks and all(d.status is Status.COMPLETED and d.error is None for d in members)

    def _update(self, downloads: Iterable[Download]) -> list[Download]:
        downloads = list(map(self._as_told, downloads))
        for download in downloads:
            if download.request.group in self._names and not self.knows(download.id):
                self.join(download)
        return super()._update(downloads)


async def exit_code(service: DownloadService, names: Sequence[str]) -> int:
    """Say what each collection lacks, and return the status of the first that lacks anything."""
    codes = []
    for name in names:
        try:
            view = await service.collection(name)
        except UnknownIdError:
            say(f"{name}: taken off the list")
            codes.append(ExitCode.UNFINISHED)
            continue
        if not view.is_whole:
            say(shortcoming(view))
        codes.append(_code(view))
    return next(filter(None, codes), ExitCode.OK)


def _code(view: CollectionView) -> int:
    if view.is_whole:
        return ExitCode.OK
    if view.collection.trouble is not None:
        return view.collection.trouble.code.exit_status
    codes = set(ErrorCode)
    for cause in view.causes:
        if cause.code in codes:
            return ErrorCode(cause.code).exit_status
    return ExitCode.UNFINISHED if sum(view.verdicts.values()) else ExitCode.OTHER
