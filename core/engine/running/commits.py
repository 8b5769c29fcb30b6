"""Small files that a kill met while they got their names: which have them, and what follows.

For the start. The journal knows which file was to get which name, and a file gets it only once its
bytes are on the disk (`transfer.committer`). So the name tells: where that very file has it, the
download is whole, and else there is nothing, and it begins anew.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeGuard

from core.adapters.files.destination import SUFFIX, identity_of, stamp_of, survey
from core.adapters.files.threads import run_to_end
from core.domain.errors import WinchError
from core.domain.lifecycle import Action
from core.domain.models import (
    DownloadRecord,
    PendingCommit,
    Resource,
    ResumeRecord,
    Segment,
    Status,
    Validator,
)
from core.engine.downloads.list import DownloadList
from core.engine.downloads.recorder import AttemptRecorder
from core.engine.running.completion import Completion
from core.engine.transfer.context import TransferContext, Whole

_ON_ITS_WAY = (Status.PENDING, Status.ACTIVE)


class CommitSettler:
    """Settles what the last end left of commits; a directory is waited for `patience` seconds."""

    def __init__(
        self,
        downloads: DownloadList,
        completion: Completion,
        recorder: AttemptRecorder,
        context: TransferContext,
        *,
        patience: float,
    ) -> None:
        self._downloads = downloads
        self._completion = completion
        self._recorder = recorder
        self._committer = context.committer
        self._resume_data = context.resume_data
        self._clock = context.clock
        self._patience = patience

    async def settle(self, commits: Mapping[str, PendingCommit]) -> list[DownloadRecord]:
        """Complete what is whole, and return that; raises StateError."""
        ended = [i for i in commits if self._is(i, Status.COMPLETED)]
        for id_ in ended:
            # The end came before its commit was forgotten.
            self._recorder.completed(self._downloads[id_])
        open_ = {i: commits[i] for i in commits if self._is(i, *_ON_ITS_WAY)}
        names: defaultdict[str, list[str]] = defaultdict(list)
        for id_, commit in open_.items():
            names[self._downloads[id_].request.directory] += (commit.name, commit.name + SUFFIX)
        found = await survey(names, patience=self._patience)
        whole = []
        for id_, commit in open_.items():
            download = self._downloads[id_]
            there = found.get(download.request.directory)
            if there is None:
                with suppress(WinchError):  # it is tried again, and known until then
                    await self._resume_data.save(_as_record(download, commit))
                continue
            final, part = there[commit.name], there[commit.name + SUFFIX]
            if _is_it(final, commit):
                if _is_it(part, commit):
                    await self._drop_part(download, commit)
                whole.append(self._complete(download, commit, final))
            elif part is not None and _is_its_part(part, commit):
                # Known by the list, it is emptied and used again.
                self._downloads.update(
                    download, name=commit.name, name_settled=True, part=identity_of(part)
                )
        if ended:
            await self._recorder.flush()
        with suppress(WinchError):
            await self._downloads.flush()
            self._committer.forget(commits.keys() - {download.id for download in whole})
        return whole

    def _is(self, id_: str, *statuses: Status) -> bool:
        return id_ in self._downloads and self._downloads[id_].status in statuses

    def _complete(
        self, download: DownloadRecord, commit: PendingCommit, found: os.stat_result
    ) -> DownloadRecord:
        if download.status is Status.PENDING:
            started = download.started_at or self._clock.now()
            self._downloads.step(download, Action.START, "found whole", started_at=started)
        fields: dict[str, object] = {
            "part": identity_of(found),
            "left": commit.stamp,
            "total_bytes": commit.total,
        }
        if (checksum := download.request.checksum) is not None:
            # It would not have got its name otherwise.
            fields["resume_verdict"] = f"verified: {checksum.algorithm} is right"
            if download.request.origin is not None:
                fields["digest"] = checksum
        self._completion.complete(download.id, Whole(commit.name, fields))
        self._downloads.settle(download.id, commit.total, self._clock.now())
        self._recorder.completed(self._downloads[download.id])
        return self._downloads[download.id]

    async def _drop_part(self, download: DownloadRecord, commit: PendingCommit) -> None:
        """Delete the name that the file had before, where there are no files without one."""
        part = Path(download.request.directory, commit.name + SUFFIX)
        with suppress(OSError):
            await run_to_end(part.unlink, missing_ok=True)


def _is_it(status: os.stat_result | None, commit: PendingCommit) -> TypeGuard[os.stat_result]:
    """Tell whether what has the name is the file that was to get it.

    Its number alone says little: one that never got a name is soon another file's. That of the
    disk may be another one after a reboot.
    """
    if status is None or commit.stamp is None or not stat.S_ISREG(status.st_mode):
        return False
    found = status.st_ino, status.st_size, stamp_of(status)
    return found == (commit.part.inode, commit.total, commit.stamp)


def _is_its_part(status: os.stat_result, commit: PendingCommit) -> bool:
    """Tell whether what has the name of the part file is what a kill has left of the file."""
    if commit.stamp is None:
        return identity_of(status) == commit.part
    return _is_it(status, commit)


def _as_record(download: DownloadRecord, commit: PendingCommit) -> ResumeRecord:
    """Return what a download that cannot be looked at yet is to be looked for with."""
    resource = Resource(
        url=download.request.url, total=commit.total, validator=Validator(), ranges=False
    )
    return ResumeRecord(
        id=download.id,
        name=commit.name,
        resource=resource,
        part=commit.part,
        done=(Segment(0, commit.total),),
        request=download.request,
        created_at=download.created_at,
    )
