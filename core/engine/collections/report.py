"""A row for each file of a collection, by pages: what it is worth, and what is wrong with it."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict

from core.domain.collections import CollectionRecord, ReportPage, ReportRow, Verdict, verdict_of
from core.domain.errors import UsageError
from core.domain.models import DownloadRecord
from core.domain.redact import redact_url
from core.domain.service import MOST_REPORT_ROWS
from core.engine.collections.view import view_of
from core.engine.downloads.list import DownloadList
from core.policy.collections.members import path_of

_REMEMBERED = 4
"""Collections whose order is kept between pages."""


class Reporter:
    """Gives reports by pages; the order is made at the first page and holds for the others."""

    def __init__(self, downloads: DownloadList) -> None:
        self._downloads = downloads
        self._orders: OrderedDict[str, list[tuple[str, str]]] = OrderedDict()

    async def page(self, name: str, *, after: str | None, most: int) -> ReportPage:
        """Do as `DownloadService.report` says."""
        collection = self._downloads.collection(name)
        if not 1 <= most <= MOST_REPORT_ROWS:
            raise UsageError(f"a page has 1 to {MOST_REPORT_ROWS:,} rows")
        order = self._order(collection, is_first=after is None)
        start = 0 if after is None else _after(order, after)
        rows = [
            _row(collection, self._downloads[id_])
            for _, id_ in order[start : start + most]
            if id_ in self._downloads
        ]
        end = start + most
        is_last = end >= len(order)
        if is_last:
            rows += [
                ReportRow(
                    path=refused.where,
                    url="",
                    bytes=None,
                    digest=None,
                    verdict=Verdict.MISSING,
                    cause=refused.code,
                    message=refused.reason,
                )
                for refused in collection.refused
            ]
        view = await view_of(self._downloads, collection)
        following = None if is_last else "\0".join(order[end - 1])
        return ReportPage(rows=rows, next=following, is_whole=view.is_whole)

    def _order(self, collection: CollectionRecord, *, is_first: bool) -> list[tuple[str, str]]:
        if is_first or collection.name not in self._orders:
            members = self._downloads.members(collection.name)
            self._orders[collection.name] = sorted((path_of(collection, d), d.id) for d in members)
            while len(self._orders) > _REMEMBERED:
                self._orders.popitem(last=False)
        self._orders.move_to_end(collection.name)
        return self._orders[collection.name]


def _after(order: list[tuple[str, str]], place: str) -> int:
    path, _, id_ = place.partition("\0")
    return bisect_right(order, (path, id_))


def _row(collection: CollectionRecord, download: DownloadRecord) -> ReportRow:
    error, fetched = download.error, download.fetched
    digest = download.digest or download.request.checksum
    return ReportRow(
        path=path_of(collection, download),
        url=redact_url(download.request.url),
        bytes=download.total_bytes,
        digest=None if digest is None else str(digest),
        verdict=verdict_of(download),
        cause=None if error is None else str(error.code),
        message=None if error is None else error.message,
        attempts=download.retry_count + (download.started_at is not None),
        seconds=None if fetched is None else fetched.seconds,
        id=download.id,
    )
