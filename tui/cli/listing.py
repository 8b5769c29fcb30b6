"""`winch ls` and `winch show`: what is in the queue, as a table, as labelled lines or as JSON."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime

from core.domain.models import DownloadRequest, DownloadView
from core.domain.redact import redact_url
from tui import format as fmt
from tui.cli.client import connected
from tui.cli.records import dump, record
from tui.cli.signals import Signals
from tui.cli.terminal import columns, out, say
from tui.cli.wording import amount, state
from tui.columns import bytes_done, is_moving

_TITLES = ("ID", "STATUS", "DONE", "SIZE", "RATE", "ETA", "NAME")
_RIGHT = {"DONE", "SIZE", "RATE", "ETA"}
_GAP = "  "


def ls(args: argparse.Namespace) -> int:
    """List the downloads in the order of the queue."""

    async def ask() -> int:
        async with connected() as service:
            notices = (await service.status()).notices
            views = [
                view
                for view in await service.downloads()
                if args.status is None or view.download.status == args.status
            ]
        if args.json:
            out(dump([record(view) for view in views]))
        elif views:
            for line in table(views, columns()):
                out(line)
        else:
            say("no downloads")
        for notice in notices:
            say(fmt.clean(notice))
        return 0

    return Signals().run(ask())


def show(args: argparse.Namespace) -> int:
    """Show one download in full."""

    async def ask() -> int:
        async with connected() as service:
            view = await service.find(args.id)
        if args.json:
            out(dump(record(view), indent=2))
        else:
            for line in details(view):
                out(line)
        return 0

    return Signals().run(ask())


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


def details(view: DownloadView) -> list[str]:
    """Return everything about a download as labelled lines, and its timeline below."""
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
        ("resume", download.resume_verdict),
        ("error", download.error.message if download.error else None),
        ("hint", download.error.hint if download.error else None),
        ("created", _moment(download.created_at)),
        ("started", _moment(download.started_at)),
        ("completed", _moment(download.completed_at)),
    ]
    lines = [f"{label:<12}{fmt.clean(value)}" for label, value in fields if value]
    if download.timeline:
        lines.append("timeline")
        lines += [f"  {_moment(e.at)}  {fmt.clean(e.text)}" for e in download.timeline]
    return lines


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
