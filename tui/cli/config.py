"""`winch config`: where config.toml is, and every setting as it is in force.

The values are those of this command: its environment and the file. Where the daemon that runs
obeys another one, that is said beside it; none is started for that.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import suppress

from core import launcher
from core.domain.errors import WinchError
from tui.cli.client import tell_broken_settings
from tui.cli.signals import Signals
from tui.cli.terminal import out
from tui.control.configuration import load_configuration
from tui.text.in_force import notes


def run(args: argparse.Namespace) -> int:
    """Print the path of config.toml, or every setting with where it comes from, as TOML."""
    if args.action == "path":
        out(str(launcher.paths().config_file))
        tell_broken_settings()
        return 0
    configuration = load_configuration()

    async def ask() -> int:
        said: Mapping[str, str] = {}
        with suppress(WinchError):
            async with await launcher.connect(start=False) as service:
                said = notes(configuration.values, await service.settings_in_force())
        out(configuration.to_toml(said).rstrip("\n"))
        return 0

    return Signals().run(ask())
