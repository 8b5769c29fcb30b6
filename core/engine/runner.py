"""Who runs now: starts transfers as the scheduler says, and deals with how they end.

A transfer that fails in a way that may pass is queued again with a delay; everything else settles
the download until a person asks.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta

from core.domain.errors import WinchError
from core.domain.lifecycle import Action
from core.domain.models import Download, Progress, Status, WaitReason
from core.domain.settings import Settings
from core.engine.ledger import Ledger
from core.engine.queue import SHORT
from core.engine.transfer import Tools, Transfer
from core.policy.retry import RetryAfter, RetryPolicy
from core.policy.scheduler import Scheduler

log = logging.getLogger(__name__)

TICK = 0.25
"""Seconds between progress events."""


class Runner:
    """Runs pending downloads of the ledger. With `embedded`, only those that were admitted."""

    def __init__(self, settings: Settings, ledger: Ledger, tools: Tools, *, embedded: bool) -> None:
        self._limits = settings.limits
        self._ledger = ledger
        self._tools = tools
        self._retry = RetryPolicy(settings.retry)
        self._scheduler = Scheduler()
        self._admitted: set[str] | None = set() if embedded else None
        self._failures: Counter[str] = Counter()
        self._transfers: dict[str, Transfer] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ticker: asyncio.Task[None] | None = None
        self._wake: asyncio.TimerHandle | None = None
        self._due = False
        self._closed = False
        self.on_work_change: Callable[[], None] = lambda: None
        ledger.live_progress = self._progress_of

    @property
    def has_work(self) -> bool:
        """Whether anything runs, waits for its turn or waits to be tried again."""
        return len(self._scheduler) > 0

    @property
    def rate(self) -> float:
        """What all transfers together bring in, in bytes/s."""
        return sum(transfer.progress().rate or 0.0 for transfer in self._transfers.values())

    def admit(self, ids: Iterable[str]) -> None:
        """Let these downloads run in an embedded engine, which holds all others."""
        if self._admitted is None:
            return
        for id_ in ids:
            self._admitted.add(id_)
            self.enqueue(self._ledger.queue[id_])

    def enqueue(self, download: Download) -> None:
        """Let a pending download wait for its turn, with a clean record; others are left alone."""
        if download.status is not Status.PENDING:
            return
        self._failures.pop(download.id, None)
        held = self._admitted is not None and download.id not in self._admitted
        reason = WaitReason.HELD if held else WaitReason.QUEUED
        self._ledger.update(download, wait_reason=reason, retry_at=None)
        if not held:
            self._scheduler.wait(download)
        self._changed()

    def reorder(self, download: Download) -> None:
        """Take over a changed place in the queue."""
        self._scheduler.reorder(download)

    def forget(self, ids: Iterable[str]) -> None:
        """Drop downloads that are not to run any more; their transfers were halted before."""
        for id_ in ids:
            self._scheduler.forget(id_)
            self._failures.pop(id_, None)
        self._changed()

    async def halt(self, ids: Iterable[str]) -> None:
        """Stop transfers and return once what they have is recorded."""
        tasks = [self._tasks[id_] for id_ in ids if id_ in self._tasks]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Stop everything; what was active is pending, for the next start."""
        self._closed = True
        if self._wake is not None:
            self._wake.cancel()
        running = list(self._tasks)
        await self.halt(running)
        for id_ in running:
            download = self._ledger.queue[id_]
            if download.status is Status.ACTIVE:
                self._ledger.step(download, Action.REQUEUE, "winch stopped")
        if self._ticker is not None:
            self._ticker.cancel()

    def _progress_of(self, id_: str) -> Progress | None:
        transfer = self._transfers.get(id_)
        return transfer.progress() if transfer is not None and transfer.knows_progress else None

    def _changed(self) -> None:
        self.on_work_change()
        if not self._due and not self._closed:
            self._due = True
            asyncio.get_running_loop().call_soon(self._assign)

    def _assign(self) -> None:
        self._due = False
        if self._closed:
            return
        now = self._tools.clock.monotonic()
        assignment = self._scheduler.assign(active=self._limits.active, now=now)
        for id_ in assignment.start:
            self._start(self._ledger.queue[id_])
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if assignment.wake_at is not None:
            delay = max(0.0, assignment.wake_at - now)
            self._wake = asyncio.get_running_loop().call_later(delay, self._assign)

    def _start(self, download: Download) -> None:
        id_ = download.id
        started = download.started_at or self._tools.clock.now()
        download = self._ledger.step(download, Action.START, "started", started_at=started)
        transfer = Transfer(
            download,
            self._tools,
            report=lambda **fields: self._ledger.update(self._ledger.queue[id_], **fields),
            note=lambda text: self._ledger.note(id_, text),
        )
        self._transfers[id_] = transfer
        for host in transfer.hosts:
            self._tools.shared.hosts.join(host, id_)
        self._tasks[id_] = asyncio.create_task(self._run(id_, transfer), name=f"transfer {id_}")
        if self._ticker is None or self._ticker.done():
            self._ticker = asyncio.create_task(self._tick(), name="progress")

    async def _run(self, id_: str, transfer: Transfer) -> None:
        error: WinchError | None = None
        name = ""
        try:
            name = await transfer.run()
        except WinchError as raised:
            error = raised
        except Exception as raised:
            log.exception("transfer %s failed", id_[:SHORT])
            error = WinchError(
                f"an unexpected error stopped it: {type(raised).__name__}",
                hint="the log says more; please report it",
            )
        finally:
            if transfer.knows_progress:
                self._ledger.settle(id_, transfer.progress().bytes_downloaded)
            del self._transfers[id_], self._tasks[id_]
            self._tools.shared.hosts.leave(id_)
        self._scheduler.forget(id_)
        if error is None:
            await self._completed(id_, name)
        else:
            self._failed(id_, error, gained=transfer.gained)
        self._changed()

    async def _completed(self, id_: str, name: str) -> None:
        self._failures.pop(id_, None)
        self._ledger.step(
            self._ledger.queue[id_],
            Action.COMPLETE,
            "completed",
            name=name,
            name_settled=True,
            completed_at=self._tools.clock.now(),
        )
        log.info("completed %s", id_[:SHORT])
        # The record may go only once the list knows that the file is whole.
        with suppress(WinchError):
            await self._ledger.flush()
            await self._tools.resume_data.delete(id_)

    def _failed(self, id_: str, error: WinchError, *, gained: int) -> None:
        download = self._ledger.queue[id_]
        failures = self._failures[id_] = 1 if gained else self._failures[id_] + 1
        decision = self._retry.decide(
            error,
            failures,
            retries=download.request.retries,
            jitter=random.random(),  # noqa: S311 (spreads load, keeps no secret)
        )
        log.info("%s: %s (%s)", id_[:SHORT], error.message, error.code)
        if not isinstance(decision, RetryAfter):
            self._ledger.step(download, Action.FAIL, error.message, error=error.info())
            return
        waiting = self._ledger.step(
            download,
            Action.REQUEUE,
            f"{error.message}; trying again in {decision.seconds:.0f} s",
            wait_reason=WaitReason.RETRY,
            retry_at=self._tools.clock.now() + timedelta(seconds=decision.seconds),
            retry_count=download.retry_count + 1,
            error=error.info(),
        )
        due = self._tools.clock.monotonic() + decision.seconds
        self._scheduler.wait(waiting, not_before=due)

    async def _tick(self) -> None:
        """Publish progress while anything runs."""
        last: dict[str, Progress] = {}
        while self._transfers:
            await asyncio.sleep(TICK)
            now = {id_: self._ledger.progress_of(id_) for id_ in self._transfers}
            if moved := [id_ for id_, progress in now.items() if last.get(id_) != progress]:
                self._ledger.publish_progress(moved)
            last = now
