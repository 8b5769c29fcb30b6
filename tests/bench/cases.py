"""What is measured: files, server, connections, who takes part, and the goal of each case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tests.bench import crowd, tools
from tests.bench.measure import Usage
from tests.bench.raw import Manner
from tests.bench.servers import Nginx, Raw
from tests.bench.tools import Tool

KIB, MIB = 1024, 1024 * 1024
MB = 1_000_000
Figure = Literal["wall", "cpu", "memory", "lag"]
BOTH = ("winch get --embedded", "winch add + wait")


@dataclass(frozen=True, slots=True)
class Goal:
    """`figure` of each of `rows` is at most `factor` times that of the row `of`, or `limit`."""

    text: str
    rows: tuple[str, ...]
    figure: Figure
    factor: float = 1.0
    of: str = ""
    limit: float = 0.0

    def judge(self, found: Mapping[str, Usage]) -> list[str]:
        """Return a sentence for each row that it speaks of."""
        said = []
        for row in self.rows:
            value = getattr(found.get(row), self.figure, None)
            bound = getattr(found.get(self.of), self.figure, None) if self.of else self.limit
            if value is None or bound is None:
                said.append(f"{row}: not measured")
                continue
            verdict = "met" if value <= self.factor * bound else "MISSED"
            said.append(f"{row}: {value / bound:.2f}, {verdict}")
        return said


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


_FAST = (
    tools.EMBEDDED,
    tools.ADDED,
    tools.ARIA2C,
    tools.WGET2,
    tools.AXEL,
    tools.EMBEDDED_ONE,
    tools.CURL,
)
_SPLITTING = (tools.EMBEDDED, tools.ADDED, tools.ARIA2C, tools.WGET2, tools.AXEL)
_MANY = (tools.EMBEDDED, tools.ADDED, tools.ARIA2C, tools.CURL, tools.WGET2)
_SMALL_GOALS = (Goal("wall ≤ 1.5 x aria2c", BOTH, "wall", 1.5, "aria2c"),)

_RATE_IDEAL = 256 * MIB / (16 * 2 * MB)
_STRAGGLER_IDEAL = 64 * MIB / (6 * 4 * MB + 2 * 100_000)

CASES = (
    Case(
        name="big",
        title="1 GiB, one host, uncapped, 8 connections",
        count=1,
        size=1024 * MIB,
        connections=8,
        server=Nginx(),
        tools=_FAST,
        goals=(
            Goal("wall ≤ 1.0 x aria2c", BOTH, "wall", 1.0, "aria2c"),
            Goal("CPU ≤ 1.0 x aria2c", BOTH, "cpu", 1.0, "aria2c"),
            Goal("wall ≤ 1.15 x curl", (*BOTH, tools.EMBEDDED_ONE.name), "wall", 1.15, "curl"),
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
        goals=(Goal("wall ≤ 1.2 x aria2c", BOTH, "wall", 1.2, "aria2c"),),
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
        name="small",
        title="2,000 files of 32 KiB, 16 at a time",
        count=2000,
        size=32 * KIB,
        connections=1,
        parallel=16,
        server=Nginx(),
        tools=_MANY,
        goals=_SMALL_GOALS,
        warm_up=True,
    ),
    Case(
        name="small-disk",
        title="2,000 files of 32 KiB, 16 at a time, on a disk",
        count=2000,
        size=32 * KIB,
        connections=1,
        parallel=16,
        server=Nginx(),
        tools=_MANY,
        goals=_SMALL_GOALS,
        warm_up=True,
        on_disk=True,
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
        tools=(Tool("winch engine, lag sampled", "", crowd.fetch), *_MANY[:3]),
        goals=(
            Goal("memory ≤ 200 MB", ("winch engine, lag sampled",), "memory", 1.0, limit=200 * MB),
            Goal("lag p99 ≤ 50 ms", ("winch engine, lag sampled",), "lag", 1.0, limit=0.05),
        ),
        timeout=120.0,
    ),
)
