"""`winch limit`: the limits of all downloads together, shown and changed while they run."""

from __future__ import annotations

import argparse

from core.domain.service import LimitChanges, Limits, RateSource
from core.domain.units import parse_rate
from tui import format as fmt
from tui.cli.client import connected
from tui.cli.records import dump, timestamp
from tui.cli.signals import Signals
from tui.cli.terminal import out

_SOURCES = {
    RateSource.SETTINGS: "from the settings",
    RateSource.SCHEDULE: "from the timetable",
    RateSource.COMMAND: "until it is changed; 'winch limit auto' takes it back",
}


def run(args: argparse.Namespace) -> int:
    """Change what was named and print the limits in force."""
    changes = changes_of(args)

    async def ask() -> int:
        async with connected() as service:
            limits = await service.limit(changes)
        for line in [dump(record(limits))] if args.json else details(limits):
            out(line)
        return 0

    return Signals().run(ask())


def changes_of(args: argparse.Namespace) -> LimitChanges:
    """Return what is to be changed; raises UsageError."""
    reset = args.rate == "auto"
    return LimitChanges(
        rate=None if args.rate is None or reset else parse_rate(args.rate) or 0,
        active=args.active,
        connections=args.connections,
        connections_per_host=args.per_host,
        reset=reset,
    )


def record(limits: Limits) -> dict[str, object]:
    """Return the limits as the object that scripts read; no limit is null."""
    return {
        "rate": limits.rate,
        "rate_source": limits.rate_source.value,
        "until": timestamp(limits.until),
        "active": limits.active,
        "connections": limits.connections,
        "connections_per_host": limits.connections_per_host,
    }


def details(limits: Limits) -> list[str]:
    """Return the limits as labelled lines."""
    rate = "off" if limits.rate is None else fmt.rate(limits.rate)
    why = _SOURCES[limits.rate_source]
    if limits.until is not None:
        why += limits.until.astimezone().strftime(", changes %a %H:%M")
    return [
        f"rate         {rate} ({why})",
        f"active       {limits.active} at once",
        f"connections  {limits.connections} for each download",
        f"per host     {limits.connections_per_host} for all of them together",
    ]
