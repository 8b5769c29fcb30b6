"""What is to be whole or not there, cut off anywhere: nothing of it has its name, or all of it.

Where the destination is there already, its files get their names one by one: cut off in between,
the next start goes on to the end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from core import daemon
from core.domain.collections import CollectionChanges
from core.domain.models import Status
from core.domain.settings import DaemonSettings, RetrySettings, Settings
from core.engine.service import Engine
from tests.crash.gathering import DIRECTORY, NAME, feed, until_published
from tests.crash.server import CountingServer
from tests.crash.strace import Outcome
from tests.crash.world import World
from tui.demo.files import KIB, DemoFile

FILES = (
    DemoFile("small.bin", 4 * KIB + 77),
    DemoFile("deep/large.bin", 300 * KIB + 77),
    DemoFile("deep/er/small.bin", 3 * KIB + 77),
)
OTHER = "other.bin"
_SETTINGS = Settings(
    retry=RetrySettings(base=0.0, cap=0.0),
    daemon=DaemonSettings(linger=0.0),
)


class Together:
    """A world in which the files gather; `into_others`: the destination has a file already."""

    module = "tests.crash.gathering"
    into_others = False

    def __init__(self, root: Path, server: CountingServer) -> None:
        self.world = World(root)
        self.urls = [server.serve(file) for file in FILES]
        self._server = server
        self._set = self.world.files / DIRECTORY
        self._whole = {file.name: b"".join(file.pieces(0, file.size)) for file in FILES}
        if self.into_others:
            (self._set / "deep").mkdir(parents=True)
            (self._set / OTHER).write_bytes(b"other")
            self._whole[OTHER] = b"other"

    async def live_on_after(self, outcome: Outcome) -> tuple[str, ...]:
        """Fail unless all or nothing is there, and all of it at the end of another life."""
        self._check_names(was_fed=bool(outcome.names("fed")))
        self._server.is_throttled = False
        async with self._engine() as engine:
            notices = (await engine.status()).notices
            names = {view.collection.name for view in await engine.collections()}
            assert outcome.names("collected") <= names, "an acknowledged collection is lost"
            if outcome.names("fed"):
                await self._go_on(engine)
            if not outcome.names("fed") or (await engine.collection(NAME)).collection.refused:
                await feed(engine, str(self.world.files), self.urls, lambda _: None)
            await until_published(engine)
        self._check_end()
        async with self._engine() as engine:
            assert (await engine.collection(NAME)).is_whole
        self._check_end()
        return notices

    async def _go_on(self, engine: Engine) -> None:
        """Do what `winch retry` does: try what failed again, and the publishing."""
        views = await engine.downloads()
        await engine.retry([v.download.id for v in views if v.download.status in _STOPPED])
        await engine.change_collection(NAME, CollectionChanges())

    def _check_names(self, *, was_fed: bool) -> None:
        found = self._found()
        assert found.items() <= self._whole.items(), "a wrong file has a final name"
        nothing = {OTHER: b"other"} if self.into_others else {}
        if not self.into_others or not was_fed:
            assert found in (nothing, self._whole), f"a part of it is there: {sorted(found)}"
        assert nothing.items() <= found.items(), "somebody's file is gone"

    def _check_end(self) -> None:
        assert self._found() == self._whole
        assert [path.name for path in self.world.files.iterdir()] == [DIRECTORY]

    def _found(self) -> dict[str, bytes]:
        """Return what has its final name."""
        return {
            str(path.relative_to(self._set)): path.read_bytes()
            for path in self._set.rglob("*")
            if path.is_file()
        }

    @asynccontextmanager
    async def _engine(self) -> AsyncIterator[Engine]:
        async with daemon.running(self.world.paths, _SETTINGS, embedded=False) as parts:
            yield parts.engine


class TogetherIntoOthers(Together):
    """The same, into a directory that has a file of somebody else."""

    into_others = True


_STOPPED = frozenset({Status.PAUSED, Status.FAILED, Status.CANCELLED})
