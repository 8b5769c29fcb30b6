"""What a person asks of downloads in the list: to stop, to go on, to begin anew or elsewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from core.adapters.state.resume_data import ResumeStore
from core.domain.errors import NotAllowedError, WinchError
from core.domain.lifecycle import Action, allowed_actions, is_already
from core.domain.models import Download, DownloadRecord, Status, Validator, WaitReason
from core.domain.redact import redact_url
from core.domain.service import Outcome, Refusal
from core.engine.downloads.list import DownloadList
from core.engine.running.runner import Runner
from core.engine.transfer.resume import forget
from core.engine.transfer.transfer import ANEW
from core.policy.filename import suggest
from core.policy.request_rules import with_url

_DONE = {
    Action.PAUSE: "paused",
    Action.RESUME: "resumed",
    Action.RETRY: "asked to try again",
    Action.CANCEL: "cancelled",
}
_ONWARD = (Action.REQUEUE, Action.RESUME, Action.RETRY)
_AFRESH = {"total_bytes": None, "resume_verdict": None, "retry_count": 0}
_RESTING = (Status.PAUSED, Status.CANCELLED)


class Transitions:
    """Takes steps of downloads in the list; the runner follows."""

    def __init__(self, downloads: DownloadList, runner: Runner, resume_data: ResumeStore) -> None:
        self._downloads = downloads
        self._runner = runner
        self._resume_data = resume_data

    def chosen(
        self, action: Action, ids: Sequence[str] | None, meant: Status | None = None
    ) -> list[DownloadRecord]:
        """Return those that are named, or all that admit an action (and are in the state meant).

        Raises UnknownIdError, AmbiguousIdError.
        """
        if ids is not None:
            return self._downloads.resolve(ids)
        return [
            download
            for download in self._downloads.ordered()
            if action in allowed_actions(download.status) and meant in (None, download.status)
        ]

    async def take(self, action: Action, chosen: Sequence[DownloadRecord]) -> Outcome:
        """Take a step of each that admits it."""
        anew = {d.id for d in chosen if self._runner.begins_anew(d.id)}
        if action in (Action.PAUSE, Action.CANCEL):
            await self._runner.halt(d.id for d in chosen)
        changed: list[DownloadRecord] = []
        refused: list[Refusal] = []
        for download in self._downloads.current(d.id for d in chosen):
            try:
                changed.append(self._take(action, download, loses=download.id in anew))
            except NotAllowedError as error:
                refused.append(Refusal(id=download.id, error=error.info()))
        await self._downloads.flush()
        notes = _notes([d for d in changed if d.id in anew])
        return Outcome(changed=tuple(changed), refused=tuple(refused), notes=notes)

    async def start_now(self, chosen: Sequence[DownloadRecord]) -> Outcome:
        """Start downloads beyond every limit; see `DownloadService.start_now`."""
        if self._runner.is_held:
            raise NotAllowedError(
                "the queue is held, so nothing can start",
                hint="`winch resume --queue` lets it go on",
            )
        outcome = await self.take(Action.RESUME, chosen)
        changed, refused = [], list(outcome.refused)
        for download in outcome.changed:
            try:
                self._runner.start_now(self._downloads[download.id])
                changed.append(download)
            except NotAllowedError as error:
                refused.append(Refusal(id=download.id, error=error.info()))
        return Outcome(changed=tuple(changed), refused=tuple(refused))

    async def start_fresh(self, chosen: Sequence[DownloadRecord]) -> Outcome:
        """Forget what unfinished downloads have; see `DownloadService.start_fresh`."""
        # None of them may start while its bytes go.
        self._runner.forget(d.id for d in chosen)
        await self._runner.halt(d.id for d in chosen)
        changed: list[DownloadRecord] = []
        refused: list[Refusal] = []
        for id_ in [d.id for d in chosen]:
            try:
                await self._empty(id_)
                changed.append(self._go_on(id_, "started afresh", **_AFRESH))
            except WinchError as error:
                refused.append(Refusal(id=id_, error=error.info()))
                if id_ in self._downloads and not self._downloads[id_].status.is_settled:
                    self._go_on(id_, f"not started afresh: {error.message}")
        await self._downloads.flush()
        return Outcome(changed=tuple(changed), refused=tuple(refused))

    async def replace_url(self, found: DownloadRecord, url: str) -> Outcome:
        """Have an unfinished download fetched from elsewhere; see `DownloadService.replace_url`."""
        with_url(found.request, url)
        # It may not start, nor save what it knows of the old address, while the address changes.
        self._runner.forget([found.id])
        await self._runner.halt([found.id])
        try:
            changed = await self._send_elsewhere(found.id, url)
        except WinchError as error:
            if found.id in self._downloads and not self._downloads[found.id].status.is_settled:
                self._go_on(found.id, f"its URL was not replaced: {error.message}")
            outcome = Outcome(refused=(Refusal(id=found.id, error=error.info()),))
        else:
            outcome = Outcome(changed=(changed,))
        await self._downloads.flush()
        return outcome

    async def _send_elsewhere(self, download_id: str, url: str) -> DownloadRecord:
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
            resource = dataclasses.replace(record.resource, validator=Validator())
            await self._resume_data.save(dataclasses.replace(record, resource=resource))
        (download,) = self._downloads.resolve([download_id])
        request = with_url(download.request, url)
        name = download.name
        if request.name is None and not download.name_settled:
            name = suggest(disposition=None, url=url)
        text = f"its URL is another one now: {redact_url(url)}"
        if download.status in _RESTING:
            self._downloads.note(download_id, text)
            return self._downloads.update(self._downloads[download_id], request=request, name=name)
        return self._go_on(download_id, text, request=request, name=name, retry_count=0)

    def _take(self, action: Action, download: DownloadRecord, *, loses: bool) -> DownloadRecord:
        """Take a step that a person asked for; raises NotAllowedError."""
        if is_already(download.status, action):
            if action is Action.RESUME and download.wait_reason is WaitReason.RETRY:
                # The person's word goes before the server's.
                self._runner.enqueue(download, insist=True)
            return self._downloads[download.id]
        text = f"{_DONE[action]}; {ANEW}" if loses else _DONE[action]
        stepped = self._downloads.step(download, action, text)
        self._runner.forget([download.id])
        self._runner.enqueue(stepped, insist=True)
        return self._downloads[download.id]

    async def _empty(self, download_id: str) -> None:
        """Forget what a halted download has; raises NotAllowedError, LockedError, DiskError."""
        (download,) = self._downloads.resolve([download_id])
        if download.status is Status.COMPLETED:
            raise NotAllowedError(
                "a completed download cannot be started afresh",
                hint="add its URL again to fetch it anew",
            )
        await forget(download, self._resume_data)
        self._downloads.settle(download_id, 0)

    def _go_on(self, download_id: str, text: str, **fields: object) -> DownloadRecord:
        """Let a halted download wait for its turn, whatever state it is in."""
        (download,) = self._downloads.resolve([download_id])
        action = next(a for a in _ONWARD if a in allowed_actions(download.status))
        stepped = self._downloads.step(download, action, text, **fields)
        self._runner.forget([download_id])
        self._runner.enqueue(stepped, insist=True)
        return self._downloads[download_id]


def _notes(anew: Sequence[Download]) -> tuple[str, ...]:
    if len(anew) > 1:
        return (f"{len(anew)} downloads begin anew: their servers cannot continue a file",)
    return tuple(f"{download.name}: {ANEW}" for download in anew)
