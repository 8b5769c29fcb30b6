"""The list of downloads on disk, a TinyDB document: for the engine, which owns it alone.

TinyDB's own storage rewrites its file in place, and a kill in between leaves neither the old list
nor the new one. This one replaces the file atomically and keeps the generation before, and decides
at the start which of the two may be believed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
from tinydb.storages import Storage
from tinydb.table import Table

from core.adapters.atomic_file import set_aside, state_error, write_atomically
from core.adapters.threads import run_to_end
from core.domain.errors import StateError, WinchError
from core.domain.models import Download
from core.domain.service import LimitChanges

SCHEMA_VERSION = 1
RETRY_PAUSE = 5.0
_DOWNLOADS = "downloads"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """What was found at the start.

    `limits` are what a person has changed of the limits in the settings, `notices` sentences for
    that person. `verified` is False when the newest generation was not readable: then the list may
    lack downloads, and nothing that looks orphaned may be removed.
    """

    downloads: list[Download]
    limits: LimitChanges = field(default_factory=LimitChanges)
    paused: bool = False
    notices: tuple[str, ...] = ()
    verified: bool = True


class Catalog:
    """state/downloads.json: every download, durable on request.

    Only for the thread of the event loop. A change is saved at most `debounce` seconds after it
    was made, together with all others made until then; `flush` does not wait for that.
    """

    on_error: Callable[[WinchError], None] | None
    """Told about a background save that failed; the save is tried again on its own."""

    def __init__(self, directory: Path, *, debounce: float = 0.5) -> None:
        self.on_error = None
        self._debounce = debounce
        self._storage = GenerationStorage(directory / "downloads.json")
        self._table = RecordTable(self._storage, _DOWNLOADS)
        self._encoder = msgspec.json.Encoder()
        self._unsaved: dict[str, msgspec.Raw | None] = {}
        self._made = 0  # changes so far, and how many of them are on disk
        self._saved = 0
        self._writer = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._background: asyncio.Task[None] | None = None
        self._closed = False

    async def load(self) -> LoadResult:
        """Return every download of the newest generation that can be believed.

        Raises StateError when the list was written by a newer winch (it is left untouched) or
        cannot be read at all.
        """
        async with self._writer:
            return await run_to_end(self._storage.load)

    def put(self, download: Download) -> None:
        """Add or replace a record; it is encoded now and saved within the debounce time.

        Raises StateError for a record that JSON cannot hold (a lone surrogate in a path).
        """
        try:
            encoded = msgspec.Raw(self._encoder.encode(download))
        except UnicodeEncodeError as error:
            raise StateError(
                f"download {download.id} cannot be stored: a name in it is not valid UTF-8",
                hint="choose a directory whose name is valid UTF-8",
            ) from error
        self._change(download.id, encoded)

    def discard(self, id: str) -> None:  # noqa: A002
        """Remove a record, if it is there; saved within the debounce time."""
        self._change(id, None)

    def put_limits(self, limits: LimitChanges) -> None:
        """Replace what was changed of the limits; saved within the debounce time."""
        self._storage.limits = limits
        self._changed()

    def put_paused(self, paused: bool) -> None:
        """Store whether the queue as a whole stands still; saved within the debounce time."""
        self._storage.paused = paused
        self._changed()

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

    def _change(self, id_: str, encoded: msgspec.Raw | None) -> None:
        self._changed()
        self._unsaved[id_] = encoded

    def _changed(self) -> None:
        if self._closed:
            raise StateError("the list of downloads is closed already")
        self._made += 1
        # The retry of a failed save is brought forward; one that is due sooner stays.
        due = asyncio.get_running_loop().time() + self._debounce
        if self._timer is None or self._timer.when() > due:
            self._schedule(self._debounce)

    async def _save(self) -> None:
        self._cancel_timer()
        target, changes = self._made, self._unsaved
        self._unsaved = {}
        try:
            await run_to_end(self._table.apply, changes)
        except BaseException as error:
            # Whatever became of it, saving these once more is right; newer changes go on top.
            self._unsaved = {**changes, **self._unsaved}
            self._schedule(RETRY_PAUSE)
            if isinstance(error, OSError):
                raise state_error(error, self._storage.path) from error
            raise
        self._saved = target

    def _schedule(self, delay: float) -> None:
        self._cancel_timer()
        self._timer = asyncio.get_running_loop().call_later(delay, self._save_in_background)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _save_in_background(self) -> None:
        self._timer = None
        self._background = asyncio.get_running_loop().create_task(self._flush_and_report())

    async def _flush_and_report(self) -> None:
        try:
            await self.flush()
        except WinchError as error:
            if self.on_error is not None:
                self.on_error(error)


class RecordTable(Table):
    """A TinyDB table whose documents have the downloads' ids and stay encoded."""

    document_id_class = str  # type: ignore[assignment]

    def apply(self, changes: Mapping[str, msgspec.Raw | None]) -> None:
        """Replace records, or remove those that are None, in one write of the document."""

        def update(table: dict[Any, Any]) -> None:
            for id_, encoded in changes.items():
                if encoded is None:
                    table.pop(id_, None)
                else:
                    table[id_] = encoded

        self._update_table(update)


