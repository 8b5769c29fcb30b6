"""A file that others read: replaced as a whole, with rights for all, in a directory of anybody."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_RIGHTS = 0o644


def publish_text(path: Path, text: str) -> None:
    """Replace a file so that a reader finds the old text or the new one; blocks. Raises OSError.

    Nothing is synced: after a power cut it would be out of date anyhow. What has the name under
    which the new file is made goes, or is in the way: it is not ours to follow.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    descriptor = os.open(temporary, flags, _RIGHTS)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            # Whatever the umask says: the reader is another user.
            os.fchmod(file.fileno(), _RIGHTS)
            file.write(text)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
