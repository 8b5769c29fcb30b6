"""A thousand downloads at once in winch's engine, with a sampler of its event loop's lag beside it.

The engine runs as the daemon composes it, on the loop that the daemon uses. The sampler asks to be
woken every 10 ms; what it is woken too late is the lag that a screen or a command would feel.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.measure import Usage
    from tests.bench.tools import Job

_EVERY = 0.01


def fetch(job: Job) -> Usage:
    """Run the engine in a process of its own and return what it cost, with the lag."""
    from tests.bench.measure import Usage

    result = job.scratch / "lag.json"
    command = [sys.executable, "-m", "tests.bench.crowd", job.list_file, str(job.directory)]
    used = job.do([*command, str(result)])
    return Usage(used.wall, used.cpu, used.memory, lag=json.loads(result.read_text())["p99"])


async def _run(urls: Sequence[str], directory: str) -> list[float]:
    """Download everything and return the seconds by which each sample came late."""
    import asyncio
    import os

    from core import daemon
    from core.adapters.config import config_file
    from core.adapters.system.paths import Paths
    from core.domain.models import DownloadRequest
    from tui.cli.following import Following

    lags: list[float] = []

    async def sample() -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _EVERY
            await asyncio.sleep(_EVERY)
            lags.append(max(0.0, loop.time() - due))

    paths = Paths.discover(os.environ)
    settings = config_file.load(paths.config_file, os.environ).settings
    async with daemon.running(paths, settings, embedded=False) as parts:
        sampler = asyncio.create_task(sample())
        requests = [DownloadRequest(url=url, directory=directory) for url in urls]
        following = Following(await parts.engine.add(requests))
        async with parts.engine.subscribe() as events:
            async for event in events:
                following.apply(event)
                if following.is_done:
                    break
        sampler.cancel()
        if following.exit_code:
            raise SystemExit("not all of them are whole")
    return lags


def main() -> None:
    """Download the addresses of a file and write the lag to another."""
    from core import launcher

    parser = argparse.ArgumentParser()
    parser.add_argument("urls", type=Path)
    parser.add_argument("directory")
    parser.add_argument("result", type=Path)
    args = parser.parse_args()
    lags = launcher.run_engine(_run(args.urls.read_text().split(), args.directory))
    cuts = quantiles(lags, n=1000)
    args.result.write_text(json.dumps({"p50": cuts[499], "p99": cuts[989], "max": max(lags)}))


if __name__ == "__main__":
    main()
