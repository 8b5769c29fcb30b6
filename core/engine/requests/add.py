"""What becomes of a request: a new download, or one that is in the list already and goes on."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from core.adapters.files.below import make_below
from core.adapters.files.destination import check_directory, is_within
from core.adapters.system.clock import Clock
from core.domain.bounds import cut
from core.domain.checks import check_path
from core.domain.errors import DestinationError, UsageError, WinchError
from core.domain.garbage import not_collecting
from core.domain.lifecycle import Action, allowed_actions
from core.domain.models import DownloadRecord, DownloadRequest, Status, TimelineEntry
from core.domain.outcomes import AddedPortion
from core.domain.redact import redact_url
from core.domain.value import replace
from core.engine.downloads.index import SHORT
from core.engine.downloads.list import DownloadList
from core.engine.running.runner import Runner
from core.policy.request_rules import check_request
from core.policy.transfer.filename import suggest
from core.sources.registry import SourceRegistry

log = logging.getLogger(__name__)

_ID = 8
"""Bytes of an id."""
_LOGGED = 20
"""Of very many downloads, those that the log names: to name all would take longer than the rest."""
_PORTION = 250
"""Requests that are taken in at once: so long may others have to wait for their turn."""


class Adder:
    """Takes requests into the list, as `DownloadService` says, and lets what may run wait.

    `refuse_if_closing` raises StoppedError once the engine takes nothing on any more.
    """

    def __init__(
        self,
        downloads: DownloadList,
        runner: Runner,
        clock: Clock,
        state_directory: Path,
        refuse_if_closing: Callable[[], None],
        *,
        sources: SourceRegistry,
    ) -> None:
        self._refuse_if_closing = refuse_if_closing
        self._downloads = downloads
        self._state_directory = state_directory
        self._runner = runner
        self._queue = runner.queue
        self._clock = clock
        self._sources = sources
        self._ids = _ids()

    async def add(
        self, requests: Sequence[DownloadRequest], *, admit: bool = False
    ) -> list[DownloadRecord]:
        """Do as `DownloadService` says; an embedded engine runs what it is told to `admit`."""
        added = await self.add_many(requests, more=False, admit=admit)
        return self._downloads.current(added.ids)

    async def add_many(
        self, requests: Sequence[DownloadRequest], *, more: bool, admit: bool = False
    ) -> AddedPortion:
        await self._check(requests)
        asked: list[DownloadRecord] = []
        new: list[DownloadRecord] = []

        def take(request: DownloadRequest, begun: _Begun) -> None:
            if (found := self._continue(request)) is None:
                found = self._create(request, begun, admit=admit)
                new.append(found)
            elif admit:
                self._queue.admit(found.id)
            asked.append(found)

        try:
            await self._take_in(requests, take, new, is_last=not more)
        finally:
            # What was in the list before goes on all the same: nobody else would start it.
            self._start(asked)
        return AddedPortion(ids=tuple(d.id for d in asked), new=tuple(d.id for d in new))

    async def add_new(self, requests: Sequence[DownloadRequest], *, more: bool) -> list[str]:
        await self._check(requests)
        new: list[DownloadRecord] = []

        def take(request: DownloadRequest, begun: _Begun) -> None:
            if self._found(request) is None:
                new.append(self._create(request, begun))

        await self._take_in(requests, take, new, is_last=not more)
        self._start(new)
        return [download.id for download in new]

    async def add_members(self, requests: Sequence[DownloadRequest], *, more: bool) -> AddedPortion:
        """Queue members of a collection, whose requests were checked, unless they are members.

        A download of the list that fetches the same file to the same place becomes a member, unless
        it may be another one than the source means. Raises StateError and its kin, and nothing of
        this portion is queued.
        """
        asked: list[str] = []
        new: list[DownloadRecord] = []

        def take(request: DownloadRequest, begun: _Begun) -> None:
            there = self._all_found(request)
            found = next((d for d in there if d.request.group or _is_meant(d, request)), None)
            if found is None:
                found = self._create(request, begun)
                new.append(found)
            elif found.request.group is None:
                adopted = replace(
                    found.request,
                    group=request.group,
                    origin=request.origin,
                    checksum=request.checksum or found.request.checksum,
                )
                self._downloads.update(found, request=adopted)
            asked.append(found.id)

        await self._take_in(requests, take, new, is_last=not more)
        self._start(new)
        return AddedPortion(ids=tuple(asked), new=tuple(d.id for d in new))

    async def _take_in(
        self,
        requests: Sequence[DownloadRequest],
        take: Callable[[DownloadRequest, _Begun], None],
        new: Sequence[DownloadRecord],
        *,
        is_last: bool,
    ) -> None:
        """Take requests in, with others having their turn in between; durably with the last ones.

        What could not be stored was not taken on: nothing may haunt the list.
        """
        try:
            for start in range(0, len(requests), _PORTION):
                if start:
                    await asyncio.sleep(0)
                self._refuse_if_closing()
                begun = _Begun(self._clock.now())
                with not_collecting():
                    for request in requests[start : start + _PORTION]:
                        take(request, begun)
            _log_added(new)
            if is_last:
                await self._downloads.flush()
        except WinchError:
            ids = dict.fromkeys(download.id for download in new)
            self._downloads.remove(self._downloads.current(ids))
            raise

    async def _check(self, requests: Sequence[DownloadRequest]) -> None:
        for request in requests:
            check_request(request)
            self.check_schemes(request)
        await self.check_directories(request.directory for request in requests)

    def check_schemes(self, request: DownloadRequest) -> None:
        """Raise UsageError where nobody here knows how to fetch one of these addresses."""
        for url in (request.url, *request.mirrors):
            if self._sources.resolves(url):
                self._sources.check_url(url)

    async def check_directories(self, directories: Iterable[str]) -> None:
        """Raise DestinationError unless files may be made in all of these."""
        for directory in dict.fromkeys(directories):
            await check_directory(directory)
            if await is_within(directory, self._state_directory):
                raise _own_state_error(directory)

    async def own_state(self, root: str, directories: Iterable[str]) -> dict[str, WinchError]:
        """Return which directories below `root` are those of winch's own state."""
        if not await is_within(str(self._state_directory), Path(root)):
            return {}
        within = [d for d in directories if await is_within(d, self._state_directory)]
        return {directory: _own_state_error(directory) for directory in within}

    async def make_directories(
        self, root: str, directories: Sequence[str]
    ) -> dict[str, WinchError]:
        """Make directories below `root`; do as `DownloadService` says."""
        check_path(root, "the destination")
        for directory in directories:
            check_path(directory, "the directory")
            below = directory.removeprefix(f"{root.rstrip('/')}/")
            if below == directory or any(part in ("", ".", "..") for part in below.split("/")):
                raise UsageError(f"{cut(directory, 80)} does not lie below {cut(root, 80)}")
        await self.check_directories([root])
        return await make_below(root, directories)

    def _start(self, downloads: Iterable[DownloadRecord]) -> None:
        with not_collecting():
            self._queue.enqueue_all(self._downloads.current(d.id for d in downloads))

    def _same(self, request: DownloadRequest, url: str | None = None) -> list[DownloadRecord]:
        return self._downloads.same(
            url=url or request.url, directory=request.directory, name=request.name
        )

    def _found(self, request: DownloadRequest) -> DownloadRecord | None:
        """Return the download that the list has."""
        return next(iter(self._all_found(request)), None)

    def _all_found(self, request: DownloadRequest) -> list[DownloadRecord]:
        """Return the downloads that the list has; what is completed is without its secrets."""
        found = self._same(request)
        if not found and (shown := redact_url(request.url)) != request.url:
            found = self._same(request, shown)
        return found

    def _continue(self, request: DownloadRequest) -> DownloadRecord | None:
        """Return the unfinished download that a request asks for again, going on."""
        found = next((d for d in self._same(request) if d.status is not Status.COMPLETED), None)
        if found is None:
            return None
        before = found.request
        merged = replace(
            before,
            checksum=request.checksum or before.checksum,
            # Not what was said earlier: leave to overwrite belongs to the command that gave it.
            conflict=request.conflict,
            connections=request.connections or before.connections,
            limit=before.limit if request.limit is None else request.limit or None,
            mirrors=tuple(dict.fromkeys((*before.mirrors, *request.mirrors))),
            headers=request.headers or before.headers,
            cookies=request.cookies or before.cookies,
            priority=request.priority or before.priority,
            restart=request.restart,
            wait_for_host=request.wait_for_host or before.wait_for_host,
            group=request.group or before.group,
            retries=before.retries if request.retries is None else request.retries,
            origin=request.origin or before.origin,
        )
        found = self._downloads.update(found, request=merged, asked_at=self._clock.now())
        self._runner.adjust(found)
        if request.paused or Action.RESUME not in allowed_actions(found.status):
            return found
        return self._downloads.step(found, Action.RESUME, "asked for again")

    def _create(
        self, request: DownloadRequest, begun: _Begun, *, admit: bool = False
    ) -> DownloadRecord:
        id_ = next(filter(self._downloads.is_free, self._ids))
        if admit:
            self._queue.admit(id_)
        status = Status.PAUSED if request.paused else Status.PENDING
        now = self._clock.now()  # of its own: a list that is lost is put in order by it
        # Whole from the start: it is stored once, however many there are.
        download = DownloadRecord(
            id=id_,
            request=request if request.limit != 0 else replace(request, limit=None),
            name=request.name or suggest(disposition=None, url=request.url),
            order=self._downloads.next_order(),
            created_at=now,
            updated_at=now,
            status=status,
            wait_reason=None if request.paused else self._queue.turn_of(id_),
            timeline=begun.paused if request.paused else begun.pending,
            paused_with=request.group if request.paused and request.origin is not None else None,
        )
        self._downloads.enter(download)
        return download


