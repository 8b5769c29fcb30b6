"""How far several downloads are together, by one set of rules for the engine and the screen.

The engine keeps the sums of its whole list, the screen those of what it shows and of each group.
Bytes count of what has a length that is known, be it by its source alone, and only while it is
wanted: not of what was cancelled.
"""

from __future__ import annotations

from collections import Counter

from core.domain.models import Download, Status
from core.domain.value import Value


class Totals(Value, frozen=True, kw_only=True):
    """How far all downloads together are that are wanted (all but the cancelled ones).

    `unsized` counts those whose length nobody knows yet: the bytes leave them out, the ETA takes
    them to be like the others. It is for what goes on by itself, None while nothing moves.
    """

    files: int = 0
    files_done: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    unsized: int = 0
    rate: float = 0.0
    eta: float | None = None


class DownloadSums:
    """Sums that every change keeps up. A download leaves them with the values it entered with."""

    def __init__(self) -> None:
        self.counts: Counter[Status] = Counter()
        self.bytes_done = 0
        self.bytes_total = 0
        self.unsized = 0
        """How many there are, of those that are wanted, whose length nobody knows."""

    def count(self, download: Download, done: int, sign: int) -> None:
        """Put a download that has `done` bytes in (1) or take it out (-1)."""
        self.counts[download.status] += sign
        if download.status is Status.CANCELLED:
            return
        if (total := download.expected_bytes) is None:
            self.unsized += sign
            return
        self.bytes_done += sign * counted_bytes(download, done)
        self.bytes_total += sign * total


def counted_bytes(download: Download, done: int) -> int:
    """Return how many bytes count: no more than the file has, all of them once it is whole."""
    total = download.expected_bytes
    if download.status is Status.CANCELLED or total is None:
        return 0
    return total if download.status is Status.COMPLETED else min(done, total)
