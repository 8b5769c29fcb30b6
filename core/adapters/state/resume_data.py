"""What is proved to be on disk of each unfinished download: one small file per download.

The engine writes a record at every checkpoint and trusts what it reads back without a second look,
so each file carries a checksum of its record: a damaged or edited claim never reaches the engine.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Container, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from weakref import WeakValueDictionary

import msgspec

from core.adapters.files.atomic_file import (
    NotAFileError,
    read_state,
    set_aside,
    state_error,
    sync_directory,
    write_atomically,
)
from core.adapters.files.threads import run_to_end
from core.adapters.state.records import RESUME_RECORD, encode, migrate
from core.domain.errors import StateError
from core.domain.models import ResumeRecord
from core.domain.upkeep import DiskUsage
from core.domain.value import Value

_log = logging.getLogger(__name__)

RETRY_PAUSE = 5.0
"""Seconds after which a record that could not be saved is tried again."""

_VERSION = 1 + len(RESUME_RECORD)
_ID = re.compile(r"[0-9a-f]{1,64}")


class _Envelope(msgspec.Struct):
    """The file's content: the record as it was encoded, with the digest of just these bytes."""

    checksum: str
    record: msgspec.Raw


class _Versioned(msgspec.Struct):
    version: Annotated[int, msgspec.Meta(ge=1)]


# Made here: msgspec ends the process where two threads at once make what reads a type.
_READ_ENVELOPE = msgspec.json.Decoder(_Envelope)
_READ_VERSION = msgspec.json.Decoder(_Versioned)
_READ_RECORD = msgspec.json.Decoder(ResumeRecord)


class _UntrustedError(Exception):
    """Why a file's claim cannot be believed."""


class _NewerError(_UntrustedError):
    """It was written by a newer winch, which may still need it."""


class Orphan(Value, frozen=True, kw_only=True):
    """The file of no download: `record` None where it cannot be believed, `size` in bytes.

    `mtime` is the wall time at which it was last written.
    """

    id: str
    record: ResumeRecord | None
    path: Path
    size: int
    mtime: datetime


