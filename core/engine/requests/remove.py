"""What goes off the list, with its files where that is asked, and what of it comes back.

Only what is as winch left it is deleted. Who wants a download back gets it with all that was known
of it, for as long as the engine lives.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from core.adapters.files import own_files
from core.adapters.files.own_files import FoundFile, OwnFile
from core.adapters.state.left_parts import LeftPart
from core.adapters.state.stores import State
from core.adapters.system.clock import Clock
from core.domain.errors import AmbiguousIdError, NotAllowedError, UnknownIdError, WinchError
from core.domain.models import DownloadRecord, PartIdentity, Progress, ResumeRecord, Status
from core.domain.outcomes import KeptFile, Outcome, Refusal, Removal
from core.domain.service import MOST_REMOVED
from core.domain.value import Value, replace
from core.engine.downloads.list import DownloadList
from core.engine.running.runner import Runner


class _Removed(Value, frozen=True):
    download: DownloadRecord
    progress: Progress
    record: ResumeRecord | None


class _Owned(Value, frozen=True):
    """A file of a download as it should be, and as it was found."""

    download: DownloadRecord
    file: OwnFile
    found: FoundFile


class Remover:
    """Takes downloads off the list and brings them back with all that was known of them.

    Their resume data leaves the disk with them: it is kept here, in memory.
    """

    def __init__(self, downloads: DownloadList, runner: Runner, state: State, clock: Clock) -> None:
        self._downloads = downloads
        self._runner = runner
        self._queue = runner.queue
        self._resume_data = state.resume_data
        self._left = state.left
        self._clock = clock
        # None for one whose files went with it.
        self._removed: OrderedDict[str, _Removed | None] = OrderedDict()
        self.brought_back: set[str] = set()
        """The ids of those that somebody wanted back."""

    async def remove(self, chosen: Sequence[DownloadRecord], *, files: bool) -> Removal:
        # None of them may get its turn while others are being stopped.
        self._queue.forget(d.id for d in chosen)
        await self._runner.halt(d.id for d in chosen)
        removed = self._downloads.current(d.id for d in chosen)
        owned = await self._look(removed)
        # Before the list: whatever comes between, someone knows whose they are.
        await self._left.put(self._left_parts(owned))
        progress = {d.id: self._downloads.progress_of(d.id) for d in removed}
        self._queue.forget(d.id for d in removed)
        self._downloads.remove(removed)
        try:
            await self._downloads.flush()
        except WinchError as error:
            # What could not be stored did not happen: it is in the list, and can be tried again.
            text = f"not removed: {error.message}"
            for download in removed:
                back = self._enter(_Removed(download, progress[download.id], None), text)
                self._queue.enqueue(back)
            raise
        for download in removed:
            if files:
                self._put(download.id, None)
            else:
                record = await self._resume_data.load(download.id)
                self._put(download.id, _Removed(download, progress[download.id], record))
        await self._resume_data.delete(*(download.id for download in removed))
        return _removal(removed, await self._delete(owned) if files else owned, files=files)

    async def would_remove(self, chosen: Sequence[DownloadRecord], *, files: bool) -> Removal:
        """Tell what `remove` would do by now."""
        return _removal(chosen, await self._look(chosen), files=files)

    async def restore(self, ids: Sequence[str]) -> Outcome:
        refused: list[Refusal] = []
        taken: list[_Removed] = []
        for id_ in dict.fromkeys(ids):
            try:
                taken.append(await self._take_out(self._find(id_)))
            except WinchError as error:
                refused.append(Refusal(id=id_, error=error.info()))
        await self._left.forget([removed.download.id for removed in taken])
        added = [self._enter(removed, "brought back") for removed in taken]
        try:
            await self._downloads.flush()
        except WinchError:
            # What could not be stored is not in the list, and can be tried again.
            self._downloads.remove([d for d in added if d.id in self._downloads])
            for removed in taken:
                self._put(removed.download.id, removed)
            raise
        for download in [d for d in added if d.id in self._downloads]:
            self._queue.take_up(download)
        changed = tuple(self._downloads.current(d.id for d in added))
        self.brought_back.update(d.id for d in changed)
        return Outcome(changed=changed, refused=tuple(refused))

    async def _look(self, downloads: Sequence[DownloadRecord]) -> list[_Owned]:
        """Return the files of downloads that are there, and whether they are as they were left."""
        owned = []
        for download in downloads:
            if download.part is not None:
                record = await self._resume_data.load(download.id)
                owned.append((download, _own_file(download, download.part, record)))
        found = await own_files.find([own for _, own in owned])
        return [_Owned(d, own, f) for (d, own), f in zip(owned, found, strict=True) if f]

    def _left_parts(self, owned: Sequence[_Owned]) -> list[LeftPart]:
        now = self._clock.now()
        return [
            LeftPart(
                id=each.download.id,
                directory=each.file.directory,
                name=each.file.name,
                identity=each.file.identity,
                size=each.found.size,
                stamp=each.found.stamp,
                at=now,
            )
            for each in owned
            if not each.file.is_whole and each.found.path == each.file.path
            if not each.found.reason.startswith(own_files.CHANGED)
        ]

    async def _delete(self, owned: Sequence[_Owned]) -> list[_Owned]:
        """Delete files one by one, and return those that were there with why they still are."""
        ended, gone = [], set()
        for each in owned:
            reason = each.found.reason or await own_files.delete(each.file) or ""
            if not reason:
                gone.add(each.download.id)
            ended.append(replace(each, found=replace(each.found, reason=reason)))
        await self._left.forget(gone)
        return ended

    async def _take_out(self, download_id: str) -> _Removed:
        """Take a download out, with its resume data on disk; raises NotAllowedError, StateError."""
        removed = self._removed[download_id]
        if removed is None:
            raise NotAllowedError(
                "its files were deleted with it", hint="add its URL again to fetch it anew"
            )
        if not self._downloads.is_free(download_id):
            raise NotAllowedError("another download has its id by now", hint="add its URL again")
        del self._removed[download_id]
        if removed.record is not None:
            try:
                # Before the list: a part file without its record would be emptied.
                await self._resume_data.save(removed.record)
            except WinchError:
                self._put(download_id, removed)
                raise
        return removed

    def _enter(self, removed: _Removed, text: str) -> DownloadRecord:
        download = removed.download
        if download.status is Status.ACTIVE:
            download = download.replace(status=Status.PENDING, phase=None)
        download = self._downloads.add(download, text)
        progress = removed.progress
        self._downloads.settle(download.id, progress.bytes_downloaded, progress.updated_at)
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

    def _put(self, download_id: str, removed: _Removed | None) -> None:
        self._removed[download_id] = removed
        self._removed.move_to_end(download_id)
        while len(self._removed) > MOST_REMOVED:
            self._removed.popitem(last=False)


def _own_file(
    download: DownloadRecord, identity: PartIdentity, record: ResumeRecord | None
) -> OwnFile:
    """Return what is known of the file of a download."""
    is_whole = download.status is Status.COMPLETED
    total = download.total_bytes
    claimed = record.done[-1].end if record is not None and record.done else 0
    return OwnFile(
        directory=download.request.directory,
        name=download.name,
        identity=identity,
        is_whole=is_whole,
        least=(total if is_whole else claimed) or 0,
        most=total,
        stamp=download.left,
        is_final=is_whole,
    )


def _removal(removed: Sequence[DownloadRecord], owned: Sequence[_Owned], *, files: bool) -> Removal:
    every = [each.found for each in owned]
    if not files:
        paths = (f.path for f in every if not f.reason.startswith(own_files.CHANGED))
        return Removal(removed=tuple(removed), kept_files=tuple(paths))
    return Removal(
        removed=tuple(removed),
        deleted_files=tuple(f.path for f in every if not f.reason),
        deleted_bytes=sum(f.size for f in every if not f.reason),
        kept=tuple(KeptFile(path=f.path, reason=f.reason) for f in every if f.reason),
    )
