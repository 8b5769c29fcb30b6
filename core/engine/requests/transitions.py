"""What a person asks of downloads in the list: to stop, to go on, to begin anew or elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from core.adapters.state.resume_data import ResumeStore
from core.domain.errors import NotAllowedError, WinchError
from core.domain.lifecycle import Action, allowed_actions, is_already
from core.domain.models import Download, DownloadRecord, Status, WaitReason
from core.domain.service import Outcome, Refusal
from core.engine.downloads.list import DownloadList
from core.engine.running.runner import Runner
from core.engine.transfer.resume import forget
from core.engine.transfer.transfer import ANEW

_DONE = {
    Action.PAUSE: "paused",
    Action.RESUME: "resumed",
    Action.RETRY: "asked to try again",
    Action.CANCEL: "cancelled",
}
_AFRESH = {"total_bytes": None, "resume_verdict": None, "retry_count": 0}


class Transitions:
    """Takes steps of downloads in the list, as `DownloadService` says; the runner follows."""

    def __init__(self, downloads: DownloadList, runner: Runner, resume_data: ResumeStore) -> None:
        self._downloads = downloads
        self._runner = runner
        self._queue = runner.queue
        self._resume_data = resume_data

    async def hold(self, paused: bool) -> None:
        self._downloads.hold(paused)
        await self._runner.obey_hold()
        await self._downloads.flush()

    async def take(
        self, action: Action, ids: Sequence[str] | None, meant: Status | None = None
    ) -> Outcome:
        """Take a step of those that are named, or of all that admit it and are in the state meant.

        Raises UnknownIdError, AmbiguousIdError; those that do not admit it are in the outcome.
        """
        if ids is not None:
            return await self._take_each(action, self._downloads.resolve(ids))
        return await self._take_each(
            action,
            [
                download
                for download in self._downloads.ordered()
                if action in allowed_actions(download.status) and meant in (None, download.status)
            ],
        )

    async def _take_each(self, action: Action, chosen: Sequence[DownloadRecord]) -> Outcome:
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
        # None of them may start while its bytes go.
        self._queue.forget(d.id for d in chosen)
        await self._runner.halt(d.id for d in chosen)
        changed: list[DownloadRecord] = []
        refused: list[Refusal] = []
        for id_ in [d.id for d in chosen]:
            try:
                await self._empty(id_)
                changed.append(self._queue.go_on(id_, "started afresh", **_AFRESH))
            except WinchError as error:
                refused.append(Refusal(id=id_, error=error.info()))
                if id_ in self._downloads and not self._downloads[id_].status.is_settled:
                    self._queue.go_on(id_, f"not started afresh: {error.message}")
        await self._downloads.flush()
        return Outcome(changed=tuple(changed), refused=tuple(refused))

    def _take(self, action: Action, download: DownloadRecord, *, loses: bool) -> DownloadRecord:
        """Take a step that a person asked for; raises NotAllowedError."""
        if is_already(download.status, action):
            if action is Action.RESUME and download.wait_reason is WaitReason.RETRY:
                # The person's word goes before the server's.
                self._queue.enqueue(download, insist=True)
            return self._downloads[download.id]
        text = f"{_DONE[action]}; {ANEW}" if loses else _DONE[action]
        stepped = self._downloads.step(download, action, text)
        self._queue.forget([download.id])
        self._queue.enqueue(stepped, insist=True)
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


def _notes(anew: Sequence[Download]) -> tuple[str, ...]:
    if len(anew) > 1:
        return (f"{len(anew)} downloads begin anew: their servers cannot continue a file",)
    return tuple(f"{download.name}: {ANEW}" for download in anew)
