"""The real command on the terminal of this process, before a service in memory.

`python -m tests.tui.screen_on_pty KIND [OPTION…]`: at `calm` nothing changes, at `busy` figures do
all the time, at `broken` the key for help ends in an error, at `hostile` every text from outside
is one that would like to reach the terminal.
"""

import asyncio
import platform
import sys

from core import launcher
from core.domain.errors import DaemonError
from core.domain.models import Phase, Progress, Status
from core.domain.service import DownloadService
from tests.fakes import FakeService
from tests.tui.hostile import Hostile, evil
from tests.tui.samples import queue
from tui.cli.dispatch import run
from tui.screens.main_screen import MainScreen

kind, *argv = sys.argv[1:]
tasks = set()
failures: list[DaemonError] = []


async def connect(*, start: bool = True) -> DownloadService:
    if kind == "hostile":
        if not failures:
            failures.append(DaemonError(evil("Qlost")))
            raise failures[0]
        hostile = Hostile()
        await hostile.fill()
        return hostile
    service = FakeService()
    ids = await queue(service, *(f"file-{n:02}.iso" for n in range(12)), status=Status.ACTIVE)
    for id_ in ids:
        service.change(id_, phase=Phase.DOWNLOADING, total_bytes=10**9)
    if kind == "busy":
        tasks.add(asyncio.create_task(keep_busy(service, ids)))
    return service


async def keep_busy(service: FakeService, ids: list[str]) -> None:
    count = 0
    while True:
        count += 1
        progress = Progress(
            bytes_downloaded=5 * 10**8 + count * 10**5, rate=1024.0 * count, eta=count
        )
        service.emit_progress(dict.fromkeys(ids, progress))
        await asyncio.sleep(0.01)


async def break_down(_: MainScreen) -> None:
    raise ValueError("a fault of the screen itself")


launcher.connect = connect  # type: ignore[assignment]
if kind == "broken":
    MainScreen.action_help = break_down  # type: ignore[method-assign]
if kind == "hostile":
    platform.node = lambda: evil("Qhost")
sys.exit(run(argv))
