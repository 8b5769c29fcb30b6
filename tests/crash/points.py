"""Every call that changes a file, made to be the last one, or to fail: what then?

The calls are counted once; then the scenario runs again for each, with the fault at that call. In
the scenario one thread works on the files, so that a number stands for the same call every time.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.crash.server import CountingServer
from tests.crash.stage import Stage
from tests.crash.strace import CHANGING, Life, Outcome, inject, watch
from tests.crash.trace import Call
from tests.crash.world import scratch

KILL = "signal=SIGKILL"
FAULTS = (KILL, "error=ENOSPC", "error=EIO")
_AT_A_TIME = 2
_ATTEMPTS = 3
_LIMIT = 60.0
"""Seconds after which a point has not come to its end."""


@dataclass(frozen=True, slots=True)
class Point:
    """A fault at the call `name` that is the `number`-th of one thread on these paths.

    The paths are relative to the root of a world.
    """

    name: str
    number: int
    fault: str
    paths: tuple[Path, ...]

    def __str__(self) -> str:
        return f"{self.fault} at {self.name} number {self.number}"


@dataclass(slots=True)
class PointFigures:
    """How many points of each kind were reached, and how many of them ended well."""

    reached: Counter[str] = field(default_factory=Counter)
    missed: list[Point] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.reached.items()))
        total = self.reached.total()
        return (
            f"crash points {total}/{total} ended well ({kinds});"
            f" {len(self.missed)} did not come up; {self.told.total()} failures told, in"
            f" {len(self.told)} different sentences"
        )


class Staged(Life, Protocol):
    """A life, and another one on what a fault in it has left."""

    async def live_on_after(self, outcome: Outcome) -> tuple[str, ...]:
        """Fail if anything is lost; returns what winch has to say about the state it found."""
        ...


MakeStage = Callable[[Path, CountingServer], Staged]


async def find_points(make: MakeStage = Stage) -> list[Point]:
    """Let one live without a fault and return all of its points."""
    with scratch() as root:
        async with CountingServer() as server:
            _, calls = await watch(make(root, server), threads=1)
    counts: dict[tuple[int, str], list[Path]] = {}
    for call in calls:
        if call.name in CHANGING and (path := _path_below(root, call)) is not None:
            counts.setdefault((call.thread, call.name), []).append(path)
    return [
        Point(name, number, fault, tuple(dict.fromkeys(paths)))
        for fault in FAULTS
        for (_, name), paths in counts.items()
        for number in range(1, len(paths) + 1)
    ]


def sample(points: Sequence[Point], most: int) -> list[Point]:
    """Choose points of every kind, spread evenly over each."""
    groups = {
        key: list(group)
        for key, group in itertools.groupby(points, lambda point: (point.fault, point.name))
    }
    chosen: dict[Point, None] = {}
    for turn in range(max(map(len, groups.values()))):
        for group in groups.values():
            if len(chosen) < most and turn < len(group):
                # 0, 1/2, 1/4, 3/4, 1/8 … of the way: early, in the middle, and in between.
                chosen[group[int(_halves(turn) * len(group))]] = None
    return list(chosen)


def _halves(turn: int) -> float:
    fraction, step = 0.0, 0.5
    while turn:
        turn, bit = divmod(turn, 2)
        fraction += bit * step
        step /= 2
    return fraction


async def try_all(points: Iterable[Point], make: MakeStage = Stage) -> PointFigures:
    """Try points, two at a time; raises an ExceptionGroup of all that did not end well.

    How many writes a file takes depends on how its bytes arrive, so that the last calls of a kind
    do not come up in every run; these are tried more than once.
    """
    figures = PointFigures()
    failures: list[Exception] = []
    left = iter(points)

    async def work() -> None:
        for point in left:
            try:
                async with asyncio.timeout(_LIMIT):
                    reached = await _try_often(point, figures, make)
            except Exception as error:
                error.add_note(str(point))
                failures.append(error)
            else:
                if reached:
                    figures.reached[point.fault] += 1
                else:
                    figures.missed.append(point)

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_A_TIME):
            group.create_task(work())
    if failures:
        raise ExceptionGroup(f"of {figures.reached.total() + len(failures)} points", failures)
    return figures


async def _try_often(point: Point, figures: PointFigures, make: MakeStage) -> bool:
    for _ in range(_ATTEMPTS):
        if await _try(point, figures, make):
            return True
    return False


async def _try(point: Point, figures: PointFigures, make: MakeStage) -> bool:
    """Try a point and tell whether it came up."""
    with scratch() as root:
        async with CountingServer() as server:
            stage = make(root, server)
            outcome = await inject(
                stage,
                call=point.name,
                paths=[root / path for path in point.paths],
                fault=point.fault,
                number=point.number,
            )
            if point.fault == KILL:
                assert outcome.status in (-9, 0), outcome
                was_reached = outcome.status == -9
            else:
                _check_words(outcome)
                was_reached = outcome.injected
                figures.told.update(text.replace(str(root), "") for text in outcome.messages)
            notices = await stage.live_on_after(outcome)
            assert notices == (), notices
    return was_reached


def _check_words(outcome: Outcome) -> None:
    """Whatever failed, a person was told so in a sentence, and nothing fell over."""
    assert outcome.status in (0, 1), outcome
    assert "Traceback" not in outcome.stderr, outcome.stderr
    assert outcome.status == 0 or outcome.messages, outcome
    for message in outcome.messages:
        assert "unexpected" not in message, message


def _path_below(root: Path, call: Call) -> Path | None:
    """Return the file that a call is about, relative to the root; None for one elsewhere."""
    named = call.paths if call.name in _BY_NAME else [call.path]
    if call.is_unnamed:
        # The kernel calls it by a number, another one in every run: strace cannot be told of it.
        return None
    for path in named:
        if path.is_relative_to(root):
            return path.relative_to(root)
    return None


_BY_NAME = frozenset(CHANGING) & {
    *("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir")
}
