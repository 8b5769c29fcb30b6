"""The stage of the scenario: a world, a server and the files, for one life and the next.

The next life is an ordinary engine, started on what the first one left. It has to find the list,
have all that was acknowledged, and bring every download of it to its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from core import daemon
from core.domain.collections import CollectionState
from core.domain.models import Status
from core.domain.settings import DaemonSettings, RetrySettings, Settings
from core.engine.service import Engine
from tests.crash.server import CountingServer
from tests.crash.strace import Outcome
from tests.crash.world import World
from tui.demo.files import KIB, MIB, DemoFile

# No multiples of a block: the last one of a file is a part of one.
WHOLE = DemoFile("whole.bin", 500 * KIB + 77, rate=MIB)
REMOVED = DemoFile("removed.bin", 500 * KIB + 77, rate=256 * KIB)
SMALL = (DemoFile("small.bin", 4 * KIB + 77), DemoFile("less-small.bin", 200 * KIB + 77))
MEMBERS = (DemoFile("member.bin", 3 * KIB + 77), DemoFile("larger-member.bin", 300 * KIB + 77))
FILES = (WHOLE, REMOVED, *SMALL, *MEMBERS)
_SETTINGS = Settings(
    retry=RetrySettings(base=0.0, cap=0.0),
    daemon=DaemonSettings(linger=0.0),
)


class Stage:
    """A world and its server; `urls` are those of the scenario's downloads."""

    module = "tests.crash.scenario"

    def __init__(self, root: Path, server: CountingServer) -> None:
        self.world = World(root)
        self._server = server
        self.urls = [server.serve(file) for file in FILES]
        for file in FILES:
            self.world.known[file.name] = file

    async def live_on_after(self, outcome: Outcome) -> tuple[str, ...]:
        """Do as `live_on`, with what the life that came before has said."""
        return await self.live_on(
            owed=outcome.ids("added") - outcome.ids("removing"),
            gone=outcome.ids("removed"),
            collected=outcome.names("collected"),
            fed=outcome.names("fed"),
        )

    async def live_on(
        self,
        *,
        owed: Collection[str],
        gone: Collection[str],
        collected: Collection[str] = (),
        fed: Collection[str] = (),
    ) -> tuple[str, ...]:
        """Start an engine on what is there, let everything end and fail if anything is lost.

        `owed` are the ids of downloads that must be there, `gone` of those that must not be;
        `collected` are the names of collections that must be there, `fed` of those that must have
        all of their members. Returns what the engine has to say to a person about the state that it
        found.
        """
        self._server.is_throttled = False
        self.world.check_files()
        async with self._engine() as engine:
            notices = (await engine.status()).notices
            downloads = {view.download.id: view.download for view in await engine.downloads()}
            assert not set(owed) - downloads.keys(), f"lost: {set(owed) - downloads.keys()}"
            assert not set(gone) & downloads.keys(), f"back: {set(gone) & downloads.keys()}"
            await self._check_collections(engine, collected, fed)
            await engine.resume([id_ for id_, d in downloads.items() if d.status in _STOPPED])
            await self._until_all_are_whole(engine)
        self.world.check_files()
        # What was ended stays so.
        async with self._engine() as engine:
            await self._check_collections(engine, collected, fed)
            for name in fed:
                assert (await engine.collection(name)).is_whole, name
            for view in await engine.downloads():
                assert view.download.status is Status.COMPLETED, view.download
                path = Path(view.download.path)
                assert self.world.is_right(path), f"{path.name} is called completed and is not"
        return notices

    async def _check_collections(
        self, engine: Engine, collected: Collection[str], fed: Collection[str]
    ) -> None:
        """Fail where a collection is lost, or it and the list do not speak of the same members."""
        found = {view.collection.name: view for view in await engine.collections()}
        assert not set(collected) - found.keys(), f"lost: {set(collected) - found.keys()}"
        groups = Counter(view.download.request.group for view in await engine.downloads())
        for name, view in found.items():
            assert sum(view.verdicts.values()) == groups.pop(name, 0), name
            if name in fed:
                assert view.collection.state is CollectionState.READY, view.collection
                assert view.collection.read_error is None, view.collection
                assert view.collection.entries == len(MEMBERS) == sum(view.verdicts.values()), name
        del groups[None]
        assert not groups, f"members of no collection: {groups}"

    async def _until_all_are_whole(self, engine: Engine) -> None:
        async with engine.subscribe() as events:
            async for _ in events:
                statuses = set()
                for view in await engine.downloads():
                    statuses.add(view.download.status)
                    assert view.download.status not in _STOPPED, view.download.error
                if statuses <= {Status.COMPLETED}:
                    return

    @asynccontextmanager
    async def _engine(self) -> AsyncIterator[Engine]:
        async with daemon.running(self.world.paths, _SETTINGS, embedded=False) as parts:
            yield parts.engine


_STOPPED = frozenset({Status.PAUSED, Status.FAILED, Status.CANCELLED})
