"""Who runs now: starts and stops transfers as the queue says, and deals with how they end.

A transfer that fails in a way that may pass waits again; everything else settles the download until
a person asks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from core.domain.errors import WinchError, without_frames
from core.domain.history import AttemptEnd
from core.domain.lifecycle import Action
from core.domain.models import Download, DownloadRecord, Phase, Status, WaitReason
from core.domain.settings import Settings
from core.engine.downloads.attempts import Attempt
from core.engine.downloads.index import SHORT
from core.engine.downloads.list import DownloadList
from core.engine.downloads.recorder import STARTED, AttemptRecorder
from core.engine.running.completion import Completion
from core.engine.running.guards import Pause, Wait
from core.engine.running.handle import RunningDownload
from core.engine.running.progress import ProgressReporter
from core.engine.running.queue import Queue
from core.engine.running.trickles import TrickleWatch
from core.engine.transfer.context import TransferContext, Whole
from core.engine.transfer.transfer import ANEW, Transfer

log = logging.getLogger(__name__)


class Runner:
    """Runs what has its turn in the `queue`. With `embedded`, only what was admitted to it."""

    def __init__(
        self,
        settings: Settings,
        downloads: DownloadList,
        context: TransferContext,
        recorder: AttemptRecorder,
        *,
        embedded: bool,
    ) -> None:
        self._downloads = downloads
        self._recorder = recorder
        self._context = context
        self._transfers: dict[str, Transfer] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._begun: set[str] = set()
        self._yielding: dict[str, str | Wait | Pause] = {}
        """Why those that are being stopped wait again, or rest."""
        self._wake: asyncio.TimerHandle | None = None
        self._due = False
        self._pauses = 0
        self._had_work = False
        self._closed = False
        self.on_work_change: Callable[[], None] = lambda: None
        self.queue = Queue(
            settings,
            downloads,
            context,
            embedded=embedded,
            changed=self.reassign,
            suspend=self._suspend,
        )
        self.completion = Completion(downloads, recorder, context)
        self.progress = ProgressReporter(
            downloads, recorder, context, self.queue.scheduler, self._transfers
        )
        self._trickles = TrickleWatch(
            downloads,
            context,
            self._transfers,
            in_the_way=self.queue.is_in_the_way,
            let_pass=self._let_pass,
        )

    @property
    def has_work(self) -> bool:
        """Whether anything runs, waits for its turn or waits to be tried again."""
        return bool(self._tasks) or (self.queue.has_work and not self.queue.is_held)

    @property
    def running(self) -> list[Transfer]:
        return list(self._transfers.values())

    @property
    def transfers(self) -> Mapping[str, Transfer]:
        """Those that run, by download."""
        return self._transfers

    def transfer(self, download_id: str) -> Transfer | None:
        """Return the transfer of a download, None where it does not run."""
        return self._transfers.get(download_id)

    def begins_anew(self, download_id: str) -> bool:
        """Tell whether a download runs that would lose what it has if it were stopped."""
        transfer = self._transfers.get(download_id)
        return transfer is not None and not transfer.can_continue

    def adjust(self, download: Download) -> None:
        """Take over changed wishes of a download, its limits at once where it runs."""
        self.queue.scheduler.reorder(download)
        if (transfer := self._transfers.get(download.id)) is not None:
            request = download.request
            transfer.set_limits(rate=request.limit, connections=request.connections)

    def reassign(self) -> None:
        """Start and stop downloads as it is right by now, once whoever called has done its part."""
        if (has_work := self.has_work) is not self._had_work:
            self._had_work = has_work
            self.on_work_change()
        if not self._due and not self._closed:
            self._due = True
            asyncio.get_running_loop().call_soon(self._assign)

    @contextmanager
    def starting_nothing(self) -> Iterator[None]:
        """Give nobody a turn while the context lasts: very many are about to change."""
        self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1
            self.reassign()

    async def obey_hold(self) -> None:
        """Stop what runs while the queue as a whole is held, or let all of it go on."""
        if self.queue.is_held:
            await self._stop_all(list(self._tasks), "waits again: the queue is held")
        self.reassign()

    async def halt(self, ids: Iterable[str]) -> None:
        """Stop transfers and return once what they have is recorded."""
        chosen = list(ids)
        # One of them may have got its turn while the others were being stopped.
        while running := [id_ for id_ in chosen if id_ in self._tasks]:
            if any(id_ not in self._begun for id_ in running):
                # One that is cancelled before its first step would not clear up behind itself.
                await asyncio.sleep(0)
            tasks = [self._tasks[id_] for id_ in running if id_ in self._tasks]
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    async def close(self) -> None:
        """Stop everything; what was active is pending, for the next start."""
        self._closed = True
        await self.queue.guards.close()
        if self._wake is not None:
            self._wake.cancel()
        running = list(self._tasks)
        await self.halt(running)
        for download in [self._downloads[id_] for id_ in running]:
            if download.status is Status.ACTIVE:
                self._downloads.step(download, Action.REQUEUE, "winch stopped")
        await self.progress.close()
        await self._trickles.close()
        await self.completion.close()

    # -- starting and stopping --------------------------------------------------------------------

    def _assign(self) -> None:
        self._due = False
        if self._closed or self._pauses or self.queue.is_held:
            return
        turns = self.queue.next_turns(len(self._tasks), keeps=self.begins_anew)
        for id_ in turns.start:
            self._start(self._downloads[id_])
        for id_ in turns.stop:
            self._stop(id_, "waits again: it made room")
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if turns.wake_at is not None:
            delay = max(0.0, turns.wake_at - self._context.clock.monotonic())
            self._wake = asyncio.get_running_loop().call_later(delay, self._assign)

    def _start(self, download: DownloadRecord) -> None:
        id_ = download.id
        now = self._context.clock.now()
        retried = now if download.wait_reason is WaitReason.RETRY else download.last_retry_at
        self._downloads.step(
            download,
            Action.START,
            STARTED,
            phase=Phase.CONNECTING,
            started_at=download.started_at or now,
            last_retry_at=retried,
        )
        handle = RunningDownload(id_, self._downloads, self.queue, self._context, self.reassign)
        transfer = Transfer(handle, self._context)
        handle.attempt = attempt = self._recorder.begin(download, transfer)
        self._transfers[id_] = transfer
        self._downloads.follow(id_, transfer.progress)
        for host in transfer.hosts:
            self._context.host_budget.join(host, id_)
        self.queue.guards.started(download)
        self._tasks[id_] = asyncio.create_task(
            self._run(id_, transfer, attempt), name=f"transfer {id_}"
        )
        self.progress.start()
        self._trickles.start()

    def _stop(self, download_id: str, why: str | Wait | Pause) -> None:
        """Stop a running download; it waits again, or rests."""
        if (task := self._tasks.get(download_id)) is not None:
            self._yielding[download_id] = why
            # One that is cancelled before its first step would not clear up behind itself.
            asyncio.get_running_loop().call_soon(task.cancel)

    def _let_pass(self, download_id: str) -> None:
        """Let others have the place of a running download that makes nothing of it."""
        if download_id in self._begun:
            self.queue.let_pass(download_id)
            why = "waits again behind the others: its server sends next to nothing"
            self._stop(download_id, why)

    async def _stop_all(self, ids: Iterable[str], why: str | Wait | Pause) -> None:
        """Stop running downloads as `_stop` does, and return once each was, though others started.

        That lasts as long as the slowest write, and may hang with a disk.
        """
        tasks = {id_: self._tasks[id_] for id_ in ids if id_ in self._tasks}
        for id_ in tasks:
            self._stop(id_, why)
        if tasks:
            await asyncio.wait(tasks.values())

    async def _suspend(self, ids: list[str], cause: Wait | Pause) -> None:
        """Stop running downloads and let them wait; for a pause, those too that do not run yet."""
        if isinstance(cause, Pause):
            waiting = [id_ for id_ in ids if id_ not in self._tasks]
            for download in self._downloads.current(waiting):
                self.queue.pause(download, cause.error)
        await self._stop_all(ids, cause)

    # -- one attempt ------------------------------------------------------------------------------

    async def _run(self, download_id: str, transfer: Transfer, attempt: Attempt) -> None:
        self._begun.add(download_id)
        outcome: Whole | Wait | Pause | WinchError | str
        is_whole = False
        try:
            try:
                outcome = await transfer.run()
                is_whole = True
                attempt.stop()
            except WinchError as raised:
                attempt.stop()
                wait = await self.queue.guards.on_failure(self._downloads[download_id], raised)
                outcome = wait or without_frames(raised)
        except asyncio.CancelledError:
            # It may come at any await above, that of the guards included.
            if download_id not in self._yielding:
                self._recorder.end(self._downloads[download_id], AttemptEnd.STOPPED)
                raise
            outcome = self._yielding[download_id]
        except Exception as raised:
            about = {"download": download_id}
            log.exception("transfer %s failed", download_id[:SHORT], extra=about)
            outcome = WinchError(
                f"an unexpected error stopped it: {type(raised).__name__}",
                hint="the log says more; please report it",
            )
        finally:
            # Of what is whole the list is about to know how far it is.
            if not is_whole and (progress := transfer.progress()) is not None:
                self._downloads.settle(download_id, progress.bytes_downloaded, progress.updated_at)
            self._downloads.unfollow(download_id)
            del self._transfers[download_id], self._tasks[download_id]
            self._begun.discard(download_id)
            stopped_for = self._yielding.pop(download_id, None)
            self._context.host_budget.leave(download_id)
            self.queue.guards.ended(download_id)
        if isinstance(stopped_for, Pause) and not is_whole:
            outcome = stopped_for  # it failed just before it could be stopped
        self.queue.scheduler.forget(download_id)
        end, error = self._take_in(download_id, transfer, outcome)
        if self._downloads[download_id].status.is_settled:
            self.queue.scheduler.leave(download_id)
        self.reassign()
        self._recorder.end(self._downloads[download_id], end, error)

    def _take_in(
        self, download_id: str, transfer: Transfer, outcome: Whole | Wait | Pause | WinchError | str
    ) -> tuple[AttemptEnd, WinchError | None]:
        """Complete a download, or let it wait, rest or fail; a text says why it waits again."""
        if isinstance(outcome, Whole):
            self.queue.retries.forget(download_id)
            self.completion.complete(download_id, outcome)
            return AttemptEnd.COMPLETED, None
        if isinstance(outcome, str):
            text = outcome if transfer.can_continue else f"{outcome}; {ANEW}"
            self.queue.requeue(download_id, text)
            return AttemptEnd.STOPPED, None
        if isinstance(outcome, Wait):
            self.queue.park(self._downloads[download_id], outcome)
            return AttemptEnd.STOPPED, outcome.error
        if isinstance(outcome, Pause):
            self.queue.pause(self._downloads[download_id], outcome.error)
            return AttemptEnd.STOPPED, outcome.error
        again = self.queue.try_again(download_id, outcome)
        return AttemptEnd.RETRIED if again else AttemptEnd.FAILED, outcome
