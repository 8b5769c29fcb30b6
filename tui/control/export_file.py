"""Files that a command writes for the person: whole or not at all, and for its owner's eyes."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from core.domain.errors import DestinationError, DestinationExistsError, DiskFullError

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def refuse_existing(path: Path) -> None:
    """Raise DestinationExistsError where something has this name already."""
    if path.is_symlink() or path.exists():
        raise DestinationExistsError(f"{path} exists", hint="name another file, or add --force")


def write_private(path: Path, lines: Iterable[str]) -> None:
    """Replace a file by lines of ASCII text; only its owner can read it.

    Raises DestinationError, or DiskFullError where space is missing; what was there is there then.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as stream:
                stream.writelines(f"{line}\n" for line in lines)
                stream.flush()
                os.fsync(descriptor)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        kind = DiskFullError if error.errno in _NO_SPACE else DestinationError
        raise kind(f"cannot write {path}: {error.strerror}") from None
