"""`winch` and `winch URL…`: the screen, with the URLs added before it opens."""

from __future__ import annotations

import argparse
import os
import sys

from core import launcher
from core.domain.errors import UsageError
from core.domain.garbage import making_lasting
from core.domain.settings import Settings
from core.domain.value import replace
from tui.cli.service_access import connected
from tui.cli.signals import Signals
from tui.cli.terminal import has_screen
from tui.control.configuration import load_settings
from tui.input.arguments import absolute, requests_for_urls


def run(args: argparse.Namespace) -> int:
    """Open the screen; raises UsageError where there is no terminal to show it on."""
    if args.host is not None:
        raise UsageError("the screen is of this machine", hint="-H is for the commands: -H HOST ls")
    settings = load_settings()
    if args.no_mouse:
        settings = replace(settings, screen=replace(settings.screen, mouse=False))
    requests = requests_for_urls(args.urls, settings.downloads.directory)
    if not has_screen():
        raise UsageError(_why_not(), hint=_instead(args.urls))

    added: list[str] = []

    async def add() -> int:
        async with connected() as service:
            added.extend(download.id for download in await service.add(requests))
        return 0

    if requests and (status := Signals().run(add())):
        return status
    return open_screen(settings, absolute(settings.downloads.directory), cursor="".join(added[:1]))


def open_screen(
    settings: Settings, directory: str, *, cursor: str = "", farewell: bool = True
) -> int:
    """Show the screen until the person leaves it and return the exit status.

    It opens with the cursor on the download that has the id `cursor`, if one has.
    """
    # Here, not above: textual takes longer to load than all other commands take to run.
    with making_lasting():
        from tui.app import run_screen  # noqa: PLC0415

    return run_screen(launcher.connect, settings, directory, cursor=cursor, farewell=farewell)


def _why_not() -> str:
    if sys.stdin.isatty() and sys.stdout.isatty():
        return f"the screen does not work on a terminal of type '{os.environ.get('TERM', '')}'"
    return "the screen needs a terminal"


def _instead(urls: list[str]) -> str:
    if urls:
        return "use 'winch get URL' to download here, or 'winch add URL' to queue it"
    return "use 'winch ls', 'winch get URL' or another command of 'winch --help'"
