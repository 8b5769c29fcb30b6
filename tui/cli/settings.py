"""`winch config`: where config.toml is, and every setting; `winch limit`: the limits in force.

The values of `config` are those of this command: its environment and the file. Where the daemon
that runs obeys another one, that is said beside it; none is started for that. `limit` shows and
changes what the daemon obeys for all downloads together, while they run.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from contextlib import suppress

from core import launcher
from core.domain.errors import WinchError
from core.domain.service import Limits, SettingInForce
from tui.cli.service_access import connected, tell_broken_settings
from tui.cli.terminal import out
from tui.control.configuration import load_configuration
from tui.input.arguments import limit_changes
from tui.text.in_force import limit_lines, notes
from tui.text.json_records import dump, timestamp


async def config(args: argparse.Namespace) -> int:
    """Print the path of config.toml, or every setting with where it comes from, as TOML."""
    if args.action == "path":
        out(str(launcher.paths().config_file))
        tell_broken_settings()
        return 0
    configuration = load_configuration()
    said: Mapping[str, str] = {}
    with suppress(WinchError):
        async with await launcher.connect(start=False) as service:
            said = notes(configuration.values, await service.settings_in_force())
    out(configuration.to_toml(said, redacted=True).rstrip("\n"))
    return 0


async def limit(args: argparse.Namespace) -> int:
    """Change what was named and print the limits in force."""
    changes = limit_changes(args)
    async with connected() as service:
        limits = await service.limit(changes)
        held = await service.settings_in_force()
    out(*([dump(_record(limits, held))] if args.json else limit_lines(limits, held)))
    return 0


def _record(limits: Limits, held: Iterable[SettingInForce]) -> dict[str, object]:
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
            each.name.removeprefix("limits."): {
                "source": each.source.value,
                "otherwise": each.otherwise,
            }
            for each in held
            if each.name.startswith("limits.")
        },
    }
