"""The directory that files go to: whether it can be used, what lies there, and whose it is.

Files are known by their identity and not by their name: somebody may have moved them, or made
others of the same name.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from core.adapters.files.threads import run_to_end
from core.domain.errors import DestinationError, DiskError, DiskFullError, WinchError
from core.domain.models import FileStamp, PartIdentity
from core.policy.transfer.filename import alternatives

SUFFIX = ".part"
MISMATCH = ".mismatch"
"""Ends the name of a file that was set aside because its digest is another."""
_LOOKERS = 8


async def check_directory(directory: str) -> None:
    """Raise DestinationError unless files can be made in `directory`."""
    await run_to_end(_check_directory, directory)


async def survey(
    names: Mapping[str, Collection[str]], *, patience: float
) -> dict[str, dict[str, os.stat_result | None]]:
    """Look at files, given by directory, and return what has each name, None for nothing.

    A directory that cannot be looked at is left out, and so are those that are still to come once
    none has answered for `patience` seconds: a mount that hangs keeps its thread for ever, but
    nobody else.
    """
    loop = asyncio.get_running_loop()
    answers: asyncio.Queue[tuple[str, dict[str, os.stat_result | None]]] = asyncio.Queue()
    left = deque(names)

    def work() -> None:
        # The loop may be gone by the time that a mount answers.
        with suppress(IndexError, RuntimeError):
            while True:
                directory = left.popleft()
                answer = directory, _look(directory, names[directory])
                loop.call_soon_threadsafe(answers.put_nowait, answer)

    for _ in range(min(_LOOKERS, len(names))):
        # No executor: its threads are waited for at the end of the process.
        threading.Thread(target=work, name="survey", daemon=True).start()
    found = {}
    try:
        for _ in names:
            async with asyncio.timeout(patience):
                directory, answer = await answers.get()
            found[directory] = answer
    except TimeoutError:
        left.clear()
    return {directory: answer for directory, answer in found.items() if answer}


async def look(directory: str, name: str) -> os.stat_result | None:
    """Return what has this name, a link itself; None for nothing or where it cannot be told."""
    return (await run_to_end(_look, directory, [name])).get(name)


async def is_within(directory: str, parent: Path) -> bool:
    """Tell whether a directory is `parent` or lies below it, whatever links lead there."""
    return await run_to_end(lambda: Path(directory).resolve().is_relative_to(parent.resolve()))


async def take_back(directory: str, name: str) -> None:
    """Make a published file a part file again, to have it verified; raises DiskError."""

    def rename() -> None:
        part = Path(directory, name + SUFFIX)
        os.link(f"{directory}/{name}", part, follow_symlinks=False)
        # As it was before it was published; where it is not ours, opening it will tell.
        with suppress(OSError):
            part.chmod(0o600)
        Path(directory, name).unlink()

    try:
        await run_to_end(rename)
    except OSError as error:
        raise disk_error(error, directory) from error


async def set_damaged_aside(directory: str, name: str) -> str | None:
    """Rename a file or link that is not what it should be, and return how; None for nothing.

    Raises DiskError and its kin.
    """

    def rename() -> str | None:
        path = Path(directory, name)
        with suppress(FileNotFoundError, NotADirectoryError):
            mode = path.lstat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
                return None
            for candidate in alternatives(name + MISMATCH):
                # Linked, so that what was set aside before is not replaced.
                with suppress(FileExistsError):
                    os.link(path, path.with_name(candidate), follow_symlinks=False)
                    path.unlink()
                    return candidate
        return None

    try:
        return await run_to_end(rename)
    except OSError as error:
        raise disk_error(error, directory) from error


async def occupant(directory: str, name: str) -> os.stat_result | None:
    """Return what has this name: the file behind a link, a dangling link itself, or None."""

    def look() -> os.stat_result | None:
        path = Path(directory, name)
        for follow in (True, False):
            with suppress(OSError):
                return path.stat(follow_symlinks=follow)
        return None

    return await run_to_end(look)


def identity_of(found: os.stat_result) -> PartIdentity:
    """Return which file on disk this is."""
    return PartIdentity(device=found.st_dev, inode=found.st_ino)


def stamp_of(found: os.stat_result) -> FileStamp:
    """Return whose a file is and when it last changed."""
    return FileStamp(uid=found.st_uid, modified=found.st_mtime_ns // 1000)


def unlink(path: str | Path) -> str | None:
    """Delete a file; return why it is still there, None where it is not."""
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as error:
        return f"it cannot be deleted: {error.strerror or error}"
    return None


def disk_error(error: OSError, directory: str) -> WinchError:
    """Name the cause of a failed file operation in `directory`."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            f"no space is left in {directory}", hint="make room, then `winch retry` it"
        )
    if error.errno == errno.ENOTDIR or (error.errno == errno.ENOENT and Path(directory).is_file()):
        return DestinationError(f"{directory} is not a directory", hint="choose another with -d")
    if error.errno == errno.ENOENT and Path(directory).is_dir():
        return DiskError(f"a file in {directory} went away while it was in use", hint="try again")
    if error.errno == errno.ENOENT:
        return DestinationError(f"{directory} does not exist", hint=f"mkdir -p '{directory}'")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return DestinationError(
            f"cannot write in {directory}: {reason}", hint="choose another directory with -d"
        )
    if error.errno == errno.ENAMETOOLONG:
        return DestinationError(
            f"the name is too long for {directory}", hint="choose a shorter one with -o"
        )
    return DiskError(f"the disk under {directory} failed: {reason}", hint="check the disk")


@contextmanager
def opened_directory(directory: str) -> Iterator[int]:
    """Open the directory and close it again only where the block fails."""
    fd = -1
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        yield fd
    except BaseException as error:
        if fd >= 0:
            os.close(fd)
        if isinstance(error, OSError):
            raise disk_error(error, directory) from error
        raise


def _check_directory(directory: str) -> None:
    with opened_directory(directory) as fd:
        if not os.access(directory, os.W_OK | os.X_OK):
            number = errno.EROFS if os.fstatvfs(fd).f_flag & os.ST_RDONLY else errno.EACCES
            raise OSError(number, os.strerror(number), directory)
    os.close(fd)


def _look(directory: str, names: Collection[str]) -> dict[str, os.stat_result | None]:
    found: dict[str, os.stat_result | None] = {}
    try:
        for name in names:
            found[name] = None
            with suppress(FileNotFoundError, NotADirectoryError):
                found[name] = Path(directory, name).lstat()
    except OSError:
        return {}
    return found
