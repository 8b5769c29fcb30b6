"""Sums over downloads that come and go one by one: the whole list's, and those of its groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from core.domain.models import Download, Progress, Status
from tui.text.columns import bytes_done


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over the list. `known` is false while the size of some download is not known.

    `eta` is seconds until all is done that goes on by itself, None while nobody can say.
    """

    counts: dict[Status, int]
    rate: float
    bytes_done: int
    bytes_total: int
    known: bool
    eta: float | None = None

    @property
    def unfinished(self) -> int:
        """How many downloads go on without anybody asking."""
        return self.counts.get(Status.PENDING, 0) + self.counts.get(Status.ACTIVE, 0)


class Tally:
    """Counts downloads in and out; what is taken out must be as it was put in."""

    __slots__ = ("_active", "_bytes_done", "_bytes_total", "_counts", "_unknown")

    def __init__(self) -> None:
        self._active: set[str] = set()
        self._counts: Counter[Status] = Counter()
        self._bytes_done = 0
        self._bytes_total = 0
        self._unknown = 0

    def add(self, download: Download, progress: Progress, sign: int = 1) -> None:
        """Put a download into the sums (1) or take it out (-1)."""
        self._counts[download.status] += sign
        if download.status is Status.ACTIVE and sign > 0:
            self._active.add(download.id)
        else:
            self._active.discard(download.id)
        if _is_summed(download):
            self._bytes_done += sign * bytes_done(download, progress)
            self._bytes_total += sign * (download.total_bytes or 0)
        elif download.total_bytes is None and download.status is not Status.CANCELLED:
            self._unknown += sign

    def advance(self, download: Download, old: Progress, new: Progress) -> None:
        """Replace the progress of a download that is in the sums."""
        if _is_summed(download):
            self._bytes_done += bytes_done(download, new) - bytes_done(download, old)

    def totals(self, progress: Callable[[str], Progress]) -> Totals:
        """Return the sums; costs a step per active download."""
        rates = (progress(id_).rate for id_ in self._active)
        return Totals(
            counts={status: count for status, count in self._counts.items() if count},
            rate=sum(rate for rate in rates if rate),
            bytes_done=self._bytes_done,
            bytes_total=self._bytes_total,
            known=not self._unknown,
        )


def _is_summed(download: Download) -> bool:
    """Only what has an end counts towards the whole, and only while it is wanted."""
    return download.total_bytes is not None and download.status is not Status.CANCELLED
