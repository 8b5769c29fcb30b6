"""What a person may name that is no file to read: pipes, devices, far too much."""

from __future__ import annotations

import os
import socket
from pathlib import Path

ODD = {
    "pipe": "a pipe, not a file",
    "device": "a device, not a file",
    "directory": "a directory, not a file",
    "socket": "cannot be read",
    "large": "larger than",
    "unreadable": "cannot be read",
}
"""What is said of each."""


def odd(directory: Path, kind: str) -> Path:
    """Lay out what has no end, or no beginning, and return where."""
    path = directory / kind
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "directory":
            path.mkdir()
        case "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))
        case "large":
            with path.open("wb") as file:
                file.truncate(10 * 2**30)
        case _:
            path.symlink_to(path)
    return path
