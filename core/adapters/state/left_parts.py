"""state/left.json: the part files that stayed when their downloads were taken off the list.

Without it nobody would know them again: they are data of winch's that nothing continues, and a
person may want the room. What has changed since is that person's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from core.adapters.files.atomic_file import (
    NotAFileError,
    read_state,
    set_aside,
    state_error,
    write_atomically,
)
from core.adapters.files.own_files import OwnFile
from core.adapters.files.threads import run_to_end
from core.domain.models import FileStamp, PartIdentity
from core.domain.value import Value

_log = logging.getLogger(__name__)

MOST = 10_000
"""Part files that are remembered, the latest."""


class LeftPart(Value, frozen=True, kw_only=True):
    """A part file as it was left, with the id of the download that it was of; `size` in bytes."""

    id: str
    directory: str
    name: str
    identity: PartIdentity
    size: int
    stamp: FileStamp
    at: datetime

    @property
    def own(self) -> OwnFile:
        """Return what has to be so of the file for it to be the one that was left."""
        return OwnFile(
            directory=self.directory,
            name=self.name,
            identity=self.identity,
            is_whole=False,
            least=self.size,
            most=self.size,
            stamp=self.stamp,
            is_final=True,
        )


class _Content(msgspec.Struct):
    left: list[LeftPart] = []


# Made before there is a thread that reads (see resume_data.py).
_READ_CONTENT = msgspec.json.Decoder(_Content)


class LeftParts:
    """Remembers left part files by the id of their download, at most MOST."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "left.json"
        self._lock = asyncio.Lock()
        self._left: dict[str, LeftPart] | None = None

    async def all(self) -> list[LeftPart]:
        """Return every one, the oldest first; raises StateError."""
        async with self._lock:
            return list((await self._load()).values())

    async def put(self, parts: Iterable[LeftPart]) -> None:
        """Remember some more, durably; raises StateError, DiskFullError."""
        async with self._lock:
            left = dict(await self._load())
            for part in parts:
                left.pop(part.id, None)
                left[part.id] = part
            await self._save(dict(list(left.items())[-MOST:]))

    async def forget(self, ids: Collection[str]) -> None:
        """Remember some no longer; raises StateError, DiskFullError."""
        async with self._lock:
            left = await self._load()
            if any(id_ in left for id_ in ids):
                gone = set(ids)
                await self._save({id_: part for id_, part in left.items() if id_ not in gone})

    async def _load(self) -> dict[str, LeftPart]:
        if self._left is None:
            self._left = await run_to_end(_read, self._path)
        return self._left

    async def _save(self, left: dict[str, LeftPart]) -> None:
        if left == self._left:
            return
        content = msgspec.json.encode(_Content(list(left.values())))
        try:
            await run_to_end(write_atomically, self._path, [content])
        except OSError as error:
            raise state_error(error, self._path) from error
        self._left = left


def _read(path: Path) -> dict[str, LeftPart]:
    try:
        if (content := read_state(path)) is None:
            return {}
        left = _READ_CONTENT.decode(content).left
    except (msgspec.MsgspecError, ValueError, RecursionError, NotAFileError) as error:
        aside = set_aside(path)
        _log.warning("%s cannot be parsed (%s); kept as %s", path.name, error, aside.name)
        return {}
    return {part.id: part for part in left}
