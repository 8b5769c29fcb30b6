"""The collections of a `FakeService`: nothing is read by itself, a test names the entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.domain.checks import check_collection_name
from core.domain.collection_service import MOST_REPORT_ROWS
from core.domain.collections import (
    MOST_REFUSED,
    Cause,
    CollectionChanges,
    CollectionRecord,
    CollectionRequest,
    CollectionState,
    CollectionView,
    ReportPage,
    ReportRow,
    SyncOptions,
    SyncPlan,
    Verdict,
    verdict_of,
)
from core.domain.entries import Entry, Refused
from core.domain.errors import NotAllowedError, UnknownIdError, UsageError, WinchError
from core.domain.events import CollectionsChanged, Event
from core.domain.models import DownloadRecord, DownloadRequest, Progress, Status
from core.domain.outcomes import AddedPortion, Outcome, Removal
from core.domain.service import Changes
from core.domain.totals import DownloadSums, Totals
from core.domain.value import replace
from core.engine.collections.report import row_of_refused
from core.policy.collections.members import member_request, path_of

if TYPE_CHECKING:
    from collections.abc import Awaitable


class FakeCollections:
    """What a `FakeService` does of its collections; `plans` are what `sync` is to find."""

    if TYPE_CHECKING:
        _records: dict[str, DownloadRecord]
        _progress: dict[str, Progress]
        _note: Callable[[str, Sequence[str] | None], None]
        _publish: Callable[[Callable[[int], Event]], None]
        _check_scheme: Callable[[DownloadRequest], None]
        add_many: Callable[..., Awaitable[AddedPortion]]
        pause: Callable[[Sequence[str] | None], Awaitable[Outcome]]
        resume: Callable[[Sequence[str] | None], Awaitable[Outcome]]
        set: Callable[[Sequence[str], Changes], Awaitable[Outcome]]
        remove: Callable[..., Awaitable[Removal]]

    def __init__(self) -> None:
        super().__init__()
        self.plans: dict[str, SyncPlan | WinchError] = {}
        self._collections: dict[str, CollectionRecord] = {}

    def change_record(self, name: str, **changes: object) -> CollectionRecord:
        """Replace fields of a collection's record and tell everybody."""
        return self._put(replace(self._collections[name], **changes))

    async def collect(self, request: CollectionRequest, *, fed: bool = False) -> CollectionView:
        self._note("collect", [request.name])
        check_collection_name(request.name)
        shared = replace(request.request, url="", name=None, group=request.name, paused=False)
        made = CollectionRecord(
            name=request.name,
            request=replace(shared, priority=0),
            created_at=datetime.now(UTC),
            source=request.source,
            together=request.together,
            state=CollectionState.READING if fed or request.source else CollectionState.READY,
            paused=request.request.paused,
            priority=request.request.priority,
            limit=request.limit,
        )
        before = self._collections.get(request.name)
        if before is not None:
            if (before.source, before.directory) != (made.source, made.directory):
                raise NotAllowedError("there is a collection of that name")
            made = replace(before, state=made.state)
        return self._view_of(self._put(made))

    async def add_entries(
        self,
        name: str,
        entries: Sequence[Entry],
        refused: Sequence[Refused] = (),
        *,
        more: bool = False,
    ) -> AddedPortion:
        self._note("add_entries", [name])
        collection = self._collection(name)
        requests: list[DownloadRequest] = []
        refused = list(refused)
        for entry in entries:
            try:
                request = member_request(collection, entry)
                self._check_scheme(request)
                requests.append(request)
            except WinchError as error:
                where = entry.where or entry.path or entry.url
                refused.append(Refused(where=where, reason=error.message, code=error.code))
        added = await self.add_many(requests)
        self.change_record(
            name,
            entries=collection.entries + len(requests),
            refused=(*collection.refused, *refused)[:MOST_REFUSED],
            refused_count=collection.refused_count + len(refused),
            state=CollectionState.READING if more else CollectionState.READY,
        )
        return added

    async def collections(self) -> list[CollectionView]:
        every = sorted(self._collections.values(), key=lambda each: each.name)
        return [self._view_of(replace(each, refused=(), vanished=())) for each in every]

    async def collection(self, name: str) -> CollectionView:
        return self._view_of(self._collection(name))

    async def report(
        self, name: str, *, after: str | None = None, most: int = MOST_REPORT_ROWS
    ) -> ReportPage:
        collection = self._collection(name)
        if not 1 <= most <= MOST_REPORT_ROWS:
            raise UsageError("a page has at least one row")
        rows = sorted(
            (self._row(collection, download) for download in self._members(name)),
            key=lambda row: row.path,
        )
        rows = [row for row in rows if after is None or row.path > after]
        is_last = len(rows) <= most
        page = rows[:most]
        if is_last:
            page += map(row_of_refused, collection.refused)
        return ReportPage(
            rows=page,
            next=None if is_last else page[-1].path,
            is_whole=self._view_of(collection).is_whole,
        )

    async def sync(self, name: str, options: SyncOptions) -> SyncPlan:
        self._note("sync", [name])
        collection = self._collection(name)
        if collection.source is None or collection.source.address == "-":
            raise NotAllowedError("its files were named one by one")
        found = self.plans.get(name, SyncPlan())
        if isinstance(found, WinchError):
            raise found
        return found if options.delete_extra else replace(found, deleted=())

    async def change_collection(self, name: str, changes: CollectionChanges) -> CollectionView:
        self._note("change_collection", [name])
        collection = self._collection(name)
        if (changes.limit or 0) < 0:
            raise UsageError("a limit is 1 byte/s or more")
        ids = [download.id for download in self._members(name)]
        if changes.priority is not None:
            await self.set(ids, Changes(priority=changes.priority))
            collection = replace(collection, priority=changes.priority)
        if changes.limit is not None:
            collection = replace(collection, limit=changes.limit or None)
        if changes.paused is not None:
            states = (Status.PENDING, Status.ACTIVE) if changes.paused else (Status.PAUSED,)
            meant = [d.id for d in self._members(name) if d.status in states]
            await (self.pause if changes.paused else self.resume)(meant)
            collection = replace(collection, paused=changes.paused)
        return self._view_of(self._put(collection))

    async def remove_collection(
        self, name: str, *, files: bool = False, dry_run: bool = False
    ) -> Removal:
        self._note("remove_collection", [name])
        self._collection(name)
        ids = [download.id for download in self._members(name)]
        removal = await self.remove(ids, files=files, dry_run=dry_run)
        if not dry_run:
            del self._collections[name]
            self._publish(lambda revision: CollectionsChanged(revision=revision, removed=(name,)))
        return removal

    def _collection(self, name: str) -> CollectionRecord:
        if name not in self._collections:
            raise UnknownIdError(f"there is no collection {name!r}")
        return self._collections[name]

    def _put(self, collection: CollectionRecord) -> CollectionRecord:
        self._collections[collection.name] = collection
        told = (collection.summary,)
        self._publish(lambda revision: CollectionsChanged(revision=revision, collections=told))
        return collection

    def _members(self, name: str) -> list[DownloadRecord]:
        return [d for d in self._records.values() if d.request.group == name]

    def _view_of(self, collection: CollectionRecord) -> CollectionView:
        members = self._members(collection.name)
        sums, codes = DownloadSums(), Counter[str]()
        sentences: dict[str, str] = {}
        for download in members:
            sums.count(download, self._progress.get(download.id, Progress()).bytes_downloaded, 1)
            if verdict_of(download) in (Verdict.BAD, Verdict.MISSING):
                error = download.error
                code = "cancelled" if error is None else str(error.code)
                codes[code] += 1
                sentences.setdefault(code, "it was given up" if error is None else error.message)
        for refused in collection.refused:
            codes[refused.code] += 1
            sentences.setdefault(refused.code, f"{refused.where}: {refused.reason}")
        verdicts = Counter(verdict_of(download) for download in members)
        return CollectionView(
            collection=collection,
            verdicts={verdict.value: verdicts[verdict] for verdict in Verdict},
            totals=Totals(
                files=sums.counts.total() - sums.counts[Status.CANCELLED],
                files_done=sums.counts[Status.COMPLETED],
                bytes_done=sums.bytes_done,
                bytes_total=sums.bytes_total,
                unsized=sums.unsized,
            ),
            causes=tuple(
                Cause(code=code, message=sentences[code], count=count)
                for code, count in codes.most_common()
            ),
        )

    def _row(self, collection: CollectionRecord, download: DownloadRecord) -> ReportRow:
        error = download.error
        digest = download.digest or download.request.checksum
        return ReportRow(
            path=path_of(collection, download),
            url=download.request.url,
            bytes=download.total_bytes,
            digest=None if digest is None else str(digest),
            verdict=verdict_of(download),
            cause=None if error is None else str(error.code),
            message=None if error is None else error.message,
            attempts=download.retry_count + (download.started_at is not None),
            id=download.id,
        )
