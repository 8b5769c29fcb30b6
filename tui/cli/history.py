"""`winch history`: the attempts that were made, as a table, as JSON, in a file, or forgotten."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.cells import cell_len

from core.domain.errors import ExitCode, StateError, UsageError
from core.domain.history import LIVE_FILE, History, HistoryEntry, HistoryQuery
from core.domain.units import parse_duration
from tui.cli.asking import check_somebody_there, confirm
from tui.cli.client import connected
from tui.cli.signals import Signals
from tui.cli.terminal import columns, out, say
from tui.control.export_file import refuse_existing, write_private
from tui.text import fmt
from tui.text.fmt import seconds
from tui.text.records import attempt_record, dump, exported
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


def run(args: argparse.Namespace) -> int:
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


def _list(args: argparse.Namespace, text: str) -> int:
    limit = SHOWN if args.limit is None else args.limit or None
    # One more than is shown, to know whether there are more.
    query = query_of(args, text, limit=None if limit is None else limit + 1)

    async def ask() -> int:
        async with connected() as service:
            history = await service.history(query)
        entries = history.entries[:limit]
        if args.json:
            out(dump([attempt_record(entry) for entry in entries]))
        elif entries:
            for line in table(entries, columns(), datetime.now(UTC)):
                out(line)
        else:
            say("no attempts")
        if not args.json and len(history.entries) > len(entries):
            say(f"these are the newest {len(entries)}; --limit 0 shows all")
        _warn(history)
        return ExitCode.OTHER if LIVE_FILE in history.damaged else ExitCode.OK

    return Signals().run(ask())


def _export(args: argparse.Namespace, file: str) -> int:
    target = None if file == "-" else Path(file)
    if target is not None and not args.force:
        refuse_existing(target)
    query = query_of(args, "", limit=args.limit or None)

    async def ask() -> int:
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
            for line in lines:
                out(line)
        else:
            write_private(target, lines)
            say(f"exported {_counted(len(history.entries))} to {target}")
        _warn(history)
        return ExitCode.OTHER if history.damaged else ExitCode.OK

    return Signals().run(ask())


def _clear(*, asks: bool) -> int:
    check_somebody_there(yes=not asks, what="forgets it")
    if asks:
        confirm("forget the whole history?", refused="nothing was forgotten")

    async def ask() -> int:
        async with connected() as service:
            count = await service.clear_history()
        say(f"forgot {_counted(count)}")
        return ExitCode.OK

    return Signals().run(ask())


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


def query_of(args: argparse.Namespace, text: str, *, limit: int | None) -> HistoryQuery:
    """Return what the options ask for; raises UsageError."""
    return HistoryQuery(limit=limit, since=_since(args.since), text=text, failed=args.failed)


def _since(text: str | None) -> datetime | None:
    """Return the beginning of `7d` before now, or of a local day `2026-03-01`; UsageError."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        pass
    except OverflowError:
        raise UsageError(f"'{text}' is too long ago") from None
    try:
        return datetime.now(UTC) - timedelta(seconds=parse_duration(text))
    except UsageError as error:
        raise UsageError(error.message, hint=f"{error.hint}, or a day: 2026-03-01") from None
    except OverflowError:
        raise UsageError(f"'{text}' is too long ago") from None


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


def _counted(count: int) -> str:
    return f"{count:,} attempt{'' if count == 1 else 's'}"
