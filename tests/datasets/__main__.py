"""`python -m tests.datasets`: every kind of source against a real server, with a table at the end.

`--long` is with 2,000 files each, of whose requests 5 % fail, and a hostile list of ten million
lines; without it this is what the tests do. The seed decides about the files.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from tests.crash.world import scratch
from tests.datasets.cases import CASES
from tests.datasets.hostile import live_with_lines
from tests.datasets.nginx import Faults
from tests.datasets.scenario import Figures, Scenario
from tests.datasets.sizes import (
    FILES,
    LINES,
    LONG_FILES,
    LONG_LINES,
    LONG_PERCENT,
    LONG_REQUESTS,
    PERCENT,
    REQUESTS,
)
from tests.datasets.together import Together

_COLUMNS = (
    *("source", "files", "MiB", "requests", "failed", "bad, as reported"),
    *("come again after the kill", "bytes of these", "that may", "asked for by a second sync", "s"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Live through what was asked for; returns 0 if all of it ended as it has to."""
    parser = argparse.ArgumentParser(prog="python -m tests.datasets", description=__doc__)
    parser.add_argument("--long", action="store_true", help=f"with {LONG_FILES:,} files each")
    parser.add_argument("--seed", type=int, default=1)
    names = [*(case.name for case in CASES), "together", "hostile"]
    parser.add_argument("--only", type=lambda text: text.split(","), default=names)
    args = parser.parse_args(argv)
    if unknown := set(args.only) - set(names):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    table = Table(*_COLUMNS, box=box.MARKDOWN)
    failed = False
    for name in args.only:
        began = time.monotonic()
        try:
            figures = _run(name, is_long=args.long, seed=args.seed)
        except Exception:
            traceback.print_exc()
            print(f"{name}: FAILED with the seed {args.seed}", flush=True)
            failed = True
        else:
            seconds = time.monotonic() - began
            print(f"{name}: as it has to be, in {seconds:.0f} s", flush=True)
            if figures is not None:
                table.add_row(*_row(figures, seconds))
    Console(width=200).print(table)
    return 1 if failed else 0


def _run(name: str, *, is_long: bool, seed: int) -> Figures | None:
    percent, requests = (LONG_PERCENT, LONG_REQUESTS) if is_long else (PERCENT, REQUESTS)
    faults = Faults(percent=percent, requests=requests, seed=seed)
    files = LONG_FILES if is_long else FILES
    cases = {case.name: case for case in CASES}
    with scratch() as root:
        if name == "hostile":
            print(live_with_lines(root, LONG_LINES if is_long else LINES), flush=True)
        elif name == "together":
            Together(cases["sums"], root, files=files, faults=faults).run_together()
        else:
            return Scenario(cases[name], root, files=files, faults=faults).run()
    return None


def _row(figures: Figures, seconds: float) -> list[str]:
    return [
        figures.source,
        f"{figures.files:,}",
        f"{figures.bytes / 1024**2:.1f}",
        f"{figures.requests:,}",
        f"{figures.failed:,} ({figures.failed / figures.requests:.1%})",
        f"{figures.bad}",
        f"{figures.twice:,}",
        f"{figures.again:,}",
        f"{figures.bound:,}",
        f"{figures.sync_requests:,}",
        f"{seconds:.0f}",
    ]


if __name__ == "__main__":
    sys.exit(main())
