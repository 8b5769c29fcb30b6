"""`winch history`: the attempts that were made, as a table, as JSON, in a file, or forgotten.

`winch stats` has the figures of the last days: how much, how fast, from where and what it took.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.cells import cell_len

from core.domain.errors import ExitCode, StateError, UsageError
from core.domain.history import LIVE_FILE, History, HistoryEntry
from tui.cli.service_access import connected
from tui.cli.terminal import check_somebody_there, columns, confirm, out, say
from tui.control.export_file import refuse_existing, write_private
from tui.input.arguments import history_query
from tui.text import fmt
from tui.text.cells import Line
from tui.text.fmt import counted, seconds
from tui.text.json_records import attempt_record, dump, exported, statistics_record
from tui.text.statistics_report import period, report
from tui.text.vocabulary import ENDS

SHOWN = 20
"""Attempts that are shown where no number is given."""

_TITLES = ("ENDED", "OUTCOME", "SIZE", "TIME", "RATE", "HOST", "NAME")
_RIGHT = {"SIZE", "TIME", "RATE"}
_GAP = "  "
_NEEDLESS = ("RATE", "TIME", "SIZE")
"""What a narrow terminal goes without, in this order."""
_LEAST = 18
"""Cells for host and name together, below that something goes."""
_WIDTH = 80
"""Cells of a line of figures where nothing says how wide it may be."""


def run(args: argparse.Namespace) -> Coroutine[Any, Any, int]:
    """List attempts, or do what `export` or `clear` asks for."""
    match args.words:
        case ["export", *files]:
            if len(files) != 1:
                raise UsageError("export needs one FILE, or - for stdout")
            return _export(args, files[0])
        case ["clear"]:
            return _clear(asks=not args.yes)
        case words:
            return _list(args, " ".join(words))


async def stats(args: argparse.Namespace) -> int:
    """Print the figures of the last days beside those of the days before."""
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
            out(plain(line))
    return 0


async def _list(args: argparse.Namespace, text: str) -> int:
    limit = SHOWN if args.limit is None else args.limit or None
    # One more than is shown, to know whether there are more.
    query = history_query(args, text, limit=None if limit is None else limit + 1)
    async with connected() as service:
        history = await service.history(query)
    entries = history.entries[:limit]
    if args.json:
        out(dump([attempt_record(entry) for entry in entries]))
    elif entries:
        out(*table(entries, columns(), datetime.now(UTC)))
    else:
        say("no attempts")
    if not args.json and len(history.entries) > len(entries):
        say(f"these are the newest {len(entries)}; --limit 0 shows all")
    _warn(history)
    return ExitCode.OTHER if LIVE_FILE in history.damaged else ExitCode.OK


async def _export(args: argparse.Namespace, file: str) -> int:
    target = None if file == "-" else Path(file)
    if target is not None and not args.force:
        refuse_existing(target)
    query = history_query(args, "", limit=args.limit or None)
    async with connected() as service:
        history = await service.history(query)
    if LIVE_FILE in history.damaged:
        raise StateError(
            f"{LIVE_FILE} could not be read, so nothing was exported",
            hint="`winch doctor` tells why",
        )
    as_lines = args.jsonl or file.endswith(".jsonl")
    lines = exported(reversed(history.entries), as_lines=as_lines)
    if target is None:
        out(*lines)
    else:
        write_private(target, lines)
        say(f"exported {counted(len(history.entries), 'attempt')} to {target}")
    _warn(history)
    return ExitCode.OTHER if history.damaged else ExitCode.OK


def _clear(*, asks: bool) -> Coroutine[Any, Any, int]:
    check_somebody_there(yes=not asks, what="forgets it")
    if asks:
        confirm("forget the whole history?", refused="nothing was forgotten")
    return _forget()


async def _forget() -> int:
    async with connected() as service:
        count = await service.clear_history()
    say(f"forgot {counted(count, 'attempt')}")
    return ExitCode.OK


def table(entries: Sequence[HistoryEntry], width: int | None, now: datetime) -> list[str]:
    """Return attempts as aligned lines under a heading, cut to `width` cells unless it is None.

    What went wrong stands in a line of its own below.
    """
    rows = [_TITLES, *(_row(entry, now, is_short=width is not None) for entry in entries)]
    *widths, host, name = (max(cell_len(row[i]) for row in rows) for i in range(len(_TITLES)))
    shown = dict(zip(_TITLES, widths, strict=False))
    if width is not None:
        for title in ("", *_NEEDLESS):
            shown.pop(title, None)
            left = width - sum(cells + len(_GAP) for cells in shown.values()) - len(_GAP)
            if left >= _LEAST:
                break
        # Host and name share what is left; the name gets most of it where it needs it.
        left = max(left, 2)
        name = min(name, max(left - host, left * 3 // 5))
        host = min(host, left - name)
    lines = []
    for row, reason in zip(rows, ["", *map(_reason, entries)], strict=True):
        cells = [
            fmt.fit(cell, shown[title], right=title in _RIGHT)
            for title, cell in zip(_TITLES, row, strict=True)
            if title in shown
        ]
        cells += (fmt.fit(fmt.cut_middle(row[-2], host), host), fmt.cut_middle(row[-1], name))
        lines.append(_GAP.join(cells))
        if reason:
            lines.append(f"  {reason}")
    return lines if width is None else [fmt.fit(line, width).rstrip() for line in lines]


def plain(line: Line) -> str:
    """Return a line of cells as plain text."""
    written = ""
    for cell in line:
        written += " " * (cell.x - cell_len(written)) + cell.text
    return written.rstrip()


def _row(entry: HistoryEntry, now: datetime, *, is_short: bool) -> tuple[str, ...]:
    ended = entry.ended_at.astimezone()
    this_year = ended.year == now.astimezone().year
    moment = "%Y-%m-%d %H:%M:%S" if not is_short else "%m-%d %H:%M" if this_year else "%Y-%m-%d"
    return (
        ended.strftime(moment),
        ENDS[entry.end],
        fmt.size(entry.bytes),
        seconds((entry.ended_at - entry.started_at).total_seconds()),
        fmt.rate(entry.average_rate),
        fmt.clean(entry.host),
        fmt.clean(entry.name),
    )


def _reason(entry: HistoryEntry) -> str:
    if entry.error_code is None:
        return ""
    code = entry.error_code.replace("_", " ")
    return f"{code}: {fmt.clean(entry.error_message or '')}"


def _warn(history: History) -> None:
    for name in history.damaged:
        say(f"{name} could not be read whole; what could be read of it is here")
