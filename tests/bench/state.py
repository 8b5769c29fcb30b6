"""The list of downloads with thousands of them: saving it, what the loop feels of it, loading it.

Every run is a process of its own, on the loop that the daemon uses and with the state on a disk.
While saves follow one another without a pause (the daemon lets half a second pass), the loop is
asked every 10 ms to wake up; what it wakes up too late is the stall. The same while nothing is
done says how much of it is the machine's.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median, quantiles

from core.adapters.state.catalog import Catalog
from core.domain.models import DownloadRecord, DownloadRequest, PartIdentity, Status, TimelineEntry
from tests.bench import figures
from tests.bench.checkout import source
from tests.bench.figures import Figure, Part
from tests.bench.goals import Line

NAME = "state"
TITLE = "the list of 5,000 and of 100,000 downloads: save, stall of the loop, load"

_EVERY = 0.01
_SECONDS = 3.0
_CHANGES = 20  # between two saves
_FILL = """
import asyncio, pathlib, sys
from tests.bench import state
asyncio.run(state._fill(pathlib.Path(sys.argv[1]), int(sys.argv[2])))
"""
_TOLD = (
    "added",
    "started: 8 connections to data.example.org",
    "the server closed the connection after 1.2 GiB; another one takes over",
    "paused",
    "resumed",
    "verified: the server still has the same file",
)


def measure(runs: int, directory: str, against: Path | None = None) -> tuple[list[str], list[Line]]:
    """Return the rows of the table, and what became of its goals."""
    rows, lines = figures.measure(_PARTS, runs, directory, against)
    return [f"{NAME}: {TITLE}", *rows], lines


def _run(count: int, directory: str) -> list[float]:
    """Return the figures of a list of so many downloads, in ms."""
    with tempfile.TemporaryDirectory(prefix="wb", dir=directory) as state:
        _python("-c", _FILL, state, str(count))
        found = json.loads(_python("-m", "tests.bench.state", state))
    return [found[figure] * 1e3 for figure in ("save", "stall p99", "idle p99", "load")]


def _python(*arguments: str) -> bytes:
    environment = os.environ | {"PYTHONPATH": source()}
    command = [sys.executable, "-P", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout


async def _fill(state: Path, count: int) -> None:
    catalog = Catalog(state)
    await catalog.load()
    for number in range(count):
        catalog.put(_a_download(number))
    await catalog.close()


def _a_download(number: int) -> DownloadRecord:
    """Return a download as it is after a few days in the queue."""
    added = datetime(2026, 3, 1, 12, 0, tzinfo=UTC) + timedelta(seconds=number)
    name = f"measurements-{number:06}.tar.zst"
    return DownloadRecord(
        id=f"{number * 0x9E3779B1 % 2**32:08x}{number:024x}",
        request=DownloadRequest(
            url=f"https://data.example.org/sets/2026/{name}",
            directory="/data/sets/2026",
            mirrors=(f"https://mirror.example.net/sets/2026/{name}",),
            group="measurements",
        ),
        name=name,
        order=float(number),
        created_at=added,
        status=Status.PAUSED,
        part=PartIdentity(device=1, inode=number),
        total_bytes=10**9 + number,
        resume_verdict="verified",
        started_at=added,
        timeline=tuple(
            TimelineEntry(at=added + timedelta(hours=hours), text=text)
            for hours, text in enumerate(_TOLD)
        ),
    )


async def _sample(lags: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _EVERY
        await asyncio.sleep(_EVERY)
        lags.append(max(0.0, loop.time() - due))


async def _figures(state: Path) -> dict[str, float]:
    catalog = Catalog(state)
    began = time.perf_counter()
    downloads = (await catalog.load()).downloads
    load = time.perf_counter() - began

    idle: list[float] = []
    sampler = asyncio.create_task(_sample(idle))
    await asyncio.sleep(_SECONDS)
    sampler.cancel()
    saves: list[float] = []
    lags: list[float] = []
    sampler = asyncio.create_task(_sample(lags))
    changed = cycle(downloads)
    end = time.perf_counter() + _SECONDS
    while (began := time.perf_counter()) < end:
        for download in islice(changed, _CHANGES):
            catalog.put(download.replace(retry_count=len(saves)))
        await catalog.flush()
        saves.append(time.perf_counter() - began)
    sampler.cancel()
    await catalog.close()
    return {
        "save": median(saves),
        "stall p99": quantiles(lags, n=100)[98],
        "idle p99": quantiles(idle, n=100)[98],
        "load": load,
    }


_PARTS = (
    Part(
        "5,000 downloads",
        partial(_run, 5_000),
        (
            Figure("save", "ms", 50.0),
            Figure("stall p99", "ms", 20.0),
            Figure("idle p99", "ms"),
            Figure("load", "ms", 500.0),
        ),
    ),
    Part(
        "100,000 downloads",
        partial(_run, 100_000),
        (
            Figure("save", "ms"),
            Figure("stall p99", "ms"),
            Figure("idle p99", "ms"),
            Figure("load", "ms", 5_000.0),
        ),
    ),
)


def main() -> None:
    """Print the figures of a state directory."""
    from core import launcher

    print(json.dumps(launcher.run_engine(_figures(Path(sys.argv[1])))))


if __name__ == "__main__":
    main()
