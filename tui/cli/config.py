"""`winch config`: where config.toml is, and every setting as it is in force."""

from __future__ import annotations

import argparse

from core import launcher
from tui.cli.terminal import out


def run(args: argparse.Namespace) -> int:
    """Print the path of config.toml, or every setting with where it comes from, as TOML."""
    if args.action == "path":
        out(str(launcher.paths().config_file))
    else:
        out(launcher.load_configuration().to_toml().rstrip("\n"))
    return 0
