"""`python -m tests.crash`: the whole proof that nothing is lost, with its figures.

Without `--long` it is the sample that the tests take. The seed decides about every moment and every
choice; a part that fails names it, and the same seed tries the same again.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from tests.crash.cuts import PowerCuts
from tests.crash.kills import Killer
from tests.crash.order import OrderProof
from tests.crash.points import find_points, sample, try_all
from tests.crash.recording import recorded
from tests.crash.server import CountingServer
from tests.crash.sizes import (
    CUTS,
    KILLS,
    LONG_CUTS,
    LONG_KILLS,
    POINTS,
    SEED,
    TOGETHER_POINTS,
)
from tests.crash.strace import MISSING
from tests.crash.together import Together, TogetherIntoOthers
from tests.crash.world import scratch


def main(argv: Sequence[str] | None = None) -> int:
    """Run the parts that were asked for and return 0 if nothing was lost in any of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--long", action="store_true", help="all of it: more than an hour")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS))
    args = parser.parse_args(argv)
    failed = [name for name in args.only if not _run(name, seed=args.seed, is_long=args.long)]
    return 1 if failed else 0


def _run(name: str, *, seed: int, is_long: bool) -> bool:
    if name != "kill" and MISSING:
        print(f"{name}: not run, there is no strace that may trace here", flush=True)
        return False
    began = time.monotonic()
    try:
        figures = asyncio.run(_find(PARTS[name](seed, is_long)))
    except Exception:
        traceback.print_exc()
        print(f"{name}: FAILED with the seed {seed}", flush=True)
        return False
    print(f"{figures} ({time.monotonic() - began:.0f} s, seed {seed})", flush=True)
    return True


async def _find(figures: Awaitable[object]) -> object:
    return await figures


async def _kill(seed: int, is_long: bool) -> object:
    with scratch() as root:
        async with CountingServer() as server:
            killer = Killer(root, server, seed)
            await killer.run(LONG_KILLS if is_long else KILLS)
    return killer.figures


async def _points(_: int, is_long: bool) -> object:
    points = await find_points()
    return await try_all(points if is_long else sample(points, POINTS))


async def _together(_: int, is_long: bool) -> object:
    figures = []
    for make in (Together, TogetherIntoOthers):
        points = await find_points(make)
        figures.append(await try_all(points if is_long else sample(points, TOGETHER_POINTS), make))
    return "whole or not there: by one rename, {}; file by file, {}".format(*figures)


async def _order(_: int, is_long: bool) -> object:
    del is_long
    async with recorded() as recording:
        return OrderProof(recording.calls, recording.root).check()


async def _cut(seed: int, is_long: bool) -> object:
    async with recorded() as recording:
        return await PowerCuts(recording, seed).run(LONG_CUTS if is_long else CUTS)


async def _machine(_: int, is_long: bool) -> object:
    # Hypothesis prints the story of a failure itself.
    environment = os.environ | ({"WINCH_LONG": "1"} if is_long else {})
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "0"),
        str(Path(__file__).with_name("test_state_machine.py")),
        env=environment,
    )
    if await process.wait():
        raise AssertionError("the state machine found something")
    return f"state machine: {RUNS[is_long]}, nothing lost"


RUNS = ("12 runs of 20 steps", "200 runs of 40 steps")
PARTS: dict[str, Callable[[int, bool], Awaitable[object]]] = {
    "kill": _kill,
    "points": _points,
    "together": _together,
    "order": _order,
    "cut": _cut,
    "machine": _machine,
}


if __name__ == "__main__":
    sys.exit(main())
