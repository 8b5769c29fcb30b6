"""Members that are fetched again under their ids, because their source has other files by now.

What lies under a member's name stays until the new file is proved, as long as it is as winch left
it. What somebody made of it is theirs: it is set aside as `NAME.mismatch`, and the name is free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from core.adapters.files.below import check_below, make_below
from core.adapters.files.destination import set_damaged_aside
from core.domain.errors import WinchError
from core.domain.lifecycle import Action
from core.domain.models import Conflict, DownloadRecord, DownloadRequest, Status
from core.domain.value import Value, replace
from core.engine.downloads.list import DownloadList
from core.engine.running.runner import Runner
from core.engine.transfer.context import TransferContext
from core.engine.transfer.resume import forget


class Refetch(Value, frozen=True, kw_only=True):
    """A member that is to be fetched again for what its source asks for now, and why.

    `is_own` tells that what lies under its name may be replaced once the new file is proved, as
    long as nothing about it has changed since `looked_at`.
    """

    id: str
    status: Status
    request: DownloadRequest
    reason: str
    is_own: bool
    looked_at: datetime


class Refetcher:
    """Has members fetched again; the runner follows."""

    def __init__(self, downloads: DownloadList, runner: Runner, context: TransferContext) -> None:
        self._downloads = downloads
        self._runner = runner
        self._queue = runner.queue
        self._resume_data = context.resume_data
        self._committer = context.committer

    async def refetch(self, root: str, wanted: Sequence[Refetch]) -> dict[str, WinchError]:
        """Let members wait to be fetched again, and return why which of them stay as they are.

        `root` is the directory that they lie below. Who has come into another state since it was
        looked at is left alone: the next look sees what it is then.
        """
        directories = {each.request.directory for each in wanted} - {root}
        hindered = _by_member(wanted, await make_below(root, directories))
        running = [w.id for w in wanted if w.status is not Status.COMPLETED]
        # None of them may start, nor save what it knows, while it changes.
        self._queue.forget(running)
        await self._runner.halt(running)
        for each in wanted:
            if each.id in hindered:
                self._go_on(each)
                continue
            try:
                await self._refetch(each)
            except WinchError as error:
                hindered[each.id] = error
                self._go_on(each)
            await asyncio.sleep(0)
        return hindered

    async def would_hinder(self, root: str, wanted: Sequence[Refetch]) -> dict[str, WinchError]:
        """Return which members would stay as they are by what is known before, and why."""
        directories = {each.request.directory for each in wanted} - {root}
        return _by_member(wanted, await check_below(root, directories))

    async def _refetch(self, wanted: Refetch) -> None:
        if (download := self._current(wanted)) is None:
            return
        if download.status is not Status.COMPLETED:
            # What is here of it is of the other file.
            await forget(download, self._resume_data)
            if (download := self._current(wanted)) is not None:
                self._begin_anew(download, wanted)
            return
        if self._resume_data.may_have(download.id):
            await self._resume_data.delete(download.id)
        aside = None
        if not wanted.is_own:
            aside = await set_damaged_aside(download.request.directory, download.name)
        if (download := self._current(wanted)) is None:
            return
        if aside is not None:
            self._downloads.note(download.id, f"what was there was set aside as {aside}")
            download = self._downloads[download.id]
        # At once with the step: at a start it would take the old file for the new one.
        self._committer.forget([download.id])
        stepped = self._downloads.step(
            download,
            Action.MEND,
            f"fetched again: {wanted.reason}",
            **self._anew(download, wanted),
            part=None,
            left=None,
            name_settled=False,
            wait_reason=self._queue.turn_of(download.id),
        )
        self._wait(stepped, wanted)

    def _begin_anew(self, download: DownloadRecord, wanted: Refetch) -> None:
        """Have a halted member that is not whole begin anew, or rest where it rests."""
        self._downloads.settle(download.id, 0)
        text, fields = f"its source has changed: {wanted.reason}", self._anew(download, wanted)
        if download.status is Status.PAUSED:
            self._downloads.note(download.id, text)
            self._downloads.update(self._downloads[download.id], **fields)
        elif download.status is Status.FAILED:
            fields["wait_reason"] = self._queue.turn_of(download.id)
            self._wait(self._downloads.step(download, Action.RETRY, text, **fields), wanted)
        else:
            self._queue.go_on(download.id, text, **fields)

    def _wait(self, download: DownloadRecord, wanted: Refetch) -> None:
        """Let a member wait for its turn, or rest with its collection."""
        if wanted.request.paused:
            group = wanted.request.group
            self._downloads.step(
                download, Action.PAUSE, "paused, as its collection is", paused_with=group
            )
        else:
            self._queue.enqueue(download)

    def _anew(self, download: DownloadRecord, wanted: Refetch) -> dict[str, object]:
        """Return what becomes of the fields that speak of the file that is no longer wanted."""
        name, request, before = (
            wanted.request.name or download.name,
            wanted.request,
            download.request,
        )
        asked_at = wanted.looked_at
        if download.status is Status.COMPLETED:
            replaces = wanted.is_own
        elif replaces := before.conflict is Conflict.OVERWRITE:
            # The file of an earlier version is there still; who changed it since wants to keep it.
            asked_at = download.asked_at or download.created_at
        request = replace(
            request,
            conflict=Conflict.OVERWRITE if replaces else request.conflict,
            name=name if download.name_settled else request.name,
            # A person's own word, since it was added.
            priority=before.priority,
            limit=before.limit,
            connections=before.connections,
        )
        return {
            "request": request,
            "name": name,
            "asked_at": asked_at,
            "total_bytes": None,
            "completed_at": None,
            "fetched": None,
            "resume_verdict": None,
            "retry_count": 0,
            "digest": None,
            "validator": None,
        }

    def _current(self, wanted: Refetch) -> DownloadRecord | None:
        """Return a member as it is by now, None where it is not what it was any more."""
        for download in self._downloads.current([wanted.id]):
            # What ran waits by now, or the other way round: that is no other state here.
            was_whole = wanted.status is Status.COMPLETED
            if was_whole is (download.status is Status.COMPLETED):
                return download
        return None

    def _go_on(self, wanted: Refetch) -> None:
        """Let a member that was halted go on as it was."""
        if (download := self._current(wanted)) is not None and not download.status.is_settled:
            self._queue.go_on(download.id, "goes on as it was")


def _by_member(wanted: Sequence[Refetch], wrong: Mapping[str, WinchError]) -> dict[str, WinchError]:
    """Return what is wrong with the directories of members by their ids."""
    directories = {each.id: each.request.directory for each in wanted}
    return {id_: wrong[directory] for id_, directory in directories.items() if directory in wrong}
