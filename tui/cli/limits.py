"""`winch limit`: the limits of all downloads together, shown and changed while they run."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from core.domain.service import LimitChanges, Limits, SettingInForce
from core.domain.units import parse_rate
from tui.cli.client import connected
from tui.cli.signals import Signals
from tui.cli.terminal import out
from tui.text import fmt
from tui.text.in_force import reason, usual
from tui.text.records import dump, timestamp

_SECTION = "limits."


def run(args: argparse.Namespace) -> int:
    """Change what was named and print the limits in force."""
    changes = changes_of(args)

    async def ask() -> int:
        async with connected() as service:
            limits = await service.limit(changes)
            held = await service.settings_in_force()
        for line in [dump(record(limits, held))] if args.json else details(limits, held):
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


def record(limits: Limits, held: Iterable[SettingInForce]) -> dict[str, object]:
    """Return the limits as the object that scripts read; no limit is null.

    `settings` tells of each who had the last word, and what it would be `otherwise`.
    """
    return {
        "rate": limits.rate,
        "rate_source": limits.rate_source.value,
        "until": timestamp(limits.until),
        "active": limits.active,
        "connections": limits.connections,
        "connections_per_host": limits.connections_per_host,
        "settings": {
            each.name.removeprefix(_SECTION): {
                "source": each.source.value,
                "otherwise": each.otherwise,
            }
            for each in held
            if each.name.startswith(_SECTION)
        },
    }


def details(limits: Limits, held: Iterable[SettingInForce]) -> list[str]:
    """Return the limits as labelled lines; of each that is not as set, why, and what is set."""
    settings = {each.name.removeprefix(_SECTION): each for each in held}

    def line(label: str, text: str, key: str, also: str = "") -> str:
        setting = settings[key]
        why = reason(setting)
        if setting.value != setting.otherwise:
            why += f"; {usual(setting)}"
        return f"{label:<11}  {text} ({(why or 'from the settings') + also})"

    until = limits.until
    return [
        line(
            "rate",
            "off" if limits.rate is None else fmt.rate(limits.rate),
            "rate",
            until.astimezone().strftime(", changes %a %H:%M") if until is not None else "",
        ),
        line("active", f"{limits.active} at once", "active"),
        line("connections", f"{limits.connections} for each download", "connections"),
        line(
            "per host",
            f"{limits.connections_per_host} for all of them together",
            "connections_per_host",
        ),
    ]
