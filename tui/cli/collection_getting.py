"""`winch get` of a collection: made, and followed in the foreground until it ends.

Its members wait for their turn in the queue as those of `winch add` do. Told to stop, it is paused
as a whole, unless its terminal merely went away.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from core.domain.collections import CollectionChanges, CollectionRequest
from core.domain.errors import UnknownIdError, UsageError, WinchError
from core.domain.models import Download
from core.domain.service import DownloadService
from tui.cli.collection_following import CollectionFollowing, exit_code
from tui.cli.progress_display import display
from tui.cli.refusals import Refusals
from tui.cli.service_access import connected, follow_on
from tui.cli.signals import Signals
from tui.cli.terminal import out, say
from tui.control.collecting import answered, collect
from tui.control.configuration import default_directory
from tui.input.remote import winch_command
from tui.input.source_options import collection_request, named_files
from tui.text.fmt import sentence
from tui.text.json_records import dump, record


def run(args: argparse.Namespace) -> int:
    """Fetch a collection and return the exit status of what it lacks."""
    if args.embedded:
        raise UsageError("a collection is fetched by the daemon", hint="leave out --embedded")
    request = collection_request(args, default_directory())
    urls = named_files(args)
    signals = Signals()
    return signals.run(_get(args, signals, request, urls))


async def _get(
    args: argparse.Namespace, signals: Signals, request: CollectionRequest, urls: list[str]
) -> int:
    name, refusals = request.name, Refusals(args.input)
    is_asked_for = is_together = False

    @asynccontextmanager
    async def asked() -> AsyncIterator[DownloadService]:
        nonlocal is_asked_for
        async with connected() as service:
            is_asked_for = True
            yield service

    async def on_end(service: DownloadService, download: Download) -> None:
        # Of what gathers out of sight the path is told once it is there to stay.
        if args.json and not is_together:
            await _print(service, download)

    async with AsyncExitStack() as stack:
        try:
            view = await collect(asked, args, request, urls, refusals.tell)
            is_together = view.collection.together
            service = await stack.enter_async_context(connected())
            if view.collection.paused:
                # The same command again lets go on what Ctrl-C has paused.
                await answered(service.change_collection(name, CollectionChanges(paused=False)))
            following = CollectionFollowing([name])
            await follow_on(stack, following, lambda: display(quiet=args.quiet), on_end)
            service = await stack.enter_async_context(connected())
            for download in following if args.json and is_together else ():
                await _print(service, download)
            if status := await exit_code(service, [name]):
                return status
            if is_together and not args.quiet:
                say(f"{name} is whole: {view.collection.directory}")
            return refusals.end()
        except asyncio.CancelledError:
            if is_asked_for and signals.received != signal.SIGHUP:
                await _pause(name)
            raise


async def _print(service: DownloadService, download: Download) -> None:
    try:
        out(dump(record(await service.find(download.id))))
    except UnknownIdError:
        return  # taken off the list meanwhile


async def _pause(name: str) -> None:
    try:
        async with connected() as service:
            await service.change_collection(name, CollectionChanges(paused=True))
    except UnknownIdError:
        return  # taken off the list meanwhile
    except WinchError as error:
        say(f"could not pause: {sentence(error, brackets=False)}")
    else:
        how = f"'{winch_command()} resume {name}'"
        say(f"paused {name}; to continue, run the same command again, or {how}")
