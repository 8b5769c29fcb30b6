"""A file of records that outlives kills, power cuts and full disks: for the stores, one each.

A store describes its file by a `Format`, owns a `Document` and does everything through that:

    document = Document(path, Format(title="history", tables={"entries": HistoryEntry}))
    loaded = await document.load()                # fills document.tables
    document.put("entries", "17", entry)          # on disk within the debounce time
    await document.flush()                        # on disk now
    await document.close()

How it is kept on disk is the matter of `generations`; here is when it is written, and what happens
where that fails.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from core.adapters.files.atomic_file import state_error
from core.adapters.files.threads import run_to_end
from core.adapters.state.deferred import Deferred
from core.adapters.state.generations import Loaded, opened
from core.adapters.state.journal import Changes
from core.adapters.state.tables import Format, Tables
from core.adapters.system.clock import Clock
from core.domain.errors import DiskFullError, StateError, WinchError

RETRY_PAUSE = 5.0
"""Seconds after which a save that failed is tried again."""
WHOLE_PAUSE = 5.0
"""Seconds that lie between two times that the whole file is written by itself, at the least."""
REST = 99
"""Times as long as that has taken the last time: writing a long list takes a hundredth of the time
at the most, where the journal does not outgrow it."""
JOURNAL_BYTES = 16 * 1024 * 1024
"""What a journal may have, or as much as the file itself has: then that is written as a whole."""

_ATTEMPTS = 3
_CHANGES, _WHOLE = "changes", "whole"


class Document:
    """Tables of records in one file, durable on request.

    `tables` are the records by table and id, as they were put: they are encoded when they are
    written, in another thread, and so must never change. Only `put` and `discard` change a table,
    or whoever calls these for each change as well. `database` is the same as TinyDB sees it, as far
    as it is on disk; only this document writes to it.

    Only for the thread of the event loop; the disk is worked in others. A change is appended to the
    journal at most `debounce` seconds after it was made, together with all others made until then;
    `flush` does not wait for that. A save that failed is tried again every RETRY_PAUSE seconds, and
    at the next change or flush; nothing that was put is forgotten. The file itself is written now
    and then, and at the end, and nobody waits for it.
    """

    on_error: Callable[[WinchError], None]
    """Told about a save that failed: once, until another reason or a success comes."""

    on_recovered: Callable[[], None]
    """Told when a save worked after `on_error` was told."""

    make_room: Callable[[], Awaitable[int]] | None
    """Awaited when the disk is full; returns how many bytes it made free.

    If there are any, the save is tried again at once. It must not flush this document.
    """

    now: Callable[[], datetime]
    """Returns the wall time that is stored with every save."""

    def __init__(self, path: Path, layout: Format, *, debounce: float = 0.5) -> None:
        self.on_error = lambda _: None
        self.on_recovered = lambda: None
        self.make_room = None
        self.now = Clock().now
        self.tables: Tables = layout.empty()
        self.database, self._storage = opened(path, layout)
        self._title = layout.title
        self._debounce = debounce
        self._unsaved: dict[tuple[str, str], Any] = {}
        self._made = 0  # changes so far, and how many of them are on disk
        self._saved = 0
        self._saved_at: datetime | None = None
        self._took = 0.0  # seconds for the whole file
        self.appends = 0
        """How often changes were appended to the journal, or meant to be."""
        self.rewrites = 0
        """Likewise, how often the whole file was written."""
        self._appending = asyncio.Lock()
        self._writing = asyncio.Lock()  # taken within the other one only
        self._due = Deferred(self.flush)
        self._is_due = False  # within the debounce time, or being seen to already
        self._due_whole = Deferred(self._write_now_and_then)
        self._failures: dict[str, str] = {}
        self._closed = False

    async def load(self) -> Loaded:
        """Fill `tables` with the newest state that can be believed; what cannot be is set aside.

        Raises StateError when the document was written by a newer winch (it is left untouched) or
        cannot be read at all.
        """
        async with self._appending:
            return await self._load({})

    def put(self, table: str, record_id: str, record: Any) -> None:
        """Add or replace a record, which is not None; raises StateError after `close`."""
        self._note(table, record_id, record)
        self.tables[table][record_id] = record

    def discard(self, table: str, record_id: str) -> None:
        """Remove a record, if it is there; raises StateError after `close`."""
        self._note(table, record_id, None)
        self.tables[table].pop(record_id, None)

    @property
    def unsaved(self) -> int:
        """How many changes are not on disk."""
        return len(self._unsaved)

    async def flush(self) -> None:
        """Return once everything put or discarded before is on disk.

        Calls made meanwhile share a write and a sync. Raises StateError, or DiskFullError where
        space is missing; what was saved before is then still there, and saving is tried again.
        """
        target = self._made
        async with self._appending:
            if self._saved < target:
                await self._or_tell(_CHANGES, self._save)

    async def wipe(self) -> None:
        """Return once nothing that was discarded is left on disk; raises as `flush`."""
        async with self._appending:
            for _ in range(2):  # the generation before is kept, and its journal
                await self._or_tell(_WHOLE, self._save_whole)

    async def close(self) -> None:
        """Flush and stop: no change is accepted any more. Raises what `flush` raises."""
        self._closed = True
        try:
            await self.flush()
        finally:
            await self._due.end()
            await self._due_whole.end()
        # All of it is on disk already: where this fails, the next start makes up for it.
        with contextlib.suppress(WinchError):
            async with self._appending:
                if self._storage.is_behind or await run_to_end(self._storage.is_gone):
                    await self._or_tell(_WHOLE, self._save_whole)
        self._due.cancel()

    def _note(self, table: str, record_id: str, record: Any) -> None:
        if self._closed:
            raise StateError(f"the {self._title} is closed already")
        self._made += 1
        self._unsaved[table, record_id] = record
        if not self._is_due:
            self._is_due = True
            # The retry of a failed save is brought forward.
            self._due.within(self._debounce)

    async def _load(self, changes: Changes) -> Loaded:
        """Fill the tables with what is on disk, below what was changed before."""
        loaded = await run_to_end(self._storage.load)
        self._saved_at = loaded.saved_at
        tables = loaded.tables
        for (name, id_), record in (*changes.items(), *self._unsaved.items()):
            if record is None:
                tables[name].pop(id_, None)
            else:
                tables[name][id_] = record
        for name, table in self.tables.items():
            table.clear()
            table.update(tables[name])
        return loaded

    async def _save(self) -> None:
        """Append the changes to the journal, or write all where there is none to go on with."""
        with self._taken() as changes:
            if not self._storage.is_loaded:
                await self._load(changes)
            self.appends += 1
            if not await run_to_end(self._storage.append, changes, self.now()):
                await self._write_whole()
        if not self._due_whole.is_running:
            self._plan_whole()

    async def _save_whole(self) -> None:
        with self._taken() as changes:
            if not self._storage.is_loaded:
                await self._load(changes)
            await self._write_whole()

    @contextlib.contextmanager
    def _taken(self) -> Iterator[Changes]:
        """Take the changes that are to be saved; where that fails they are to be saved still."""
        self._due.cancel()
        self._is_due = False
        target, changes = self._made, self._unsaved
        self._unsaved = {}
        try:
            yield changes
        except BaseException:
            # Whatever became of it, saving these once more is right; newer changes go on top.
            self._unsaved = {**changes, **self._unsaved}
            self._due.within(RETRY_PAUSE)
            raise
        self._saved = target
        if changes:
            self._saved_at = self.now()

    async def _write_whole(self) -> None:
        """Write the file while nothing is appended."""
        async with self._writing:
            moment = self.now() if self._saved < self._made else self._saved_at
            await self._write(self._storage.write_whole, self._snapshot(), moment)

    async def _write_now_and_then(self) -> None:
        try:
            await self._or_tell(_WHOLE, self._write_beside)
        finally:
            self._plan_whole()

    async def _write_beside(self) -> None:
        """Write the file while the journal goes on."""
        async with AsyncExitStack() as writing:
            async with self._appending:
                for _ in range(_ATTEMPTS):
                    if self._unsaved:  # the file should not be ahead of what is acknowledged
                        try:
                            await self._or_tell(_CHANGES, self._save)
                        except WinchError:
                            return  # told as what it is
                if self._unsaved and self._storage.has_begun:
                    return  # and must not be, where the journal has begun (`generations`)
                tables = self._snapshot()
                await writing.enter_async_context(self._writing)
                if not (self._storage.is_behind and await run_to_end(self._storage.begin)):
                    return
            await self._write(self._storage.write_begun, tables, self._saved_at)

    async def _write(
        self,
        write: Callable[[Tables, datetime | None], None],
        tables: Tables,
        saved_at: datetime | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.rewrites += 1
        try:
            await run_to_end(write, tables, saved_at)
        finally:
            self._took = loop.time() - began

    def _snapshot(self) -> Tables:
        return {name: dict(table) for name, table in self.tables.items()}

    def _plan_whole(self) -> None:
        """See to it that the file is written, some time after there is a journal."""
        if self._storage.is_behind and not self._closed:
            length = self._storage.journal_length
            is_long = length > max(JOURNAL_BYTES, self._storage.size)
            is_urgent = is_long and _WHOLE not in self._failures
            self._due_whole.within(0.0 if is_urgent else max(WHOLE_PAUSE, REST * self._took))

    async def _or_tell(self, what: str, save: Callable[[], Awaitable[None]]) -> None:
        """Save, with more room where there is too little; what fails is told, and raised."""
        try:
            try:
                await self._translated(save)
            except DiskFullError:
                if not await self._room_made():
                    raise
                await self._translated(save)
        except WinchError as error:
            if error.message not in self._failures.values():
                self.on_error(error)
            self._failures[what] = error.message
            raise
        if self._failures.pop(what, None) is not None and not self._failures:
            self.on_recovered()

    async def _translated(self, save: Callable[[], Awaitable[None]]) -> None:
        try:
            await save()
        except OSError as error:
            raise state_error(error, self._storage.path) from error

    async def _room_made(self) -> int:
        # What goes wrong while tidying up must not hide why it was done.
        with contextlib.suppress(WinchError, OSError):
            return await self.make_room() if self.make_room is not None else 0
        return 0
