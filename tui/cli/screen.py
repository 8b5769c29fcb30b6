"""`winch` and `winch URL…`: the screen, with the URLs added before it opens."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

from core import launcher
from core.domain.errors import UsageError
from core.domain.garbage import making_lasting
from core.domain.machines import Host
from core.domain.service import DownloadService
from core.domain.settings import Settings
from core.domain.value import replace
from tui.cli.service_access import connected
from tui.cli.signals import Signals
from tui.cli.terminal import has_screen
from tui.control.configuration import load_settings
from tui.input.arguments import absolute, requests_for_urls


def run(args: argparse.Namespace) -> int:
    """Open the screen; raises UsageError where there is no terminal to show it on."""
    settings = load_settings()
    if args.no_mouse:
        settings = replace(settings, screen=replace(settings.screen, mouse=False))
    hosts = launcher.hosts_named(args.host, settings) if args.host is not None else []
    if args.urls and len(hosts) > 1:
        raise UsageError("the URLs are for one host", hint=f"-H {hosts[0].name}")
    # What is no URL is said before anything is opened.
    requests = requests_for_urls(args.urls, settings.downloads.directory)
    if not has_screen():
        raise UsageError(_why_not(), hint=_instead(args.urls))

    added: list[str] = []

    async def add() -> int:
        wanted = requests
        service: DownloadService
        async with AsyncExitStack() as stack:
            if hosts:
                # With a terminal of its own still, on which ssh may ask for a password.
                service = await stack.enter_async_context(await launcher.connect(host=hosts[0]))
                wanted = requests_for_urls(args.urls, (await service.machine()).directory)
            else:
                service = await stack.enter_async_context(connected())
            added.extend(download.id for download in await service.add(wanted))
        return 0

    if requests and (status := Signals().run(add())):
        return status
    directory = absolute(settings.downloads.directory)
    return open_screen(settings, directory, hosts=hosts, cursor="".join(added[:1]))


def open_screen(
    settings: Settings,
    directory: str,
    *,
    hosts: Sequence[Host] = (),
    cursor: str = "",
    farewell: bool = True,
) -> int:
    """Show the screen until the person leaves it and return the exit status.

    It opens on the first of `hosts`, without any on this machine, whose downloads go to
    `directory`; with the cursor on the download that has the id `cursor`, if one has.
    """
    # Here, not above: textual takes longer to load than all other commands take to run.
    with making_lasting():
        from tui.app import run_screen  # noqa: PLC0415

    return run_screen(settings, directory, hosts=hosts, cursor=cursor, farewell=farewell)


def _why_not() -> str:
    if sys.stdin.isatty() and sys.stdout.isatty():
        return f"the screen does not work on a terminal of type '{os.environ.get('TERM', '')}'"
    return "the screen needs a terminal"


def _instead(urls: list[str]) -> str:
    if urls:
        return "use 'winch get URL' to download here, or 'winch add URL' to queue it"
    return "use 'winch ls', 'winch get URL' or another command of 'winch --help'"
