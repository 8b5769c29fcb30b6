"""The sums of the whole queue and of each group, kept up change by change."""

from __future__ import annotations

from collections.abc import Callable

from core.domain.models import Download, Progress, Status
from core.domain.totals import DownloadSums, counted_bytes
from tui.text.sums import Sums


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
