"""A directory that gathers files out of sight, and how it gets its name, or its files theirs.

A rename of a directory replaces nothing but an empty one (rename(2)): so one step is enough where
nothing is there yet. Into a directory with other files in it they go one by one, each linked to its
name and never over another file, unless that was asked for. Every step may be taken again after a
crash, and finds what was done before. All of it blocks, for a thread.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from core.adapters.files.atomic_file import sync_directory
from core.adapters.files.below import check_own_directory
from core.adapters.files.destination import MISMATCH, SUFFIX, disk_error, unlink
from core.adapters.files.part_opening import lstat
from core.adapters.files.part_owner import directory_mode
from core.adapters.files.sync_times import timed
from core.domain.bounds import cut
from core.domain.errors import DestinationError, DestinationExistsError, WinchError
from core.domain.models import PartIdentity
from core.domain.value import Value

_PRIVATE = 0o700
_LONGEST = 200
"""Bytes of a collection's name in that of the directory in which it gathers."""
_CANDIDATES = 100
_NAMED = 3
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_LEADS_AWAY = "it is a symbolic link by now, and what it leads to is not winch's"
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Gathered(Value, frozen=True):
    """A file that is to get its name: its path below both directories, and which it is.

    With `replaces` another file of that name goes. `identity` None takes whatever is there.
    """

    path: str
    identity: PartIdentity | None
    replaces: bool = False


def make_staging(directory: str, name: str) -> str:
    """Make the hidden directory in which what is to become `directory` gathers, and return it.

    It lies beside that, so that one rename is enough, and in it where no directory can be made
    beside it or that is another file system. Raises DestinationError, DiskError.
    """
    try:
        base = _base_of(directory)
        short = name.encode()[:_LONGEST].decode(errors="ignore")
        for number in range(_CANDIDATES):
            again = f".{number}" if number else ""
            path = f"{base.rstrip('/')}/.{short}{again}.winch"
            if _make_private(path):
                sync_directory(Path(base))
                return path
    except OSError as error:
        raise disk_error(error, directory) from error
    raise DestinationError(
        f"too many directories such as {path} are left over", hint="look at them and remove some"
    )


def is_renamed(staging: str, directory: str) -> bool:
    """Tell whether one rename is enough: the destination is not there, or it is empty and ours."""
    if not os.path.isdir(staging):  # noqa: PTH112
        return False
    with suppress(FileNotFoundError, NotADirectoryError):
        found = os.lstat(directory)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return False
        with os.scandir(directory) as entries:
            return next(entries, None) is None
    return True


def check_gathered(staging: str, directory: str, files: Sequence[Gathered]) -> list[str]:
    """Return the paths of what is in neither place; raises DestinationExistsError for conflicts.

    Nothing has changed then. Raises DestinationError too, where a directory cannot be one.
    """
    _check_both(staging, directory)
    lost: list[str] = []
    conflicts: list[str] = []
    directories: dict[str, bool] = {directory: os.path.isdir(directory)}  # noqa: PTH112

    def is_there(path: str) -> bool:
        if path not in directories:
            directories[path] = is_there(path.rpartition("/")[0]) and os.path.lexists(path)
            if directories[path]:
                check_own_directory(path)
        return directories[path]

    for file in files:
        target = f"{directory.rstrip('/')}/{file.path}"
        found = _lstat(target) if is_there(target.rpartition("/")[0]) else None
        if found is not None and _is(found, file.identity):
            continue
        if found is not None and not (file.replaces and stat.S_ISREG(found.st_mode)):
            conflicts.append(file.path)
        source = _lstat(f"{staging}/{file.path}")
        if source is None or not _is(source, file.identity):
            lost.append(file.path)
    if conflicts:
        named = ", ".join(cut(path, 80) for path in conflicts[:_NAMED])
        more = f" and {len(conflicts) - _NAMED:,} more" if len(conflicts) > _NAMED else ""
        raise DestinationExistsError(
            f"{directory} has {named}{more} already, so nothing of the set was put there",
            hint="move them away, or add it again with --conflict overwrite; then `winch retry` it",
        )
    return lost


def _check_both(staging: str, directory: str) -> None:
    """Raise DestinationError where one of the two is no directory, or leads elsewhere."""
    if os.path.lexists(directory) and not os.path.isdir(directory):  # noqa: PTH112
        raise DestinationError(
            f"{directory} is no directory", hint="move it away, then `winch retry` the set"
        )
    if os.path.islink(staging):  # noqa: PTH114
        raise DestinationError(
            f"{staging}: {_LEADS_AWAY}", hint="remove it, then `winch retry` the set"
        )


def rename_whole(staging: str, directory: str, files: Sequence[Gathered]) -> bool:
    """Give the gathered files their names at once, durably; False where something is there by now.

    What was set aside in between (`.mismatch`) was never to be seen, and goes. Raises DiskError and
    its kin.
    """
    try:
        kept = {file.path for file in files}
        _tidy(staging, kept)
        mode = directory_mode()
        with suppress(FileNotFoundError):
            mode = stat.S_IMODE(Path(directory).stat().st_mode)
        os.chmod(staging, mode)  # noqa: PTH101
        for path, _, _ in os.walk(staging, topdown=False):
            sync_directory(Path(path))
        try:
            os.rename(staging, directory)  # noqa: PTH104 - this very call, and no other
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            return False
        sync_directory(Path(directory).parent)
    except OSError as error:
        raise _error(error, directory) from error
    return True


