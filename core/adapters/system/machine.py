"""What this machine cannot do of what winch makes use of, for `winch doctor`.

Each of these degrades to something slower or vaguer and never to something wrong, but a person who
wonders why ought to be told.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import resource
import tempfile
from pathlib import Path

from core.adapters.files.disk import preallocate
from core.adapters.system.clock import KNOWS_SLEEP

_FEW_FILES = 1024


def shortcomings(directory: Path) -> tuple[str, ...]:
    """Return what degrades for this process and a state directory, in sentences; blocks."""
    found = []
    if importlib.util.find_spec("uvloop") is None:
        found.append("uvloop is not installed: downloads take more CPU time")
    if not KNOWS_SLEEP:
        found.append(
            "no clock here counts the time that the machine sleeps: what was to be tried again"
            " meanwhile waits longer"
        )
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _FEW_FILES:
        found.append(f"only {soft} files may be open at once: fewer connections are possible")
    if directory.is_dir():
        try:
            found += _of_file_system(directory)
        except OSError as error:
            found.append(f"{directory} cannot be tried: {error.strerror}")
    return tuple(found)


def can_preallocate(directory: Path) -> bool:
    """Tell whether room can be reserved for files in a directory; raises OSError."""
    with tempfile.TemporaryFile(dir=directory) as file:
        return preallocate(file.fileno(), 1)


def _of_file_system(directory: Path) -> list[str]:
    found = []
    with tempfile.TemporaryDirectory(dir=directory, prefix="doctor-") as trial:
        file, link = Path(trial, "a"), Path(trial, "b")
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.link(file, link)
        except OSError:
            found.append(
                f"{directory} knows no hard links: for a moment of each save only the generation"
                " before is there"
            )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            found.append(
                f"{directory} knows no file locks: start no second winch on it, on no machine"
            )
        finally:
            os.close(descriptor)
    return found
