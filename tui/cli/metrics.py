"""`winch metrics` and `winch log`: what the service measures, and what it writes down."""

from __future__ import annotations

import argparse

from core import launcher
from core.domain.errors import ExitCode
from core.domain.exposition import exposition, exposition_of_end
from core.domain.version import VERSION
from core.rpc.client import UnreachableError
from tui.cli.service_access import connected
from tui.cli.terminal import out
from tui.input.remote import REMOTE, there_line
from tui.text import fmt
from tui.text.log_lines import readable


async def metrics(_: argparse.Namespace) -> int:
    """Print the figures as Prometheus reads them; 1 where no daemon runs, which is said too."""
    try:
        async with connected(start=False) as service:
            out(exposition(await service.figures()), end="")
    except UnreachableError:
        out(exposition_of_end(VERSION), end="")
        return ExitCode.OTHER
    return ExitCode.OK


async def log(args: argparse.Namespace) -> int:
    """Print the end of the log."""
    try:
        async with connected(start=False) as service:
            lines = await service.tail_log(args.lines)
    except UnreachableError as error:
        if (remote := REMOTE.get()) is not None:
            # Why none runs stands there.
            error.hint = f"type: {there_line(remote.host, 'log')}"
            raise
        # Why none runs may stand there.
        lines = launcher.tail_log(args.lines)
    shown = lines if args.raw else [each for line in lines for each in readable(line)]
    out(*map(fmt.clean, shown))
    return ExitCode.OK
