"""Whole or not there: members gather out of sight, and get their names when all are proved.

The state of the record is the journal. Until it says PUBLISHING nothing has a final name; from then
on every start goes on until all have theirs, and finds what was done before. Members lie below the
final directory from the very moment on at which the record says that they are published.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable

from core.adapters.files.below import make_below, make_root
from core.adapters.files.publishing import (
    Gathered,
    check_gathered,
    is_renamed,
    make_staging,
    move_each,
    remove_staging,
    rename_whole,
)
from core.adapters.files.threads import run_to_end
from core.domain.collections import CollectionRecord, CollectionState, Verdict, verdict_of
from core.domain.errors import DiskError, WinchError
from core.domain.models import Conflict, Download, DownloadRecord, Status
from core.domain.value import replace
from core.engine.downloads.list import DownloadList

log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds that a start waits for what a crash interrupted, before it goes on beside it."""
_PAUSE = 0.1
"""Seconds in which other members that end may join: all of them are looked at together."""
_AT_ONCE = 500


class Publisher:
    """Gives collections their names; `on_change` is called when `is_busy` may have changed.

    `is_read` tells whether a collection's source is being read: it may name more.
    """

    def __init__(
        self,
        downloads: DownloadList,
        on_change: Callable[[], None],
        is_read: Callable[[str], bool],
    ) -> None:
        self._downloads = downloads
        self._on_change = on_change
        self._is_read = is_read
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._lacking: dict[str, str] = {}
        """The id of a member that was not whole yet when a collection was looked at last."""
        self._closed = False

    @property
    def is_busy(self) -> bool:
        return bool(self._tasks or self._due)

    async def start(self) -> None:
        """Go on with what a crash interrupted, and return once it is done, or hangs with a disk."""
        for name in list(self._downloads.collections):
            self._begin(name)
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=PATIENCE)

    async def close(self) -> None:
        """Begin nothing more, and return once nothing is under way: the next start goes on."""
        self._closed = True
        for timer in self._due.values():
            timer.cancel()
        self._due.clear()
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    async def settled(self, *names: str | None) -> None:
        """Return once nothing is under way for these collections."""
        for name in names:
            if (task := self._tasks.get(name or "")) is not None:
                await asyncio.wait([task])

    def look(self, name: str) -> None:
        """Look soon at whether all of a collection is there: something changed about it."""
        collection = self._downloads.collections.get(name)
        if collection is None or not collection.is_hidden or name in self._due or self._closed:
            return
        self._due[name] = asyncio.get_running_loop().call_later(_PAUSE, self._begin, name)
        self._on_change()

    def look_at_all(self) -> None:
        """Look soon at every collection: members have gone, or a reading has ended."""
        for name in list(self._downloads.collections):
            self.look(name)

    def member_changed(self, download: Download) -> None:
        """Take in that a member is in another state."""
        if download.status is not Status.COMPLETED:
            return
        collection = self._downloads.collections.get(download.request.group or "")
        if collection is None or not collection.is_hidden:
            return
        if self._lacking.get(collection.name, download.id) == download.id:
            self.look(collection.name)

    def _begin(self, name: str) -> None:
        if (timer := self._due.pop(name, None)) is not None:
            timer.cancel()
        if not self._closed and name not in self._tasks and self._is_ready(name):
            self._tasks[name] = asyncio.create_task(self._run(name), name=f"publishing {name}")
        self._on_change()

    def _is_ready(self, name: str) -> bool:
        """Tell whether all of a collection is there and proved, or some of it has its name."""
        collection = self._downloads.collections.get(name)
        if collection is None or not collection.is_hidden or collection.staging is None:
            return False
        if collection.state is CollectionState.PUBLISHING:
            # Some has its name; what was lost in between, and is fetched again, is waited for.
            members = self._downloads.members(name)
            return all(download.status is Status.COMPLETED for download in members)
        is_open = collection.state is CollectionState.READING or self._is_read(name)
        if is_open or collection.refused_count or collection.read_error is not None:
            return False
        if (known := self._lacking.get(name)) is not None and self._lacks(known, name):
            return False
        members = self._downloads.members(name)
        lacking = next((d.id for d in members if verdict_of(d) is not Verdict.WHOLE), None)
        if lacking is None:
            self._lacking.pop(name, None)
        else:
            self._lacking[name] = lacking
        return lacking is None and bool(members)

    def _lacks(self, id_: str, name: str) -> bool:
        found = self._downloads.current([id_])
        return any(d.request.group == name and verdict_of(d) is not Verdict.WHOLE for d in found)

    async def _run(self, name: str) -> None:
        try:
            await self._publish(name)
        except Exception as error:
            failure = error if isinstance(error, WinchError) else _unexpected(name, error)
            log.warning("%s could not get its name: %s", name, failure.message)
            collection = self._downloads.collections.get(name)
            # A list that cannot be saved is told elsewhere, and the name is there by then.
            if collection is not None and collection.is_hidden:
                self._put(name, publish_error=failure.info())
        finally:
            del self._tasks[name]
            self._on_change()

    async def _publish(self, name: str) -> None:
        """Give everything its name; raises WinchError, and the next attempt goes on from there."""
        collection = self._downloads.collection(name)
        assert collection.staging is not None
        staging = collection.staging
        directory = await run_to_end(os.path.realpath, collection.directory)
        files = [
            Gathered(collection.path_of(d), d.part, _replaces(collection, d))
            for d in self._gathered(collection)
        ]
        lost = await run_to_end(check_gathered, staging, directory, files)
        if lost:
            await self._tell_lost(collection, set(lost))
            if collection.state is not CollectionState.PUBLISHING:
                return
        # From here on it ends whole, whatever comes in between.
        self._put(name, state=CollectionState.PUBLISHING, publish_error=None)
        await self._downloads.flush()
        if not (
            await run_to_end(is_renamed, staging, directory)
            and await run_to_end(rename_whole, staging, directory, files)
        ):
            await make_root(directory)
            below = {f.path.rpartition("/")[0] for f in files} - {""}
            wrong = await make_below(directory, {f"{directory}/{path}" for path in below})
            for error in wrong.values():
                raise error
            await run_to_end(move_each, staging, directory, files)
        if (why := await run_to_end(remove_staging, staging)) is not None:
            log.warning("%s stays: %s", staging, why)
        await self._settle_members(name)
        self._put(name, state=CollectionState.PUBLISHED, staging=None)
        await self._downloads.flush()
        log.info("%s has its name: %d files in %s", name, len(files), directory)

    def _gathered(self, collection: CollectionRecord) -> list[DownloadRecord]:
        """Return the members that lie where they gather."""
        root = f"{collection.staging}/"
        members = self._downloads.members(collection.name)
        return [d for d in members if f"{d.request.directory}/".startswith(root)]

    async def _settle_members(self, name: str) -> None:
        """Let members lie where they are by now."""
        collection = self._downloads.collection(name)
        for number, download in enumerate(self._gathered(collection), start=1):
            final = collection.final(download.request.directory)
            request = replace(download.request, directory=final)
            self._downloads.update(self._downloads[download.id], request=request)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _tell_lost(self, collection: CollectionRecord, lost: set[str]) -> None:
        """Say of members that their files went away while they gathered."""
        for download in self._gathered(collection):
            if collection.path_of(download) in lost:
                error = DiskError(
                    f"{download.path} is not there any more",
                    hint="`winch retry` fetches it anew",
                )
                self._downloads.note(download.id, error.message)
                self._downloads.update(self._downloads[download.id], error=error.info())
        await self._downloads.flush()

    def _put(self, name: str, **fields: object) -> None:
        self._downloads.put_collection(replace(self._downloads.collection(name), **fields))


async def gathers_in(collection: CollectionRecord) -> CollectionRecord:
    """Return a collection with where its members gather, which is there from now on.

    Raises DestinationError, DiskError.
    """
    staging = await run_to_end(make_staging, collection.directory, collection.name)
    is_published = collection.state is CollectionState.PUBLISHED
    state = CollectionState.READY if is_published else collection.state
    return replace(collection, staging=staging, state=state)


def _replaces(collection: CollectionRecord, download: Download) -> bool:
    rules = (collection.request.conflict, download.request.conflict)
    return Conflict.OVERWRITE in rules


def _unexpected(name: str, error: Exception) -> WinchError:
    log.error("publishing %s failed", name, exc_info=error)
    return WinchError(f"an unexpected error: {type(error).__name__}")
