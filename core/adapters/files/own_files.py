"""The files that downloads call their own: where they are, and whether they are as winch left them.

What a person is told before a deletion and what the deletion does both come from here, so that they
are the same. Names prove nothing: somebody may have made others of the same name, or gone on with
a file of winch's as if it were his own.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress

from core.adapters.files.destination import MISMATCH, SUFFIX, identity_of, stamp_of, unlink
from core.adapters.files.threads import run_to_end
from core.domain.models import FileStamp, PartIdentity
from core.domain.value import Value

CHANGED = "not as winch left it"


class OwnFile(Value, frozen=True, kw_only=True):
    """What is known of the file of `name`: which it is, of how many bytes at least and at most.

    A whole one has its final name; another one has that of a part file, unless a crash came after
    it had got its final name, or it was set aside because its digest is another. `stamp` None
    tells nothing; its time counts where `is_final`.
    """

    directory: str
    name: str
    identity: PartIdentity
    is_whole: bool
    least: int = 0
    most: int | None = None
    stamp: FileStamp | None = None
    is_final: bool = False

    @property
    def path(self) -> str:
        """Where it should be."""
        return f"{self.directory.rstrip('/')}/{self.name}{'' if self.is_whole else SUFFIX}"


class FoundFile(Value, frozen=True, kw_only=True):
    """A file where an own one should be; `reason` says why it is not to be deleted, "" if it is.

    `size` in bytes.
    """

    path: str
    size: int
    stamp: FileStamp
    reason: str = ""


async def find(files: Sequence[OwnFile]) -> list[FoundFile | None]:
    """Return what has become of each file, None where there is nothing."""

    def look() -> list[FoundFile | None]:
        # What was set aside has a name that nobody wrote down: each directory is read once.
        aside: dict[str, dict[int, str]] = {}
        return [_look(file, aside) for file in files]

    return await run_to_end(look)


async def delete(file: OwnFile) -> str | None:
    """Delete a file unless it changed since; return why it is still there, None where it is not."""

    def delete_own() -> str | None:
        found = _look(file, {})
        return None if found is None else found.reason or unlink(found.path)

    return await run_to_end(delete_own)


def _look(file: OwnFile, aside: dict[str, dict[int, str]]) -> FoundFile | None:
    path = file.path
    try:
        found = _lstat(path)
        if not file.is_whole and (found is None or identity_of(found) != file.identity):
            other = _aside(file, aside)
            path, found = (other, _lstat(other)) if other is not None else (path, found)
        if found is None:
            return None
        return FoundFile(
            path=path,
            size=found.st_size if stat.S_ISREG(found.st_mode) else 0,
            stamp=stamp_of(found),
            reason=_difference(file, found) or _hindrance(file.directory),
        )
    except OSError as error:
        reason = f"it cannot be looked at: {error.strerror or error}"
        return FoundFile(path=path, size=0, stamp=FileStamp(uid=-1), reason=reason)


def _difference(file: OwnFile, found: os.stat_result) -> str:
    if stat.S_ISLNK(found.st_mode):
        return f"{CHANGED}: a link has its name"
    if stat.S_ISDIR(found.st_mode):
        return f"{CHANGED}: a directory has its name"
    if not stat.S_ISREG(found.st_mode) or identity_of(found) != file.identity:
        return f"{CHANGED}: something else has its name"
    if not file.least <= found.st_size <= (found.st_size if file.most is None else file.most):
        return CHANGED
    stamp = file.stamp
    if stamp is None:
        return ""
    if found.st_uid != stamp.uid:
        return f"{CHANGED}: it belongs to another user"
    is_changed = file.is_final and stamp.modified not in (None, stamp_of(found).modified)
    return CHANGED if is_changed else ""


def _hindrance(directory: str) -> str:
    if os.access(directory, os.W_OK | os.X_OK):
        return ""
    return "its directory cannot be written"


def _aside(file: OwnFile, known: dict[str, dict[int, str]]) -> str | None:
    """Return where the file lies that was set aside or has its final name already, or None."""
    final = f"{file.directory.rstrip('/')}/{file.name}"
    if (found := _lstat(final)) is not None and identity_of(found) == file.identity:
        return final
    if file.directory not in known:
        names = known[file.directory] = {}
        with suppress(OSError), os.scandir(file.directory) as entries:
            for entry in entries:
                if entry.name.endswith(MISMATCH):
                    names[entry.inode()] = entry.path
    return known[file.directory].get(file.identity.inode)


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
