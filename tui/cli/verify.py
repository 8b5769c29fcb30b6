"""`verify`: whether finished files still are what they were, read again from the disk.

The daemon reads them; this waits for its word. The exit status is 32 where one is damaged.
"""

from __future__ import annotations

import argparse

from core.domain.errors import ErrorCode, ExitCode, exit_code
from tui.cli.client import connected
from tui.cli.signals import Signals
from tui.cli.terminal import say, sentence
from tui.format import short_id


def run(args: argparse.Namespace) -> int:
    """Have finished files read and compared, and say of each how it is."""

    async def ask() -> int:
        async with connected() as service:
            outcome = await service.verify(args.ids)
            names = {view.download.id: view.download.name for view in await service.downloads()}
        for download in outcome.changed:
            say(f"{download.name}: {download.resume_verdict}")
        for refusal in outcome.refused:
            name = names.get(refusal.id, short_id(refusal.id))
            damaged = "DAMAGED: " if refusal.error.code is ErrorCode.CHECKSUM else ""
            say(f"{name}: {damaged}{sentence(refusal.error)}")
        codes = [exit_code(refusal.error.code) for refusal in outcome.refused]
        if ExitCode.CHECKSUM in codes:
            return ExitCode.CHECKSUM
        return codes[0] if codes else ExitCode.OK

    return Signals().run(ask())
