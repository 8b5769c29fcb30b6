"""Members that their source names no longer: they leave, or are deleted where that was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from core.adapters.files.below import remove_empty
from core.domain.collections import CollectionRecord
from core.domain.entries import Refused
from core.domain.models import DownloadRecord, Status
from core.engine.collections.disk import look_at
from core.engine.downloads.list import DownloadList
from core.engine.requests.remove import Remover
from core.policy.collections.members import root_of

_AT_ONCE = 500
"""Members that are deleted at once."""


class VanishedMembers:
    """Some members of a collection by their ids; in a `dry_run` all stay and are counted."""

    def __init__(
        self,
        downloads: DownloadList,
        remover: Remover,
        collection: CollectionRecord,
        ids: Sequence[str],
        *,
        dry_run: bool,
    ) -> None:
        self._downloads = downloads
        self._remover = remover
        self._collection = collection
        self._ids = ids
        self._dry_run = dry_run

    async def paths(self) -> list[str]:
        """Return their paths, sorted."""
        paths: list[str] = []
        for chosen in self._portions():
            paths += map(self._collection.path_of, chosen)
            await asyncio.sleep(0)
        return sorted(paths)

    async def delete(self, deleted: Callable[[str], None], kept: Callable[[Refused], None]) -> None:
        """Take them off the list and delete what is as winch left it.

        `deleted` hears the path of each file that went, `kept` of each that stays.
        """
        collection = self._collection
        directories: set[str] = set()
        for members in self._portions():
            chosen = [member for member in members if member.request.group == collection.name]
            directories |= {member.request.directory for member in chosen}
            if self._dry_run:
                removal = await self._remover.would_remove(chosen, files=True)
            else:
                removal = await self._remover.remove(chosen, files=True)
            for path in removal.deleted_files:
                deleted(collection.path_below(path))
            for file in removal.kept:
                path = collection.path_below(file.path)
                kept(Refused(where=path, reason=file.reason, code="not_allowed"))
        if not self._dry_run:
            for root in {collection.directory, root_of(collection)}:
                await remove_empty(root, directories)

    async def let_go(self) -> set[str]:
        """Let those leave that failed and have no file; return the paths of these.

        Nothing of them is there to be kept, and nobody can mend what nothing names: they would keep
        the others from being whole.
        """
        paths: set[str] = set()
        for members in self._portions():
            empty = [
                member
                for member in members
                if member.request.group == self._collection.name
                and member.status in (Status.FAILED, Status.CANCELLED)
                and member.part is None
            ]
            if not empty:
                continue
            files = await look_at(empty)
            gone = [member for member in empty if member.id in files and files[member.id] is None]
            paths |= {self._collection.path_of(member) for member in gone}
            if gone and not self._dry_run:
                await self._remover.remove(gone, files=False)
        return paths

    def _portions(self) -> Iterator[Sequence[DownloadRecord]]:
        for start in range(0, len(self._ids), _AT_ONCE):
            yield self._downloads.current(self._ids[start : start + _AT_ONCE])
