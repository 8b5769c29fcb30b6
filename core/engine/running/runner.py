"""Who runs now: starts transfers as the scheduler says, and deals with how they end.

A transfer that fails in a way that may pass is queued again with a delay; everything else settles
the download until a person asks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import timedelta

from core.adapters.files.part_lock import PartInUseError
from core.domain.errors import HttpStatusError, NotAllowedError, WinchError
from core.domain.history import AttemptEnd
from core.domain.lifecycle import Action
from core.domain.models import (
    Download,
    DownloadRecord,
    Fetched,
    Phase,
    Progress,
    Status,
    WaitReason,
)
from core.domain.settings import Settings
from core.engine.downloads.index import SHORT
from core.engine.downloads.list import DownloadList
from core.engine.downloads.recorder import STARTED, AttemptRecorder
from core.engine.downloads.totals import Prospects
from core.engine.running.completion import CompletedRecords
from core.engine.running.guards import Guards, Wait
from core.engine.running.progress import AT_ONCE, ProgressTicker
from core.engine.running.retries import Again, RetryPlanner
from core.engine.running.trickles import TrickleWatch
from core.engine.transfer.context import TransferContext
from core.engine.transfer.transfer import ANEW, Transfer
from core.policy.host_budget import SOONEST, host_of
from core.policy.request_rules import without_secrets
from core.policy.retry import ordered_wait
from core.policy.scheduler import Scheduler
from core.policy.trickle import BEHIND

log = logging.getLogger(__name__)


class Runner:
    """Runs pending downloads of the list. With `embedded`, only those that were admitted."""

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
        self._retries = RetryPlanner(settings.retry, downloads, context.clock)
        self._scheduler = Scheduler()
        self._completed_records = CompletedRecords(downloads, recorder, context.resume_data)
        self._admitted: set[str] | None = set() if embedded else None
        self._transfers: dict[str, Transfer] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._begun: set[str] = set()
        self._passed: set[str] = set()
        self._yielding: set[str] = set()
        self._trickles = TrickleWatch(
            downloads,
            context,
            self._transfers,
            in_the_way=self._is_in_the_way,
            let_pass=self._let_pass,
        )
        self._ticker = ProgressTicker(downloads, recorder, self._transfers, self._eta)
        self._wake: asyncio.TimerHandle | None = None
        self._due = False
        self._closed = False
        self.on_work_change: Callable[[], None] = lambda: None
        downloads.live_progress = self._progress_of
        self._guards = Guards(
            settings.disk,
            downloads,
            context,
            grace=settings.network.read_timeout,
            on_stop=self._suspend,
            on_change=self._release,
        )

    def configure(self, settings: Settings) -> None:
        """Let other rules hold for what fails, and for how much of a disk stays free."""
        self._retries.configure(settings.retry)
        self._guards.configure(settings.disk)

    @property
    def has_work(self) -> bool:
        """Whether anything runs, waits for its turn or waits to be tried again."""
        if self.is_held:
            return bool(self._tasks)
        return len(self._scheduler) > 0 or self._guards.is_waiting

    @property
    def is_held(self) -> bool:
        """Whether the queue as a whole stands still; what was asked for in a foreground goes on."""
        return self._downloads.paused and self._admitted is None

    @property
    def running(self) -> list[str]:
        """The ids of those that run."""
        return list(self._transfers)

    @property
    def prospects(self) -> Prospects:
        """What decides on how long the rest takes."""
        context = self._context
        return Prospects(
            habits=self._recorder.habits,
            slots=self._context.limits.active,
            limit=context.rate_limit.rate,
            rate=context.total_rate.rate,
            waiting=self._scheduler.waiting_for,
            lanes=self._scheduler.lanes(),
            delayed=self._delayed(),
        )

    def _delayed(self) -> tuple[float, int | None] | None:
        """Return until when the last one waits that has to, and the bytes that it lacks."""
        if (found := self._scheduler.longest_delay()) is None:
            return None
        id_, until = found
        total = self._downloads[id_].total_bytes
        done = self._downloads.progress_of(id_).bytes_downloaded
        return until, None if total is None else max(0, total - done)

    def transfer(self, download_id: str) -> Transfer | None:
        """Return the transfer of a download, None where it does not run."""
        return self._transfers.get(download_id)

    def begins_anew(self, download_id: str) -> bool:
        """Tell whether a download runs that would lose what it has if it were stopped."""
        transfer = self._transfers.get(download_id)
        return transfer is not None and not transfer.can_continue

    def admit(self, ids: Iterable[str]) -> None:
        """Let these downloads run in an embedded engine, which holds all others."""
        if self._admitted is None:
            return
        for id_ in ids:
            self._admitted.add(id_)
            self.enqueue(self._downloads[id_])

    def enqueue(self, download: DownloadRecord, *, insist: bool = False) -> None:
        """Let a pending download wait for its turn, with a clean record; others are left alone.

        With `insist` a person asks for this very one, whatever its host has said.
        """
        if download.status is not Status.PENDING:
            return
        if insist:
            self._retries.insist(download)
        self._retries.forget(download.id)
        self._guards.forget(download.id)
        reason = self.turn_of(download.id)
        # What was just added waits so already, and there may be very many of them.
        if download.wait_reason is not reason or download.retry_at or download.failing_since:
            self._downloads.update(download, wait_reason=reason, retry_at=None, failing_since=None)
        if reason is WaitReason.QUEUED:
            self._wait(download)
        self._changed()

    def turn_of(self, download_id: str) -> WaitReason:
        """Return why a download waits that could start: for its turn, or for being admitted."""
        return WaitReason.HELD if self._is_shut_out(download_id) else WaitReason.QUEUED

    def take_up(self, download: DownloadRecord) -> None:
        """Let a pending download go on to wait as it did before the last end.

        A server that wants to be left alone is, also by the next daemon.
        """
        if download.status is not Status.PENDING:
            return
        left = self._retries.restore(download)
        if self._is_shut_out(download.id):
            self._downloads.update(download, wait_reason=WaitReason.HELD)
        elif left:
            retry_at = self._context.clock.now() + timedelta(seconds=left)
            self._downloads.update(download, wait_reason=WaitReason.RETRY, retry_at=retry_at)
            self._wait(download, not_before=self._context.clock.monotonic() + left)
        else:
            self._downloads.update(download, wait_reason=WaitReason.QUEUED, retry_at=None)
            self._wait(download)
        self._changed()

    def complete(self, download_id: str, name: str) -> None:
        """Take an active download as completed whose file was found whole under its final name."""
        self._completed(download_id, name)

    def reorder(self, download: Download) -> None:
        """Take over a changed place in the queue."""
        self._scheduler.reorder(download)

    def adjust(self, download: Download) -> None:
        """Take over changed wishes of a download, its limits at once where it runs."""
        self.reorder(download)
        if (transfer := self._transfers.get(download.id)) is not None:
            request = download.request
            transfer.set_limits(rate=request.limit, connections=request.connections)

    def start_now(self, download: Download) -> None:
        """Start a waiting download beyond every limit; the last of the running ones gives way.

        One that waits for the network, for room or for the daemon is not helped by that: raises
        NotAllowedError.
        """
        if download.status is Status.PENDING and not self._scheduler.force(download.id):
            raise NotAllowedError(
                f"it waits for a reason that no order changes: {download.wait_reason}",
                hint="`winch show` tells what is missing",
            )
        self._changed()

    def expedite(self, ids: Iterable[str]) -> None:
        """Run downloads beyond the limit of active ones; see `DownloadService.expedite`."""
        self._scheduler.expedite(id_ for id_ in ids if not self._downloads[id_].status.is_settled)
        self._changed()

    def limits_changed(self) -> None:
        """Start or stop downloads as the limits say now."""
        self._changed()

    def clock_jumped(self, slept: float) -> None:
        """Say anew when waiting retries come due; what they slept through (seconds) is over."""
        self._retries.clock_jumped(self._scheduler.hasten(slept), slept)
        self._changed()

    async def held_changed(self) -> None:
        """Obey the list's word on the queue as a whole: what runs waits again, or all goes on."""
        if self.is_held:
            running = list(self._tasks)
            self._yielding.update(running)
            await self.halt(running)
        self._changed()

    def forget(self, ids: Iterable[str]) -> None:
        """Drop downloads that are not to start any more; what runs is stopped by `halt`."""
        for id_ in ids:
            self._scheduler.forget(id_)
            self._scheduler.leave(id_)
            self._guards.forget(id_)
            self._retries.forget(id_)
        self._changed()

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
        await self._guards.close()
        if self._wake is not None:
            self._wake.cancel()
        running = list(self._tasks)
        await self.halt(running)
        for id_ in running:
            download = self._downloads[id_]
            if download.status is Status.ACTIVE:
                self._downloads.step(download, Action.REQUEUE, "winch stopped")
        self._ticker.close()
        self._trickles.close()
        await self._completed_records.close()

    def _progress_of(self, download_id: str) -> Progress | None:
        transfer = self._transfers.get(download_id)
        return transfer.progress() if transfer is not None and transfer.knows_progress else None

    def _is_shut_out(self, download_id: str) -> bool:
        return self._admitted is not None and download_id not in self._admitted

    def _eta(self) -> float | None:
        return self._downloads.eta(self._transfers, self.prospects)

    def _wait(self, download: Download, *, not_before: float = 0.0) -> None:
        host = host_of(download.request.url)
        self._scheduler.wait(download, host=host, not_before=not_before)

    def _changed(self) -> None:
        self.on_work_change()
        if not self._due and not self._closed:
            self._due = True
            asyncio.get_running_loop().call_soon(self._assign)

    def _assign(self) -> None:
        self._due = False
        if self._closed or self.is_held:
            return
        now = self._context.clock.monotonic()
        hosts, rests = self._context.host_budget, self._retries.rests
        assignment = self._scheduler.assign(
            active=min(self._context.limits.active, len(self._tasks) + AT_ONCE),
            now=now,
            per_host=lambda host: hosts.limit(host, now),
            resting=lambda host: rests.limit(host, now),
            keeps=self.begins_anew,
        )
        for id_ in assignment.start:
            download = self._downloads[id_]
            if (wait := self._guards.reason_to_wait(download)) is None:
                self._start(download)
            else:
                self._park(download, wait)
                self._changed()
        self._retries.tell_held(assignment.held)
        for id_ in assignment.stop:
            if (task := self._tasks.get(id_)) is not None:
                self._yielding.add(id_)
                task.cancel()
        if len(assignment.start) >= AT_ONCE:
            self._changed()
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        # A host that refused may have room for more later, and nothing else tells of that.
        crowded = {host_of(self._downloads[id_].request.url) for id_ in assignment.held}
        more = [hosts.more_in(host, now) for host in crowded]
        wakes = [now + max(SOONEST, seconds) for seconds in more if seconds is not None]
        wakes += [at for at in (assignment.wake_at, rests.wake_at(now)) if at is not None]
        if wakes:
            delay = max(0.0, min(wakes) - now)
            self._wake = asyncio.get_running_loop().call_later(delay, self._assign)

    def _start(self, download: DownloadRecord) -> None:
        id_ = download.id
        now = self._context.clock.now()
        retried = now if download.wait_reason is WaitReason.RETRY else download.last_retry_at
        self._downloads.step(
            download,
            Action.START,
            STARTED,
            started_at=download.started_at or now,
            last_retry_at=retried,
        )
        transfer = Transfer(
            lambda: self._downloads[id_],
            self._context,
            report=lambda **fields: self._report(id_, fields),
            note=lambda text: self._downloads.note(id_, text),
            claim_room=lambda total: self._guards.claim_room(id_, total),
            figures=lambda: self._recorder.figures(id_),
        )
        self._transfers[id_] = transfer
        self._passed.discard(id_)
        self._recorder.begin(download, transfer)
        for host in transfer.hosts:
            self._context.host_budget.join(host, id_)
        self._guards.started(download)
        self._tasks[id_] = asyncio.create_task(self._run(id_, transfer), name=f"transfer {id_}")
        self._ticker.start()
        self._trickles.start()

    def _is_in_the_way(self, download_id: str) -> bool:
        now = self._context.clock.monotonic()
        hosts, active = self._context.host_budget, self._context.limits.active
        return self._scheduler.is_in_the_way(
            download_id, active=active, now=now, per_host=lambda host: hosts.limit(host, now)
        )

    def _let_pass(self, download_id: str) -> None:
        """Let others have the place of a running download that makes nothing of it."""
        if (task := self._tasks.get(download_id)) is not None and download_id in self._begun:
            self._scheduler.let_pass(download_id, until=self._context.clock.monotonic() + BEHIND)
            self._passed.add(download_id)
            self._yielding.add(download_id)
            task.cancel()

    def _report(self, download_id: str, fields: dict[str, object]) -> None:
        self._recorder.observe(download_id, fields)
        download = self._downloads.update(self._downloads[download_id], **fields)
        if fields.get("phase") is Phase.DOWNLOADING:
            self._retries.rests.served(host_of(download.request.url))
            self._changed()

    async def _run(self, download_id: str, transfer: Transfer) -> None:
        self._begun.add(download_id)
        error: WinchError | None = None
        wait: Wait | None = None
        name, yielded = "", False
        try:
            try:
                name = await transfer.run()
            except WinchError as raised:
                error = raised
                self._recorder.stop(download_id)
                wait = await self._guards.on_failure(self._downloads[download_id], raised)
        except asyncio.CancelledError:
            # It may come at any await above, that of the guards included.
            if download_id not in self._yielding:
                self._recorder.end(self._downloads[download_id], AttemptEnd.STOPPED)
                raise
            yielded = True
        except Exception as raised:
            log.exception("transfer %s failed", download_id[:SHORT])
            error = WinchError(
                f"an unexpected error stopped it: {type(raised).__name__}",
                hint="the log says more; please report it",
            )
        finally:
            if transfer.knows_progress:
                progress = transfer.progress()
                self._downloads.settle(download_id, progress.bytes_downloaded, progress.updated_at)
            del self._transfers[download_id], self._tasks[download_id]
            self._begun.discard(download_id)
            self._yielding.discard(download_id)
            self._context.host_budget.leave(download_id)
            self._guards.ended(download_id)
        self._scheduler.forget(download_id)
        end = AttemptEnd.STOPPED
        if yielded:
            self._requeue(download_id, transfer)
        elif error is None:
            self._completed(download_id, name)
            end = AttemptEnd.COMPLETED
        elif wait is not None:
            error = wait.error
            self._park(self._downloads[download_id], wait)
        else:
            end = self._failed(download_id, error)
        if self._downloads[download_id].status.is_settled:
            self._scheduler.leave(download_id)
        self._changed()
        self._recorder.end(self._downloads[download_id], end, error)

    def _requeue(self, download_id: str, transfer: Transfer) -> None:
        text = "waits again: the queue is held" if self.is_held else "waits again: it made room"
        if download_id in self._passed:
            self._passed.discard(download_id)
            text = "waits again behind the others: its server sends next to nothing"
        waiting = self._downloads.step(
            self._downloads[download_id],
            Action.REQUEUE,
            text if transfer.can_continue else f"{text}; {ANEW}",
            wait_reason=WaitReason.QUEUED,
        )
        self._wait(waiting)

    def _park(self, download: DownloadRecord, wait: Wait) -> None:
        """Let a download wait for the network or for room, which are no failures of its own."""
        fields: dict[str, object] = {"wait_reason": wait.reason, "error": wait.error.info()}
        if isinstance(wait.error, PartInUseError):
            fields["awaited"] = wait.error.identity
        self._scheduler.forget(download.id)
        if download.status is Status.ACTIVE:
            self._downloads.step(download, Action.REQUEUE, wait.error.message, **fields)
        else:
            self._downloads.update(download, **fields)
        self._guards.wait(download, wait)

    async def _suspend(self, ids: list[str], wait: Wait) -> None:
        """Stop running downloads and let them wait."""
        await self.halt(ids)
        for download in self._downloads.current(ids):
            if download.status is Status.ACTIVE:
                self._park(download, wait)
        self._changed()

    def _release(self, ids: list[str]) -> None:
        """Let downloads run again whose reason to wait is gone."""
        for id_ in ids:
            download = self._downloads[id_]
            self._wait(self._downloads.update(download, wait_reason=WaitReason.QUEUED, error=None))
        self._changed()

    def _completed(self, download_id: str, name: str) -> None:
        self._retries.forget(download_id)
        download = self._downloads[download_id]
        figures = self._recorder.figures(download_id)
        self._downloads.step(
            download,
            Action.COMPLETE,
            "completed",
            request=without_secrets(download.request),
            name=name,
            name_settled=True,
            completed_at=self._context.clock.now(),
            fetched=None
            if figures is None
            else Fetched(
                bytes=figures.bytes, seconds=figures.phases.whole, rate=figures.average_rate
            ),
        )
        log.info("completed %s", download_id[:SHORT])
        self._completed_records.completed(download_id)

    def _crowded_out(self, download: Download, error: WinchError) -> Again | None:
        """Return when one is tried again whose host has enough to do with others."""
        hosts, host = self._context.host_budget, host_of(download.request.url)
        if not isinstance(error, HttpStatusError) or error.status not in (429, 503):
            return None
        if ordered_wait(error) is not None or not hosts.is_serving(host):
            return None
        if not self._retries.may_be_crowded_out(download.id):
            return None
        now = self._context.clock.monotonic()
        if error.status == 429:  # a 503 may be of this file alone, and its host has room for others
            hosts.refused(host, download.id, now, borne=0)
        return self._retries.crowded_out(max(SOONEST, hosts.more_in(host, now) or 0.0), error)

    def _failed(self, download_id: str, error: WinchError) -> AttemptEnd:
        download = self._downloads[download_id]
        match self._crowded_out(download, error) or self._retries.after(download, error):
            case Again(not_before=not_before, when=when, fields=fields):
                text = f"{error.message}; trying again {when}"
                waiting = self._downloads.step(download, Action.REQUEUE, text, **fields)
                self._wait(waiting, not_before=not_before)
                return AttemptEnd.RETRIED
            case info:
                self._downloads.step(download, Action.FAIL, info.message, error=info)
                return AttemptEnd.FAILED
