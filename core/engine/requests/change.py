"""What a person changes in downloads of the list: their state, place, wishes and address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from core.adapters.state.resume_data import ResumeStore
from core.domain.errors import NotAllowedError, WinchError
from core.domain.lifecycle import Action, allowed_actions, is_already
from core.domain.models import Download, DownloadRecord, Status, Validator, WaitReason
from core.domain.outcomes import Outcome, Refusal
from core.domain.redact import redact_url
from core.domain.service import Changes, MoveTo
from core.domain.value import replace
from core.engine.downloads.list import DownloadList
from core.engine.requests.mend import Mender, is_mendable
from core.engine.running.runner import Runner
from core.engine.transfer.resume import forget
from core.engine.transfer.transfer import ANEW
from core.policy.request_rules import apply_changes, with_url
from core.policy.transfer.filename import suggest

_DONE = {
    Action.PAUSE: "paused",
    Action.RESUME: "resumed",
    Action.RETRY: "asked to try again",
    Action.CANCEL: "cancelled",
}
_RESTING = (Status.PAUSED, Status.CANCELLED)
_AGAIN = (Status.FAILED, Status.CANCELLED)


_PORTION = 250
"""Downloads that are changed at once: so long may others have to wait for their turn."""


class Changer:
    """Changes downloads in the list, as `DownloadService` says; the runner follows."""

    def __init__(self, downloads: DownloadList, runner: Runner, resume_data: ResumeStore) -> None:
        self._downloads = downloads
        self._runner = runner
        self._queue = runner.queue
        self._resume_data = resume_data
        self._mender = Mender(downloads)
        self._one_word = asyncio.Lock()

    async def hold(self, paused: bool) -> None:
        self._downloads.hold(paused)
        await self._runner.obey_hold()
        await self._downloads.flush()

    async def take(
        self,
        action: Action,
        ids: Sequence[str] | None,
        meant: Status | None = None,
        **fields: object,
    ) -> Outcome:
        """Take a step of those that are named, or of all that admit it and are in the state meant.

        `fields` change with it. Raises UnknownIdError, AmbiguousIdError; those that do not admit it
        are in the outcome.
        """
        if ids is not None:
            return await self._take_each(action, self._downloads.resolve(ids), **fields)
        return await self._take_each(
            action,
            [
                download
                for download in self._downloads.ordered()
                if action in allowed_actions(download.status) and meant in (None, download.status)
            ],
            **fields,
        )

    async def _take_each(
        self, action: Action, chosen: Sequence[DownloadRecord], **fields: object
    ) -> Outcome:
        anew = {d.id for d in chosen if self._runner.begins_anew(d.id)}
        refusals: dict[str, Refusal] = {}
        changed: set[str] = set()

        async def take(ids: Sequence[str]) -> None:
            with self._runner.starting_nothing():
                for start in range(0, len(ids), _PORTION):
                    if start:
                        await asyncio.sleep(0)
                    for download in self._downloads.current(ids[start : start + _PORTION]):
                        try:
                            self._take(action, download, fields, loses=download.id in anew)
                            changed.add(download.id)
                        except NotAllowedError as error:
                            refusals[download.id] = Refusal(id=download.id, error=error.info())

        # The last word counts, and where there are very many, others have their turn in between.
        async with self._one_word:
            refusals |= await self._made_ready(action, chosen)
            ready = [download for download in chosen if download.id not in refusals]
            halted = set[str]()
            if action in (Action.PAUSE, Action.CANCEL):
                halted = {d.id for d in ready if self._runner.transfer(d.id) is not None}
            # What only waits comes first: it must not start during the halt, which may hang with a
            # disk, while all others may.
            await take([d.id for d in ready if d.id not in halted])
            await self._runner.halt(halted)
            await take([d.id for d in ready if d.id in halted])
        await self._downloads.flush()
        now = tuple(self._downloads.current(d.id for d in chosen if d.id in changed))
        refused = [refusals[d.id] for d in chosen if d.id in refusals]
        notes = _notes([d for d in now if d.id in anew])
        return Outcome(changed=now, refused=tuple(refused), notes=notes)

    async def _made_ready(
        self, action: Action, chosen: Sequence[DownloadRecord]
    ) -> dict[str, Refusal]:
        if action not in (Action.RETRY, Action.RESUME):
            return {}
        mends = action is Action.RETRY
        again = [d for d in chosen if d.status in _AGAIN or (mends and is_mendable(d))]
        hindered = await self._mender.make_ready(again)
        return {id_: Refusal(id=id_, error=error.info()) for id_, error in hindered.items()}

    async def start_now(self, chosen: Sequence[DownloadRecord]) -> Outcome:
        if self._queue.is_held:
            raise NotAllowedError(
                "the queue is held, so nothing can start",
                hint="`winch resume --queue` lets it go on",
            )
        outcome = await self._take_each(Action.RESUME, chosen)
        changed, refused = [], list(outcome.refused)
        for download in outcome.changed:
            try:
                self._queue.start_now(self._downloads[download.id])
                changed.append(download)
            except NotAllowedError as error:
                refused.append(Refusal(id=download.id, error=error.info()))
        return Outcome(changed=tuple(changed), refused=tuple(refused))

    async def start_fresh(self, chosen: Sequence[DownloadRecord]) -> Outcome:
        ids = [d.id for d in chosen]
        return await self._change_halted(ids, self._start_fresh, "not started afresh")

    async def move(self, chosen: Sequence[DownloadRecord], to: MoveTo | int) -> Outcome:
        for download in self._downloads.place(chosen, to):
            self._queue.scheduler.reorder(self._downloads.update(download))
        return await self._changed(chosen)

    async def set(self, chosen: Sequence[DownloadRecord], changes: Changes) -> Outcome:
        for dry_run in (True, False):  # what cannot be meant changes nothing
            for start in range(0, len(chosen), _PORTION):
                if start:
                    await asyncio.sleep(0)
                ids = [download.id for download in chosen[start : start + _PORTION]]
                for download in self._downloads.current(ids):
                    request = apply_changes(download.request, changes)
                    if not dry_run:
                        self._runner.adjust(self._downloads.update(download, request=request))
        return await self._changed(chosen)

    async def replace_url(self, found: DownloadRecord, url: str) -> Outcome:
        with_url(found.request, url)
        change = partial(self._replace_url, url=url)
        return await self._change_halted([found.id], change, "its URL was not replaced")

    def _take(
        self,
        action: Action,
        download: DownloadRecord,
        fields: Mapping[str, object],
        *,
        loses: bool,
    ) -> None:
        """Take a step that a person asked for; raises NotAllowedError."""
        if action is Action.RETRY and is_mendable(download):
            reason = self._queue.turn_of(download.id)
            mended = self._mender.mend(download, _DONE[action], wait_reason=reason)
            self._queue.enqueue(mended, insist=True)
            return
        if is_already(download.status, action):
            if action is Action.PAUSE and not fields:
                # A person's word of its own: what it was paused with resumes it no more.
                self._downloads.update(download, paused_with=None)
            if action is Action.RESUME and download.wait_reason is WaitReason.RETRY:
                # The person's word goes before the server's.
                self._queue.enqueue(download, insist=True)
            return
        text = f"{_DONE[action]}; {ANEW}" if loses else _DONE[action]
        stepped = self._downloads.step(
            download, action, text, **self._queue.clean(download, action), **fields
        )
        if download.status is not Status.PAUSED:  # that one waits for nothing
            self._queue.forget([download.id])
        self._queue.enqueue(stepped, insist=True)

    async def _change_halted(
        self,
        ids: Sequence[str],
        change: Callable[[str], Awaitable[DownloadRecord]],
        failed: str,
    ) -> Outcome:
        """Change downloads while they stand still; what cannot be changed goes on as it was."""
        # None of them may start, nor save what it knows, while it changes.
        self._queue.forget(ids)
        await self._runner.halt(ids)
        changed: list[DownloadRecord] = []
        refused: list[Refusal] = []
        for id_ in ids:
            try:
                changed.append(await change(id_))
            except WinchError as error:
                refused.append(Refusal(id=id_, error=error.info()))
                if id_ in self._downloads and not self._downloads[id_].status.is_settled:
                    self._queue.go_on(id_, f"{failed}: {error.message}")
        await self._downloads.flush()
        return Outcome(changed=tuple(changed), refused=tuple(refused))

    async def _start_fresh(self, download_id: str) -> DownloadRecord:
        """Forget what a halted download has; raises NotAllowedError, LockedError, DiskError."""
        (download,) = self._downloads.resolve([download_id])
        if download.status is Status.COMPLETED:
            raise NotAllowedError(
                "a completed download cannot be started afresh",
                hint="add its URL again to fetch it anew",
            )
        await forget(download, self._resume_data)
        self._downloads.settle(download_id, 0)
        fresh = {"total_bytes": None, "resume_verdict": None, "retry_count": 0}
        return self._queue.go_on(download_id, "started afresh", **fresh)

    async def _replace_url(self, download_id: str, url: str) -> DownloadRecord:
        """Give a halted download another URL; raises NotAllowedError, StateError."""
        (download,) = self._downloads.resolve([download_id])
        if download.status is Status.COMPLETED:
            raise NotAllowedError(
                "a completed download has nothing left to fetch", hint="add the URL on its own"
            )
        record = await self._resume_data.load(download_id)
        if record is not None:
            # First of all: a kill in between leaves the old address with a proof by its bytes, and
            # never the new one with the old one's word for which version it has.
            resource = replace(record.resource, validator=Validator())
            await self._resume_data.save(replace(record, resource=resource))
        (download,) = self._downloads.resolve([download_id])
        request = with_url(download.request, url)
        name = download.name
        if request.name is None and not download.name_settled:
            name = suggest(disposition=None, url=url)
        text = f"its URL is another one now: {redact_url(url)}"
        if download.status in _RESTING:
            self._downloads.note(download_id, text)
            return self._downloads.update(self._downloads[download_id], request=request, name=name)
        return self._queue.go_on(download_id, text, request=request, name=name, retry_count=0)

    async def _changed(self, chosen: Sequence[DownloadRecord]) -> Outcome:
        await self._downloads.flush()
        return Outcome(changed=tuple(self._downloads.current(d.id for d in chosen)))


def _notes(anew: Sequence[Download]) -> tuple[str, ...]:
    if len(anew) > 1:
        return (f"{len(anew)} downloads begin anew: their servers cannot continue a file",)
    return tuple(f"{download.name}: {ANEW}" for download in anew)
