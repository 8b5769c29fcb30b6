"""`python -m tests.datasets`: every kind of source against a real server, with a table at the end.

`--long` is with 2,000 files each, of whose requests 5 % fail; without it this is what the tests do.
The seed decides about the files and about which requests fail.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from tests.crash.world import scratch
from tests.datasets.cases import CASES, Case
from tests.datasets.nginx import Faults
from tests.datasets.scenario import Figures, Scenario
from tests.datasets.sizes import FILES, LONG_FILES, LONG_PERCENT, LONG_REQUESTS, PERCENT, REQUESTS

_COLUMNS = (
    *("source", "files", "MiB", "requests", "failed", "bad, as reported"),
    *("come again after the kill", "bytes of these", "that may", "asked for by a second sync", "s"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Live through what was asked for; returns 0 if all of it ended as it has to."""
    parser = argparse.ArgumentParser(prog="python -m tests.datasets", description=__doc__)
    parser.add_argument("--long", action="store_true", help=f"with {LONG_FILES:,} files each")
    parser.add_argument("--seed", type=int, default=1)
    names = [case.name for case in CASES]
    parser.add_argument("--only", type=lambda text: text.split(","), default=names)
    args = parser.parse_args(argv)
    if unknown := set(args.only) - set(names):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    table = Table(*_COLUMNS, box=box.MARKDOWN)
    failed = False
    for case in CASES:
        if case.name not in args.only:
            continue
        try:
            figures = _run(case, is_long=args.long, seed=args.seed)
        except Exception:
            traceback.print_exc()
            print(f"{case.name}: FAILED with the seed {args.seed}", flush=True)
            failed = True
        else:
            print(f"{case.name}: as it has to be, in {figures.seconds:.0f} s", flush=True)
            table.add_row(*_row(figures))
    Console(width=200).print(table)
    return 1 if failed else 0


def _run(case: Case, *, is_long: bool, seed: int) -> Figures:
    percent, requests = (LONG_PERCENT, LONG_REQUESTS) if is_long else (PERCENT, REQUESTS)
    faults = Faults(percent=percent, requests=requests, seed=seed)
    with scratch() as root:
        return Scenario(case, root, files=LONG_FILES if is_long else FILES, faults=faults).run()


def _row(figures: Figures) -> list[str]:
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
        f"{figures.seconds:.0f}",
    ]


if __name__ == "__main__":
    sys.exit(main())
