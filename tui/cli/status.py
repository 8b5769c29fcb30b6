"""`winch status`: how it all stands, for a person in one screen, for a script in one object.

`winch daemon status` is the same. It never starts a daemon, and exits 1 where none runs, so that a
script can ask.
"""

from __future__ import annotations

import argparse

from core.domain.errors import ExitCode, RpcError
from core.domain.figures import Figures
from core.domain.models import Status, WaitReason
from core.domain.service import DownloadService, ServiceStatus
from core.rpc.client import UnreachableError
from tui.cli.service_access import connected
from tui.cli.terminal import columns, out
from tui.text import figures as figure_text
from tui.text import fmt
from tui.text.json_records import dump, timestamp
from tui.text.vocabulary import COMMAND_STATES, WAITS
from tui.text.wording import HELD, overall


async def status(args: argparse.Namespace) -> int:
    """Print how the service is."""
    try:
        async with connected(start=False) as service:
            found, figures = await service.status(), await _figures(service)
    except UnreachableError:
        return none_runs(as_json=args.json)
    if args.json:
        out(dump(status_record(found, figures), indent=2))
    else:
        out(*(fmt.fit(line, columns() or len(line)) for line in status_lines(found, figures)))
    return ExitCode.OK


def none_runs(*, as_json: bool) -> int:
    """Say that no daemon runs, for a command that only looks, and return its exit status."""
    out(dump({"running": False}) if as_json else "not running")
    return ExitCode.OTHER


async def _figures(service: DownloadService) -> Figures | None:
    """Return the figures, None where the daemon is of a version that has none."""
    try:
        return await service.figures()
    except RpcError:
        return None


def status_record(status: ServiceStatus, figures: Figures | None) -> dict[str, object]:
    """Return the daemon's state as the object that scripts read."""
    totals = status.totals
    return {
        "running": True,
        "pid": status.pid,
        "version": status.version,
        "started_at": timestamp(status.started_at),
        "embedded": status.embedded,
        "counts": status.counts,
        "waiting": status.waiting,
        "rate": round(status.rate) if status.rate else None,
        "clients": status.clients,
        "paused": status.paused,
        "totals": {
            "files": totals.files,
            "files_done": totals.files_done,
            "bytes_done": totals.bytes_done,
            "bytes_total": totals.bytes_total,
            "unsized": totals.unsized,
            "rate": round(totals.rate) if totals.rate else None,
            "eta": None if totals.eta is None else round(totals.eta),
        },
        "notices": list(status.notices),
        "figures": None if figures is None else figure_text.figures_record(figures),
    }


def status_lines(status: ServiceStatus, figures: Figures | None) -> list[str]:
    """Return the daemon's state as lines for a person."""
    what = "a command" if status.embedded else "the daemon"
    counts = ", ".join(
        f"{count} {COMMAND_STATES[Status(state)]}"
        for state, count in status.counts.items()
        if count
    )
    return [
        f"running     {what}, process {status.pid}, winch {fmt.clean(status.version)}",
        f"since       {status.started_at.astimezone().strftime('%Y-%m-%d %H:%M:%S')}",
        f"downloads   {counts or 'none'}",
        *([f"waiting     {waits}"] if (waits := _waits(status)) else []),
        *([f"overall     {overall(status.totals)}"] if status.totals.files else []),
        *([f"queue       {HELD.removeprefix('the queue is ')}"] if status.paused else []),
        f"rate        {fmt.rate(status.rate)}{_limit(figures)}",
        f"clients     {status.clients}",
        *([] if figures is None else figure_text.status_lines(figures)),
        *(f"notice      {fmt.clean(notice)}" for notice in status.notices),
    ]


def _waits(status: ServiceStatus) -> str:
    """Return why those that are pending do not move: `3 disk low, 1 retry`."""
    return ", ".join(
        f"{count} {WAITS[WaitReason(reason)]}" for reason, count in status.waiting.items() if count
    )


def _limit(figures: Figures | None) -> str:
    """Return how fast all may be together, where that is limited by hand or by the timetable."""
    if figures is None or figures.limit is None:
        return ""
    return f", at most {fmt.rate(figures.limit)}"
