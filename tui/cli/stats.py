"""`winch stats`: what was downloaded in the last days, how fast, from where and what it took."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from rich.cells import cell_len

from tui.cli.client import connected
from tui.cli.signals import Signals
from tui.cli.terminal import columns, out, say
from tui.text.cells import Line
from tui.text.records import dump, statistics_record
from tui.text.statistics_report import period, report

_WIDTH = 80
"""Cells of a line where nothing says how wide it may be."""


def run(args: argparse.Namespace) -> int:
    """Print the figures of the last days beside those of the days before."""

    async def ask() -> int:
        async with connected() as service:
            statistics = await service.statistics(args.days)
        if args.json:
            out(dump(statistics_record(statistics), indent=2))
        elif not statistics.attempts:
            say(f"nothing was downloaded in the {period(args.days).lower()}")
        else:
            ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
            width = columns() or _WIDTH
            for line in report(statistics, width, datetime.now(UTC), ascii_only=ascii_only):
                out(text(line))
        return 0

    return Signals().run(ask())


def text(line: Line) -> str:
    """Return a line of cells as plain text."""
    written = ""
    for cell in line:
        written += " " * (cell.x - cell_len(written)) + cell.text
    return written.rstrip()