class _Begun:
    """How the timelines begin of all that are added at a time: they share it."""

    def __init__(self, at: datetime) -> None:
        self.pending = (TimelineEntry(at=at, text="added", after=Status.PENDING),)
        self.paused = (TimelineEntry(at=at, text="added", after=Status.PAUSED),)


def _is_meant(download: DownloadRecord, request: DownloadRequest) -> bool:
    """Tell whether a download is the file that a source means, or will be proved to be it."""
    wanted, given = request.checksum, download.request.checksum
    if download.status is not Status.COMPLETED:
        return given in (None, wanted)
    size = None if request.origin is None else request.origin.size
    if size is not None and size != download.total_bytes:
        return False
    return wanted is None or wanted in (given, download.digest)


def _own_state_error(directory: str) -> DestinationError:
    return DestinationError(
        f"{directory} is where winch keeps its own state", hint="choose another directory"
    )


def _ids() -> Iterator[str]:
    """Yield ids that nobody can guess, drawn many at once."""
    while True:
        drawn = secrets.token_hex(256 * _ID)
        for start in range(0, len(drawn), 2 * _ID):
            yield drawn[start : start + 2 * _ID]


def _log_added(added: Sequence[DownloadRecord]) -> None:
    """Have the log name what was added, the first ones of very many, in one line for all."""
    if not added:
        return
    named = [f"{d.id[:SHORT]} {redact_url(d.request.url)}" for d in added[:_LOGGED]]
    more = f" and {len(added) - len(named)} more" if len(added) > len(named) else ""
    log.info("added %s%s", ", ".join(named), more)
