"""How a collection comes about: its record, and members made of what its source names.

A source is read beside everything else and survives whoever asked for it: what was interrupted is
read again from its beginning, and what is a member already stays as it is.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence

from core.adapters.files.below import is_missing, make_root
from core.adapters.files.publishing import remove_staging
from core.adapters.files.threads import run_to_end
from core.adapters.system.clock import Clock
from core.domain.checks import check_collection_name
from core.domain.collections import (
    Collection,
    CollectionRecord,
    CollectionRequest,
    CollectionState,
)
from core.domain.entries import Entry, Refused
from core.domain.errors import NotAllowedError, StoppedError, UsageError, WinchError
from core.domain.outcomes import AddedPortion
from core.domain.value import replace
from core.engine.collections.members import MemberMaker, TakenIn
from core.engine.collections.reading import SourceReader
from core.engine.collections.together import gathers_in
from core.engine.downloads.list import DownloadList
from core.engine.requests.add import Adder
from core.policy.collections.globs import Globs
from core.policy.collections.members import root_of
from core.policy.request_rules import check_request

log = logging.getLogger(__name__)

MOST_ENTRIES = 2_000_000
"""Entries of one source: one that names more does not end."""
FED_PAUSE = 60.0
"""Seconds after which a front end that names no more entries is taken to be gone."""
PATIENCE = 5.0
"""Seconds that a source has to stop in: one of a package may never."""
_PAUSES = (5.0, 30.0, 120.0, 600.0)
"""Seconds between attempts to read a source that may be read later."""


class Collector:
    """Makes collections and takes entries in; `changed` hears of each that got all of its own."""

    def __init__(
        self,
        downloads: DownloadList,
        adder: Adder,
        clock: Clock,
        reader: SourceReader,
        changed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._downloads = downloads
        self._adder = adder
        self._clock = clock
        self._reader = reader
        self._changed = changed
        self._members = MemberMaker(downloads, adder)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._abandoned: dict[str, asyncio.TimerHandle] = {}
        self._portions: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def is_busy(self) -> bool:
        """Whether any source is being read."""
        return any(not task.done() for task in self._tasks.values()) or bool(self._abandoned)

    def start(self) -> None:
        """Read what was being read when the engine ended."""
        for collection in list(self._downloads.collections.values()):
            if collection.state is not CollectionState.READING:
                continue
            if collection.source is None or collection.source.kind == "list":
                self._abandon(collection.name)
            else:
                self._begin(collection.name)

    async def close(self) -> None:
        """Stop reading; what was not read to its end is read again at the next start."""
        for timer in self._abandoned.values():
            timer.cancel()
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=PATIENCE)

    async def stop(self, name: str) -> None:
        """Read the source of one collection no further."""
        self._members.forget(name)
        if (timer := self._abandoned.pop(name, None)) is not None:
            timer.cancel()
        if (task := self._tasks.pop(name, None)) is not None:
            task.cancel()
            await asyncio.wait([task], timeout=PATIENCE)

    async def collect(self, request: CollectionRequest, *, fed: bool) -> CollectionRecord:
        """Do as `DownloadService` says."""
        collection = self._made(request)
        if (before := self._downloads.collections.get(request.name)) is not None:
            if (before.source, before.directory) != (collection.source, collection.directory):
                raise NotAllowedError(
                    f"there is a collection '{request.name}' of another source or directory",
                    hint=f"choose another name, or `winch rm {request.name}` first",
                )
            collection = self._asked_again(before, collection)
        await self.stop(request.name)
        if before is None:
            collection = await _placed(collection)
        root = root_of(collection)
        await make_root(root)
        await self._adder.check_directories([root])
        if fed or collection.source is not None:
            collection = replace(
                collection,
                state=CollectionState.READING,
                entries=0,
                refused=(),
                refused_count=0,
                read_error=None,
            )
        self._downloads.put_collection(collection)
        try:
            await self._downloads.flush()
        except WinchError:
            if before is None:
                self._downloads.discard_collection(request.name)
                if collection.staging is not None:
                    await run_to_end(remove_staging, collection.staging)
            raise
        if fed:
            self._expect_more(request.name)
        elif collection.source is not None:
            self._begin(request.name)
        return self._downloads.collection(request.name)

    async def add_entries(
        self, name: str, entries: Sequence[Entry], refused: Sequence[Refused], *, more: bool
    ) -> AddedPortion:
        """Do as `DownloadService` says."""
        self._downloads.collection(name)
        taken = await self.take_in(name, entries, refused, more=more)
        if more:
            self._expect_more(name)
        else:
            if (timer := self._abandoned.pop(name, None)) is not None:
                timer.cancel()
            self._read_to_the_end(name)
            await self._downloads.flush()
        return taken.added

    def between_portions(self, name: str) -> asyncio.Lock:
        """Return what is held while a portion is taken in: all of it joins with what is so then."""
        return self._portions[name]

    async def take_in(
        self, name: str, entries: Sequence[Entry], refused: Sequence[Refused], *, more: bool
    ) -> TakenIn:
        """Make members of entries, and refused ones of those that cannot be fetched."""
        if refused and self._downloads.collection(name).read_at is not None:
            # It was read before: what is refused now may be what was a file then.
            refused = [replace(each, doubtful=True) for each in refused]
        async with self.between_portions(name):
            return await self._members.take_in(name, entries, refused, more=more)

    async def join(self, name: str, entries: Sequence[Entry]) -> tuple[Refused, ...]:
        """Make members of new entries for somebody who counts himself; return what is none."""
        async with self.between_portions(name):
            taken = await self._members.take_in(name, entries, (), more=True, counted=False)
        return taken.refused

    async def would_refuse(self, name: str, entries: Sequence[Entry]) -> tuple[Refused, ...]:
        """Return what `join` would, and make nothing."""
        async with self.between_portions(name):
            return await self._members.would_refuse(name, entries)

    def begin_again(self, name: str) -> None:
        """Remember nothing of what was read of a source before."""
        self._members.forget(name)

    def tell_read(self, name: str) -> None:
        """Take in that somebody else has read a source to its end."""
        self._members.forget(name)
        self._changed(name)

    # ---------------------------------------------------------------------------------------------

    def _made(self, request: CollectionRequest) -> CollectionRecord:
        """Return the record of a new collection; raises UsageError, DestinationError."""
        check_collection_name(request.name)
        if request.limit is not None and request.limit < 1:
            raise UsageError("a limit is 1 byte/s or more", hint="leave it out for no limit")
        if (source := request.source) is not None:
            Globs(source.include, source.exclude)
        shared = replace(request.request, url="", name=None, group=request.name, paused=False)
        check_request(replace(shared, url="http://host/"))
        return CollectionRecord(
            name=request.name,
            request=replace(shared, priority=0),
            created_at=self._clock.now(),
            source=request.source,
            together=request.together,
            paused=request.request.paused,
            priority=request.request.priority,
            limit=request.limit,
        )

    def _asked_again(self, before: CollectionRecord, now: CollectionRecord) -> CollectionRecord:
        """Return a collection that is asked for again; raises NotAllowedError where it cannot be.

        What is said by now of how to fetch counts; its priority, limit and pause are its own.
        """
        if before.state is CollectionState.PUBLISHING:
            raise NotAllowedError(
                f"'{before.name}' is about to get its name", hint="try again in a moment"
            )
        if now.together and not before.together:
            raise NotAllowedError(
                f"the files of '{before.name}' have their names already, one by one",
                hint="choose another name for one that is whole or not there",
            )
        headers = now.request.headers or before.request.headers
        return replace(before, request=replace(now.request, headers=headers))

    def _begin(self, name: str) -> None:
        self._tasks[name] = asyncio.create_task(self._read(name), name=f"reading {name}")

    async def _read(self, name: str) -> None:
        for pause in itertools.chain(_PAUSES, itertools.repeat(_PAUSES[-1])):
            error = await self._read_once(name)
            if error is None or not error.retryable:
                break
            log.warning("%s: %s; tried again in %d s", name, error.message, pause)
            await asyncio.sleep(pause)

    async def _read_once(self, name: str) -> WinchError | None:
        """Read a source and return why that came to no end, None where it did."""
        collection = self._downloads.collection(name)
        self._downloads.put_collection(replace(collection, entries=0, refused=(), refused_count=0))
        count = 0
        try:
            async for entries, refused in self._reader.open(collection).portions():
                await self.take_in(name, entries, refused, more=True)
                count += len(entries) + len(refused)
                if count > MOST_ENTRIES:
                    raise UsageError(f"the source names more than {MOST_ENTRIES:,} files")
            await self._downloads.flush()
        except Exception as error:
            failure = _failure(name, error)
            if name in self._downloads.collections:
                self._failed(name, failure)
            return failure
        self._read_to_the_end(name)
        return None

    def _failed(self, name: str, error: WinchError) -> None:
        log.warning("the source of %s could not be read: %s", name, error.message)
        self._members.forget(name)
        collection = self._downloads.collection(name)
        state = CollectionState.READING if error.retryable else _at_rest(collection)
        self._downloads.put_collection(replace(collection, state=state, read_error=error.info()))
        self._changed(name)

    def _read_to_the_end(self, name: str) -> None:
        self._members.forget(name)
        collection = self._downloads.collection(name)
        self._downloads.put_collection(
            replace(
                collection,
                state=_at_rest(collection),
                read_at=self._clock.now(),
                read_error=None,
            )
        )
        self._changed(name)

    def _expect_more(self, name: str) -> None:
        if (timer := self._abandoned.pop(name, None)) is not None:
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._abandoned[name] = loop.call_later(FED_PAUSE, self._abandon, name)

    def _abandon(self, name: str) -> None:
        """Say of a collection that whoever named its entries has gone before the end."""
        self._abandoned.pop(name, None)
        if name in self._downloads.collections:
            error = StoppedError(
                "the command that named its files ended before it was through",
                hint="give the same list again: what is there already stays",
            )
            self._failed(name, error)


async def _placed(collection: CollectionRecord) -> CollectionRecord:
    """Return a new collection with what is so of its directory; raises as `gathers_in` does."""
    if await is_missing(collection.directory):
        collection = replace(collection, is_directory_own=True)
    # Made before it is known, so that what is known is there.
    return await gathers_in(collection) if collection.together else collection


def _at_rest(collection: Collection) -> CollectionState:
    """Return the state of a collection whose source is not being read."""
    is_published = collection.together and collection.staging is None
    return CollectionState.PUBLISHED if is_published else CollectionState.READY


def _failure(name: str, error: Exception) -> WinchError:
    """Return why a reading came to no end: nobody waits for its task, so that it is told at all."""
    if isinstance(error, WinchError):
        return error
    log.error("reading the source of %s failed", name, exc_info=error)
    return WinchError(f"an unexpected error: {type(error).__name__}")
