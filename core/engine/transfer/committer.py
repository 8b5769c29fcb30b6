"""Small files on their way to their names, together: one journal append and few syncs for many.

All that wait form a batch. It is written; while its bytes are synced, the list's journal takes in
which file is to get which name; only then the names are linked, and their directory synced. A kill
before the links leaves nothing, one after them what the next start finds in the journal and
completes (`running.commits`). Whoever waits is told once its file survives a power cut.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from core.adapters.files.file_batch import FileBatch, NewFile, most_files
from core.adapters.files.threads import run_to_end
from core.domain.errors import WinchError
from core.domain.models import PendingCommit

log = logging.getLogger(__name__)

MOST_BYTES = 4 * 1024 * 1024
"""Bytes that may wait here beside running downloads: a slow disk holds up the requests then."""
GATHERING = 0.03
"""Seconds in which others may join the next batch, where there were several in the last one: each
has its way through the threads and its syncs, however few files there are in it."""


class CommitJournal(Protocol):
    """Where it is written down which file gets which name; the catalog of the list is one."""

    def put_commit(self, download_id: str, commit: PendingCommit) -> None: ...

    def discard_commit(self, download_id: str) -> None: ...

    async def flush(self) -> None: ...


@dataclass(slots=True, eq=False)
class _Waiting:
    id: str
    file: NewFile
    size: int
    told: asyncio.Future[None]
    is_over: bool = False
    failure: WinchError | None = None


class Committer:
    """Makes files of what is whole in memory, for all downloads."""

    def __init__(self, journal: CommitJournal) -> None:
        self._journal = journal
        self._waiting: list[_Waiting] = []
        self._bytes = 0
        self._full = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def has_room(self) -> bool:
        """Whether more may wait than what runs anyway."""
        return self._bytes < MOST_BYTES

    async def commit(self, download_id: str, file: NewFile) -> None:
        """Make a file; on return it has its name, or its `error` says why not.

        A cancellation that comes before its batch began leaves nothing of it; a later one comes
        too late and is dropped. Raises StateError, DiskFullError where the journal cannot be
        written; then there is no file.
        """
        loop = asyncio.get_running_loop()
        size = sum(map(len, file.pieces))
        entry = _Waiting(download_id, file, size, loop.create_future())
        self._waiting.append(entry)
        self._bytes += size
        if not self.has_room:
            self._full.set()
        if self._task is None:
            self._task = loop.create_task(self._work(), name="committer")
        while not entry.is_over:
            try:
                await entry.told
            except asyncio.CancelledError:
                if entry in self._waiting:
                    self._waiting.remove(entry)
                    self._bytes -= size
                    raise
                entry.told = loop.create_future()
        if entry.failure is not None:
            raise entry.failure

    def forget(self, ids: Iterable[str]) -> None:
        """Drop from the journal what was committed, once the list and the history know."""
        for id_ in ids:
            self._journal.discard_commit(id_)

    async def _work(self) -> None:
        while self._waiting:
            most = most_files()
            entries, self._waiting = self._waiting[:most], self._waiting[most:]
            try:
                await self._make(entries)
            except WinchError as error:
                self._give_up(entries, error)
            except Exception as error:
                log.exception("a batch of small files failed")
                self._give_up(entries, WinchError(f"an unexpected error: {type(error).__name__}"))
            for entry in entries:
                self._bytes -= entry.size
                entry.is_over = True
                if not entry.told.done():
                    entry.told.set_result(None)
            if len(entries) > 1 and len(self._waiting) < most:
                await self._gather()
        self._task = None

    async def _gather(self) -> None:
        """Let others come, for a moment, and no longer than there is room for them."""
        if self.has_room:
            self._full.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHERING):
                await self._full.wait()

    async def _make(self, entries: Sequence[_Waiting]) -> None:
        batch = FileBatch([entry.file for entry in entries])
        try:
            await run_to_end(batch.begin)
            if batch.unwritten:
                self._put(entries)
                await self._journal.flush()
                await run_to_end(batch.write_parts)
            syncing = asyncio.ensure_future(run_to_end(batch.sync))
            try:
                # A name that somebody else took in between is a reason to write down another one.
                while self._put(entries):
                    await self._journal.flush()
                    await syncing
                    await run_to_end(_link, batch)
            finally:
                await asyncio.wait([syncing])
        finally:
            if batch.is_open:
                await run_to_end(batch.close)
            for entry in entries:
                if not entry.file.made and entry.file.identity is not None:
                    self._journal.discard_commit(entry.id)

    def _put(self, entries: Sequence[_Waiting]) -> bool:
        """Have the journal take in who is to be linked; False where nobody is left."""
        is_any = False
        for entry in entries:
            file = entry.file
            if file.identity is None or file.made or file.error is not None:
                continue
            is_any = True
            commit = PendingCommit(
                name=file.name, part=file.identity, total=entry.size, stamp=file.stamp
            )
            self._journal.put_commit(entry.id, commit)
        return is_any

    def _give_up(self, entries: Sequence[_Waiting], error: WinchError) -> None:
        """Fail all whose file did not come to be."""
        for entry in entries:
            if not entry.file.made:
                entry.failure = error


def _link(batch: FileBatch) -> None:
    """Give the files their names; with the last of them the batch is done, in the same thread."""
    batch.link()
    if not batch.pending:
        batch.close()
