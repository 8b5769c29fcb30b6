"""A real engine on real files, beside a server that misbehaves on demand."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest

from core.adapters.net.http import HttpClient
from core.adapters.net.network import Network
from core.adapters.state.stores import State
from core.adapters.system.clock import Clock
from core.domain.models import Checksum, Download, DownloadRequest, DownloadView
from core.domain.settings import DaemonSettings, LimitSettings, RetrySettings, Settings
from core.engine.service import Engine

SETTINGS = Settings(
    limits=LimitSettings(active=4),
    retry=RetrySettings(attempts=5, base=0.0, cap=0.0),
    daemon=DaemonSettings(linger=0.0),
)


class Workspace:
    """A state directory, a destination, and engines that come and go on them."""

    def __init__(self, root: Path, stack: AsyncExitStack) -> None:
        self.state = root / "state"
        self.files = root / "files"
        self.state.mkdir()
        self.files.mkdir()
        self._stack = stack

    async def engine(
        self,
        settings: Settings = SETTINGS,
        *,
        embedded: bool = False,
        clock: Clock | None = None,
        network: Network | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> Engine:
        """Start an engine, which is closed at the end of the test."""
        engine = Engine(
            settings,
            state=State.at(self.state),
            http=HttpClient(settings.network, tls=tls),
            clock=clock or Clock(),
            network=network,
            embedded=embedded,
        )
        self._stack.push_async_callback(engine.close)
        await engine.start()
        return engine

    def request(
        self, url: str, *, name: str | None = None, checksum: Checksum | None = None
    ) -> DownloadRequest:
        """Ask for a URL into the destination."""
        return DownloadRequest(url=url, directory=str(self.files), name=name, checksum=checksum)

    def names(self) -> list[str]:
        """Return what lies in the destination."""
        return sorted(path.name for path in self.files.iterdir())

    def content(self, name: str) -> bytes:
        """Return the bytes of a file in the destination."""
        return (self.files / name).read_bytes()


@pytest.fixture
async def workspace(tmp_path: Path) -> AsyncIterator[Workspace]:
    async with AsyncExitStack() as stack:
        yield Workspace(tmp_path, stack)


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path, str], None]]:
    """Make directories file systems of their own, of a size such as `1m`, while the test lasts."""
    with ExitStack() as mounted:

        def mount(directory: Path, size: str) -> None:
            command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)]
            try:
                subprocess.run(command, check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError):
                pytest.skip("mounting a small file system takes root")
            unmount = ["umount", "--lazy", str(directory)]
            mounted.callback(subprocess.run, unmount, check=True)

        yield mount


def fill(directory: Path) -> Path:
    """Take the last byte of a small disk, and return the file that has it."""
    ballast = directory / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 512):
                pass
        except OSError:
            return ballast
    raise AssertionError("the disk has no end")


async def until(
    engine: Engine, download: Download, condition: Callable[[DownloadView], bool]
) -> DownloadView:
    """Return the download once a condition holds, looking whenever an event comes."""
    async with engine.subscribe() as events:
        async for _ in events:
            view = await engine.find(download.id)
            if condition(view):
                return view
    raise AssertionError("the engine ended")


async def settled(engine: Engine, download: Download) -> Download:
    """Return the download once nothing more happens to it."""
    return (await until(engine, download, lambda view: view.download.status.is_settled)).download


async def fetch(engine: Engine, request: DownloadRequest) -> Download:
    """Add a download and return it once it is settled."""
    (download,) = await engine.add([request])
    return await settled(engine, download)
