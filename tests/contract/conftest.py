"""Every implementation of `DownloadService` that the contract suite runs against.

A new one is one more async context manager in `IMPLEMENTATIONS`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.adapters.clock import Clock
from core.adapters.http import HttpClient
from core.adapters.state import State
from core.domain.models import DownloadRequest
from core.domain.service import DownloadService
from core.domain.settings import Settings
from core.engine.engine import Engine
from core.rpc.client import RemoteService
from tests.fakes import FakeService
from tests.unix import serving, short_directory, silent_server


@dataclass(frozen=True, slots=True)
class Implementation:
    """A service, and what its owner does once it was asked to stop."""

    service: DownloadService
    stop: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Harness:
    """A service under test, with a server that keeps every download waiting."""

    service: DownloadService
    stop: Callable[[], Awaitable[None]]
    directory: str
    base_url: str

    def request(self, name: str, *, paused: bool = True) -> DownloadRequest:
        """Ask for a file that never comes."""
        return DownloadRequest(
            url=f"{self.base_url}/{name}", directory=self.directory, paused=paused
        )


@asynccontextmanager
async def fake(home: Path) -> AsyncIterator[Implementation]:
    service = FakeService()
    yield Implementation(service, service.shutdown)


@asynccontextmanager
async def engine(home: Path) -> AsyncIterator[Implementation]:
    settings = Settings()
    service = Engine(
        settings,
        state=State.at(home),
        http=HttpClient(settings.network),
        clock=Clock(),
    )
    await service.start()
    try:
        yield Implementation(service, service.close)
    finally:
        await service.close()


def remote(
    implementation: Callable[[Path], AbstractAsyncContextManager[Implementation]],
) -> Callable[[Path], AbstractAsyncContextManager[Implementation]]:
    """Put the socket in between."""

    @asynccontextmanager
    async def over_socket(home: Path) -> AsyncIterator[Implementation]:
        with short_directory() as directory:
            path = directory / "s"
            async with (
                implementation(home) as local,
                serving(local.service, path),
                await RemoteService.open(path) as service,
            ):
                yield Implementation(service, local.stop)

    return over_socket


IMPLEMENTATIONS = {
    "fake": fake,
    "remote-fake": remote(fake),
    "engine": engine,
    "remote-engine": remote(engine),
}


@pytest.fixture(params=IMPLEMENTATIONS)
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harness]:
    home, directory = tmp_path / "state", tmp_path / "downloads"
    for path in (home, directory):
        path.mkdir(mode=0o700)
    async with silent_server() as base_url, IMPLEMENTATIONS[request.param](home) as made:
        yield Harness(made.service, made.stop, str(directory), base_url)
