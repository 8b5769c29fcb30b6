"""Every implementation of `DownloadService` that the contract suite runs against.

A new one is one more async context manager in `IMPLEMENTATIONS`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from core.adapters.files.destination import identity_of
from core.adapters.net.http import HttpClient
from core.adapters.state.resume_data import ResumeStore
from core.adapters.state.stores import State
from core.adapters.system.clock import Clock
from core.domain.history import HistoryEntry
from core.domain.models import DownloadRequest
from core.domain.service import DownloadService
from core.domain.settings import Settings
from core.domain.upkeep import Leftover, LeftoverKind
from core.domain.value import replace
from core.engine.service import Engine
from core.rpc.client import RemoteService
from core.rpc.link import LinkedService
from tests.core.adapters.records import a_record
from tests.fakes import FakeService
from tests.unix import SocketLine, serving, short_directory, silent_server


@dataclass(frozen=True, slots=True)
class Implementation:
    """A service, what its owner does once it was asked to stop, and how it remembers an attempt.

    `litter` tells it of files that lie around, `log` of lines that were logged; `configure` says
    what it reads as its settings from then on.
    """

    service: DownloadService
    stop: Callable[[], Awaitable[None]]
    remember: Callable[[HistoryEntry], object]
    log: Callable[[list[str]], object]
    configure: Callable[[Callable[[], Settings]], None]
    litter: Callable[[list[Leftover]], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Harness:
    """A service under test, with a server that keeps every download waiting."""

    service: DownloadService
    stop: Callable[[], Awaitable[None]]
    remember: Callable[[HistoryEntry], object]
    log: Callable[[list[str]], object]
    configure: Callable[[Callable[[], Settings]], None]
    litter: Callable[[], Awaitable[list[Leftover]]]
    directory: str
    base_url: str

    def request(self, name: str, *, paused: bool = True) -> DownloadRequest:
        """Ask for a file that never comes."""
        return DownloadRequest(
            url=f"{self.base_url}/{name}",
            directory=self.directory,
            paused=paused,
        )


@asynccontextmanager
async def fake(home: Path) -> AsyncIterator[Implementation]:
    service = FakeService()

    def litter(leftovers: list[Leftover]) -> None:
        service.leftovers = tuple(leftovers)

    yield Implementation(
        service,
        service.shutdown,
        service.attempts.append,
        service.log.extend,
        partial(setattr, service, "read_settings"),
        litter,
    )


@asynccontextmanager
async def engine(home: Path) -> AsyncIterator[Implementation]:
    settings = Settings()
    state = State.at(home)
    service = Engine(
        settings,
        state=state,
        http=HttpClient(settings.network),
        clock=Clock(),
    )
    await service.start()
    try:
        log = home / "winch.log"
        yield Implementation(
            service,
            service.close,
            state.history.append,
            lambda lines: log.write_text("".join(f"{line}\n" for line in lines)),
            partial(setattr, service, "read_settings"),
        )
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
                yield dataclasses.replace(local, service=service)

    return over_socket


def linked(
    implementation: Callable[[Path], AbstractAsyncContextManager[Implementation]],
) -> Callable[[Path], AbstractAsyncContextManager[Implementation]]:
    """Put a single connection in between, as there is to another machine."""

    @asynccontextmanager
    async def over_line(home: Path) -> AsyncIterator[Implementation]:
        with short_directory() as directory:
            path = directory / "s"
            async with (
                implementation(home) as local,
                serving(local.service, path),
                await LinkedService.over(await SocketLine.open(path), "far") as service,
            ):
                yield dataclasses.replace(local, service=service)

    return over_line


IMPLEMENTATIONS = {
    "fake": fake,
    "remote-fake": remote(fake),
    "linked-fake": linked(fake),
    "engine": engine,
    "remote-engine": remote(engine),
}


@pytest.fixture(params=IMPLEMENTATIONS)
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harness]:
    home, directory = tmp_path / "state", tmp_path / "downloads"
    for path in (home, directory):
        path.mkdir(mode=0o700)
    async with silent_server() as base_url, IMPLEMENTATIONS[request.param](home) as made:

        async def litter() -> list[Leftover]:
            leftovers = await an_orphan(home, directory)
            made.litter(leftovers)
            return leftovers

        yield Harness(
            made.service,
            made.stop,
            made.remember,
            made.log,
            made.configure,
            litter,
            str(directory),
            base_url,
        )


async def an_orphan(home: Path, directory: Path) -> list[Leftover]:
    """Leave a part file and the record of it whose download is in no list."""
    part = directory / "a1.bin.part"
    part.write_bytes(b"x" * 1000)
    request = DownloadRequest(url="https://example.org/a1.bin", directory=str(directory))
    record = replace(a_record(), part=identity_of(part.stat()), request=request)
    store = ResumeStore(home / "resume_data")
    await store.save(record)
    (orphan,) = await store.orphans(set())
    reason = "no download of the list continues it"
    found = {LeftoverKind.PART_FILE: part, LeftoverKind.RESUME_DATA: orphan.path}
    return [
        Leftover(kind=kind, path=str(path), size=path.stat().st_size, reason=reason)
        for kind, path in found.items()
    ]
