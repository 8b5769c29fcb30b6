"""What is measured: files, server, connections, who takes part, and the goal of each case."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench import crowd, tools
from tests.bench.goals import Goal
from tests.bench.raw import Manner
from tests.bench.servers import Nginx, Raw
from tests.bench.tools import Tool

KIB, MIB = 1024, 1024 * 1024
MB = 1_000_000
BOTH = ("winch get --embedded", "winch add + wait")


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table of goals. `on_disk`: files and state lie on a disk, not on a tmpfs."""

    name: str
    title: str
    count: int
    size: int
    connections: int
    server: Nginx | Raw
    tools: tuple[Tool, ...]
    goals: tuple[Goal, ...]
    parallel: int = 1
    timeout: float = 60.0
    warm_up: bool = False
    on_disk: bool = False

    def beside(self, checkout: Path) -> Case:
        """Return the same with each row of winch followed by one of another checkout's."""
        pairs = [(tool,) if tool.program else (tool, tool.of(checkout)) for tool in self.tools]
        return replace(self, tools=tuple(tool for pair in pairs for tool in pair))


_SPLITTING = (tools.EMBEDDED, tools.ADDED, tools.ARIA2C, tools.WGET2, tools.AXEL)
_FAST = (*_SPLITTING, tools.CURL)
_MANY = (tools.EMBEDDED, tools.ADDED, tools.ARIA2C, tools.CURL, tools.WGET2)
_RATE_IDEAL = 256 * MIB / (16 * 2 * MB)
_STRAGGLER_IDEAL = 64 * MIB / (6 * 4 * MB + 2 * 100_000)

_LAG = "winch engine, lag sampled"
_BEFORE = "no worse than before"

CASES = (
    Case(
        name="small",
        title="2,000 files of 32 KiB, 16 at a time",
        count=2000,
        size=32 * KIB,
        connections=1,
        parallel=16,
        server=Nginx(),
        tools=_MANY,
        goals=(
            Goal("CPU ≤ 2 x aria2c", BOTH, "cpu", 2.0, "aria2c"),
            Goal("wall ≤ 2 x aria2c", BOTH, "wall", 2.0, "aria2c"),
        ),
        warm_up=True,
    ),
    Case(
        name="small-disk",
        title="2,000 files of 32 KiB, 16 at a time, on a disk (synced by winch alone)",
        count=2000,
        size=32 * KIB,
        connections=1,
        parallel=16,
        server=Nginx(),
        tools=_MANY,
        goals=(Goal("wall ≤ 0.6 x aria2c", BOTH, "wall", 0.6, "aria2c"),),
        warm_up=True,
        on_disk=True,
    ),
    Case(
        name="tiny-disk",
        title="20,000 files of 4 KiB, 16 at a time, on a disk (synced by winch alone)",
        count=20_000,
        size=4 * KIB,
        connections=1,
        parallel=16,
        server=Nginx(),
        tools=_MANY,
        goals=(Goal("wall ≤ 0.8 x aria2c", BOTH, "wall", 0.8, "aria2c"),),
        timeout=300.0,
        on_disk=True,
    ),
    Case(
        name="one",
        title="one file of 1 KiB",
        count=1,
        size=KIB,
        connections=8,
        server=Nginx(),
        tools=(tools.EMBEDDED, tools.ADDED, tools.ARIA2C, tools.CURL),
        goals=(Goal(_BEFORE, (tools.EMBEDDED.name,), "cpu"),),
        warm_up=True,
    ),
    Case(
        name="single",
        title="1 GiB, one host, uncapped, 1 connection",
        count=1,
        size=1024 * MIB,
        connections=1,
        server=Nginx(),
        tools=_FAST,
        goals=(
            Goal("CPU ≤ 0.9 x aria2c", BOTH, "cpu", 0.9, "aria2c"),
            Goal("wall ≤ 1.15 x curl", BOTH, "wall", 1.15, "curl"),
        ),
        warm_up=True,
    ),
    Case(
        name="big",
        title="1 GiB, one host, uncapped, 8 connections",
        count=1,
        size=1024 * MIB,
        connections=8,
        server=Nginx(),
        tools=_FAST,
        goals=(
            Goal("CPU ≤ 0.9 x aria2c", BOTH, "cpu", 0.9, "aria2c"),
            Goal("wall ≤ 1.0 x aria2c", BOTH, "wall", 1.0, "aria2c"),
            Goal("wall ≤ 1.15 x curl", BOTH, "wall", 1.15, "curl"),
        ),
        warm_up=True,
    ),
    Case(
        name="tls",
        title="1 GiB over TLS, 8 connections",
        count=1,
        size=1024 * MIB,
        connections=8,
        server=Nginx(tls=True),
        tools=_FAST,
        goals=(
            Goal("CPU ≤ 1.0 x aria2c", BOTH, "cpu", 1.0, "aria2c"),
            Goal("wall ≤ 1.0 x aria2c", BOTH, "wall", 1.0, "aria2c"),
        ),
        warm_up=True,
    ),
    Case(
        name="rate",
        title="256 MiB, 2 MB/s for each of 16 connections",
        count=1,
        size=256 * MIB,
        connections=16,
        server=Raw(Manner(rate=2 * MB)),
        tools=_SPLITTING,
        goals=(
            Goal(f"wall ≤ 1.05 x ideal {_RATE_IDEAL:.2f} s", BOTH, "wall", 1.05, limit=_RATE_IDEAL),
            Goal("wall ≤ 1.0 x aria2c", BOTH, "wall", 1.0, "aria2c"),
        ),
    ),
    Case(
        name="stragglers",
        title="64 MiB, every 4th connection 100 KB/s, the others 4 MB/s, 8 connections",
        count=1,
        size=64 * MIB,
        connections=8,
        server=Raw(Manner(rate=4 * MB, slow_every=4, slow_rate=100_000)),
        tools=(*_SPLITTING, tools.CURL),
        goals=(
            Goal(
                f"wall ≤ 1.15 x ideal {_STRAGGLER_IDEAL:.2f} s",
                BOTH,
                "wall",
                1.15,
                limit=_STRAGGLER_IDEAL,
            ),
        ),
        timeout=30.0,
    ),
    Case(
        name="latency",
        title="50 MiB, 200 ms before each answer, 8 connections",
        count=1,
        size=50 * MIB,
        connections=8,
        server=Raw(Manner(latency=0.2)),
        tools=_FAST,
        goals=(Goal("wall ≤ 1.0 x aria2c", BOTH, "wall", 1.0, "aria2c"),),
    ),
    Case(
        name="crowd",
        title="1,000 downloads of 1 MiB at once, 100 KB/s each",
        count=1000,
        size=MIB,
        connections=1,
        parallel=1000,
        server=Nginx(rate=100_000),
        tools=(Tool(_LAG, "", crowd.fetch), *_MANY[:3]),
        goals=(
            Goal("peak memory ≤ 130 MB", (_LAG, *BOTH), "memory", limit=130 * MB),
            Goal("lag p99 ≤ 50 ms", (_LAG,), "lag", limit=0.05),
            Goal(_BEFORE, BOTH, "wall"),
        ),
        timeout=120.0,
    ),
)
