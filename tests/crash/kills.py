"""kill -9 at random moments, while eight downloads run over four connections each, and small files
come in batches beside them.

A life is what lies between the start of a daemon and its kill. What winch has acknowledged in one
life it owes in the next.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.domain.collections import CollectionRequest
from core.domain.entries import Entry
from core.domain.errors import DaemonError
from core.domain.models import Download, DownloadRequest, Status
from core.domain.service import DownloadService, MoveTo
from core.rpc.client import RemoteService
from tests.crash.debts import Debts
from tests.crash.figures import KillFigures
from tests.crash.server import CountingServer
from tests.crash.world import SMALL, Daemon, World
from tui.demo.files import KIB, MIB, DemoFile

AT_ONCE = 8
CONNECTIONS = 4
RATE = 768 * KIB
SECOND = 1.0
"""A kill may cost this much of the throughput, in seconds, and for each connection a MiB."""

SETTINGS = {
    "WINCH_LIMITS_ACTIVE": str(AT_ONCE),
    "WINCH_LIMITS_CONNECTIONS": str(CONNECTIONS),
    "WINCH_LIMITS_CONNECTIONS_PER_HOST": str(AT_ONCE * CONNECTIONS),
    "WINCH_LIMITS_MIN_SPLIT": "256K",
    "WINCH_RETRY_BASE": "0",
}
MOMENTS = (
    *("start", "any", "any", "any", "add", "asked", "asked", "asked", "end", "long"),
    *("batch", "batch", "batch", "collection", "collection"),
)
BATCH = 24
# Long enough that a life without a single checkpoint would cost more than a kill may.
_LONG = 3.2


class Killer:
    """Lets daemons live and die in one world, and finds out what that cost."""

    def __init__(self, root: Path, server: CountingServer, seed: int) -> None:
        self._world = World(root)
        self._server = server
        self._chance = random.Random(seed)
        self._debts = Debts(self._world)
        self._number = 0
        self.figures = KillFigures()

    async def run(self, kills: int) -> None:
        """Kill so many times, then let everything come to its end."""
        moments: list[str] = []
        for number in range(kills):
            if not moments:
                moments = self._chance.sample(MOMENTS, len(MOMENTS))
            moment = moments.pop()
            try:
                await self._live_and_die(moment)
            except AssertionError as error:
                error.add_note(f"kill {number}, at the moment '{moment}'")
                raise
            self.figures.kills[moment] += 1
        await self._finish()
        self._account(kills)

    async def _live_and_die(self, moment: str) -> None:
        daemon = await Daemon.start(self._world, SETTINGS)
        service: RemoteService | None = None
        asked: asyncio.Task[Any] | None = None
        try:
            if moment == "start":
                # Here and below a pause is the moment to hit, and no wait for anything.
                await asyncio.sleep(self._chance.uniform(0.0, 0.5))
            else:
                service = await daemon.connect()
                asked = await self._keep_busy(service, moment)
        finally:
            self._server.life += 1
            await daemon.kill()
            if asked is not None:
                with suppress(DaemonError):
                    await asked
            if service is not None:
                await service.close()
        await self._debts.check()

    async def _keep_busy(self, service: RemoteService, moment: str) -> asyncio.Task[Any] | None:
        """Live up to the moment to die at; returns what was asked for and not answered then."""
        await self._fill_up(service)
        match moment:
            case "add":
                await self._add(service)
            case "asked":
                doing = asyncio.create_task(self._ask(service))
                await asyncio.sleep(self._chance.uniform(0.0, 0.02))
                return doing
            case "end":
                file = await self._add(service, size=64 * KIB, top=True)
                await self._server.until_sent(file.name)
                await asyncio.sleep(self._chance.uniform(0.0, 0.1))
            case "batch":
                files = await self._add_batch(service)
                # From the first body to the last name of them.
                await self._server.until_sent(self._chance.choice(files).name)
                await asyncio.sleep(self._chance.uniform(0.0, 0.05))
            case "collection":
                doing = asyncio.create_task(self._collect(service))
                await asyncio.sleep(self._chance.uniform(0.0, 0.15))
                return doing
            case "long":
                await asyncio.sleep(_LONG)
            case _:
                await asyncio.sleep(self._chance.uniform(0.0, 1.2))
        return None

    async def _fill_up(self, service: DownloadService) -> None:
        """Take what is whole off the list, and let there be eight that are not."""
        views = [view.download for view in await service.downloads()]
        for download in views:
            assert download.status is not Status.FAILED, download.error
        whole = [download for download in views if download.status is Status.COMPLETED]
        await self._remove(service, whole, files=True)
        paused = [d.id for d in views if d.status is Status.PAUSED]
        self._debts.paused.difference_update(paused)
        await service.resume(paused)
        large = [d for d in views if d not in whole and not _is_small(self._debts.owed[d.id])]
        for _ in range(AT_ONCE - len(large)):
            await self._add(service)

    async def _add(
        self, service: DownloadService, *, size: int | None = None, top: bool = False
    ) -> DemoFile:
        self._number += 1
        size = size or self._chance.randrange(8 * MIB, 24 * MIB)
        file = DemoFile(f"f{self._number:05}.bin", size, rate=RATE)
        request = self._world.request(self._server.serve(file), file)
        (download,) = await service.add([request])
        self._debts.added(download.id, file)
        if top:
            await service.start_now([download.id])
        return file

    async def _add_batch(self, service: DownloadService) -> list[DemoFile]:
        """Have small files fetched at once, beside what runs."""
        files = self._small_files()
        requests = [self._world.request(self._server.serve(file), file) for file in files]
        added = await service.add(requests)
        for download, file in zip(added, files, strict=True):
            self._debts.added(download.id, file)
        await service.start_now([download.id for download in added])
        return files

    async def _collect(self, service: DownloadService) -> None:
        """Have small files fetched as a collection."""
        files = self._small_files()
        name = f"of-{files[0].name}"
        entries = [
            Entry(url=self._world.request(self._server.serve(file), file).url, path=file.name)
            for file in files
        ]
        request = DownloadRequest(url="", directory=str(self._world.files))
        await service.collect(CollectionRequest(name=name, request=request), fed=True)
        self._debts.collections.add(name)
        added = await service.add_entries(name, entries)
        for id_, file in zip(added.ids, files, strict=True):
            self._debts.added(id_, file)
        await service.start_now(added.ids)

    def _small_files(self) -> list[DemoFile]:
        files = []
        for _ in range(BATCH):
            self._number += 1
            size = self._chance.choice((1, self._chance.randrange(SMALL), SMALL))
            files.append(DemoFile(f"f{self._number:05}.bin", size))
        return files

    async def _remove(
        self, service: DownloadService, downloads: list[Download], *, files: bool
    ) -> None:
        for download in downloads:
            file = self._debts.removing(download.id)
            if download.status is Status.COMPLETED:
                path = Path(download.path)
                assert self._world.is_right(path), f"{path.name} is called completed and is not"
                self.figures.completed[_is_small(file)] += 1
            await service.remove([download.id], files=files)
            self._debts.removed(download.id)
            self._server.drop(file.name)

    async def _ask(self, service: DownloadService) -> None:
        """Ask for something that changes the list; nobody knows whether the answer will come."""
        chosen = self._chance.choice(
            [v.download for v in await service.downloads() if not v.download.status.is_settled]
        )
        asked: list[Coroutine[Any, Any, Any]] = [
            self._remove(service, [chosen], files=self._chance.random() < 0.5),
            self._move(service, chosen.id),
            self._pause(service, chosen.id),
            self._add(service),
        ]
        doing = asked.pop(self._chance.randrange(len(asked)))
        for other in asked:
            other.close()
        await doing

    async def _move(self, service: DownloadService, id_: str) -> None:
        self._debts.top = None
        await service.move([id_], MoveTo.TOP)
        self._debts.top = id_

    async def _pause(self, service: DownloadService, id_: str) -> None:
        await service.pause([id_])
        self._debts.paused.add(id_)

    async def _finish(self) -> None:
        self._server.is_throttled = False
        daemon = await Daemon.start(self._world, SETTINGS)
        service = await daemon.connect()
        try:
            await service.resume(None)
            async with service.subscribe() as events:
                async for _ in events:
                    views = [view.download for view in await service.downloads()]
                    if all(download.status.is_settled for download in views):
                        break
            for download in views:
                assert download.status is Status.COMPLETED, download.error
            await self._remove(service, views, files=False)
            assert not self._debts.owed, f"{self._debts.owed} are neither in the list nor whole"
        finally:
            await service.close()
            await daemon.kill()
        self._world.check_files()

    def _account(self, kills: int) -> None:
        for life in range(kills):
            connections = self._server.peaks[life]
            allowed = int(connections * (RATE * SECOND + MIB))
            cost = self._server.again[life]
            self.figures.lost_progress.append((life, cost, allowed))
            assert cost <= allowed, (
                f"kill {life}: {cost} bytes had to be fetched again, with {connections} connections"
                f" no more than {allowed} may"
            )
        # Else all of the above would have proved little.
        assert self._server.most_of_one >= CONNECTIONS
        assert max(self._server.peaks.values()) >= AT_ONCE * CONNECTIONS * 3 // 4


def _is_small(file: DemoFile) -> bool:
    return file.size <= SMALL
