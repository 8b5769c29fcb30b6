"""How far all downloads together are, kept up with every change: asking costs nothing of the queue.

The same rules as for the header of the screen: only what has a known length counts towards the
whole, and only while it is wanted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.domain.models import Download, Progress, Status, WaitReason
from core.domain.service import Totals
from core.policy.eta import Pace


@dataclass(frozen=True, slots=True)
class Moving:
    """A download that runs: the bytes that the sums have of it, and how far it is by now."""

    download: Download
    settled: int
    progress: Progress

    @property
    def gained(self) -> int:
        """Bytes that the sums do not know of yet."""
        now = self.progress.bytes_downloaded
        return _done(self.download, now) - _done(self.download, self.settled)


class Tally:
    """Sums over the list. A download leaves them with the values that it entered with."""

    def __init__(self) -> None:
        self.counts: Counter[Status] = Counter()
        self._unsized = 0
        self._bytes_done = 0
        self._bytes_total = 0
        self._bytes_left = 0

    def enter(self, download: Download, done: int) -> None:
        """Take in a download that has `done` bytes."""
        self._count(download, done, 1)

    def leave(self, download: Download, done: int) -> None:
        """Take out a download that was taken in with `done` bytes."""
        self._count(download, done, -1)

    def totals(self, moving: Sequence[Moving], *, pace: Pace, now: float) -> Totals:
        """Return the sums at a monotonic time, with what those that run have gained since.

        The ETA is for all that goes on by itself, and never sooner than that of the slowest.
        """
        gained = sum(each.gained for each in moving)
        eta = pace.eta(now, self._bytes_left - gained) if moving else None
        if eta is not None:
            eta = max(eta, *(each.progress.eta or 0.0 for each in moving))
        return Totals(
            files=self.counts.total() - self.counts[Status.CANCELLED],
            files_done=self.counts[Status.COMPLETED],
            bytes_done=self._bytes_done + gained,
            bytes_total=self._bytes_total,
            unsized=self._unsized,
            rate=sum(each.progress.rate or 0.0 for each in moving),
            eta=eta,
        )

    def _count(self, download: Download, done: int, sign: int) -> None:
        self.counts[download.status] += sign
        if download.status is Status.CANCELLED:
            return
        if download.total_bytes is None:
            self._unsized += sign
            return
        done = _done(download, done)
        self._bytes_done += sign * done
        self._bytes_total += sign * download.total_bytes
        if not download.status.is_settled and download.wait_reason is not WaitReason.HELD:
            self._bytes_left += sign * (download.total_bytes - done)


def _done(download: Download, done: int) -> int:
    """Return how much counts: no more than the file has, all of it once it is whole."""
    if download.status is Status.CANCELLED or download.total_bytes is None:
        return 0
    if download.status is Status.COMPLETED:
        return download.total_bytes
    return min(done, download.total_bytes)
