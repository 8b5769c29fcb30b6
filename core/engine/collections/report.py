"""A row for each file of a collection, by pages: what it is worth, and what is wrong with it."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass

from core.domain.collection_service import MOST_REPORT_ROWS
from core.domain.collections import CollectionRecord, ReportPage, ReportRow, Verdict, verdict_of
from core.domain.entries import Refused
from core.domain.errors import UsageError
from core.domain.models import DownloadRecord
from core.domain.redact import redact_url
from core.engine.collections.view import view_of
from core.engine.downloads.list import DownloadList
from core.engine.downloads.recorder import STARTED
from core.policy.collections.members import path_of

_REMEMBERED = 4
"""Collections whose order is kept between pages."""
_AT_ONCE = 5000
"""Members that are looked at in one turn of the loop."""


@dataclass(slots=True)
class _Order:
    """The members of a collection by path, with their ids, and whether all of it is whole."""

    places: list[tuple[str, str]]
    is_whole: bool | None = None


class Reporter:
    """Gives reports by pages; the order is made at the first page and holds for the others."""

    def __init__(self, downloads: DownloadList) -> None:
        self._downloads = downloads
        self._orders: OrderedDict[str, _Order] = OrderedDict()

    async def page(self, name: str, *, after: str | None, most: int) -> ReportPage:
        """Do as `DownloadService.report` says."""
        collection = self._downloads.collection(name)
        if not 1 <= most <= MOST_REPORT_ROWS:
            raise UsageError(f"a page has 1 to {MOST_REPORT_ROWS:,} rows")
        order = await self._order(collection, is_first=after is None)
        start = 0 if after is None else _after(order.places, after)
        end = start + most
        chosen = self._downloads.current(id_ for _, id_ in order.places[start:end])
        rows = [_row(collection, download) for download in chosen]
        is_last = end >= len(order.places)
        if is_last:
            rows += map(row_of_refused, collection.refused)
        if is_last or order.is_whole is None:
            # Not for each page: all members are looked at for it.
            order.is_whole = (await view_of(self._downloads, collection)).is_whole
        following = None if is_last else "\0".join(order.places[end - 1])
        return ReportPage(rows=rows, next=following, is_whole=order.is_whole)

    async def _order(self, collection: CollectionRecord, *, is_first: bool) -> _Order:
        name = collection.name
        if is_first or name not in self._orders:
            places: list[tuple[str, str]] = []
            for download in self._downloads.members(name):
                places.append((collection.path_of(download), download.id))
                if len(places) % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            places.sort()
            self._orders[name] = _Order(places)
            while len(self._orders) > _REMEMBERED:
                self._orders.popitem(last=False)
        self._orders.move_to_end(name)
        return self._orders[name]


def _after(order: list[tuple[str, str]], place: str) -> int:
    path, _, id_ = place.partition("\0")
    return bisect_right(order, (path, id_))


def row_of_refused(refused: Refused) -> ReportRow:
    """Return what a report says of an entry that came to no member."""
    return ReportRow(
        path=refused.where,
        url=None,
        bytes=None,
        digest=None,
        verdict=Verdict.MISSING,
        cause=refused.code,
        message=refused.reason,
    )


def _row(collection: CollectionRecord, download: DownloadRecord) -> ReportRow:
    error, fetched = download.error, download.fetched
    digest = download.digest or download.request.checksum
    origin = download.request.origin
    size = download.total_bytes
    if size is None and origin is not None:
        size = origin.size
    begun = sum(entry.text == STARTED for entry in download.timeline)
    return ReportRow(
        path=path_of(collection, download),
        url=redact_url(download.request.url),
        bytes=size,
        digest=None if digest is None else str(digest),
        verdict=verdict_of(download),
        cause=None if error is None else str(error.code),
        message=None if error is None else error.message,
        # The middle of a long story is left out of a timeline.
        attempts=max(begun, download.retry_count + (download.started_at is not None)),
        seconds=None if fetched is None else fetched.seconds,
        id=download.id,
    )