class ResumeStore:
    """state/resume_data/<id>.json: what is proved to be on disk of an unfinished download."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        # A save and a delete of the same download keep their order; different ones run side by
        # side. A lock lives as long as somebody holds or awaits it.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # What could not be saved yet: newer than what is on disk, and as true.
        self._unsaved: dict[str, tuple[ResumeRecord, bytes]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._retrying: asyncio.Task[None] | None = None
        # Once all were listed: the ids that may have a record. Others need no look at the disk.
        self._known: set[str] | None = None
        self.saves = 0
        """How often a record was written, or meant to be."""

    async def load(self, download_id: str) -> ResumeRecord | None:
        """Return the record of a download, None if there is none that can be trusted.

        A file that is damaged or of another download is set aside and logged: the download then
        starts anew, which costs time but never a wrong file. That of a newer winch stays where it
        is, until the download is saved again. Raises StateError when the file can be neither read
        nor set aside.
        """
        if not self.may_have(download_id):
            return None
        path = self._path(download_id)
        async with self._lock(download_id):
            if download_id in self._unsaved:
                return self._unsaved[download_id][0]
            return await run_to_end(_load, path, download_id)

    def may_have(self, download_id: str) -> bool:
        """Tell whether a download may have a record; a small file never has one."""
        return self._known is None or download_id in self._known

    async def load_all(self) -> dict[str, ResumeRecord]:
        """Return, before any is saved, every record that can be trusted. Raises StateError."""
        ids = await run_to_end(self._ids)
        self._known = {*ids, *self._locks}

        def read() -> dict[str, ResumeRecord]:
            # In one go: a way into a thread and back costs more than a record.
            records = ((id_, _load(self._path(id_), id_)) for id_ in ids)
            return {id_: record for id_, record in records if record is not None}

        return await run_to_end(read)

    async def room(self) -> DiskUsage:
        """Return how many records there are and their bytes; raises StateError."""
        return await run_to_end(self._room)

    async def orphans(self, known_ids: Container[str]) -> list[Orphan]:
        """Return the files of downloads that are not among `known_ids`; changes nothing.

        `delete` removes them. Raises StateError.
        """
        return await run_to_end(self._orphans, known_ids)

    async def save(self, record: ResumeRecord) -> None:
        """Replace the record of a download; on return it survives a power cut.

        The caller has synced the bytes that the record claims. Raises StateError, or DiskFullError
        where space is missing; the previous record is then still there, and saving is tried again
        every RETRY_PAUSE seconds.
        """
        path = self._path(record.id)
        if self._known is not None:
            self._known.add(record.id)
        encoded = encode(record)
        content = msgspec.json.encode(
            _Envelope(checksum=_digest(encoded), record=msgspec.Raw(encoded))
        )
        async with self._lock(record.id):
            self.saves += 1
            try:
                await run_to_end(write_atomically, path, [content])
            except OSError as error:
                self._unsaved[record.id] = record, content
                self._retry_later()
                raise state_error(error, path) from error
            self._unsaved.pop(record.id, None)

    async def delete(self, *ids: str) -> None:
        """Forget downloads; on return their records will not come back. Raises StateError."""
        paths = [self._path(id_) for id_ in ids]
        if not paths:
            return
        async with AsyncExitStack() as stack:
            for id_ in sorted(set(ids)):
                await stack.enter_async_context(self._lock(id_))
                self._unsaved.pop(id_, None)
            try:
                await run_to_end(_delete, paths, self._directory)
            except OSError as error:
                raise state_error(error, self._directory, verb="cleaned") from error
            if self._known is not None:
                self._known.difference_update(ids)

    async def close(self) -> None:
        """Try once more to save what could not be saved; what is lost then is logged."""
        if self._retrying is not None:
            await self._retrying
        if self._timer is not None:
            self._timer.cancel()
        await self._save_unsaved()
        for id_ in self._unsaved:
            about = {"download": id_}
            _log.error("the last progress of %s could not be saved", id_, extra=about)

    def _retry_later(self) -> None:
        if self._timer is None and self._retrying is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(RETRY_PAUSE, self._retry_now)

    def _retry_now(self) -> None:
        self._timer = None
        self._retrying = asyncio.get_running_loop().create_task(self._retry())

    async def _retry(self) -> None:
        await self._save_unsaved()
        self._retrying = None
        if self._unsaved:
            self._retry_later()

    async def _save_unsaved(self) -> None:
        """Save what could not be saved, up to the first that still cannot be."""
        for id_ in list(self._unsaved):
            async with self._lock(id_):
                if id_ not in self._unsaved:
                    continue
                try:
                    await run_to_end(write_atomically, self._path(id_), [self._unsaved[id_][1]])
                except OSError:
                    return
                del self._unsaved[id_]

    def _lock(self, id_: str) -> asyncio.Lock:
        return self._locks.setdefault(id_, asyncio.Lock())

    def _path(self, id_: str) -> Path:
        if not _ID.fullmatch(id_):
            raise StateError(f"{id_!r} is not the id of a download")
        return self._directory / f"{id_}.json"

    def _ids(self) -> list[str]:
        try:
            names = [path.stem for path in self._directory.iterdir() if path.suffix == ".json"]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise state_error(error, self._directory, verb="read") from error
        return sorted(name for name in names if _ID.fullmatch(name))

    def _room(self) -> DiskUsage:
        files, size = 0, 0
        for id_ in self._ids():
            with suppress(FileNotFoundError):
                size += self._path(id_).stat().st_size
                files += 1
        return DiskUsage(files=files, bytes=size)

    def _orphans(self, known_ids: Container[str]) -> list[Orphan]:
        found = []
        for id_ in self._ids():
            if id_ in known_ids:
                continue
            path, record = self._path(id_), None
            content = None
            # A directory of that name is nobody's record.
            with suppress(NotAFileError):
                content = read_state(path)
            if content is None:
                continue
            with suppress(_UntrustedError):
                record = _decode(content, id_)
            mtime = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            found.append(Orphan(id=id_, record=record, path=path, size=len(content), mtime=mtime))
        return found


def _load(path: Path, id_: str) -> ResumeRecord | None:
    try:
        content = read_state(path)
        return None if content is None else _decode(content, id_)
    except _NewerError as reason:
        _log.warning("resume data of %s %s; left where it is", id_, reason)
        return None
    except (_UntrustedError, NotAFileError) as reason:
        aside = set_aside(path)
        _log.warning("resume data of %s %s; kept as %s", id_, reason, aside.name)
        return None


def _decode(content: bytes, id_: str) -> ResumeRecord:
    try:
        envelope = _READ_ENVELOPE.decode(content)
        if _digest(envelope.record) != envelope.checksum:
            raise _UntrustedError("does not match its checksum")
        version = _READ_VERSION.decode(envelope.record).version
        if version > _VERSION:
            raise _NewerError(f"has version {version}, this winch knows {_VERSION}")
        encoded: bytes | msgspec.Raw = envelope.record
        if version < _VERSION:
            old = msgspec.json.decode(encoded)
            encoded = msgspec.json.encode(migrate(old, version, RESUME_RECORD))
        record = _READ_RECORD.decode(encoded)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _UntrustedError(f"cannot be parsed ({error})") from error
    if record.id != id_:
        raise _UntrustedError(f"belongs to another download ({record.id})")
    return record


def _digest(encoded: bytes | msgspec.Raw) -> str:
    return hashlib.blake2b(encoded, digest_size=16).hexdigest()


def _delete(paths: Sequence[Path], directory: Path) -> None:
    deleted = False
    for path in paths:
        with suppress(FileNotFoundError):
            path.unlink()
            deleted = True
    if deleted:
        sync_directory(directory)
