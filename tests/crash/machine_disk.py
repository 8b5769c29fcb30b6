"""A directory that can run full: a small file system of its own where that may be mounted."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

MIB = 1024 * 1024
_BALLAST = "ballast"
_TRIES = 100


class Disk:
    """A directory, `small` on a file system of its own of `size` bytes, where that is allowed."""

    def __init__(self, directory: Path, size: int, *, small: bool) -> None:
        self.directory = directory
        self.is_full = self.was_full = False
        directory.mkdir()
        self.is_small = small and os.geteuid() == 0 and self._mount(size)

    def fill(self, room: int) -> None:
        """Leave that many bytes of room, or none that is not there already."""
        self.is_full = self.was_full = True
        fd = os.open(self.directory / _BALLAST, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            for _ in range(_TRIES):
                size = self._free_bytes() - room
                # Somebody else may take some of it in between.
                with contextlib.suppress(OSError):
                    if size > 0:
                        os.posix_fallocate(fd, os.fstat(fd).st_size, size)
                    return
            raise AssertionError("it cannot be filled")
        finally:
            os.close(fd)

    def free(self) -> None:
        """Make the room again that was filled."""
        self.is_full = False
        (self.directory / _BALLAST).unlink(missing_ok=True)

    def files(self) -> list[Path]:
        """Return what others have put there."""
        return [path for path in self.directory.iterdir() if path.name != _BALLAST]

    def close(self) -> None:
        """Give the file system back."""
        if self.is_small:
            subprocess.run(["umount", "--lazy", str(self.directory)], check=True)
            self.is_small = False

    def _free_bytes(self) -> int:
        found = os.statvfs(self.directory)
        return found.f_bavail * found.f_frsize

    def _mount(self, size: int) -> bool:
        options = f"size={size},mode=0700"
        mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.directory)]
        try:
            return subprocess.run(mount, check=False, capture_output=True).returncode == 0
        except OSError:
            return False
