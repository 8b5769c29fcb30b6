"""One life of the scenario as the kernel saw it: what the proofs of order and power cuts rest on.

Several threads work on the files here, and every sync takes its time, so that other calls fall
into it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.crash.server import CountingServer
from tests.crash.stage import Stage
from tests.crash.strace import watch
from tests.crash.trace import Call
from tests.crash.world import scratch

_THREADS = 8
_SYNC_TAKES = 20_000  # microseconds


@dataclass(frozen=True, slots=True)
class Recording:
    """The calls of a scenario that lived below `root`, and the server, which is still there."""

    root: Path
    calls: Sequence[Call]
    server: CountingServer


@asynccontextmanager
async def recorded() -> AsyncIterator[Recording]:
    """Run the scenario and keep what it left until the context ends."""
    with scratch() as root:
        async with CountingServer() as server:
            stage = Stage(root, server)
            delay = ["-e", f"inject=fsync,fdatasync:delay_exit={_SYNC_TAKES}"]
            _, calls = await watch(stage, threads=_THREADS, options=delay)
            assert server.most_of_one > 1, "the file came over one connection only"
            yield Recording(root, calls, server)
