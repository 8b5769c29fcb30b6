"""A home of winch's own, the directory its files go to, and daemons that are killed in it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.adapters.state.catalog import Catalog
from core.adapters.system.paths import Paths
from core.domain.models import Download, DownloadRequest
from core.rpc.client import RemoteService
from core.rpc.codec import Readiness, decode
from tui.demo.files import KIB, DemoFile

ROOT = Path(__file__).parents[2]
_ROOM = 2 * 1024**3
SMALL = 256 * KIB
"""What has at most so many bytes is fetched in one go."""
_NUMBERED = re.compile(r" \(\d+\)(?=\.|$)")


class World:
    """What outlives a kill: `home` (settings, state, socket) and `files`, the destination."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.files = root / "files"
        self.known: dict[str, DemoFile] = {}
        self._looked_at: dict[str, tuple[int, int, int]] = {}
        self.files.mkdir(exist_ok=True)

    @property
    def paths(self) -> Paths:
        """Where winch keeps everything."""
        return Paths.discover({"WINCH_HOME": str(self.home)})

    def request(self, url: str, file: DemoFile) -> DownloadRequest:
        """Ask for a file; from now on its name may only ever stand for its bytes."""
        self.known[file.name] = file
        return DownloadRequest(url=url, directory=str(self.files))

    def environment(self, settings: dict[str, str]) -> dict[str, str]:
        """Return the environment of a process that uses this home, with these settings."""
        clean = {name: value for name, value in os.environ.items() if "WINCH" not in name}
        return {**clean, **settings, "WINCH_HOME": str(self.home), "PYTHONPATH": str(ROOT)}

    async def readable(self) -> tuple[dict[str, Download], set[str]]:
        """Return the list as it is on disk, and which collections it has; anything that had to be
        repaired is a failure.
        """
        found = await Catalog(self.paths.state_dir).load()
        assert found.is_whole, found.notices
        assert found.notices == ()
        return {download.id: download for download in found.downloads}, set(found.collections)

    def check_files(self) -> None:
        """Fail if anything in the destination that has a final name is not that file, whole."""
        for path in self.files.iterdir():
            if path.suffix == ".part":
                continue
            known = self.known.get(_NUMBERED.sub("", path.name))
            assert known is None or known.size > SMALL or path.name == known.name, (
                f"{path.name} was fetched although {known.name} was whole"
            )
            found = path.stat()
            look = (found.st_ino, found.st_mtime_ns, found.st_size)
            if self._looked_at.get(path.name) != look:
                assert self.is_right(path), f"{path.name} is a wrong file under its final name"
                self._looked_at[path.name] = look

    def is_right(self, path: Path) -> bool:
        """Tell whether a file is, to the byte, the one that its name stands for."""
        file = self.known.get(_NUMBERED.sub("", path.name))
        if file is None:
            return False
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256


class Daemon:
    """A daemon process; `kill` is the kind that nothing can be done about."""

    def __init__(self, world: World, process: asyncio.subprocess.Process, ready: int) -> None:
        self._world = world
        self._process = process
        self._ready = ready

    @classmethod
    async def start(cls, world: World, settings: dict[str, str]) -> Daemon:
        """Start a daemon and return at once."""
        reader, writer = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-m", "tests.crash.hurried", "--ready-fd", str(writer)),
                stdin=asyncio.subprocess.DEVNULL,
                cwd="/",
                env=world.environment(settings),
                pass_fds=(writer,),
            )
        finally:
            os.close(writer)
        return cls(world, process, reader)

    async def connect(self) -> RemoteService:
        """Return its service once it serves; fails where it says that it cannot."""
        line = await asyncio.to_thread(os.read, self._ready, 65536)
        assert line, "the daemon ended while it started"
        readiness: Readiness = decode(line, Readiness)
        assert readiness.error is None, readiness.error
        return await RemoteService.open(self._world.paths.socket)

    async def kill(self) -> None:
        """kill -9, and return once it is gone."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        status = await self._process.wait()
        os.close(self._ready)
        assert status == -signal.SIGKILL, f"the daemon had ended by itself with status {status}"


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a directory for a world, in memory where there is room: a kill leaves that as it is.

    On a busy disk the syncs alone could take longer than the second that a kill may cost. The path
    is short, so that the socket fits below it.
    """
    memory = Path("/dev/shm")
    fits = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM
    directory = Path(tempfile.mkdtemp(prefix="wc", dir=memory if fits else "/tmp"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)
