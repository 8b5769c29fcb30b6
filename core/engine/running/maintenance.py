"""Upkeep: what of the state may go by itself, at the start and daily, and what on request only.

Whatever is not proved to be ours and useless stays. After a start that could not read the whole
list nothing is touched at all: what looks orphaned then may belong to a download that was lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

from core.adapters.files import leftovers, own_files
from core.adapters.files.destination import unlink
from core.adapters.files.leftovers import Part, Stray
from core.adapters.files.own_files import FoundFile
from core.adapters.files.threads import run_to_end
from core.adapters.state.history_archive import HistoryArchive
from core.adapters.state.left_parts import LeftPart
from core.adapters.state.resume_data import Orphan
from core.adapters.state.stores import State
from core.adapters.system import machine
from core.adapters.system.clock import Clock
from core.adapters.system.log_file import old_logs
from core.domain.errors import WinchError
from core.domain.models import PartIdentity, Status
from core.domain.upkeep import Checkup, Cleanup, Leftover, LeftoverKind, RecoveryStep
from core.domain.value import Value, replace
from core.engine.downloads.list import DownloadList
from core.engine.running.background import Background
from core.policy.retention import (
    Disposal,
    Fate,
    PartState,
    judge_damaged,
    judge_record,
    judge_temporary,
)

log = logging.getLogger(__name__)

LOOK = 600.0
"""Seconds between two looks at whether a day has passed."""
_DAY = 86_400.0
_REFUSAL = (
    "the last start could not read the whole list of downloads, so that what looks left over may"
    " belong to one that is missing; nothing is removed until a start has read all of it"
)
_OWNED = "a download of the list has it"


class _Find(Value, frozen=True, kw_only=True):
    """Files that go together or not at all; `remove` returns why they stayed, None if they went."""

    files: tuple[Leftover, ...]
    fate: Fate
    remove: Callable[[], Awaitable[str | None]]

    @property
    def paths(self) -> set[str]:
        return {leftover.path for leftover in self.files}


class Maintenance(Background):
    """Finds what nothing needs any more, and removes it where that is safe.

    `steps` tell how the start went, `is_list_whole` whether all of the list was read then.
    """

    name = "upkeep"

    def __init__(self, state: State, downloads: DownloadList, clock: Clock) -> None:
        self._state = state
        self._downloads = downloads
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._is_list_whole = False
        self._steps: tuple[RecoveryStep, ...] = ()
        state.catalog.document.make_room = self.make_room

    def started(self, steps: Sequence[RecoveryStep], *, is_list_whole: bool) -> None:
        """Take in how the start went, and tidy up now and then daily."""
        self._steps, self._is_list_whole = tuple(steps), is_list_whole
        self.start()

    async def clean(self, *, dry_run: bool, only: Sequence[str] | None = None) -> Cleanup:
        async with self._one_at_a_time:
            finds = await self._look_around()
            if not self._is_list_whole:
                found = tuple(leftover for find in finds for leftover in find.files)
                return Cleanup(kept=found, refused=_REFUSAL)
            removed: list[Leftover] = []
            kept: list[Leftover] = []
            for find in finds:
                if find.fate is Fate.STAYS:
                    kept += find.files
                elif only is not None and not find.paths.issubset(only):
                    continue
                elif dry_run or (why := await self._remove(find)) is None:
                    removed += find.files
                else:
                    kept += [replace(leftover, reason=why) for leftover in find.files]
        return Cleanup(removed=tuple(removed), kept=tuple(kept))

    async def checkup(self) -> Checkup:
        async with self._one_at_a_time:
            finds = await self._look_around()
        parts: dict[str, dict[str, PartIdentity]] = {}
        for download in self._downloads:
            if download.part is not None and download.status is not Status.COMPLETED:
                files = parts.setdefault(download.request.directory, {})
                files[download.name] = download.part
        return Checkup(
            steps=self._steps,
            leftovers=tuple(leftover for find in finds for leftover in find.files),
            platform=await run_to_end(machine.shortcomings, self._state.directory),
            resume_data=await self._state.resume_data.room(),
            part_files=await leftovers.room_of_parts(parts),
        )

    async def make_room(self) -> int:
        """Delete what is dearest to nobody of our own, and return how many bytes that made free.

        For a state that cannot be saved: old logs first, then the oldest archive of the history,
        one for each time that is asked.
        """
        directory = self._state.directory
        freed = await leftovers.delete_files(await run_to_end(old_logs, directory))
        if not freed:
            archives = await run_to_end(HistoryArchive(directory).files)
            freed = await leftovers.delete_files(archives[:1])
        if freed:
            log.warning("the disk is full: %d bytes of old logs or history were given up", freed)
        return freed

    async def _run(self) -> None:
        while True:
            due = self._clock.boottime() + _DAY
            try:
                await self._tidy_up()
            except Exception:
                log.exception("upkeep failed; it is tried again tomorrow")
            # No timer counts the hours in which the machine sleeps.
            while self._clock.boottime() < due:  # noqa: ASYNC110
                await asyncio.sleep(LOOK)

    async def _tidy_up(self) -> None:
        if not self._is_list_whole:
            log.info("no upkeep: %s", _REFUSAL)
            return
        async with self._one_at_a_time:
            finds = await self._look_around()
            for find in finds:
                if find.fate is Fate.GOES:
                    await self._remove(find)
        waiting = [f for find in finds if find.fate is Fate.ON_REQUEST for f in find.files]
        for leftover in waiting:
            log.info("left over: %s (%s)", leftover.path, leftover.reason)
        if waiting:
            size = sum(leftover.size for leftover in waiting)
            log.info("`winch clean` removes %d leftovers of %d bytes", len(waiting), size)

    async def _remove(self, find: _Find) -> str | None:
        try:
            why = await find.remove()
        except WinchError as error:
            why = error.message
        for leftover in find.files:
            if why is None:
                log.info("removed %s, %d bytes: %s", leftover.path, leftover.size, leftover.reason)
            else:
                log.info("kept %s: %s", leftover.path, why)
        return why

    async def _look_around(self) -> list[_Find]:
        now = self._clock.now()
        known = {download.id for download in self._downloads}
        orphans = await self._state.resume_data.orphans(known)
        parts = await leftovers.find_parts([o.record for o in orphans if o.record is not None])
        found = [
            self._orphan(o, parts.get(o.id), now) for o in orphans if o.id not in self._downloads
        ]
        found += await self._left_parts()
        for stray in await leftovers.strays(self._state.directory):
            # One of a live download is being written, whatever the clock says of its age.
            id_ = stray.path.name.partition(".")[0]
            if stray.kind is not LeftoverKind.TEMPORARY or id_ not in self._downloads:
                found += _stray(stray, now)
        return found

    def _orphan(self, orphan: Orphan, part: Part | None, now: datetime) -> _Find:
        """Return a resume record without a download, together with its part file if it has one."""
        state = PartState.UNREACHABLE if part is None else part.state
        disposal = judge_record(state, now - orphan.mtime)
        if orphan.record is not None and self._is_live(orphan.record.part):
            disposal = Disposal(Fate.STAYS, _OWNED)
        files = [_leftover(LeftoverKind.RESUME_DATA, str(orphan.path), orphan.size, disposal)]
        if part is not None and part.state is PartState.THERE:
            files.insert(0, _leftover(LeftoverKind.PART_FILE, part.path, part.size, disposal))

        async def remove() -> str | None:
            record = orphan.record
            if state is PartState.THERE and record is not None and record.request is not None:
                why = await leftovers.remove_part(
                    record.request.directory,
                    record.name,
                    record.part,
                    is_live=lambda: self._is_live(record.part),
                )
                if why is not None:
                    return why
            if orphan.id in self._downloads:
                return _OWNED
            await self._state.resume_data.delete(orphan.id)
            return None

        return _Find(files=tuple(files), fate=disposal.fate, remove=remove)

    async def _left_parts(self) -> list[_Find]:
        """Return the part files that a removal from the list has left, and forget those gone."""
        left = await self._state.left.all()
        sights = await own_files.find([part.own for part in left])
        gone = [part.id for part, sight in zip(left, sights, strict=True) if sight is None]
        taken = [part.id for part in left if self._is_live(part.identity)]
        mounted = await leftovers.mounted({p.directory: p.identity.device for p in left})
        await self._state.left.forget(
            [*taken, *(p.id for p in left if p.id in set(gone) and p.directory in mounted)]
        )
        return [
            self._left_part(part, sight)
            for part, sight in zip(left, sights, strict=True)
            if sight is not None and part.id not in set(taken)
        ]

    def _left_part(self, part: LeftPart, sight: FoundFile) -> _Find:
        reason = sight.reason or f"left by a removal from the list on {part.at:%Y-%m-%d}"
        fate = Fate.STAYS if sight.reason else Fate.ON_REQUEST
        file = Leftover(
            kind=LeftoverKind.PART_FILE, path=sight.path, size=sight.size, reason=reason
        )

        async def remove() -> str | None:
            if self._is_live(part.identity):
                return _OWNED
            why = await own_files.delete(part.own)
            if why is None:
                await self._state.left.forget([part.id])
            return why

        return _Find(files=(file,), fate=fate, remove=remove)

    def _is_live(self, part: PartIdentity) -> bool:
        return any(download.part == part for download in self._downloads)


def _stray(stray: Stray, now: datetime) -> list[_Find]:
    judge = judge_damaged if stray.kind is LeftoverKind.DAMAGED else judge_temporary
    disposal = judge(now - stray.changed)
    if disposal is None:
        return []
    file = _leftover(stray.kind, str(stray.path), stray.size, disposal)
    remove = partial(run_to_end, unlink, stray.path)
    return [_Find(files=(file,), fate=disposal.fate, remove=remove)]


def _leftover(kind: LeftoverKind, path: str, size: int, disposal: Disposal) -> Leftover:
    return Leftover(kind=kind, path=path, size=size, reason=disposal.reason)
