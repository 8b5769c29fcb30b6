"""`winch ls` and `winch show`: what is in the queue, as a table, as labelled lines or as JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.cells import cell_len

from core.domain.errors import UsageError
from core.domain.history import HistoryQuery
from core.domain.models import DownloadView
from tui.cli.service_access import connected, the_one
from tui.cli.terminal import columns, out, say
from tui.model.filters import Filter, FilterError, parse
from tui.model.ordering import Order, SortKey
from tui.text import fmt
from tui.text.download_state import bytes_done, is_moving
from tui.text.json_records import dump, record, record_with_past
from tui.text.wording import HELD, in_full, overall, state

_TITLES = ("ID", "STATUS", "DONE", "SIZE", "RATE", "ETA", "NAME")
_RIGHT = {"DONE", "SIZE", "RATE", "ETA"}
_GAP = "  "
ATTEMPTS = 50
"""Attempts at a download that `show` tells of, the newest."""


async def ls(args: argparse.Namespace) -> int:
    """List the downloads, or those that are asked for, in the order of the queue or another."""
    wanted, order = _filter(args.filter), _order(args.sort, is_reversed=args.reverse)
    async with connected() as service:
        status = await service.status()
        now = datetime.now(UTC)
        views = [
            view
            for view in await service.downloads()
            if args.status is None or view.download.status == args.status
            if wanted.matches(view.download, view.progress, now)
        ]
    views.sort(key=lambda view: order.place(view.download, view.progress))
    is_part = args.status is not None or not wanted.is_empty
    if args.json:
        out(dump([record(view) for view in views]))
    elif views:
        out(*table(views, columns()))
    else:
        say("no downloads match" if is_part else "no downloads")
    if views and not is_part and not args.json and columns() is not None:
        say(overall(status.totals))
    if status.paused:
        say(HELD)
    for notice in status.notices:
        say(fmt.clean(notice))
    return 0


async def show(args: argparse.Namespace) -> int:
    """Show one download in full."""
    async with connected() as service:
        view = await service.find(await the_one(service, args.id))
        past = HistoryQuery(
            limit=ATTEMPTS, download=view.download.id, since=view.download.created_at
        )
        attempts = (await service.history(past)).entries[::-1]
    if args.json:
        out(dump(record_with_past(view, attempts), indent=2))
    else:
        out(*in_full(view, attempts))
    return 0


def pointed_out(text: str, error: FilterError) -> list[str]:
    """Return a filter and below it a line with carets under the mistake."""
    shown = fmt.clean(text)
    before, wrong = cell_len(shown[: error.start]), cell_len(shown[error.start : error.end])
    return [f"  {shown}", f"  {' ' * before}{'^' * max(wrong, 1)}"]


def table(views: Sequence[DownloadView], width: int | None) -> list[str]:
    """Return downloads as aligned lines under a heading, cut to `width` cells unless it is None."""
    rows = [_TITLES, *(_row(view) for view in views)]
    # The name stands last, so that it alone is cut where the terminal is narrow.
    widths = [max(len(row[i]) for row in rows) for i in range(len(_TITLES) - 1)]
    left = None if width is None else width - sum(widths) - len(_GAP) * len(widths)
    lines = []
    for row in rows:
        cells = [
            fmt.fit(cell, cells, right=title in _RIGHT)
            for title, cell, cells in zip(_TITLES[:-1], row[:-1], widths, strict=True)
        ]
        name = row[-1] if left is None else fmt.cut_middle(row[-1], max(left, 8))
        line = _GAP.join([*cells, name])
        lines.append(line if width is None else fmt.fit(line, width).rstrip())
    return lines


def _filter(words: Sequence[str]) -> Filter:
    """Return what the words ask for; a mistake is shown in place before it is raised."""
    text = " ".join(words)
    try:
        return parse(text)
    except FilterError as error:
        for line in pointed_out(text, error):
            print(line, file=sys.stderr)
        raise


def _order(name: str, *, is_reversed: bool) -> Order:
    try:
        order = Order.natural(SortKey(name.lower()))
    except ValueError:
        raise UsageError(
            f"'{name}' is nothing to sort by", hint=f"there are {', '.join(SortKey)}"
        ) from None
    return order.reversed if is_reversed else order


def _row(view: DownloadView) -> tuple[str, ...]:
    download, progress = view.download, view.progress
    moving = is_moving(download)
    return (
        fmt.short_id(download.id),
        state(download, progress),
        fmt.percent(bytes_done(download, progress), download.total_bytes),
        fmt.size(download.total_bytes),
        fmt.rate(progress.rate) if moving else "-",
        fmt.duration(progress.eta) if moving else "-",
        fmt.clean(download.name),
    )
