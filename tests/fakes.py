"""A `DownloadService` that keeps its queue in memory, for tests of what stands before the engine.

It passes the contract suite, so a screen, a command or a server that works with it works with the
engine as far as the contract goes. Nothing moves by itself: a test says what happens with `change`
and `emit_progress`.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import posixpath
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from core.domain.errors import (
    AmbiguousIdError,
    DaemonError,
    DestinationError,
    NotAllowedError,
    UnknownIdError,
    UsageError,
    WinchError,
)
from core.domain.events import (
    Added,
    Changed,
    Event,
    Noticed,
    ProgressBatch,
    Removed,
    Snapshot,
    as_told,
)
from core.domain.figures import ChangesSince, Figures, ProcessFigures
from core.domain.hooks import QueueRun
from core.domain.hosts import site_of
from core.domain.inspection import DownloadLimits, HostLimit, Inspection
from core.domain.lifecycle import Action, allowed_actions, is_already, next_status
from core.domain.models import (
    Download,
    DownloadRecord,
    DownloadRequest,
    DownloadView,
    Progress,
    Status,
    TimelineEntry,
    WaitReason,
)
from core.domain.outcomes import AddedPortion, KeptFile, Outcome, Refusal, Removal
from core.domain.service import (
    MOST_REMOVED,
    Changes,
    MoveTo,
    ServiceStatus,
)
from core.domain.value import replace
from core.engine.downloads.events import EventBus
from core.engine.downloads.index import DownloadIndex
from core.engine.downloads.totals import ListTotals
from core.policy.request_rules import apply_changes, with_url
from core.policy.transfer.slowness import explain_waiting
from tests.fake_collections import FakeCollections
from tests.fake_upkeep import FakeUpkeep


class _Subscription(AsyncIterator[Event]):
    """Events of one subscriber, until its connection is `lost`."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events
        self.lost = False

    async def __anext__(self) -> Event:
        try:
            event = await anext(self._events)
        except StopAsyncIteration:
            if not self.lost:
                raise
        if self.lost:
            raise DaemonError("the connection to the daemon was lost")
        return event


