"""From what the last end left to the first download that goes on, in a fixed order.

The list is read, compared with the disk, and what was under way goes on or waits for a word. What
is found is told in steps; nothing here decides whether bytes may be continued: that is looked at
again, file by file, when a transfer begins.
"""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime

from core.adapters.files.destination import SUFFIX, survey
from core.domain.errors import WinchError
from core.domain.lifecycle import Action
from core.domain.models import (
    Download,
    DownloadRecord,
    DownloadRequest,
    Interruption,
    PendingCommit,
    ResumeRecord,
    Status,
    WaitReason,
)
from core.domain.settings import RecoveryMode
from core.domain.units import rough_duration
from core.domain.upkeep import RecoveryStep
from core.engine.downloads.index import SHORT
from core.engine.downloads.list import DownloadList
from core.engine.downloads.recorder import AttemptRecorder
from core.engine.running.commits import CommitSettler
from core.engine.running.completion import Completion
from core.engine.transfer.context import TransferContext, Whole
from core.engine.transfer.resume import as_file_on_disk, as_published, nothing_to_verify
from core.policy.queue.recovery import decide
from core.policy.transfer.record_check import RecordCheck, compare

log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds to wait for the next directory to answer before the start goes on without it."""
_NAMED = 5
_ON_ITS_WAY = (Status.PENDING, Status.ACTIVE)
_WITHOUT_RECORD = (Status.COMPLETED, Status.FAILED)
_DONE = {
    RecoveryMode.RESUME: "to go on",
    RecoveryMode.ASK: "to wait for a word",
    RecoveryMode.PAUSE: "paused",
}
_LEVELS = {"ok": logging.INFO, "notice": logging.INFO, "problem": logging.WARNING}


class Startup:
    """Puts the list in order, so that what may run can be taken up.

    `steps` tell how it went, `is_list_whole` whether all of the list was read. With `embedded`,
    what was interrupted waits for the next daemon as it is.
    """

    def __init__(
        self,
        downloads: DownloadList,
        completion: Completion,
        recorder: AttemptRecorder,
        context: TransferContext,
        *,
        embedded: bool,
    ) -> None:
        self._downloads = downloads
        self._completion = completion
        self._recorder = recorder
        self._settings = context.downloads
        self._resume_data = context.resume_data
        self._commits = CommitSettler(downloads, completion, recorder, context, patience=PATIENCE)
        self._clock = context.clock
        self._embedded = embedded
        self.steps: list[RecoveryStep] = []
        self.is_list_whole = False

    async def run(self) -> None:
        """Recover what there is; what may run is still to be enqueued. Raises StateError."""
        self._step("lock", f"process {os.getpid()} owns the state directory")
        loaded = await self._downloads.load()
        self.is_list_whole = loaded.is_whole
        for notice in loaded.notices:
            self._step("load", notice, "problem")
        self._step("load", f"{_count(len(loaded.downloads), 'download')} in the list")
        if loaded.commits:
            await self._settle_commits(loaded.commits)
        records = await self._resume_data.load_all()
        if not loaded.is_found and records:
            self._rebuild({i: r for i, r in records.items() if i not in self._downloads})
        await self._settle(records)
        await self._reconcile(records)
        self._take_up(records, loaded.saved_at)
        await self._list_orphans()
        if not self.is_list_whole:
            # A sound generation at once, whatever comes next; what cannot be saved is told.
            with suppress(WinchError):
                await self._downloads.flush()

    # -- load -------------------------------------------------------------------------------------

    def _rebuild(self, records: Mapping[str, ResumeRecord]) -> None:
        """Make a lost list anew from all that is known of the unfinished downloads."""
        self.is_list_whole = False
        rebuilt = [(r, r.request) for r in records.values() if r.request is not None]
        for record, request in sorted(rebuilt, key=lambda known: self._created(known[0])):
            download = self._rebuilt(record, request)
            self._downloads.add(download, "rebuilt from its resume data: the list was lost")
        if rebuilt:
            self._tell(
                "rebuild",
                f"The list of downloads was lost; {_count(len(rebuilt), 'unfinished download')}"
                " could be rebuilt from resume data. What had not begun is to be added again.",
            )
        if lost := [record.name for record in records.values() if record.request is None]:
            self._tell(
                "rebuild",
                f"{_count(len(lost), 'unfinished file')} could not be rebuilt, because an older"
                f" winch did not write down the address: {_named(lost)}.",
            )

    def _rebuilt(self, record: ResumeRecord, request: DownloadRequest) -> DownloadRecord:
        return DownloadRecord(
            id=record.id,
            request=request,
            name=record.name,
            name_settled=True,
            part=record.part,
            total_bytes=record.resource.total,
            order=self._downloads.next_order(),
            created_at=self._created(record),
            wait_reason=WaitReason.NOT_ADMITTED,
            interrupted=Interruption(at=self._past(record.saved_at)),
            timeline=record.timeline,
        )

    def _created(self, record: ResumeRecord) -> datetime:
        return record.created_at or self._past(record.saved_at)

    async def _settle_commits(self, commits: Mapping[str, PendingCommit]) -> None:
        """Take over which small files got their names before the end."""
        whole = await self._commits.settle(commits)
        names = _named(download.name for download in whole)
        if whole:
            self._step("load", f"{_count(len(whole), 'small file')} found whole: {names}")

    async def _settle(self, records: Mapping[str, ResumeRecord]) -> None:
        """Take over how far the downloads are; what is complete needs its record no more."""
        whole = []
        for id_, record in records.items():
            if id_ not in self._downloads:
                continue
            download = self._downloads[id_]
            if download.status is Status.COMPLETED:
                # The end came before its record was deleted.
                self._recorder.completed(download, record)
                whole.append(id_)
            else:
                # The list is saved a little later than the record of what was begun.
                self._downloads.update(
                    download,
                    name=record.name,
                    name_settled=True,
                    part=record.part,
                    total_bytes=record.resource.total,
                )
                self._downloads.settle(id_, record.bytes_done, record.saved_at)
        if whole:
            await self._recorder.flush()
            await self._resume_data.delete(*whole)

    # -- reconcile --------------------------------------------------------------------------------

    async def _reconcile(self, records: Mapping[str, ResumeRecord]) -> None:
        """Compare every unfinished record with the disk; what is whole is completed."""
        downloads = self._downloads
        known = [(downloads[id_], record) for id_, record in records.items() if id_ in downloads]
        chosen = [(d, record) for d, record in known if d.status is not Status.COMPLETED]
        names: defaultdict[str, list[str]] = defaultdict(list)
        for download, record in chosen:
            names[download.request.directory] += (record.name + SUFFIX, record.name)
        found = await survey(names, patience=PATIENCE)
        different: defaultdict[RecordCheck, list[str]] = defaultdict(list)
        for download, record in chosen:
            there = found.get(download.request.directory)
            if there is None:
                continue
            part, final = there[record.name + SUFFIX], there[record.name]
            check = compare(record, as_file_on_disk(part), as_file_on_disk(final))
            if check is not RecordCheck.AS_RECORDED:
                different[check].append(download.id[:SHORT])
            if check is RecordCheck.PUBLISHED and nothing_to_verify(download, record):
                assert final is not None
                self._complete(download, record, as_published(download, record, final))
        self._step("reconcile", f"{_count(len(chosen), 'unfinished file')} compared with the disk")
        for check, ids in different.items():
            level = "notice" if check is RecordCheck.PUBLISHED else "problem"
            self._step("reconcile", f"the part file is {check}: {_named(ids)}", level)
        if silent := [directory for directory in names if directory not in found]:
            self._step("reconcile", f"no look could be had at {_named(silent)}", "problem")
        if lost := [d.id[:SHORT] for d in downloads if _has_lost_its_record(d, records)]:
            self._step("reconcile", f"the resume data is lost of {_named(lost)}", "problem")

    def _complete(
        self, download: DownloadRecord, record: ResumeRecord, fields: Mapping[str, object]
    ) -> None:
        if download.status not in _ON_ITS_WAY:
            return
        if download.status is Status.PENDING:
            started = download.started_at or self._clock.now()
            self._downloads.step(download, Action.START, "found whole", started_at=started)
        self._completion.complete(download.id, Whole(record.name, fields))
        self._recorder.completed(self._downloads[download.id], record)

    # -- interruptions ----------------------------------------------------------------------------

    def _take_up(self, records: Mapping[str, ResumeRecord], saved_at: datetime | None) -> None:
        """Let what was under way go on or wait."""
        # The last sign of life: a list that does not change is not saved, a file that grows is.
        signs = [saved_at, *(record.saved_at for record in records.values())]
        ended = self._past(max((sign for sign in signs if sign is not None), default=None))
        done: defaultdict[RecoveryMode, int] = defaultdict(int)
        for download in list(self._downloads):
            record = records.get(download.id)
            interruption = self._interruption(download, record, ended)
            if interruption is None:
                continue
            if download.status is Status.ACTIVE:
                self._recorder.interrupted(download, interruption.at, record)
            done[self._interrupt(download, interruption)] += 1
        ago = rough_duration((self._clock.now() - ended).total_seconds())
        for rule, count in done.items():
            text = f"{_count(count, 'download')} interrupted {ago} ago: {_DONE[rule]}"
            self._step("interrupted", text, "ok" if rule is RecoveryMode.RESUME else "notice")
        self._ask()

    def _interruption(
        self, download: Download, record: ResumeRecord | None, ended: datetime
    ) -> Interruption | None:
        """Return since when a download has been interrupted; None for one that was not."""
        if download.status is Status.ACTIVE:
            moved = record.saved_at if record is not None else None
            anew = self._begins_anew(download, record)
            return Interruption(at=self._past(moved or ended), phase=download.phase, anew=anew)
        if download.status is not Status.PENDING:
            return None
        if download.wait_reason is WaitReason.NOT_ADMITTED:
            # The last engine did not run it: it was embedded, or the list had to be rebuilt.
            return download.interrupted
        return Interruption(at=ended, anew=self._begins_anew(download, record))

    def _begins_anew(self, download: Download, record: ResumeRecord | None) -> bool:
        """Tell whether what is here of a download is lost, whatever the person decides."""
        done = self._downloads.progress_of(download.id).bytes_downloaded
        if record is None or record.resource.ranges:
            return False
        return 0 < done != record.resource.total

    def _interrupt(self, download: DownloadRecord, interruption: Interruption) -> RecoveryMode:
        age = (self._clock.now() - interruption.at).total_seconds()
        rule = decide(self._settings.recovery, age, self._settings.ask_after_seconds)
        if self._embedded or rule is RecoveryMode.RESUME:
            if download.status is Status.ACTIVE:
                text = f"interrupted {rough_duration(age)} ago"
                self._downloads.step(download, Action.REQUEUE, text, interrupted=interruption)
            elif self._embedded:
                self._downloads.update(download, interrupted=interruption)
            return RecoveryMode.RESUME
        if rule is RecoveryMode.ASK:
            text = "waits for your word (`winch resume --all`)"
            text = f"interrupted {rough_duration(age)} ago; {text}"
            self._downloads.step(download, Action.PAUSE, text, interrupted=interruption)
        else:
            text = f"interrupted {rough_duration(age)} ago; paused, as the settings say"
            self._downloads.step(download, Action.PAUSE, text)
        return rule

    def _ask(self) -> None:
        """Tell the person of those that wait for a word, also since an earlier start."""
        waiting = {
            d.id: d.interrupted.at
            for d in self._downloads
            if d.status is Status.PAUSED and d.interrupted is not None
        }
        if not waiting or self._embedded:
            return
        were, wait = ("was", "waits") if len(waiting) == 1 else ("were", "wait")
        lets = "lets it go on" if len(waiting) == 1 else "lets them go on"
        self._downloads.notices.ask(
            waiting,
            f"{_count(len(waiting), 'download')} {were} interrupted on"
            f" {max(waiting.values()).astimezone():%Y-%m-%d at %H:%M} and {wait}:"
            f" `winch resume --all` {lets}",
        )

    # -- what is left over ------------------------------------------------------------------------

    async def _list_orphans(self) -> None:
        """Tell of records without a download, and of the part files that these call their own."""
        orphans = await self._resume_data.orphans({d.id for d in self._downloads})
        records = [orphan.record for orphan in orphans if orphan.record is not None]
        placed = [(r.request.directory, r) for r in records if r.request is not None]
        names: defaultdict[str, list[str]] = defaultdict(list)
        for directory, record in placed:
            names[directory].append(record.name + SUFFIX)
        found = await survey(names, patience=PATIENCE)
        parts = []
        for directory, record in placed:
            part = as_file_on_disk(found.get(directory, {}).get(record.name + SUFFIX))
            if part is not None and part.identity == record.part:
                parts.append(f"{directory}/{record.name}{SUFFIX}")
        if orphans:
            what = _count(len(orphans), "resume record")
            ids = _named(orphan.id[:SHORT] for orphan in orphans)
            self._step(
                "orphans", f"{what} of no download (see `winch clean --dry-run`): {ids}", "notice"
            )
        if parts:
            what = _count(len(parts), "part file")
            self._step("orphans", f"{what} of no download: {_named(parts)}", "notice")

    # ---------------------------------------------------------------------------------------------

    def _past(self, moment: datetime | None) -> datetime:
        """Return a moment that is not in the future: the clock may have been set back."""
        now = self._clock.now()
        return min(moment or now, now)

    def _tell(self, step: str, text: str) -> None:
        self._downloads.notices.put(text)
        self._step(step, text, "problem")

    def _step(self, step: str, text: str, level: str = "ok") -> None:
        log.log(_LEVELS[level], "start, %s: %s", step, text)
        self.steps.append(RecoveryStep(at=self._clock.now(), step=step, text=text, level=level))


def _has_lost_its_record(download: Download, records: Mapping[str, ResumeRecord]) -> bool:
    """Tell whether an unfinished download has a part file but nothing that says what is in it.

    A failed one may have had its file set aside, with its record.
    """
    is_open = download.part is not None and download.status not in _WITHOUT_RECORD
    return is_open and download.id not in records


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _named(names: Iterable[str]) -> str:
    """Return the first few of many names."""
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more
