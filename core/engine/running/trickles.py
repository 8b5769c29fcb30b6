"""Looks which running downloads hold a place that others wait for, and bring next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.domain.models import Phase
from core.engine.downloads.list import DownloadList
from core.engine.running.background import Background
from core.engine.transfer.context import TransferContext
from core.engine.transfer.transfer import Transfer
from core.policy.queue.trickle import MEASURED_SECONDS, TrickleDetector

LOOKS = 30
"""Looks in the time over which a trickle is measured."""
_FETCHING = frozenset({Phase.CONNECTING, Phase.DOWNLOADING})


class TrickleWatch(Background):
    """Watches `transfers` while there are any.

    `in_the_way` tells whether somebody waits for the place of a download, `let_pass` is called with
    one that is to make room: one at a time, because there may be fewer that wait.
    """

    name = "watch trickles"

    def __init__(
        self,
        downloads: DownloadList,
        context: TransferContext,
        transfers: Mapping[str, Transfer],
        *,
        in_the_way: Callable[[str], bool],
        let_pass: Callable[[str], None],
    ) -> None:
        self._downloads = downloads
        self._context = context
        self._transfers = transfers
        self._in_the_way = in_the_way
        self._let_pass = let_pass
        self._trickles: dict[str, tuple[Transfer, TrickleDetector]] = {}

    async def _run(self) -> None:
        while self._transfers:
            await self._context.clock.sleep(MEASURED_SECONDS / LOOKS)
            useless = [id_ for id_ in self._transfers if self._observe(id_)]
            gone = self._trickles.keys() - self._transfers.keys()
            for id_ in gone:
                del self._trickles[id_]
            if (found := next(filter(self._in_the_way, useless), None)) is not None:
                self._let_pass(found)

    def _observe(self, download_id: str) -> bool:
        transfer, now = self._transfers[download_id], self._context.clock.monotonic()
        before, trickle = self._trickles.get(download_id, (None, None))
        download = self._downloads[download_id]
        if trickle is None or before is not transfer or download.phase not in _FETCHING:
            self._trickles[download_id] = transfer, TrickleDetector(now)
            return False
        progress = self._downloads.progress_of(download_id)
        total = download.total_bytes
        limit = self._context.rate_limit.rate
        limits = [] if limit is None else [limit / len(self._transfers)]
        if download.request.limit:
            limits.append(download.request.limit)
        shared = self._context.group_limits.get(download.request.group or "")
        if shared is not None and shared.rate is not None:
            limits.append(shared.rate / len(self._transfers))
        return trickle.observe(
            now,
            received=transfer.received,
            left=None if total is None else total - progress.bytes_downloaded,
            limit=min(limits, default=None),
        )
