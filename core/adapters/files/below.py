"""Directories below a destination, made so that none of them leads elsewhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from core.adapters.files.destination import disk_error
from core.adapters.files.threads import run_to_end
from core.domain.errors import DestinationError, WinchError


async def make_root(directory: str) -> None:
    """Make a destination and what is above it; raises DestinationError, DiskError."""

    def make() -> None:
        try:
            Path(directory).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_error(error, directory) from error

    await run_to_end(make)


async def make_below(root: str, directories: Iterable[str]) -> dict[str, WinchError]:
    """Make directories below `root`, which is there; return what is wrong with which.

    A part of a path that is a symbolic link is not followed, wherever it leads: what a list from
    outside names must not be written to where somebody else points.
    """
    return await run_to_end(_make_below, Path(root), list(directories))


async def remove_empty(root: str, directories: Iterable[str]) -> None:
    """Remove directories below `root` that are empty, and those above them that are so then.

    What is not empty, cannot be removed or is reached through a link stays, and so does `root`.
    """
    await run_to_end(_remove_empty, root.rstrip("/"), list(directories))


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


def _make_below(root: Path, directories: Iterable[str]) -> dict[str, WinchError]:
    made: set[str] = set()
    refused: dict[str, WinchError] = {}
    for directory in directories:
        path = root
        try:
            for part in Path(directory).relative_to(root).parts:
                path = path / part
                if str(path) not in made:
                    _make_one(path)
                    made.add(str(path))
        except WinchError as error:
            refused[directory] = error
    return refused


def _make_one(path: Path) -> None:
    try:
        os.mkdir(path)  # noqa: PTH102 - a path of very many, each made once
    except FileExistsError:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise DestinationError(
                f"{path} is a symbolic link, which may lead out of the destination",
                hint="make it a directory, or choose another destination with -d",
            ) from None
        if not stat.S_ISDIR(mode):
            raise DestinationError(
                f"{path} is a file, where a directory is to be",
                hint="move it, or choose another destination with -d",
            ) from None
    except OSError as error:
        raise disk_error(error, str(path.parent)) from error
