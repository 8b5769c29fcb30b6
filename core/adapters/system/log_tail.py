"""The end of the log, for people who look at it from elsewhere than a shell."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from core.adapters.files.named_file import check_named
from core.domain.errors import StateError

LOG_NAME = "winch.log"
_BLOCK = 64 * 1024
_LONGEST = 2000


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a log, the one before it included, each cut to 2,000 characters.

    Blocks. Raises StateError where it cannot be read.
    """
    found: list[str] = []
    for part in (path, path.with_name(f"{path.name}.1")):
        if len(found) < lines:
            found = _last_lines(part, lines - len(found)) + found
    return found


def _last_lines(path: Path, count: int) -> list[str]:
    content = b""
    try:
        check_named(path, most=sys.maxsize)
        with path.open("rb") as file:
            at = file.seek(0, os.SEEK_END)
            while at and content.count(b"\n") <= count:
                size = min(_BLOCK, at)
                at = file.seek(at - size)
                content = file.read(size) + content
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StateError(f"the log {path} cannot be read: {error.strerror}") from error
    lines = content.decode("utf-8", "replace").split("\n")
    if not lines[-1]:
        lines.pop()
    return [line[:_LONGEST] for line in lines[-count:]]
