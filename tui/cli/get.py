"""`winch get` and `winch wait`: stay in the foreground until downloads end, and end like them.

`get` owns what it asked for, which runs beside the queue and not behind it: told to stop, it pauses
that before it leaves, except when its terminal merely went away, because then the daemon is meant
to go on.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

from core import launcher
from core.domain.errors import (
    ExitCode,
    LockedError,
    StoppedError,
    UnknownIdError,
    UsageError,
    WinchError,
)
from core.domain.models import Download, DownloadRequest, WaitReason
from core.domain.service import DownloadService
from tui.cli.following import Following
from tui.cli.progress_display import Display, display
from tui.cli.service_access import connected, follow, follow_on, impatience, named
from tui.cli.signals import Signals
from tui.cli.terminal import out, say
from tui.control.configuration import default_directory
from tui.input.arguments import named_requests, shared_request
from tui.input.remote import winch_command
from tui.input.source_options import is_collection
from tui.text.fmt import sentence, short_id
from tui.text.json_records import dump, record
from tui.text.wording import HELD

_MOST_IDS = 4


def run(args: argparse.Namespace) -> int:
    """Download and return the exit status of the first that failed."""
    if is_collection(args):
        # Few are one.
        from tui.cli import collection_getting  # noqa: PLC0415

        return collection_getting.run(args)
    shared = shared_request(args, default_directory())
    requests = named_requests(args, shared)
    signals = Signals()
    if args.embedded:
        launcher.leave_number_one()
    run_loop = launcher.run_engine if args.embedded else None
    return signals.run(_get(args, signals, shared, requests), run_loop)


async def _get(
    args: argparse.Namespace,
    signals: Signals,
    shared: DownloadRequest,
    requests: list[DownloadRequest],
) -> int:
    """Download what is named and what a list names; lines that are wrong stop none of it."""
    refused: int = ExitCode.OK
    if args.input is not None:
        # Few need what reads lists.
        from tui.cli.refusals import Refusals  # noqa: PLC0415
        from tui.control.list_reading import in_place, portions_ahead  # noqa: PLC0415

        refusals = Refusals(args.input)
        async for portion in portions_ahead(args):
            refusals.tell(portion.refused)
            placed, wrong = await in_place(shared, portion.entries)
            refusals.tell(wrong)
            requests += placed
        refused = refusals.end()
        requests = list({(r.url, r.directory, r.name): r for r in requests}.values())
        if not requests:
            raise UsageError("there is no URL to download", hint="see -i FILE")
    return await _Get(args, signals).run(requests) or refused


class _Get:
    """One call of `winch get`."""

    def __init__(self, args: argparse.Namespace, signals: Signals) -> None:
        self._args = args
        self._signals = signals
        self._following: Following | None = None

    async def run(self, requests: Sequence[DownloadRequest]) -> int:
        async with AsyncExitStack() as stack:
            embedded = self._args.embedded
            session = await self._embedded(stack, requests[0].directory) if embedded else None
            service = session.service if session else await self._connected(stack)
            # Shielded: once asked for, we have to know the ids to be able to pause them.
            add = session.add_own if session else service.add
            adding = asyncio.ensure_future(add(requests))
            try:
                downloads = await asyncio.shield(adding)
                self._following = following = Following(downloads, embedded=session is not None)
                if session:
                    return await self._run_embedded(session, following, stack)
                first = None if self._args.queued else self._hurry
                await follow_on(stack, following, self._display, self._on_end, first=first)
                return following.exit_code
            except asyncio.CancelledError:
                added = await adding
                if self._signals.received != signal.SIGHUP or session:
                    await self._pause(session, added)
                raise

    async def _connected(self, stack: AsyncExitStack) -> DownloadService:
        with impatience("waiting for the daemon to answer", quiet=self._args.quiet):
            return await stack.enter_async_context(connected())

    async def _hurry(self, service: DownloadService) -> None:
        """Have the call's own downloads run beside those of the queue."""
        assert self._following is not None
        # One that is off the list by now is told by the events.
        with suppress(UnknownIdError):
            await service.expedite([download.id for download in self._following.unfinished])

    async def _embedded(self, stack: AsyncExitStack, directory: str) -> launcher.Embedded | None:
        tell = (lambda _: None) if self._args.quiet else say
        try:
            return await stack.enter_async_context(launcher.embedded(directory, tell))
        except LockedError:
            say("a daemon runs already and does the downloads")
            return None

    async def _run_embedded(
        self, session: launcher.Embedded, following: Following, stack: AsyncExitStack
    ) -> int:
        """Run the call's own downloads; what others handed over meanwhile goes to a daemon."""
        before = await _held(session.service)
        status = await _unless(session.stop_requested, self._follow(session.service, following))
        handed_over = await _held(session.service) - before
        await stack.aclose()
        if handed_over:
            async with connected():
                say(f"{len(handed_over)} added meanwhile by others: the daemon does them")
        return status

    async def _follow(self, service: DownloadService, following: Following) -> int:
        await follow(service, following, self._display(), self._on_end)
        return following.exit_code

    def _display(self) -> Display:
        return display(quiet=self._args.quiet)

    async def _on_end(self, service: DownloadService, download: Download) -> None:
        if not self._args.json:
            return
        try:
            out(dump(record(await service.find(download.id))))
        except UnknownIdError:
            return  # taken off the list meanwhile

    async def _pause(
        self, session: launcher.Embedded | None, downloads: Sequence[Download]
    ) -> None:
        # One that is gone meanwhile would make the service refuse the whole request.
        unfinished = self._following.unfinished if self._following else downloads
        ids = [download.id for download in unfinished]
        try:
            if session:
                outcome = await session.service.pause(ids)
            else:
                async with connected() as service:
                    outcome = await service.pause(ids)
        except WinchError as error:
            say(f"could not pause: {sentence(error, brackets=False)}")
            return
        if self._signals.received == signal.SIGHUP or not outcome.changed:
            return
        ids = [short_id(download.id) for download in outcome.changed]
        count = "1 download" if len(ids) == 1 else f"{len(ids)} downloads"
        how = f", or '{winch_command()} resume {' '.join(ids)}'" if len(ids) <= _MOST_IDS else ""
        # What is whole by then would else be fetched once more, and get another name.
        is_partly_whole = self._following is not None and self._following.whole
        more = " with --conflict skip" if is_partly_whole and self._args.conflict != "skip" else ""
        say(f"paused {count}; to continue, run the same command again{more}{how}")


