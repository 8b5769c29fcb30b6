"""How far several downloads are together, for the header, the rows of groups and the title."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.domain.models import Download, Progress, Status
from core.domain.totals import DownloadSums, counted_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Sums over some downloads or all: bytes, bytes/s, and how many are in which state.

    `known` is false while the size of some download is not known. `eta` is seconds until all is
    done that goes on by itself, None while nobody can say.
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


class RunningSums(DownloadSums):
    """Sums that downloads enter and leave one by one, with the rates of what runs."""

    def __init__(self) -> None:
        super().__init__()
        self._active: set[str] = set()

    def add(self, download: Download, progress: Progress, sign: int = 1) -> None:
        """Put a download into the sums (1) or take it out (-1)."""
        self.count(download, progress.bytes_downloaded, sign)
        if download.status is Status.ACTIVE and sign > 0:
            self._active.add(download.id)
        else:
            self._active.discard(download.id)

    def advance(self, download: Download, old: Progress, new: Progress) -> None:
        """Replace the progress of a download that is in the sums."""
        before, now = old.bytes_downloaded, new.bytes_downloaded
        self.bytes_done += counted_bytes(download, now) - counted_bytes(download, before)

    def now(self, progress: Callable[[str], Progress]) -> Sums:
        """Return them as they are; costs a step per active download."""
        rates = (progress(id_).rate for id_ in self._active)
        return Sums(
            counts={status: count for status, count in self.counts.items() if count},
            rate=sum(rate for rate in rates if rate),
            bytes_done=self.bytes_done,
            bytes_total=self.bytes_total,
            known=not self.unsized,
        )
