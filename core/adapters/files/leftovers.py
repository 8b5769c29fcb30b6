"""What lies around of our own, found by what we know of it and never by how its name ends alone.

A file in a destination counts as ours only where a record of ours names its directory, its name
and its identity: everything else that ends in `.part` is somebody else's. In the state directory,
which is ours alone, names tell.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from core.adapters.files.destination import SUFFIX, identity_of, survey, unlink
from core.adapters.files.part_file import PartFile
from core.adapters.files.threads import run_to_end
from core.domain.errors import WinchError
from core.domain.models import PartIdentity, ResumeRecord
from core.domain.upkeep import DiskUsage, LeftoverKind
from core.domain.value import Value
from core.policy.retention import PartState

_DAMAGED = re.compile(r".+\.damaged-\d{8}T\d{6}\.\d{6}Z")
_TEMPORARY = ".tmp"
_ITSELF = "."
_PATIENCE = 10.0
_BLOCK = 512


class Stray(Value, frozen=True, kw_only=True):
    """A file of the state directory: its size in bytes and since when it is what it is."""

    kind: LeftoverKind
    path: Path
    size: int
    changed: datetime


class Part(Value, frozen=True, kw_only=True):
    """What became of the part file of a record; with path and size (bytes) if it is there."""

    state: PartState
    path: str = ""
    size: int = 0


async def strays(directory: Path) -> list[Stray]:
    """Return what was set aside below a state directory, and what unfinished writes have left.

    A temporary file beside the one it should have become is none: the next write takes it.
    """

    def look() -> list[Stray]:
        found = []
        for entry in [*_entries(directory), *_entries(directory / "resume_data")]:
            if entry.name.endswith(_TEMPORARY):
                if not os.path.lexists(entry.path.removesuffix(_TEMPORARY)):
                    found += _stray(entry, LeftoverKind.TEMPORARY)
            elif _DAMAGED.fullmatch(entry.name):
                found += _stray(entry, LeftoverKind.DAMAGED)
        return sorted(found, key=lambda stray: stray.path)

    return await run_to_end(look)


async def find_parts(records: Sequence[ResumeRecord]) -> dict[str, Part]:
    """Return what became of the part files that records speak of, by the id of the record."""
    names: dict[str, set[str]] = {}
    for record in records:
        if record.request is not None:
            # The directory itself too: where its disk is not mounted, it is that of another one.
            seen = names.setdefault(record.request.directory, {_ITSELF})
            seen.add(record.name + SUFFIX)
    found = await survey(names, patience=_PATIENCE)
    return {record.id: _part(record, found) for record in records}


async def room_of_parts(parts: Mapping[str, Mapping[str, PartIdentity]]) -> DiskUsage:
    """Return the room that part files take, given by directory and name; others do not count."""
    names = {directory: [name + SUFFIX for name in files] for directory, files in parts.items()}
    files, room = 0, 0
    for directory, found in (await survey(names, patience=_PATIENCE)).items():
        for name, identity in parts[directory].items():
            there = found[name + SUFFIX]
            if there is not None and identity_of(there) == identity:
                files += 1
                # What is written of it, however far apart.
                room += there.st_blocks * _BLOCK
    return DiskUsage(files=files, bytes=room)


async def mounted(devices: Mapping[str, int]) -> set[str]:
    """Return the directories that are on the device they were on; the disk of others is away."""
    found = await survey(dict.fromkeys(devices, (_ITSELF,)), patience=_PATIENCE)
    stats = {directory: there[_ITSELF] for directory, there in found.items()}
    return {d for d, there in stats.items() if there is not None and there.st_dev == devices[d]}


async def remove_part(
    directory: str, name: str, identity: PartIdentity, *, is_live: Callable[[], bool]
) -> str | None:
    """Delete the part file of `name` if it is the one meant; return why it was left, or None.

    It is locked meanwhile, so that no process continues it, and `is_live` is asked then, at the
    last moment: a download may have come to own it.
    """
    try:
        part = await PartFile.reopen(directory, name, identity)
    except WinchError as error:
        return error.message
    if part is None:
        return None
    try:
        if is_live():
            return "a download of the list has it"
        return await run_to_end(_unlink_own, Path(directory, name + SUFFIX), identity)
    finally:
        await part.close()


async def delete_files(paths: Sequence[Path]) -> int:
    """Delete what is there of some files and return the bytes; what cannot be deleted stays."""

    def delete() -> int:
        freed = 0
        for path in paths:
            with suppress(OSError):
                size = path.lstat().st_size
                path.unlink()
                freed += size
        return freed

    return await run_to_end(delete)


def _part(record: ResumeRecord, found: Mapping[str, Mapping[str, os.stat_result | None]]) -> Part:
    if record.request is None or (seen := found.get(record.request.directory)) is None:
        return Part(state=PartState.UNREACHABLE)
    part, directory = seen[record.name + SUFFIX], seen[_ITSELF]
    if part is not None and stat.S_ISREG(part.st_mode) and identity_of(part) == record.part:
        path = Path(record.request.directory, record.name + SUFFIX)
        return Part(state=PartState.THERE, path=str(path), size=part.st_size)
    is_mounted = directory is not None and directory.st_dev == record.part.device
    return Part(state=PartState.GONE if is_mounted else PartState.UNREACHABLE)


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except OSError:
        return []


def _stray(entry: os.DirEntry[str], kind: LeftoverKind) -> list[Stray]:
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError:
        return []
    if not stat.S_ISREG(found.st_mode):
        return []
    # A rename, which is what sets a file aside, shows in st_ctime alone.
    changed = datetime.fromtimestamp(max(found.st_mtime, found.st_ctime), UTC)
    return [Stray(kind=kind, path=Path(entry.path), size=found.st_size, changed=changed)]


def _unlink_own(path: Path, identity: PartIdentity) -> str | None:
    try:
        if identity_of(path.lstat()) != identity:
            return "another file has its name by now"
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"
    return unlink(path)
