"""Directories below a destination, made so that none of them leads elsewhere."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from core.adapters.files.atomic_file import sync_directory
from core.adapters.files.destination import disk_error
from core.adapters.files.threads import run_to_end
from core.domain.errors import DestinationError, WinchError

_LOOKED_AT = 100
"""Names in a directory of which one may have a letter."""


async def is_missing(directory: str) -> bool:
    """Tell whether nothing has the name of a directory."""
    return not await run_to_end(os.path.lexists, directory)


async def make_root(directory: str) -> None:
    """Make a destination and what is above it; raises DestinationError, DiskError."""

    def make() -> None:
        try:
            Path(directory).mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise _not_a_directory(directory) from error
        except OSError as error:
            raise disk_error(error, directory) from error

    await run_to_end(make)


async def make_again(directory: str) -> None:
    """Make a destination that has gone, where what is above it is there.

    Else its disk may not be mounted. Raises DestinationError, DiskError.
    """

    def make() -> None:
        try:
            Path(directory).mkdir(exist_ok=True)
        except FileExistsError as error:
            raise _not_a_directory(directory) from error
        except OSError as error:
            raise disk_error(error, str(Path(directory).parent)) from error

    await run_to_end(make)


async def make_below(root: str, directories: Iterable[str]) -> dict[str, WinchError]:
    """Make directories below `root`, which is there; return what is wrong with which.

    A part of a path that is a symbolic link is not followed, wherever it leads: what a list from
    outside names must not be written to where somebody else points. What was made survives a power
    cut: a file does that only where the directories above it do.
    """
    return await run_to_end(_make_below, root.rstrip("/"), list(directories))


async def check_below(root: str, directories: Iterable[str]) -> dict[str, WinchError]:
    """Return what `make_below` would find wrong with which directory, and make none of them."""

    def check() -> dict[str, WinchError]:
        refused: dict[str, WinchError] = {}
        there: set[str] = {root.rstrip("/")}
        for directory in directories:
            parts = directory.rstrip("/")[len(root.rstrip("/")) + 1 :].split("/")
            path = root.rstrip("/")
            try:
                for part in parts:
                    path = f"{path}/{part}"
                    if path not in there:
                        check_own_directory(path)
                        there.add(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                refused[directory] = disk_error(error, path)
            except WinchError as error:
                refused[directory] = error
        return refused

    return await run_to_end(check)


async def remove_empty(root: str, directories: Iterable[str]) -> None:
    """Remove directories below `root` that are empty, and those above them that are so then.

    What is not empty, cannot be removed or is reached through a link stays, and so does `root`.
    """
    await run_to_end(_remove_empty, root.rstrip("/"), list(directories))


async def remove_if_empty(directory: str) -> None:
    """Remove a directory that is empty and no link; what is not, or cannot be removed, stays."""

    def remove() -> None:
        with suppress(OSError):
            Path(directory).rmdir()

    await run_to_end(remove)


def _remove_empty(root: str, directories: Iterable[str]) -> None:
    real = os.path.realpath(root)
    emptied: set[str] = set()
    for directory in directories:
        path = directory.rstrip("/")
        while path.startswith(root + "/") and path not in emptied:
            emptied.add(path)
            path = path.rpartition("/")[0]
    # Those below come first, so that what they leave empty can go too.
    for path in sorted(emptied, key=len, reverse=True):
        with suppress(OSError):
            if os.path.realpath(path) == real + path[len(root) :]:
                os.rmdir(path)  # noqa: PTH106 - of very many


async def folds_case(directory: str) -> bool:
    """Tell whether names that differ in their case are one name in a directory.

    By what is there already: nothing is made to see, which a crash would leave. Where nothing has
    a letter in its name, the system's usual answer is given.
    """

    def look() -> bool:
        with suppress(OSError), os.scandir(directory) as entries:
            there = [Path(entry.path) for entry in islice(entries, _LOOKED_AT)]
            for path in (*there, Path(directory)):
                if (swapped := path.name.swapcase()) != path.name:
                    found = path.lstat()
                    with suppress(FileNotFoundError):
                        return os.path.samestat(found, path.with_name(swapped).lstat())
                    return False
        return sys.platform == "darwin"

    return await run_to_end(look)


def _make_below(root: str, directories: Iterable[str]) -> dict[str, WinchError]:
    there: set[str] = {root}
    changed: set[str] = set()
    refused: dict[str, WinchError] = {}
    for directory in directories:
        missing = []
        path = directory.rstrip("/")
        while path not in there:
            if not path.startswith(root + "/"):
                raise ValueError(f"{directory} is not below {root}")
            missing.append(path)
            path = path.rpartition("/")[0]
        try:
            for path in reversed(missing):
                if _make_one(path):
                    changed.add(path.rpartition("/")[0] or "/")
                there.add(path)
        except WinchError as error:
            refused[directory] = error
    for path in changed:
        try:
            sync_directory(Path(path))
        except OSError as error:
            failure = disk_error(error, path)
            refused |= dict.fromkeys((d for d in directories if d.startswith(path + "/")), failure)
    return refused


def _make_one(path: str) -> bool:
    """Make a directory; False where it is there. Raises DestinationError, DiskError."""
    try:
        os.mkdir(path)  # noqa: PTH102 - a path of very many, each made once
    except FileExistsError:
        check_own_directory(path)
        return False
    except OSError as error:
        raise disk_error(error, path.rpartition("/")[0]) from error
    return True


def check_own_directory(path: str) -> None:
    """Raise DestinationError unless a path is a directory itself, and no link to one."""
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        raise DestinationError(
            f"{path} is a symbolic link, which may lead out of the destination",
            hint="make it a directory, or choose another destination with -d",
        )
    if not stat.S_ISDIR(mode):
        raise _not_a_directory(path)


def _not_a_directory(path: str) -> DestinationError:
    return DestinationError(
        f"{path} is a file, where a directory is to be",
        hint="move it, or choose another destination with -d",
    )