def move_each(staging: str, directory: str, files: Sequence[Gathered]) -> None:
    """Give each gathered file its name below a directory that is there, durably.

    Its directories are there, too. What has its name already is left. Raises DestinationExistsError
    where somebody took a name meanwhile, DiskError and kin: what has its name by then keeps it, and
    the next attempt goes on.
    """
    by_directory: defaultdict[str, list[Gathered]] = defaultdict(list)
    for file in files:
        by_directory[file.path.rpartition("/")[0]].append(file)
    for below, chosen in by_directory.items():
        source, target = f"{staging}/{below}".rstrip("/"), f"{directory}/{below}".rstrip("/")
        try:
            with _opened(target) as to, _opened(source, may_lack=True) as from_:
                if from_ >= 0:
                    _move(from_, to, [(file.path.rpartition("/")[2], file) for file in chosen])
        except OSError as error:
            raise _error(error, target) from error


def remove_staging(staging: str) -> str | None:
    """Remove a directory in which files gathered, and return why it stays, None where it is gone.

    What winch left in it goes along; what somebody else put there stays.
    """
    try:
        if not os.path.lexists(staging):
            return None
        if os.path.islink(staging):  # noqa: PTH114
            return _LEADS_AWAY
        _tidy(staging, None)
        os.rmdir(staging)  # noqa: PTH106
        sync_directory(Path(staging).parent)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return "something in it is not winch's"
        return f"it cannot be removed: {error.strerror or error}"
    return None


def _error(error: OSError, directory: str) -> WinchError:
    if error.errno in (errno.EXDEV, errno.EBUSY):
        return DestinationError(
            f"{directory} is another file system than where its files gathered",
            hint="remove the collection with its files, and add it again to this place",
        )
    return disk_error(error, directory)


def _base_of(directory: str) -> str:
    """Return where to make a directory that can be renamed to this one."""
    real = os.path.realpath(directory)
    parent = os.path.dirname(real)  # noqa: PTH120
    if not os.path.isdir(real):  # noqa: PTH112
        Path(parent).mkdir(parents=True, exist_ok=True)
        return parent
    same = Path(real).stat().st_dev == Path(parent).stat().st_dev
    return parent if same and parent != real and os.access(parent, os.W_OK | os.X_OK) else real


def _make_private(path: str) -> bool:
    """Make a directory for its owner alone; False where something of others has the name."""
    try:
        os.mkdir(path, _PRIVATE)  # noqa: PTH102
    except FileExistsError:
        found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return False
        if next(Path(path).iterdir(), None) is not None:
            return False
        # One that a kill left before anybody knew of it.
        os.chmod(path, _PRIVATE)  # noqa: PTH101
    return True


def _tidy(staging: str, kept: set[str] | None) -> None:
    """Delete what winch left beside the gathered files, and directories with nothing in them.

    `kept` are the gathered files, None where none is left.
    """
    for path, _, names in os.walk(staging, topdown=False):
        below = path[len(staging) + 1 :]
        for name in names:
            relative = f"{below}/{name}" if below else name
            ours = name.endswith((MISMATCH, SUFFIX))
            if ours and (kept is None or relative not in kept):
                unlink(f"{path}/{name}")
        if path != staging:
            with suppress(OSError):
                os.rmdir(path)  # noqa: PTH106


def _move(source: int, target: int, files: Sequence[tuple[str, Gathered]]) -> None:
    """Link files from one open directory into another, and only then take the old names away."""
    moved = []
    for name, file in files:
        found = lstat(source, name)
        if found is None or not _is(found, file.identity):
            continue  # it has its name already
        if file.replaces:
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)
            continue
        _link(source, target, name, found)
        moved.append(name)
    timed(os.fsync, target)
    for name in moved:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=source)


def _link(source: int, target: int, name: str, found: os.stat_result) -> None:
    try:
        os.link(name, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    except FileExistsError:
        other = lstat(target, name)
        if other is not None and (other.st_dev, other.st_ino) == (found.st_dev, found.st_ino):
            return  # a crash came before the old name was gone
        raise DestinationExistsError(
            f"somebody made '{cut(name, 80)}' meanwhile, where a file of the set is to be",
            hint="move it away, then `winch retry` the set",
        ) from None
    except OSError as error:
        if error.errno not in _NO_LINKS or lstat(target, name) is not None:
            raise
        os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)


@contextmanager
def _opened(path: str, *, may_lack: bool = False) -> Iterator[int]:
    """Open a directory that is no link; with `may_lack`, -1 where there is none."""
    try:
        fd = os.open(path, _FLAGS | os.O_NOFOLLOW)
    except FileNotFoundError:
        if not may_lack:
            raise
        yield -1
        return
    try:
        yield fd
    finally:
        os.close(fd)


def _is(found: os.stat_result, identity: PartIdentity | None) -> bool:
    """Tell whether this is the file; the number of its disk may be another one after a reboot."""
    is_it = identity is None or identity.inode == found.st_ino
    return is_it and stat.S_ISREG(found.st_mode)


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
