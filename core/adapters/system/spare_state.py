"""Where an engine keeps its state that runs for one command, where the usual place is read-only.

So it is in a container whose root cannot be written. The destination always can, or nothing could
be downloaded; there the state is found again by the same command, which then continues.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.adapters.system.instance_lock import InstanceLock
from core.adapters.system.paths import Paths
from core.domain.errors import StateError
from core.domain.value import Value, replace

NAME = ".winch"
_OWN = re.compile(
    r"lock|run|resume_data|handover"
    r"|(downloads|history)(-[\w-]+)?\.(json|journal|jsonl)(\.[\w.-]+)?|winch\.log(\.\d+)?"
)
"""What a state consists of. Whatever else lies in such a directory is somebody's own."""
_NOT_WRITABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class StatePlaces(Value, frozen=True, kw_only=True):
    """Where the state is; `is_spare` where it goes with its last download."""

    paths: Paths
    is_spare: bool = False


@contextmanager
def state_places(
    usual: Paths, destination: Path | None, tell: Callable[[str], None]
) -> Iterator[StatePlaces]:
    """Yield the usual places, or spare ones where these cannot be written; `tell` says which.

    Spare ones that last no longer than the context are made where the destination does for nobody
    but us. Raises StateError.
    """
    reason = _refusal(usual)
    if reason is None or destination is None:
        yield StatePlaces(paths=usual)
        return
    where = f"{usual.state_dir} cannot be written ({reason})"
    beside = _below(usual, destination / NAME)
    if _can_be_made(destination) and _is_free(beside):
        tell(f"{where}: the state is in {beside.state_dir} until all is done")
        yield StatePlaces(paths=beside, is_spare=True)
        return
    try:
        directory = tempfile.TemporaryDirectory(prefix="winch-", ignore_cleanup_errors=True)
    except OSError:
        raise StateError(
            f"{where}, nor can {destination} or a directory for temporary files",
            hint="set WINCH_HOME to a directory that can",
        ) from None
    with directory as temporary:
        tell(f"{where}: there is a state for this command alone, and nothing can be continued")
        yield StatePlaces(paths=_below(usual, Path(temporary)))


def remove(places: StatePlaces) -> None:
    """Remove spare places that nothing needs any more, and in them only what is a state's."""
    if not places.is_spare:
        return
    directory = places.paths.state_dir
    with suppress(OSError):
        for path in directory.iterdir():
            if not _OWN.fullmatch(path.name):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        directory.rmdir()


def _refusal(paths: Paths) -> str | None:
    """Make places where they are missing; return why they cannot be written, None where they can.

    Raises StateError for all that is wrong otherwise: it is to be read, and not gone round.
    """
    try:
        paths.prepare()
    except StateError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno in _NOT_WRITABLE:
            return os.strerror(cause.errno)
        raise
    for directory in (paths.state_dir, paths.run_dir):
        if not os.access(directory, os.W_OK | os.X_OK):
            is_read_only = os.statvfs(directory).f_flag & os.ST_RDONLY
            return os.strerror(errno.EROFS if is_read_only else errno.EACCES)
    return None


def _below(usual: Paths, directory: Path) -> Paths:
    return replace(usual, state_dir=directory, run_dir=directory / "run")


def _can_be_made(destination: Path) -> bool:
    try:
        # As a download would make it: open to whoever else may read files there.
        destination.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return True


def _is_free(paths: Paths) -> bool:
    """Tell whether a state can be kept there, by nobody else, and no other command uses it.

    A directory that is there already is a state, or somebody's own and not to be touched.
    """
    directory = paths.state_dir
    try:
        if directory.is_symlink() or (directory.exists() and not _is_state(paths)):
            return False
        return _refusal(paths) is None and not InstanceLock(paths.lock_file).is_held()
    except (StateError, OSError):
        return False


def _is_state(paths: Paths) -> bool:
    names = [path.name for path in paths.state_dir.iterdir()]
    return paths.lock_file.name in names and all(map(_OWN.fullmatch, names))
