"""The queue: who waits, for what, and whose turn it is.

Here a download begins to wait, for its turn, a retry, the network, room or being admitted, and the
record says for which. Who gets a turn is the scheduler's word; the runner starts and stops.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

from core.adapters.files.part_lock import PartInUseError
from core.domain.errors import NotAllowedError, WinchError
from core.domain.hosts import site_of
from core.domain.lifecycle import Action, allowed_actions, next_status
from core.domain.models import Download, DownloadRecord, Status, WaitReason
from core.domain.settings import Settings
from core.engine.downloads.list import DownloadList
from core.engine.running.guards import Guards, Pause, Wait
from core.engine.running.retries import PlannedRetry, RetryPlanner
from core.engine.transfer.context import TransferContext
from core.policy.queue.scheduler import Assignment, Scheduler
from core.policy.queue.trickle import BEHIND_SECONDS
from core.policy.transfer.host_budget import SOONEST

AT_ONCE = 20
"""Downloads that are started or looked at in one turn of the event loop: others wait for it too."""
_ONWARD = (Action.REQUEUE, Action.RESUME, Action.RETRY)


class Queue:
    """The waiting downloads of the list. With `embedded`, only what was admitted gets a turn.

    `changed` is called when others may have to start or stop, `suspend` is awaited as `on_stop` of
    the guards is.
    """

    def __init__(
        self,
        settings: Settings,
        downloads: DownloadList,
        context: TransferContext,
        *,
        embedded: bool,
        changed: Callable[[], None],
        suspend: Callable[[list[str], Wait | Pause], Awaitable[None]],
    ) -> None:
        self._downloads = downloads
        self._context = context
        self._admitted: set[str] | None = set() if embedded else None
        self._changed = changed
        self.scheduler = Scheduler()
        self.retries = RetryPlanner(settings.retry, downloads, context.clock, context.host_budget)
        self.guards = Guards(
            settings.disk,
            downloads,
            context,
            grace=settings.network.read_timeout,
            on_stop=suspend,
            on_change=self._release,
        )

    @property
    def is_held(self) -> bool:
        """Whether the queue as a whole stands still; what was asked for in a foreground goes on."""
        return self._downloads.paused and self._admitted is None

    @property
    def has_work(self) -> bool:
        """Whether anything runs, waits for its turn or waits to be tried again."""
        return len(self.scheduler) > 0 or self.guards.is_waiting

    def configure(self, settings: Settings) -> None:
        """Let other rules hold for what fails, and for how much of a disk stays free."""
        self.retries.configure(settings.retry)
        self.guards.configure(settings.disk)

    # -- whose turn it is -------------------------------------------------------------------------

    def next_turns(self, running: int, keeps: Callable[[str], bool]) -> Assignment:
        """Return who starts and stops now, and when to ask again; `running` is how many run.

        `keeps` tells of which ones that run nothing would be left. Who cannot start waits for what
        is in its way.
        """
        now = self._context.clock.monotonic()
        hosts, rests = self._context.host_budget, self.retries.rests
        turns = self.scheduler.assign(
            active=min(self._context.limits.active, running + AT_ONCE),
            now=now,
            per_host=lambda host: hosts.limit(host, now),
            resting=lambda host: rests.limit(host, now),
            keeps=keeps,
        )
        start = []
        for download in [self._downloads[id_] for id_ in turns.start]:
            if (wait := self.guards.reserve(download)) is None:
                start.append(download.id)
            else:
                self.park(download, wait)
                self._changed()
        crowded = {id_: self.scheduler.host_of(id_) for id_ in turns.host_full}
        self.retries.tell_host_full(crowded)
        if len(turns.start) >= AT_ONCE:
            self._changed()
        # A host that refused may have room for more later, and nothing else tells of that.
        more = [hosts.more_in(host, now) for host in set(crowded.values())]
        wakes = [now + max(SOONEST, seconds) for seconds in more if seconds is not None]
        wakes += [at for at in (turns.wake_at, rests.wake_at(now)) if at is not None]
        return Assignment(
            start=tuple(start),
            stop=turns.stop,
            host_full=turns.host_full,
            wake_at=min(wakes, default=None),
        )

    def is_in_the_way(self, download_id: str) -> bool:
        """Tell whether a download that waits could run in the place of a running one."""
        now = self._context.clock.monotonic()
        hosts, active = self._context.host_budget, self._context.limits.active
        return self.scheduler.is_in_the_way(
            download_id, active=active, now=now, per_host=lambda host: hosts.limit(host, now)
        )

    # -- a person's word --------------------------------------------------------------------------

    def admit(self, download_id: str) -> None:
        """Let a download run, from its next wait on, in an engine that leaves all others alone."""
        if self._admitted is not None:
            self._admitted.add(download_id)

    def turn_of(self, download_id: str) -> WaitReason:
        """Return why a download waits that could start: for its turn, or for being admitted."""
        is_shut_out = self._admitted is not None and download_id not in self._admitted
        return WaitReason.NOT_ADMITTED if is_shut_out else WaitReason.QUEUED

    def clean(self, download: Download, action: Action) -> dict[str, object]:
        """Return what a step changes beside the state, as `enqueue` would do after it."""
        if next_status(download.status, action) is not Status.PENDING:
            return {}
        return {"wait_reason": self.turn_of(download.id), "failing_since": None}

    def enqueue(self, download: DownloadRecord, *, insist: bool = False) -> None:
        """Let a pending download wait for its turn, with a clean record; others are left alone.

        With `insist` a person asks for this very one, whatever its host has said.
        """
        self._enqueue(download, insist=insist)
        self._changed()

    def enqueue_all(self, downloads: Iterable[DownloadRecord]) -> None:
        """Let downloads wait as `enqueue` does, and only then have somebody start."""
        for download in downloads:
            self._enqueue(download, insist=False)
        self._changed()

    def _enqueue(self, download: DownloadRecord, *, insist: bool) -> None:
        if download.status is not Status.PENDING:
            return
        if insist:
            self.retries.rests.served(site_of(download.request.url))
        self.retries.forget(download.id)
        self.guards.forget(download.id)
        reason = self.turn_of(download.id)
        # What was just added waits so already, and there may be very many of them.
        if download.wait_reason is not reason or download.retry_at or download.failing_since:
            self._downloads.update(download, wait_reason=reason, retry_at=None, failing_since=None)
        if reason is WaitReason.QUEUED:
            self._wait(download)

    def go_on(self, download_id: str, text: str, **fields: object) -> DownloadRecord:
        """Let a halted download wait for its turn, whatever state it is in.

        Raises UnknownIdError: it may have been removed meanwhile.
        """
        (download,) = self._downloads.resolve([download_id])
        action = next(a for a in _ONWARD if a in allowed_actions(download.status))
        stepped = self._downloads.step(download, action, text, **fields)
        self.forget([download_id])
        self.enqueue(stepped, insist=True)
        return self._downloads[download_id]

    def start_now(self, download: Download) -> None:
        """Start a waiting download beyond every limit; the last of the running ones gives way.

        One that waits for the network, for room or for the daemon is not helped by that: raises
        NotAllowedError.
        """
        if download.status is Status.PENDING and not self.scheduler.force(download.id):
            raise NotAllowedError(
                f"it waits for a reason that no order changes: {download.wait_reason}",
                hint="`winch show` tells what is missing",
            )
        self._changed()

    def expedite(self, ids: Iterable[str]) -> None:
        self.scheduler.expedite(id_ for id_ in ids if not self._downloads[id_].status.is_settled)
        self._changed()

    def forget(self, ids: Iterable[str]) -> None:
        """Drop downloads that are not to start any more; what runs is stopped by the runner."""
        for id_ in ids:
            self.scheduler.forget(id_)
            self.scheduler.leave(id_)
            self.guards.forget(id_)
            self.retries.forget(id_)
        self._changed()

    # -- after a start, a jump of the clock, an attempt -------------------------------------------

    def take_up(self, download: DownloadRecord) -> None:
        """Let a pending download go on to wait as it did before the last end.

        A server that wants to be left alone is, also by the next daemon.
        """
        if download.status is not Status.PENDING:
            return
        left = self.retries.restore(download)
        if self.turn_of(download.id) is WaitReason.NOT_ADMITTED:
            self._downloads.update(download, wait_reason=WaitReason.NOT_ADMITTED)
        elif left:
            retry_at = self._context.clock.now() + timedelta(seconds=left)
            self._downloads.update(download, wait_reason=WaitReason.RETRY, retry_at=retry_at)
            self._wait(download, not_before=self._context.clock.monotonic() + left)
        else:
            self._downloads.update(download, wait_reason=WaitReason.QUEUED, retry_at=None)
            self._wait(download)
        self._changed()

    def clock_jumped(self, slept: float) -> None:
        """Say anew when waiting retries come due; what they slept through (seconds) is over."""
        self.retries.clock_jumped(self.scheduler.hasten(slept), slept)
        self._changed()

    def let_pass(self, download_id: str) -> None:
        """Let a running download wait behind the others, from its next wait on."""
        self.scheduler.let_pass(download_id, until=self._context.clock.monotonic() + BEHIND_SECONDS)

    def requeue(self, download_id: str, text: str) -> None:
        """Let an active download that was stopped wait for its turn again."""
        download, reason = self._downloads[download_id], WaitReason.QUEUED
        self._wait(self._downloads.step(download, Action.REQUEUE, text, wait_reason=reason))

    def park(self, download: DownloadRecord, wait: Wait) -> None:
        """Let a download wait for the network or for room, which are no failures of its own."""
        fields: dict[str, object] = {"wait_reason": wait.reason, "error": wait.error.info()}
        if isinstance(wait.error, PartInUseError):
            fields["awaited"] = wait.error.identity
        self.scheduler.forget(download.id)
        if download.status is Status.ACTIVE:
            self._downloads.step(download, Action.REQUEUE, wait.error.message, **fields)
        else:
            self._downloads.update(download, **fields)
        self.guards.wait(download, wait)

    def pause(self, download: DownloadRecord, error: WinchError) -> None:
        """Let a download rest that only a person can help."""
        if Action.PAUSE in allowed_actions(download.status):
            text = f"paused: {error.message}"
            self._downloads.step(download, Action.PAUSE, text, error=error.info())
            self.forget([download.id])

    def try_again(self, download_id: str, error: WinchError) -> bool:
        """Let a failed download wait to be tried again; False where it failed for good."""
        download = self._downloads[download_id]
        plan = self.retries.plan(download, error)
        if not isinstance(plan, PlannedRetry):
            self._downloads.step(download, Action.FAIL, plan.message, error=plan)
            return False
        text = f"{error.message}; trying again {plan.when}"
        waiting = self._downloads.step(download, Action.REQUEUE, text, **plan.fields)
        self._wait(waiting, not_before=plan.not_before)
        return True

    def _release(self, ids: list[str]) -> None:
        """Let downloads run again whose reason to wait is gone."""
        for id_ in ids:
            download = self._downloads[id_]
            self._wait(self._downloads.update(download, wait_reason=WaitReason.QUEUED, error=None))
        self._changed()

    def _wait(self, download: Download, *, not_before: float = 0.0) -> None:
        # One text for all that wait for it.
        host = sys.intern(site_of(download.request.url))
        self.scheduler.wait(download, host=host, not_before=not_before)