class _Version(msgspec.Struct):
    schema: int


class _Meta(_Version):
    generation: int
    checksum: str
    limits: LimitChanges = LimitChanges()
    paused: bool = False


M = TypeVar("M")


class _MetaTable(msgspec.Struct, Generic[M]):
    """The table `meta`; TinyDB calls its first document `1`."""

    first: M = msgspec.field(name="1")


class _AnyDocument(msgspec.Struct):
    """As much of the file as every version of winch can read."""

    meta: _MetaTable[_Version]


class _Document(msgspec.Struct):
    """The file: TinyDB's two tables; `downloads` is kept as bytes, for the checksum over them."""

    meta: _MetaTable[_Meta]
    downloads: msgspec.Raw


class _DamagedError(Exception):
    """Why a file cannot be believed, to follow its name in a sentence."""


class GenerationStorage(Storage):
    """TinyDB storage in which every write is a new generation and the one before is kept.

    Called from one thread at a time. Records stay as encoded fragments, so that a write puts
    together what is there instead of encoding everything again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._backup = path.with_name(f"{path.name}.bak")
        self._generation = 0
        self.limits = LimitChanges()
        self.paused = False
        self._tables: dict[str, dict[str, Any]] | None = None

    def read(self) -> dict[str, dict[str, Any]]:
        """Return the tables as they were last loaded or written; raises StateError."""
        if self._tables is None:
            self.load()
        return dict(self._tables or {})

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Make these tables the next generation on disk; raises OSError and changes nothing."""
        self._generation += 1
        downloads = msgspec.json.encode(data[_DOWNLOADS])
        meta = _Meta(
            schema=SCHEMA_VERSION,
            generation=self._generation,
            checksum=_checksum(downloads),
            limits=self.limits,
            paused=self.paused,
        )
        head = msgspec.json.encode(_MetaTable(first=meta))
        chunks = (b'{"meta":', head, b',"downloads":', downloads, b"}\n")
        write_atomically(self.path, chunks, backup=self._backup)
        self._tables = data

    def load(self) -> LoadResult:
        """Read the newest generation that can be believed and set aside what cannot be.

        Raises StateError; a document of a newer winch is then untouched.
        """
        damaged: dict[Path, str] = {}
        found: LoadResult | None = None
        for path in (self.path, self._backup):
            try:
                found = self._load_one(path)
            except _DamagedError as reason:
                damaged[path] = str(reason)
            if found is not None:
                break
        # Only now: a backup from a newer winch must have left everything in its place.
        notices = [_set_aside(path, reason) for path, reason in damaged.items()]
        if found is None:
            self._tables = {}
            if damaged:
                notices.append("No readable list of downloads is left; it starts empty.")
            return LoadResult(downloads=[], notices=tuple(notices), verified=not damaged)
        if path == self.path:
            return found
        missing = "" if self.path in damaged else f"{self.path.name} is missing. "
        notices.append(
            f"{missing}The list of downloads was read from {path.name}, the generation before:"
            " the last changes may be missing."
        )
        return replace(found, notices=tuple(notices), verified=False)

    def _load_one(self, path: Path) -> LoadResult | None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise state_error(error, path, verb="read") from error
        try:
            schema = msgspec.json.decode(content, type=_AnyDocument).meta.first.schema
            if schema > SCHEMA_VERSION:
                raise StateError(
                    f"{path} was written by a newer winch (schema {schema}, this one knows"
                    f" {SCHEMA_VERSION})",
                    hint="update winch, or give it another state directory with WINCH_HOME",
                )
            document = msgspec.json.decode(content, type=_Document)
            meta = document.meta.first
            if _checksum(document.downloads) != meta.checksum:
                raise _DamagedError("does not match its checksum")
            fragments = msgspec.json.decode(document.downloads, type=dict[str, msgspec.Raw])
            downloads = msgspec.json.decode(document.downloads, type=dict[str, Download])
        except (ValueError, RecursionError) as error:
            raise _DamagedError(f"cannot be parsed ({error})") from error
        self._generation = meta.generation
        self._tables = {_DOWNLOADS: fragments}
        self.limits = meta.limits
        self.paused = meta.paused
        return LoadResult(
            downloads=list(downloads.values()), limits=meta.limits, paused=meta.paused
        )


def _checksum(encoded: bytes | msgspec.Raw) -> str:
    return hashlib.blake2b(encoded, digest_size=16).hexdigest()


def _set_aside(path: Path, reason: str) -> str:
    try:
        aside = set_aside(path)
    except OSError as error:
        raise state_error(error, path, verb="set aside") from error
    return f"{path.name} {reason}; it was kept as {aside.name}."
