"""How far all downloads together are, and how long they will still take, for `winch status`.

Kept up with every change, so that asking costs a step for each that runs and nothing of the queue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from core.domain.hosts import site_of
from core.domain.models import Download, Progress, Status, WaitReason
from core.domain.totals import DownloadSums, Totals, counted_bytes
from core.domain.value import Value
from core.policy.queue.overall_eta import Backlog, Lane, RecentDownloads, RunningDownload, time_left
from core.policy.queue.scheduler import LaneLoad


class InProgress(Value, frozen=True):
    """A download that runs: the bytes that the sums have of it, and how far it is by now."""

    download: Download
    settled: int
    progress: Progress

    @property
    def gained(self) -> int:
        """Bytes that the sums do not know of yet."""
        now = self.progress.bytes_downloaded
        return counted_bytes(self.download, now) - counted_bytes(self.download, self.settled)

    def as_running(self, typical: float | None) -> RunningDownload:
        """Return what the policy looks at; of unknown length it is as long as is `typical`."""
        download, progress = self.download, self.progress
        expected = download.expected_bytes
        total = typical if expected is None else expected
        left = None if total is None else max(0, round(total) - progress.bytes_downloaded)
        return RunningDownload(site_of(download.request.url), left, progress.eta, progress.rate)


class EtaInputs(Value, frozen=True):
    """What decides on the rest: how it went lately, the limits, how many wait for a host.

    `limit` and `rate` are bytes/s of all together, the one that holds and the one there is.
    """

    recent: RecentDownloads
    slots: int
    limit: float | None
    rate: Callable[[float], float]
    waiting: Callable[[str], int]
    lanes: Sequence[LaneLoad] = ()
    """Who waits behind whom; without any, all do behind all that run."""
    delayed: tuple[float, int | None] | None = None
    """Until when (monotonic) the last one waits that has to, and the bytes it lacks."""


class ListTotals(DownloadSums):
    """The sums of the whole list, with what waits in it and what downloads usually have."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting = Backlog()
        self._sizes = Backlog()
        self.waits: Counter[WaitReason] = Counter()
        """Why those that are pending are, each counted once."""

    def count(self, download: Download, done: int, sign: int) -> None:
        """Put a download that has `done` bytes in (1) or take it out (-1)."""
        super().count(download, done, sign)
        status, total = download.status, download.expected_bytes
        if status is Status.PENDING:
            self.waits[download.wait_reason or WaitReason.QUEUED] += sign
            if download.wait_reason is not WaitReason.NOT_ADMITTED:
                left = None if total is None else total - counted_bytes(download, done)
                self._waiting.count(left, sign)
        if total is not None and status is not Status.CANCELLED:
            self._sizes.count(total, sign)

    def waiting(self) -> dict[str, int]:
        """Return how many wait for which reason, of the reasons that there are."""
        return {reason.value: self.waits[reason] for reason in WaitReason if self.waits[reason]}

    def move(self, before: Download, after: Download, done: int) -> None:
        """Take over a change of a download that has `done` bytes; most change nothing here."""
        if (before.status, before.expected_bytes, before.wait_reason) != (
            after.status,
            after.expected_bytes,
            after.wait_reason,
        ):
            self.count(before, done, -1)
            self.count(after, done, 1)

    def totals(
        self,
        moving: Sequence[InProgress] = (),
        *,
        inputs: EtaInputs | None = None,
        now: float = 0.0,
    ) -> Totals:
        """Return the sums at a monotonic time, with what those that run have gained since."""
        return Totals(
            files=self.counts.total() - self.counts[Status.CANCELLED],
            files_done=self.counts[Status.COMPLETED],
            bytes_done=self.bytes_done + sum(each.gained for each in moving),
            bytes_total=self.bytes_total,
            unsized=self.unsized,
            rate=sum(each.progress.rate or 0.0 for each in moving),
            eta=None if inputs is None else self.eta(moving, inputs, now),
        )

    def eta(self, moving: Sequence[InProgress], inputs: EtaInputs, now: float) -> float | None:
        """Return seconds until all is done that goes on by itself, None where nobody can say."""
        if not moving:
            return None
        recent = inputs.recent
        typical = recent.size or self._sizes.median()
        running = [each.as_running(typical) for each in moving]
        if not recent.is_moving(now, running) or self._is_in_the_dark(running, typical):
            return None
        delayed = None
        if inputs.delayed is not None:
            until, left = inputs.delayed
            size = typical if left is None else left
            delayed = (max(0.0, until - now), size or 0.0)
        return time_left(
            running,
            self._waiting.jobs(typical),
            lanes=self._lanes(moving, inputs),
            delayed=delayed,
            per_byte=recent.seconds_per_byte(now, running, inputs.waiting),
            overhead=recent.overhead,
            limit=inputs.limit,
            rate=inputs.rate(now),
        )

    def _is_in_the_dark(self, running: Sequence[RunningDownload], typical: float | None) -> bool:
        """Tell whether there are some of whose length there is nothing to go by."""
        if typical is not None:
            return False
        return self._waiting.unsized > 0 or any(each.left is None for each in running)

    def _lanes(self, moving: Sequence[InProgress], inputs: EtaInputs) -> list[Lane]:
        everybody = frozenset(range(len(moving)))
        served = [lane for lane in inputs.lanes if lane.waiting]
        slots = inputs.slots * max(len(served), 1)
        if self.waits[WaitReason.HOST_LIMIT]:
            # What waits for its host takes no place that is free, and any that becomes so.
            return [Lane(min(len(moving), slots), everybody, 1.0)]
        if not served:
            return [Lane(slots, everybody, 1.0)]
        whole = sum(lane.waiting for lane in served)
        return [
            Lane(
                inputs.slots,
                frozenset(i for i, each in enumerate(moving) if each.download.id in lane.running),
                lane.waiting / whole,
            )
            for lane in served
        ]
