"""`winch ls` and `winch show`: what is in the queue, as a table, as labelled lines or as JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.cells import cell_len

from core.domain.errors import UsageError
from core.domain.history import HistoryEntry, HistoryQuery
from core.domain.models import DownloadRequest, DownloadView, TimelineEntry
from core.domain.redact import redact_url
from tui.cli.client import connected
from tui.cli.signals import Signals
from tui.cli.terminal import columns, out, say
from tui.control.choosing import the_one
from tui.model.filters import Filter, FilterError, parse
from tui.model.ordering import Order, SortKey
from tui.text import fmt
from tui.text.columns import bytes_done, is_moving, updated_at
from tui.text.records import dump, record, record_with_past
from tui.text.wording import HELD, amount, attempt, overall, state

_TITLES = ("ID", "STATUS", "DONE", "SIZE", "RATE", "ETA", "NAME")
_RIGHT = {"DONE", "SIZE", "RATE", "ETA"}
_GAP = "  "
ATTEMPTS = 50
"""Attempts at a download that `show` tells of, the newest."""


def ls(args: argparse.Namespace) -> int:
    """List the downloads, or those that are asked for, in the order of the queue or another."""
    wanted, order = _filter(args.filter), _order(args.sort, is_reversed=args.reverse)

    async def ask() -> int:
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
            for line in table(views, columns()):
                out(line)
        else:
            say("no downloads match" if is_part else "no downloads")
        if views and not is_part and not args.json and columns() is not None:
            say(overall(status.totals))
        if status.paused:
            say(HELD)
        for notice in status.notices:
            say(fmt.clean(notice))
        return 0

    return Signals().run(ask())


def show(args: argparse.Namespace) -> int:
    """Show one download in full."""

    async def ask() -> int:
        async with connected() as service:
            view = await service.find(await the_one(service, args.id))
            past = HistoryQuery(
                limit=ATTEMPTS, download=view.download.id, since=view.download.created_at
            )
            attempts = (await service.history(past)).entries[::-1]
        if args.json:
            out(dump(record_with_past(view, attempts), indent=2))
        else:
            for line in details(view, attempts):
                out(line)
        return 0

    return Signals().run(ask())


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


def details(view: DownloadView, attempts: Sequence[HistoryEntry] = ()) -> list[str]:
    """Return everything about a download as labelled lines, below it its timeline and attempts."""
    download, progress, request = view.download, view.progress, view.download.request
    moving = is_moving(download)
    fields = [
        ("id", download.id),
        ("name", download.name),
        ("url", redact_url(request.url)),
        ("path", download.path),
        ("status", state(download, progress)),
        ("done", amount(download, bytes_done(download, progress))),
        ("rate", fmt.rate(progress.rate) if moving else None),
        ("time left", fmt.duration(progress.eta) if moving else None),
        ("connections", _connections(progress.connections if moving else None, request)),
        ("limit", fmt.rate(request.limit) if request.limit else None),
        ("mirrors", "  ".join(redact_url(url) for url in request.mirrors)),
        ("position", str(view.position)),
        ("priority", str(request.priority)),
        ("group", request.group),
        ("checksum", str(request.checksum) if request.checksum else None),
        ("retries", str(download.retry_count) if download.retry_count else None),
        ("next retry", _moment(download.retry_at)),
        ("last retry", _moment(download.last_retry_at)),
        ("resume", download.resume_verdict),
        ("error", download.error.message if download.error else None),
        ("hint", download.error.hint if download.error else None),
        ("created", _moment(download.created_at)),
        ("started", _moment(download.started_at)),
        ("interrupted", _moment(download.interrupted.at) if download.interrupted else None),
        ("completed", _moment(download.completed_at)),
        ("updated", _moment(updated_at(download, progress))),
    ]
    lines = [f"{label:<12}{fmt.clean(value)}" for label, value in fields if value]
    if download.timeline:
        lines.append("timeline")
        lines += [f"  {_moment(e.at)}  {_transition(e)}" for e in download.timeline]
    if attempts:
        lines.append("attempts")
        lines += [f"  {_moment(e.started_at)}  {fmt.clean(attempt(e))}" for e in attempts]
    return lines


def _transition(entry: TimelineEntry) -> str:
    """Return `pending to active: started`, or the sentence alone where no state changed."""
    text = fmt.clean(entry.text)
    if entry.after is None or entry.after == entry.before:
        return text
    way = entry.after if entry.before is None else f"{entry.before} to {entry.after}"
    return way if text == entry.after else f"{way}: {text}"


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


def _connections(now: int | None, request: DownloadRequest) -> str | None:
    """Return `3 of at most 4`, or the part of it that is known."""
    parts = [] if now is None else [str(now)]
    if request.connections is not None:
        parts.append(f"at most {request.connections}")
    return " of ".join(parts)


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


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else None