class FakeService(FakeCollections, FakeUpkeep):
    """An in-memory queue. Every request is noted in `calls` as (method, ids)."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, tuple[str, ...] | None]] = []
        self.notices: tuple[str, ...] = ()
        self.paused = False
        self.changed_files: tuple[KeptFile, ...] = ()
        self.inspections: dict[str, Inspection] = {}
        self.measured: dict[str, object] = {}
        """Figures that are to be others than those of a service that does nothing."""
        self.damage: dict[str, WinchError] = {}
        self._trash: dict[str, tuple[DownloadRecord, Progress | None] | None] = {}
        self.client_count: Callable[[], int] = lambda: 0
        self.stop_requested = asyncio.Event()
        self._records: dict[str, DownloadRecord] = {}
        self._progress: dict[str, Progress] = {}
        self._revision = 0
        self._numbers = itertools.count(1)
        self._subscriptions: set[_Subscription] = set()
        self._bus = EventBus(self._snapshot)
        self._started_at = datetime.now(UTC)

    # What a test makes happen.

    def download(self, download_id: str) -> DownloadRecord:
        """Return a record by its whole id."""
        return self._records[download_id]

    def change(self, download_id: str, **changes: object) -> DownloadRecord:
        """Replace fields of one download (status, phase, error, name, …) and tell everybody."""
        download = self._records[download_id].replace(**changes)
        self._records[download_id] = download
        if download.status is not Status.ACTIVE and download_id in self._progress:
            done = self._progress[download_id].bytes_downloaded
            self._progress[download_id] = Progress(bytes_downloaded=done)
        self._publish(lambda revision: Changed(revision=revision, downloads=(as_told(download),)))
        return download

    def notice(self, *notices: str) -> None:
        """Tell everybody what they ought to read now."""
        self.notices = notices
        self._tell()

    def emit_progress(self, progress: Mapping[str, Progress]) -> None:
        """Say how far some downloads are by now."""
        self._progress.update(progress)
        batch = dict(progress)
        self._publish(lambda revision: ProgressBatch(revision=revision, progress=batch))

    @property
    def subscriber_count(self) -> int:
        """How many subscriptions are open."""
        return len(self._subscriptions)

    def lose(self) -> None:
        """Cut every subscription off, as when the daemon is killed."""
        for subscription in self._subscriptions:
            subscription.lost = True
        self._bus.close()
        self._bus = EventBus(self._snapshot)

    # DownloadService.

    async def add_many(
        self, requests: Sequence[DownloadRequest], *, more: bool = False
    ) -> AddedPortion:
        before = set(self._records)
        ids = tuple(download.id for download in await self.add(requests))
        return AddedPortion(ids=ids, new=tuple(i for i in dict.fromkeys(ids) if i not in before))

    async def add_new(
        self, requests: Sequence[DownloadRequest], *, more: bool = False
    ) -> list[str]:
        listed = list(self._records.values())
        fresh = [r for r in requests if not any(self._is_same(d, r) for d in listed)]
        return list(dict.fromkeys(download.id for download in await self.add(fresh)))

    def _check_scheme(self, request: DownloadRequest) -> None:
        if urlsplit(request.url).scheme not in ("http", "https"):
            raise UsageError(f"'{request.url}' is no http or https URL")

    async def add(self, requests: Sequence[DownloadRequest]) -> list[DownloadRecord]:
        self.calls.append(("add", None))
        for request in requests:
            self._check_scheme(request)
            if not request.directory.startswith("/"):
                raise DestinationError(f"'{request.directory}' is not an absolute path")
        answer, added, changed = [], [], []
        for request in requests:
            known = self._unfinished(request)
            if known is None:
                download = self._new(request)
                added.append(download.id)
            else:
                download = known
                if not request.paused and Action.RESUME in allowed_actions(known.status):
                    download = self._step(known, Action.RESUME)
                    changed.append(download.id)
            self._records[download.id] = download
            answer.append(download.id)
        self._publish_records(Added, added)
        self._publish_records(Changed, [id_ for id_ in changed if id_ not in added])
        return [self._records[id_] for id_ in answer]

    async def downloads(self) -> list[DownloadView]:
        return [self._view(position, d) for position, d in enumerate(self._queue(), 1)]

    async def find(self, download_id: str) -> DownloadView:
        (found,) = self._resolve([download_id])
        return next(view for view in await self.downloads() if view.download.id == found)

    async def inspect(self, download_id: str) -> Inspection:
        (found,) = self._resolve([download_id])
        if found in self.inspections:
            return self.inspections[found]
        download = self._records[found]
        settings = self.settings.limits
        return Inspection(
            id=found,
            total=download.total_bytes,
            limits=DownloadLimits(
                own=download.request.limit,
                total=self._limits.get("rate") or None,
                connections=download.request.connections or settings.connections,
                hosts=(
                    HostLimit(
                        host=site_of(download.request.url),
                        connections=settings.connections_per_host,
                        share=settings.connections_per_host,
                    ),
                ),
            ),
            slowness=explain_waiting(download, held=self.paused, now=datetime.now(UTC)),
            timeline=download.timeline,
        )

    async def pause(self, ids: Sequence[str] | None) -> Outcome:
        return self._act("pause", Action.PAUSE, ids, tuple(Status))

    async def resume(self, ids: Sequence[str] | None) -> Outcome:
        return self._act("resume", Action.RESUME, ids, (Status.PAUSED,))

    async def retry(self, ids: Sequence[str] | None) -> Outcome:
        return self._act("retry", Action.RETRY, ids, (Status.FAILED,))

    async def start_fresh(self, ids: Sequence[str]) -> Outcome:
        outcome = self._act("start_fresh", Action.RESUME, ids, ())
        for download in outcome.changed:
            self._progress.pop(download.id, None)
        return outcome

    async def hold(self, paused: bool) -> None:
        self._note("hold", None)
        self.paused = paused
        self._tell()

    async def cancel(self, ids: Sequence[str] | None) -> Outcome:
        return self._act("cancel", Action.CANCEL, ids, tuple(Status))

    async def remove(
        self, ids: Sequence[str] | None, *, files: bool = False, dry_run: bool = False
    ) -> Removal:
        targets = list(self._records) if ids is None else self._resolve(ids)
        if dry_run:
            return self._plan([self._records[id_] for id_ in targets], files=files)
        self._note("remove", ids)
        removed = tuple(self._records.pop(id_) for id_ in targets)
        for download in removed:
            progress = self._progress.pop(download.id, None)
            self._trash[download.id] = None if files else (download, progress)
        for id_ in list(self._trash)[:-MOST_REMOVED]:
            del self._trash[id_]
        if targets:
            gone = tuple(targets)
            self._publish(lambda revision: Removed(revision=revision, ids=gone))
        existing = _files_of(removed)
        if not files:
            return Removal(removed=removed, kept_files=existing)
        _unlink(existing)
        return Removal(removed=removed, deleted_files=existing, kept=self.changed_files)

    def _plan(self, downloads: Sequence[DownloadRecord], *, files: bool) -> Removal:
        kept = self.changed_files
        stays = {each.path for each in kept}
        has_file = (d for d in downloads if d.part or d.status is Status.COMPLETED)
        paths = [d.path if d.status is Status.COMPLETED else d.part_path for d in has_file]
        if not files:
            return Removal(removed=tuple(downloads), kept_files=tuple(paths))
        return Removal(
            removed=tuple(downloads),
            deleted_files=tuple(path for path in paths if path not in stays),
            kept=tuple(each for each in kept if each.path in paths),
        )

    async def restore(self, ids: Sequence[str]) -> Outcome:
        self._note("restore", ids)
        changed, refused = [], []
        for prefix in ids:
            try:
                (id_,) = _resolved(self._trash, [prefix])
            except UnknownIdError as unknown:
                refused.append(Refusal(id=prefix, error=unknown.info()))
                continue
            removed = self._trash[id_]
            if removed is None:
                error = NotAllowedError("its files were deleted with it")
                refused.append(Refusal(id=id_, error=error.info()))
                continue
            del self._trash[id_]
            download, progress = removed
            if download.status is Status.ACTIVE:
                download = download.replace(status=Status.PENDING, phase=None)
            self._records[id_] = download
            if progress is not None:
                self._progress[id_] = progress
            changed.append(id_)
        self._publish_records(Added, changed)
        return Outcome(changed=tuple(self._records[id_] for id_ in changed), refused=tuple(refused))

    async def move(self, ids: Sequence[str], to: MoveTo | int) -> Outcome:
        self._note("move", ids)
        chosen = self._resolve(ids)
        index = DownloadIndex({})
        for download in self._records.values():
            index._put(download)
        moved = index.place(index.resolve(chosen), to)
        self._records |= {download.id: download for download in moved}
        self._publish_records(Changed, [download.id for download in moved])
        return Outcome(changed=tuple(self._records[id_] for id_ in chosen))

    async def start_now(self, ids: Sequence[str]) -> Outcome:
        if self.paused:
            raise NotAllowedError("the queue is held, so nothing can start")
        return self._act("start_now", Action.RESUME, ids, ())

    async def expedite(self, ids: Sequence[str]) -> None:
        self._note("expedite", self._resolve(ids))

    async def set(self, ids: Sequence[str], changes: Changes) -> Outcome:
        self._note("set", ids)
        chosen = self._resolve(ids)
        requests = [apply_changes(self._records[id_].request, changes) for id_ in chosen]
        for id_, request in zip(chosen, requests, strict=True):
            self._records[id_] = self._records[id_].replace(request=request)
        self._publish_records(Changed, chosen)
        return Outcome(changed=tuple(self._records[id_] for id_ in chosen))

    async def replace_url(self, download_id: str, url: str) -> Outcome:
        self._note("replace_url", [download_id])
        (found,) = self._resolve([download_id])
        download = self._records[found]
        request = with_url(download.request, url)
        if download.status is Status.COMPLETED:
            error = NotAllowedError("a completed download has nothing left to fetch")
            return Outcome(refused=(Refusal(id=found, error=error.info()),))
        if download.status is Status.FAILED:
            download = self._step(download, Action.RETRY)
        self._records[found] = download.replace(request=request)
        self._publish_records(Changed, [found])
        return Outcome(changed=(self._records[found],))

    async def verify(self, ids: Sequence[str]) -> Outcome:
        self._note("verify", ids)
        changed, refused = [], []
        for id_ in self._resolve(ids):
            download, damage = self._records[id_], self.damage.get(id_)
            if download.status is not Status.COMPLETED:
                error: WinchError = NotAllowedError("only a finished file can be verified again")
                refused.append(Refusal(id=id_, error=error.info()))
                continue
            verdict = "verified again: sha256 is right"
            if damage is not None:
                verdict = f"DAMAGED: {damage.message}"
                refused.append(Refusal(id=id_, error=damage.info()))
            else:
                changed.append(id_)
            info = damage.info() if damage is not None else None
            self._records[id_] = download.replace(resume_verdict=verdict, error=info)
            self._publish_records(Changed, [id_])
        return Outcome(changed=tuple(self._records[id_] for id_ in changed), refused=tuple(refused))

    async def status(self) -> ServiceStatus:
        counts = {str(status): 0 for status in Status}
        sums = ListTotals()
        for download in self._records.values():
            counts[str(download.status)] += 1
            progress = self._progress.get(download.id, Progress())
            sums.count(download, progress.bytes_downloaded, 1)
        return ServiceStatus(
            version="fake",
            pid=os.getpid(),
            started_at=self._started_at,
            embedded=False,
            counts=counts,
            rate=sum(progress.rate or 0.0 for progress in self._progress.values()),
            clients=self.client_count(),
            paused=self.paused,
            totals=sums.totals(),
            notices=self.notices,
            waiting=sums.waiting(),
        )

    async def figures(self) -> Figures:
        counts = (await self.status()).counts
        process = ProcessFigures(
            cpu=1.0,
            loop_cpu=0.5,
            memory=2**20,
            peak_memory=2**21,
            descriptors=10,
            most_descriptors=1024,
            threads=2,
        )
        measured = Figures(
            at=datetime.now(UTC),
            version="fake",
            started_at=self._started_at,
            counts=counts,
            process=process,
        )
        return replace(measured, **self.measured)

    async def changes_since(self, life: str, revision: int) -> ChangesSince:
        return self._bus.change_log.since(life, revision, now=self._revision)

    async def shutdown(self) -> None:
        self.calls.append(("shutdown", None))
        self.stop_requested.set()
        self._bus.close()

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[Event]]:
        async with self._bus.subscribe() as events:
            subscription = _Subscription(events)
            self._subscriptions.add(subscription)
            try:
                yield subscription
            finally:
                self._subscriptions.discard(subscription)

    def end_run(self, run: QueueRun | None) -> None:
        """Tell the watchers that a run of the queue has ended, or with None how all is."""
        self._tell(run)

    # How it does it.

    def _tell(self, ended: QueueRun | None = None) -> None:
        whole = Noticed(
            revision=0,
            notices=self.notices,
            paused=self.paused,
            limit=self._limits.get("rate") or None,
            ended=ended,
        )
        self._publish(lambda revision: replace(whole, revision=revision))

    def _note(self, method: str, ids: Sequence[str] | None) -> None:
        self.calls.append((method, None if ids is None else tuple(ids)))

    def _queue(self) -> list[DownloadRecord]:
        return sorted(self._records.values(), key=lambda download: download.sort_key)

    def _view(self, position: int, download: DownloadRecord) -> DownloadView:
        progress = self._progress.get(download.id, Progress())
        return DownloadView(download=download, progress=progress, position=position)

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            revision=self._revision,
            downloads=tuple(map(as_told, self._queue())),
            progress=dict(self._progress),
            notices=self.notices,
            paused=self.paused,
            limit=self._limits.get("rate") or None,
            collections=tuple(each.summary for each in self._collections.values()),
        )

    def _publish(self, make: Callable[[int], Event]) -> None:
        self._revision += 1
        self._bus.publish(make(self._revision))

    def _publish_records(self, kind: type[Added] | type[Changed], ids: Sequence[str]) -> None:
        if ids:
            records = tuple(as_told(self._records[id_]) for id_ in dict.fromkeys(ids))
            self._publish(lambda revision: kind(revision=revision, downloads=records))

    def _resolve(self, ids: Sequence[str]) -> list[str]:
        return _resolved(self._records, ids)

    def _unfinished(self, request: DownloadRequest) -> DownloadRecord | None:
        for download in self._records.values():
            if self._is_same(download, request) and download.status is not Status.COMPLETED:
                return download
        return None

    @staticmethod
    def _is_same(download: Download, request: DownloadRequest) -> bool:
        target = (download.request.url, download.request.directory)
        named = request.name is None or request.name == download.name
        return named and target == (request.url, request.directory)

    def _new(self, request: DownloadRequest) -> DownloadRecord:
        number = next(self._numbers)
        name = posixpath.basename(unquote(urlsplit(request.url).path)) or "download"
        now = datetime.now(UTC)
        return DownloadRecord(
            # The first eight characters tell ids apart, as the engine's do.
            id=f"{(number * 0x9E3779B1) % 2**32:08x}{number:024x}",
            request=request,
            name=request.name or name,
            order=float(number),
            created_at=now,
            status=Status.PAUSED if request.paused else Status.PENDING,
            wait_reason=None if request.paused else WaitReason.QUEUED,
            timeline=(TimelineEntry(at=now, text="added"),),
        )

    def _step(self, download: DownloadRecord, action: Action) -> DownloadRecord:
        status = next_status(download.status, action)
        return download.replace(
            status=status,
            phase=None,
            interrupted=None,
            error=None if status is Status.PENDING else download.error,
            wait_reason=WaitReason.QUEUED if status is Status.PENDING else None,
            timeline=(
                *download.timeline,
                TimelineEntry(at=datetime.now(UTC), text=str(action)),
            ),
        )

    def _act(
        self,
        method: str,
        action: Action,
        ids: Sequence[str] | None,
        default: tuple[Status, ...],
    ) -> Outcome:
        self._note(method, ids)
        if ids is None:
            targets = [
                d.id
                for d in self._queue()
                if d.status in default and action in allowed_actions(d.status)
            ]
        else:
            targets = self._resolve(ids)
        changed, refused = [], []
        for id_ in targets:
            if is_already(self._records[id_].status, action):
                changed.append(id_)
                continue
            try:
                self._records[id_] = self._step(self._records[id_], action)
            except NotAllowedError as error:
                refused.append(Refusal(id=id_, error=error.info()))
            else:
                changed.append(id_)
        self._publish_records(Changed, changed)
        return Outcome(changed=tuple(self._records[id_] for id_ in changed), refused=tuple(refused))


def _resolved(known: Collection[str], ids: Sequence[str]) -> list[str]:
    found = []
    for prefix in ids:
        matches = [id_ for id_ in known if id_.startswith(prefix)]
        if prefix in known:
            matches = [prefix]
        if not matches or not prefix:
            raise UnknownIdError(f"no download has the id {prefix!r}")
        if len(matches) > 1:
            raise AmbiguousIdError(f"{len(matches)} downloads have ids starting with {prefix}")
        found.append(matches[0])
    return list(dict.fromkeys(found))


def _files_of(downloads: Sequence[Download]) -> tuple[str, ...]:
    paths = (d.path if d.status is Status.COMPLETED else d.part_path for d in downloads)
    return tuple(path for path in paths if Path(path).exists())


def _unlink(paths: Sequence[str]) -> None:
    for path in paths:
        Path(path).unlink()
