"""`verify`: whether finished files still are what they were, read again from the disk.

The daemon reads them; this waits for its word. The exit status is 32 where one is damaged.
"""

from __future__ import annotations

import argparse

from core.domain.errors import ExitCode, exit_code
from tui.cli.client import connected
from tui.cli.signals import Signals
from tui.cli.terminal import say
from tui.control.choosing import check_named, chosen
from tui.text.verify_results import results


def run(args: argparse.Namespace) -> int:
    """Have finished files read and compared, and say of each how it is."""

    check_named(args)

    async def ask() -> int:
        async with connected() as service:
            outcome = await service.verify(await chosen(service, args, "verify") or ())
            names = {view.download.id: view.download.name for view in await service.downloads()}
        for verdict in results(outcome, names):
            say(verdict.text)
        codes = [exit_code(refusal.error.code) for refusal in outcome.refused]
        if ExitCode.CHECKSUM in codes:
            return ExitCode.CHECKSUM
        return codes[0] if codes else ExitCode.OK

    return Signals().run(ask())
