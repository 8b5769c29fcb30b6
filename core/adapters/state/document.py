"""A file of records that outlives kills, power cuts and full disks: for the stores, one each.

A store describes its file by a `Format`, owns a `Document` and does everything through that:

    document = Document(path, Format(title="history", tables=("entries",), decode=decode))
    loaded = await document.load()                    # what `decode` made of the tables
    document.put("entries", "17", encoder.encode(entry))  # on disk within the debounce time
    await document.flush()                            # on disk now
    await document.close()

How it is kept on disk is the matter of `generations`; here is when it is written, and what happens
where that fails.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from core.adapters.files.atomic_file import state_error
from core.adapters.files.threads import run_to_end
from core.adapters.state.generations import Format, GenerationStorage, Loaded
from core.domain.errors import DiskFullError, StateError, WinchError

RETRY_PAUSE = 5.0
"""Seconds after which a save that failed is tried again."""
REST = 9
"""Times as long as the last save took, nothing is saved by itself: a long list is written whole,
and that takes a tenth of the time at the most."""

T = TypeVar("T")


class Document(Generic[T]):
    """Tables of records in one file, durable on request.

    Only for the thread of the event loop; the disk is worked in another one, by one save at a
    time. A change is saved at most `debounce` seconds after it was made, or REST times what the
    last save took, together with all others made until then; `flush` does not wait for that. A save
    that failed is tried again every RETRY_PAUSE seconds, and at the next change or flush; nothing
    that was put is forgotten.
    """

    on_error: Callable[[WinchError], None]
    """Told about a save that failed: once, until another reason or a success comes."""

    on_recovered: Callable[[], None]
    """Told when a save worked after `on_error` was told."""

    make_room: Callable[[], Awaitable[int]] | None
    """Awaited when the disk is full; returns how many bytes it made free.

    If there are any, the save is tried again at once. It must not flush this document.
    """

    def __init__(self, path: Path, layout: Format[T], *, debounce: float = 0.5) -> None:
        self.on_error = lambda _: None
        self.on_recovered = lambda: None
        self.make_room = None
        self._title = layout.title
        self._storage = GenerationStorage(path, layout)
        self._debounce = debounce
        self._unsaved: dict[tuple[str, str], msgspec.Raw | None] = {}
        self._made = 0  # changes so far, and how many of them are on disk
        self._saved = 0
        self._rest_until = 0.0
        self._writer = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._background: asyncio.Task[None] | None = None
        self._failure: str | None = None
        self._closed = False

    async def load(self) -> Loaded[T]:
        """Return the newest generation that can be believed; what cannot be is set aside.

        Raises StateError when the document was written by a newer winch (it is left untouched) or
        cannot be read at all.
        """
        async with self._writer:
            return await run_to_end(self._storage.load)

    def put(self, table: str, record_id: str, encoded: bytes) -> None:
        """Add or replace a record by its JSON text; raises StateError after `close`."""
        self._change(table, record_id, msgspec.Raw(encoded))

    def discard(self, table: str, record_id: str) -> None:
        """Remove a record, if it is there; raises StateError after `close`."""
        self._change(table, record_id, None)

    async def flush(self) -> None:
        """Return once everything put or discarded before is on disk.

        Calls made meanwhile share a save. Raises StateError, or DiskFullError where space is
        missing; the last good generation is then still there, and saving is tried again.
        """
        target = self._made
        async with self._writer:
            if self._saved < target:
                await self._save()

    async def close(self) -> None:
        """Flush and stop: no change is accepted any more. Raises what `flush` raises."""
        self._closed = True
        try:
            await self.flush()
        finally:
            if self._background is not None:
                await self._background
            self._cancel_timer()

    def _change(self, table: str, record_id: str, encoded: msgspec.Raw | None) -> None:
        if self._closed:
            raise StateError(f"the {self._title} is closed already")
        self._made += 1
        self._unsaved[table, record_id] = encoded
        # The retry of a failed save is brought forward; one that is due sooner stays.
        now = asyncio.get_running_loop().time()
        due = max(now + self._debounce, self._rest_until)
        if self._timer is None or self._timer.when() > due:
            self._schedule(due - now)

    async def _save(self) -> None:
        try:
            try:
                await self._write()
            except DiskFullError:
                if not await self._room_made():
                    raise
                await self._write()
        except WinchError as error:
            if self._failure != error.message:
                self.on_error(error)
            self._failure = error.message
            raise
        if self._failure is not None:
            self._failure = None
            self.on_recovered()

    async def _write(self) -> None:
        self._cancel_timer()
        target, changes = self._made, self._unsaved
        self._unsaved = {}
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await run_to_end(self._storage.apply, changes)
        except BaseException as error:
            # Whatever became of it, saving these once more is right; newer changes go on top.
            self._unsaved = {**changes, **self._unsaved}
            self._schedule(RETRY_PAUSE)
            if isinstance(error, OSError):
                raise state_error(error, self._storage.path) from error
            raise
        self._saved = target
        now = loop.time()
        self._rest_until = now + REST * (now - began)

    async def _room_made(self) -> int:
        # What goes wrong while tidying up must not hide why it was done.
        with contextlib.suppress(WinchError, OSError):
            return await self.make_room() if self.make_room is not None else 0
        return 0

    def _schedule(self, delay: float) -> None:
        self._cancel_timer()
        self._timer = asyncio.get_running_loop().call_later(delay, self._save_in_background)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _save_in_background(self) -> None:
        self._timer = None
        self._background = asyncio.get_running_loop().create_task(self._flush_quietly())

    async def _flush_quietly(self) -> None:
        with contextlib.suppress(WinchError):  # on_error has been told
            await self.flush()