async def _held(service: DownloadService) -> set[str]:
    return {
        view.download.id
        for view in await service.downloads()
        if view.download.wait_reason is WaitReason.NOT_ADMITTED
    }


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, int]) -> int:
    """Do the work unless another process ends this one's engine; then raise StoppedError."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise StoppedError(
            "another process told winch to end", hint="to continue, run the same command again"
        )
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def wait(args: argparse.Namespace) -> int:
    """Wait until downloads have ended and return the exit status of the first that failed."""
    collections: tuple[str, ...] = ()
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(connected())
        if args.ids and not args.all:
            found = await named(service, args, "wait")
            ids, collections = found.ids or (), found.collections
            listed = {view.download.id: view for view in await service.downloads()} if ids else {}
            views = [listed[id_] if id_ in listed else await service.find(id_) for id_ in ids]
        else:
            every = await service.downloads()
            views = [view for view in every if not view.download.status.is_settled]
        following = Following(view.download for view in views)
        if not following.unfinished and not collections:
            say("nothing is unfinished" if not args.ids else "nothing is left to wait for")
        elif (await service.status()).paused:
            say(HELD)
        await follow_on(stack, following, lambda: display(quiet=True))
        if collections and not following.exit_code:
            return await _wait_for_collections(stack, collections)
        return following.exit_code


async def _wait_for_collections(stack: AsyncExitStack, names: Sequence[str]) -> int:
    # Few need it.
    from tui.cli.collection_following import CollectionFollowing, exit_code  # noqa: PLC0415

    following = CollectionFollowing(names)
    await follow_on(stack, following, lambda: display(quiet=True))
    return await exit_code(await stack.enter_async_context(connected()), names)
