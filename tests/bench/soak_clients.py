"""Those who come and go while winch downloads: they look, follow, change their mind, and misbehave.

Each is a connection of its own, some are processes. What they hear is checked by nobody here: that
the daemon bears all of them is seen in its memory, its files and its log.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

from core.domain.errors import WinchError
from core.domain.models import Status
from core.domain.service import Changes, DownloadService, LimitChanges, MoveTo
from core.rpc.client import RemoteService
from tests.tui.cli.conftest import MAIN
from tests.unix import HELLO
from tests.warm import warm_python
from tui.demo.files import KIB, MIB

_AT_ONCE = 6
_RUBBISH = (
    b"\0\xff{]\n",
    b'{"id":1,"method":"add","params":{"requests":7}}\n',
    b'{"id":1,"method":"no such thing"}\n',
    b'{"id":1,"method":"find","params":{"download_id":' + b"[" * 50_000 + b"\n",
    b'{"id":1,"method":"add","params":"' + b"x" * MIB,
)
_COMMANDS = (
    ("ls",),
    ("ls", "--json"),
    ("ls", "status:active"),
    ("collections",),
    ("history",),
    ("stats",),
    ("limit",),
    ("daemon", "status", "--json"),
)


class Clients:
    """Comes and goes until cancelled; `configure` writes other settings for the daemon to read."""

    def __init__(
        self,
        socket: Path,
        environment: Mapping[str, str],
        chance: random.Random,
        configure: Callable[[], None],
    ) -> None:
        self._socket = socket
        self._environment = environment
        self._chance = chance
        self._configure = configure
        self._ways: tuple[Callable[[], Awaitable[None]], ...] = (
            *(self._look, self._follow, self._follow, self._never_read, self._ask_and_leave),
            *(self._say_rubbish, self._run, self._run_and_be_killed),
            *(self._limit, self._limit, self._change, self._pause_and_resume, self._reread),
        )
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    async def run(self) -> None:
        """Be some clients at once, one after the other."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._come_and_go())

    async def _come_and_go(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(0.0, 1.0))
            way = self._chance.choice(self._ways)
            self.counts[way.__name__.strip("_").replace("_", " ")] += 1
            try:
                await way()
            except WinchError as error:
                self.errors[error.message] += 1
            except OSError as error:
                self.errors[str(error)] += 1

    # -- who behaves ------------------------------------------------------------------------------

    async def _look(self) -> None:
        async with await RemoteService.open(self._socket) as service:
            await service.status()
            views = await service.downloads()
            await service.inspect(self._chance.choice(views).download.id)

    async def _follow(self) -> None:
        async with await RemoteService.open(self._socket) as service, service.subscribe() as events:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._chance.uniform(1.0, 15.0)):
                    async for _ in events:
                        pass

    async def _run(self) -> None:
        process = await self._start(*self._chance.choice(_COMMANDS))
        await process.wait()

    async def _limit(self) -> None:
        rate = self._chance.choice((0, 0, 4 * MIB, 12 * MIB, 24 * MIB))
        async with await RemoteService.open(self._socket) as service:
            await service.limit(LimitChanges(rate=rate, connections=self._chance.choice((1, 2, 4))))

    async def _change(self) -> None:
        changes = self._chance.choice(
            (
                Changes(limit=self._chance.choice((0, 50 * KIB))),
                Changes(connections=self._chance.choice((0, 1, 4))),
                Changes(priority=self._chance.choice((-5, 0, 5))),
                Changes(group=self._chance.choice(("", "some"))),
            )
        )
        async with await RemoteService.open(self._socket) as service:
            ids = await self._some(service, 10)
            await service.set(ids, changes)
            await service.move(ids[:1], MoveTo.TOP)

    async def _pause_and_resume(self) -> None:
        async with await RemoteService.open(self._socket) as service:
            ids = await self._some(service, 20)
            await service.pause(ids)
            await asyncio.sleep(self._chance.uniform(0.0, 3.0))
            await service.resume(ids)

    async def _reread(self) -> None:
        self._configure()
        async with await RemoteService.open(self._socket) as service:
            await service.reload()
            await service.limit(LimitChanges(reset=True))

    async def _some(self, service: DownloadService, count: int) -> list[str]:
        """Return ids of downloads that are not done; these stay in the list."""
        views = [view.download for view in await service.downloads()]
        going = [download.id for download in views if download.status is not Status.COMPLETED]
        return self._chance.sample(going, min(count, len(going)))

    # -- who does not -----------------------------------------------------------------------------

    async def _never_read(self) -> None:
        """Ask for everything, read nothing, and be gone."""
        writer = await self._connect()
        writer.write(HELLO + b"\n" + b'{"id":1,"method":"subscribe"}\n')
        for number in range(self._chance.choice((0, 50))):
            writer.write(b'{"id":%d,"method":"downloads"}\n' % (number + 2))
        await asyncio.sleep(self._chance.uniform(1.0, 20.0))
        writer.transport.abort()

    async def _ask_and_leave(self) -> None:
        writer = await self._connect()
        writer.write(HELLO + b"\n" + b'{"id":1,"method":"downloads"}\n')
        await asyncio.sleep(self._chance.uniform(0.0, 0.05))
        writer.transport.abort()

    async def _say_rubbish(self) -> None:
        writer = await self._connect()
        writer.write(self._chance.choice((HELLO + b"\n", b"")) + self._chance.choice(_RUBBISH))
        await asyncio.sleep(self._chance.uniform(0.0, 1.0))
        writer.transport.abort()

    async def _run_and_be_killed(self) -> None:
        process = await self._start(
            *self._chance.choice((("wait",), ("ls", "--json"), ("history",)))
        )
        await asyncio.sleep(self._chance.uniform(0.0, 3.0))
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    # ---------------------------------------------------------------------------------------------

    async def _connect(self) -> asyncio.StreamWriter:
        # A reader that takes nothing: its limit is what it holds before it stops.
        _, writer = await asyncio.open_unix_connection(self._socket, limit=1)
        return writer

    async def _start(self, *words: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(warm_python(), *MAIN, *words),
            env=dict(self._environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
