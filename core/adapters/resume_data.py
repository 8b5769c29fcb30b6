"""What is proved to be on disk of each unfinished download: one small file per download.

The engine writes a record at every checkpoint and trusts what it reads back without a second look,
so each file carries a checksum of its record: a damaged or edited claim never reaches the engine.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from weakref import WeakValueDictionary

import msgspec

from core.adapters.atomic_file import set_aside, state_error, sync_directory, write_atomically
from core.adapters.threads import run_to_end
from core.domain.errors import StateError
from core.domain.models import ResumeRecord

_log = logging.getLogger(__name__)

_VERSION = 2
_ID = re.compile(r"[0-9a-f]{1,64}")


class _Envelope(msgspec.Struct):
    """The file's content: the record as it was encoded, with the digest of just these bytes."""

    checksum: str
    record: msgspec.Raw


class _UntrustedError(Exception):
    """Why a file's claim cannot be believed."""


class ResumeStore:
    """state/resume_data/<id>.json: what is proved to be on disk of an unfinished download."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        # A save and a delete of the same download keep their order; different ones run side by
        # side. A lock lives as long as somebody holds or awaits it.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # Once all were listed: the ids that may have a record. Others need no look at the disk.
        self._known: set[str] | None = None

    async def load(self, id: str) -> ResumeRecord | None:  # noqa: A002
        """Return the record of a download, None if there is none that can be trusted.

        A file that is damaged, of another download or of another version is set aside and logged:
        the download then starts anew, which costs time but never a wrong file. Raises StateError
        when the file can be neither read nor set aside.
        """
        path = self._path(id)
        if self._known is not None and id not in self._known:
            return None
        async with self._lock(id):
            return await run_to_end(_load, path, id)

    async def load_all(self) -> dict[str, ResumeRecord]:
        """Return every record that can be trusted, by id; raises StateError."""
        found = {}
        ids = await run_to_end(self._ids)
        self._known = {*ids, *self._locks}
        for id_ in ids:
            record = await self.load(id_)
            if record is not None:
                found[id_] = record
        return found

    async def save(self, record: ResumeRecord) -> None:
        """Replace the record of a download; on return it survives a power cut.

        The caller has synced the bytes that the record claims. Raises StateError, or DiskFullError
        where space is missing; the previous record is then still there.
        """
        path = self._path(record.id)
        if self._known is not None:
            self._known.add(record.id)
        encoded = msgspec.json.encode(record)
        content = msgspec.json.encode(
            _Envelope(checksum=_digest(encoded), record=msgspec.Raw(encoded))
        )
        async with self._lock(record.id):
            try:
                await run_to_end(write_atomically, path, [content])
            except OSError as error:
                raise state_error(error, path) from error

    async def delete(self, *ids: str) -> None:
        """Forget downloads; on return their records will not come back. Raises StateError."""
        paths = [self._path(id_) for id_ in ids]
        if not paths:
            return
        async with AsyncExitStack() as stack:
            for id_ in sorted(set(ids)):
                await stack.enter_async_context(self._lock(id_))
            try:
                await run_to_end(_delete, paths, self._directory)
            except OSError as error:
                raise state_error(error, self._directory, verb="cleaned") from error
            if self._known is not None:
                self._known.difference_update(ids)

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


def _load(path: Path, id_: str) -> ResumeRecord | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise state_error(error, path, verb="read") from error
    try:
        return _decode(content, id_)
    except _UntrustedError as reason:
        try:
            aside = set_aside(path)
        except OSError as error:
            raise state_error(error, path, verb="set aside") from error
        _log.warning("resume data of %s %s; kept as %s", id_, reason, aside.name)
        return None


def _decode(content: bytes, id_: str) -> ResumeRecord:
    try:
        envelope = msgspec.json.decode(content, type=_Envelope)
        if _digest(envelope.record) != envelope.checksum:
            raise _UntrustedError("does not match its checksum")
        record = msgspec.json.decode(envelope.record, type=ResumeRecord)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _UntrustedError(f"cannot be parsed ({error})") from error
    if record.version != _VERSION:
        raise _UntrustedError(f"has version {record.version}, not {_VERSION}")
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
