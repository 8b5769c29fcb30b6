"""A service in memory, in a process of its own, for a screen that is measured.

So processor and memory are the screen's alone. `python -m tests.bench.screen_service MOVING STILL
[SECONDS]` says when it is ready, then when a client came, and ends with its input; what moves does
so once in so many seconds.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from core.adapters.system.paths import Paths
from core.domain.models import (
    DownloadRecord,
    DownloadRequest,
    Phase,
    Progress,
    Status,
    TimelineEntry,
    WaitReason,
)
from tests.bench.checkout import source
from tests.bench.measure import FailedError
from tests.bench.terminal import open_screen
from tests.fakes import FakeService
from tests.pty import Pty
from tests.unix import serving

MANY = 100_000

_STATES = (Status.PAUSED, Status.COMPLETED, Status.PENDING)


class Service:
    """A service in a process of its own, and the screens that are opened on it."""

    def __init__(self, process: subprocess.Popen[str], home: str, bytecode: str) -> None:
        self._process = process
        self._home = home
        self._bytecode = bytecode
        self.began = 0.0

    def screen(self) -> Pty:
        """Open the screen."""
        self.began = time.monotonic()
        return open_screen(self._home, self._bytecode)

    def line(self) -> str:
        """Return what the service says next: that it is ready, then when the screen came."""
        assert self._process.stdout is not None
        if not (line := self._process.stdout.readline()):
            raise FailedError("the service ended")
        return line


@contextmanager
def serving_downloads(moving: int, still: int, bytecode: str) -> Iterator[Service]:
    with tempfile.TemporaryDirectory(prefix="wb", dir="/tmp") as home:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.bench.screen_service", str(moving), str(still)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"WINCH_HOME": home, "PYTHONPATH": source()},
        )
        try:
            service = Service(process, home, bytecode)
            service.line()
            yield service
        finally:
            process.communicate()  # closes its input, at which it ends


def _a_download(number: int, status: Status) -> DownloadRecord:
    """Return a download as it is after a while in the queue."""
    added = datetime(2026, 3, 1, 12, 0, tzinfo=UTC) + timedelta(seconds=number)
    name = f"set-{number:06}.tar.zst"
    is_pending = status is Status.PENDING
    return DownloadRecord(
        id=f"{number * 0x9E3779B1 % 2**32:08x}{number:024x}",
        request=DownloadRequest(url=f"https://data.example.org/2026/{name}", directory="/data"),
        name=name,
        order=float(number),
        created_at=added,
        status=status,
        phase=Phase.DOWNLOADING if status is Status.ACTIVE else None,
        wait_reason=WaitReason.QUEUED if is_pending else None,
        total_bytes=None if is_pending else 2 * 10**9 + number * 7919,
        completed_at=added if status is Status.COMPLETED else None,
        timeline=(TimelineEntry(at=added, text="added"), TimelineEntry(at=added, text="started")),
    )


async def _serve(moving: int, still: int, seconds: float = 1.0) -> None:
    places = Paths.discover(os.environ)
    places.prepare()
    service = FakeService()
    states = _STATES if still >= MANY else (Status.PENDING,)
    for number in range(moving + still):
        status = Status.ACTIVE if number < moving else states[number % len(states)]
        download = _a_download(number, status)
        service._records[download.id] = download
    active = list(service._records)[:moving]
    async with serving(service, places.socket) as server:
        server.on_clients_changed = lambda: print(time.monotonic(), flush=True)
        print("ready", flush=True)
        change = asyncio.create_task(_change(service, active, seconds))
        await asyncio.to_thread(sys.stdin.read)  # until the other end is closed
        change.cancel()


async def _change(service: FakeService, active: list[str], seconds: float) -> None:
    luck = random.Random(1)
    rates = {id_: luck.uniform(2e5, 9e6) for id_ in active}
    done = {id_: luck.uniform(0.0, 1e9) for id_ in active}
    while active:
        for id_, rate in rates.items():
            rates[id_] = rate * luck.uniform(0.9, 1.1)
            done[id_] += rates[id_] * seconds
        service.emit_progress({id_: _progress(done[id_], rates[id_]) for id_ in active})
        await asyncio.sleep(seconds)


def _progress(done: float, rate: float) -> Progress:
    left = 2e9 - done
    return Progress(
        bytes_downloaded=int(done),
        rate=rate,
        eta=left / rate,
        connections=8,
        updated_at=datetime.now(UTC),
    )


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), *map(float, sys.argv[3:])))
