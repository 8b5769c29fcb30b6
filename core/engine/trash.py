"""What was taken off the list, for those who want it back: for as long as the engine lives."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from core.adapters.destination import delete, find_own
from core.adapters.resume_data import ResumeStore
from core.domain.errors import AmbiguousIdError, NotAllowedError, UnknownIdError, WinchError
from core.domain.models import DownloadRecord, Progress, ResumeRecord, Status
from core.domain.service import MOST_REMOVED, Outcome, Refusal, Removal
from core.engine.ledger import Ledger
from core.engine.runner import Runner


@dataclass(frozen=True, slots=True)
class _Removed:
    download: DownloadRecord
    progress: Progress
    record: ResumeRecord | None


class Trash:
    """Takes downloads off the list and brings them back with all that was known of them.

    Their resume data leaves the disk with them: it is kept here, in memory.
    """

    def __init__(self, ledger: Ledger, runner: Runner, resume_data: ResumeStore) -> None:
        self._ledger = ledger
        self._queue = ledger.queue
        self._runner = runner
        self._resume_data = resume_data
        # None for one whose files went with it.
        self._removed: OrderedDict[str, _Removed | None] = OrderedDict()

    async def remove(self, chosen: Sequence[DownloadRecord], *, files: bool) -> Removal:
        """Take downloads off the list; see `DownloadService.remove`."""
        # None of them may get its turn while others are being stopped.
        self._runner.forget(d.id for d in chosen)
        await self._runner.halt(d.id for d in chosen)
        removed = [self._queue[d.id] for d in chosen if d.id in self._queue]
        progress = {d.id: self._ledger.progress_of(d.id) for d in removed}
        self._runner.forget(d.id for d in removed)
        self._ledger.remove(removed)
        try:
            await self._ledger.flush()
        except WinchError as error:
            # What could not be stored did not happen: it is in the list, and can be tried again.
            text = f"not removed: {error.message}"
            for download in removed:
                back = self._enter(_Removed(download, progress[download.id], None), text)
                self._runner.enqueue(back)
            raise
        deleted, kept = [], []
        for download in removed:
            if files:
                self._put(download.id, None)
            else:
                record = await self._resume_data.load(download.id)
                self._put(download.id, _Removed(download, progress[download.id], record))
            await self._resume_data.delete(download.id)
            if download.part is None:
                continue
            # By identity: another download, or the person, may have a file of this name by now.
            is_whole = download.status is Status.COMPLETED
            path = await find_own(
                download.request.directory,
                download.name,
                download.part,
                size=download.total_bytes if is_whole else None,
            )
            if path is not None and files and await delete(path):
                deleted.append(path)
            elif path is not None:
                kept.append(path)
        return Removal(removed=tuple(removed), deleted_files=tuple(deleted), kept_files=tuple(kept))

    async def restore(self, ids: Sequence[str]) -> Outcome:
        """Bring downloads back; see `DownloadService.restore`."""
        refused: list[Refusal] = []
        taken: list[_Removed] = []
        for id_ in dict.fromkeys(ids):
            try:
                taken.append(await self._take_out(self._find(id_)))
            except WinchError as error:
                refused.append(Refusal(id=id_, error=error.info()))
        added = [self._enter(removed, "brought back") for removed in taken]
        try:
            await self._ledger.flush()
        except WinchError:
            # What could not be stored is not in the list, and can be tried again.
            self._ledger.remove([d for d in added if d.id in self._queue])
            for removed in taken:
                self._put(removed.download.id, removed)
            raise
        for download in [d for d in added if d.id in self._queue]:
            self._runner.take_up(download)
        changed = tuple(self._queue[d.id] for d in added if d.id in self._queue)
        return Outcome(changed=changed, refused=tuple(refused))

    async def _take_out(self, id_: str) -> _Removed:
        """Take a download out, with its resume data on disk; raises NotAllowedError, StateError."""
        removed = self._removed[id_]
        if removed is None:
            raise NotAllowedError(
                "its files were deleted with it", hint="add its URL again to fetch it anew"
            )
        if not self._queue.is_free(id_):
            raise NotAllowedError("another download has its id by now", hint="add its URL again")
        del self._removed[id_]
        if removed.record is not None:
            try:
                # Before the list: a part file without its record would be emptied.
                await self._resume_data.save(removed.record)
            except WinchError:
                self._put(id_, removed)
                raise
        return removed

    def _enter(self, removed: _Removed, text: str) -> DownloadRecord:
        download = removed.download
        if download.status is Status.ACTIVE:
            download = download.replace(status=Status.PENDING, phase=None)
        download = self._ledger.add(download, text)
        progress = removed.progress
        self._ledger.settle(download.id, progress.bytes_downloaded, progress.updated_at)
        return download

    def _find(self, prefix: str) -> str:
        if prefix in self._removed:
            return prefix
        matches = [id_ for id_ in self._removed if prefix and id_.startswith(prefix)]
        if not matches:
            raise UnknownIdError(
                f"no download with the id '{prefix}' was removed lately",
                hint=f"the last {MOST_REMOVED:,} are remembered until the daemon ends",
            )
        if len(matches) > 1:
            raise AmbiguousIdError(
                f"{len(matches)} removed downloads have an id that starts with '{prefix}'",
                hint="give more of its characters",
            )
        return matches[0]

    def _put(self, id_: str, removed: _Removed | None) -> None:
        self._removed[id_] = removed
        self._removed.move_to_end(id_)
        while len(self._removed) > MOST_REMOVED:
            self._removed.popitem(last=False)
