"""A home of winch's own, with commands that are run in it and a daemon that is killed in it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.tui.cli.conftest import Winch

ACTIVE = 8
_SETTINGS = {
    "WINCH_LIMITS_ACTIVE": str(ACTIVE),
    "WINCH_LIMITS_CONNECTIONS_PER_HOST": str(ACTIVE),
    # A stretch that another connection takes over has bytes of it on the wire by then: with one for
    # each file, the server's log counts the bytes that were wanted.
    "WINCH_LIMITS_CONNECTIONS": "1",
    "WINCH_RETRY_BASE": "0.05",
    "AWS_ACCESS_KEY_ID": "AKIATESTING",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NETRC": "/nonexistent",
}
Row = dict[str, Any]


class Home(Winch):
    """Runs `winch` below `root`; what is fetched lies in `files`."""

    def __init__(self, root: Path, python: str | None = None, **environment: str) -> None:
        (root / "cwd").mkdir()
        super().__init__(root / "home", root / "cwd", python)
        plain = {name: value for name, value in self.env.items() if "proxy" not in name.lower()}
        self.env = {**plain, **_SETTINGS, **environment}
        self.files = root / "files"
        self._root = root

    def run(self, *words: str, patience: float = 50) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; whatever it says, it is no traceback."""
        result = subprocess.run(
            [*self.command, *words],
            env=self.env,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )
        assert "Traceback" not in result.stderr, result.stderr
        return result

    def kill(self, pid: int) -> None:
        """kill -9 the daemon, and return once its socket is nobody's."""
        os.kill(pid, signal.SIGKILL)
        path = str(self._root / "home" / "run" / "winch.sock")
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with socket.socket(socket.AF_UNIX) as sock:
                try:
                    sock.connect(path)
                except OSError:
                    return
            time.sleep(0.005)
        raise AssertionError("the daemon outlives SIGKILL")

    def collection(self, name: str) -> Row:
        """Return what `winch collections` tells of one."""
        found = json.loads(self.run("collections", "--json").stdout)
        return next(each for each in found if each["name"] == name)

    @property
    def pid(self) -> int:
        """The process of the daemon."""
        return int(json.loads(self.run("daemon", "status", "--json").stdout)["pid"])

    def report(self, name: str) -> tuple[dict[str, Row], int]:
        """Return the rows of a report by their paths, and the exit code that came with them."""
        result = self.run("report", name, "--json")
        rows = json.loads(result.stdout)
        found = {row["path"]: row for row in rows}
        assert len(found) == len(rows), "a path is there twice"
        return found, result.returncode

    def parts(self) -> set[str]:
        """Return the paths of the part files that have something in them, out of sight or not."""
        found = set()
        for place in [self.files, *self.files.parent.glob(".*.winch")]:
            for path in place.rglob("*.part"):
                # It may get its name in between.
                with suppress(FileNotFoundError):
                    if path.stat().st_blocks:
                        found.add(str(path.relative_to(place)))
        return found

    def whole_files(self) -> dict[str, bytes]:
        """Return what lies below the destination under final names."""
        return {
            str(path.relative_to(self.files)): path.read_bytes()
            for path in self.files.rglob("*")
            if path.is_file() and path.suffix != ".part"
        }
