"""`winch ls` and `winch show`: what is in the queue, as a table, as labelled lines or as JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial

from rich.cells import cell_len

from core.domain.errors import UsageError
from core.domain.history import HistoryQuery
from core.domain.models import DownloadView
from tui.cli.collections import show_collection
from tui.cli.portions import portions, sorted_in_portions
from tui.cli.service_access import connected, named, the_one
from tui.cli.terminal import columns, out, say, say_as_it_is
from tui.model.filters import Filter, FilterError, parse
from tui.model.ordering import Order, SortKey, SortPlace
from tui.text import fmt
from tui.text.download_state import bytes_done, is_moving
from tui.text.json_records import dump, record, record_with_past
from tui.text.wording import HELD, in_full, overall, state

_TITLES = ("ID", "STATUS", "DONE", "SIZE", "RATE", "ETA", "NAME")
_RIGHT = {"DONE", "SIZE", "RATE", "ETA"}
_GAP = "  "
_OBJECTS = 100
"""Downloads that are written as JSON at once; one takes as long as several rows."""
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
            async for part in portions(await service.downloads())
            for view in part
            if args.status is None or view.download.status == args.status
            if wanted.matches(view.download, view.progress, now)
        ]
    if order != Order():
        views = await sorted_in_portions(views, partial(_place, order))
    is_part = args.status is not None or not wanted.is_empty
    if args.json:
        await _print_json(views)
    elif views:
        await _print_table(views)
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
    """Show one download in full, or a collection."""
    async with connected() as service:
        word = argparse.Namespace(ids=[args.id], all=False)
        found = await named(service, word, "show")
        if found.collections:
            return await show_collection(service, found.collections[0], as_json=args.json)
        view = await service.find(the_one(found, args.id))
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


async def _print_json(views: Sequence[DownloadView]) -> None:
    """Print downloads as `dump` writes a list of them, without ever holding all of it."""
    before = "["
    async for part in portions(views, _OBJECTS):
        out(before + ", ".join(dump(record(view)) for view in part), end="")
        before = ", "
    out("]" if views else "[]")


async def _print_table(views: Sequence[DownloadView]) -> None:
    table = Table(columns())
    async for part in portions(views):
        table.measure(part)
    out(table.heading)
    async for part in portions(views):
        out(*table.lines(part))


class Table:
    """Downloads as aligned lines, cut to `width` cells unless it is None.

    All are measured before the first is written, and their cells made twice: those of a long list
    take more room than the list.
    """

    def __init__(self, width: int | None) -> None:
        self._width = width
        self._widths = [len(title) for title in _TITLES[:-1]]

    def measure(self, views: Iterable[DownloadView]) -> None:
        """Make room for the cells of these downloads."""
        columns = list(zip(*map(_row, views), strict=True))[:-1]
        for index, cells in enumerate(columns):
            self._widths[index] = max(self._widths[index], *map(len, cells))

    @property
    def heading(self) -> str:
        """The line above."""
        return self._line(_TITLES)

    def lines(self, views: Iterable[DownloadView]) -> list[str]:
        """Return a line for each of these downloads, which have been measured."""
        # What is plain has a cell for each character, so that nothing need be measured again.
        cells = [
            f"%{'' if title in _RIGHT else '-'}{width}s"
            for title, width in zip(_TITLES[:-1], self._widths, strict=True)
        ]
        plain = _GAP.join((*cells, "%s"))
        most = sys.maxsize if self._width is None else self._width
        lines = []
        for row in map(_row, views):
            line = plain % row
            is_plain = len(line) <= most and line.isascii() and not line.endswith(" ")
            lines.append(line if is_plain else self._line(row))
        return lines

    def _line(self, row: tuple[str, ...]) -> str:
        cells = [
            fmt.fit(cell, width, right=title in _RIGHT)
            for title, cell, width in zip(_TITLES[:-1], row[:-1], self._widths, strict=True)
        ]
        # The name stands last, so that it alone is cut where the terminal is narrow.
        if self._width is None:
            return _GAP.join((*cells, row[-1]))
        left = self._width - sum(self._widths) - len(_GAP) * len(cells)
        name = fmt.cut_middle(row[-1], max(left, 8))
        return fmt.fit(_GAP.join((*cells, name)), self._width).rstrip()


def _filter(words: Sequence[str]) -> Filter:
    """Return what the words ask for; a mistake is shown in place before it is raised."""
    text = " ".join(words)
    try:
        return parse(text)
    except FilterError as error:
        for line in pointed_out(text, error):
            say_as_it_is(line)
        raise


def _order(name: str, *, is_reversed: bool) -> Order:
    try:
        order = Order.natural(SortKey(name.lower()))
    except ValueError:
        raise UsageError(
            f"'{name}' is nothing to sort by", hint=f"there are {', '.join(SortKey)}"
        ) from None
    return order.reversed if is_reversed else order


def _place(order: Order, view: DownloadView) -> SortPlace:
    return order.place(view.download, view.progress)


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
