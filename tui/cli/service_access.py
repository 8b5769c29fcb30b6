"""How the commands reach a service, which of its downloads are meant, and how they end."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from core import launcher
from core.domain.errors import (
    AmbiguousIdError,
    ConfigError,
    DaemonError,
    HostError,
    StoppedError,
    UnknownIdError,
    UnreachableError,
)
from core.domain.events import Event
from core.domain.models import Download
from core.domain.service import DownloadService
from core.rpc.client import UnresponsiveDaemonError
from tui.cli.following import Following
from tui.cli.portions import portions
from tui.cli.progress_display import REDRAW_INTERVAL, Display
from tui.cli.terminal import say, say_once
from tui.control.configuration import load_settings
from tui.input.caller import CALLER
from tui.input.remote import REMOTE, winch_command
from tui.text.fmt import sentence

OnEnd = Callable[[DownloadService, Download], Awaitable[None]]
_DAEMONS = 5
"""How many are followed, one after the other, where each is killed."""
_PAUSES = (1.0, 2.0, 4.0, 8.0, *[15.0] * 20)
"""Seconds between attempts to reach another machine again."""
_MOST_ASKED = 20
"""Words that are looked up one by one; of more, all collections are asked for at once."""
_SILENCE = 0.9
"""Seconds in which nothing need be said."""


@asynccontextmanager
async def connected(*, start: bool = True) -> AsyncIterator[DownloadService]:
    """Reach the daemon, which is started if none runs, unless `start` is False; raises DaemonError.

    A config.toml that is broken is told: one that runs goes on with what it read before. Where the
    command is for another machine, it is the daemon there.
    """
    if (remote := REMOTE.get()) is not None:
        yield await remote.service(start=start)
        return
    tell_broken_settings()
    if (caller := CALLER.get()) is not None:
        launcher.paths(caller.environment).check_places()
        assert caller.service is not None
        yield caller.service
        return
    async with await launcher.connect(start=start) as service:
        if service.peer.notice:
            say_once(service.peer.notice)
        yield service


@contextmanager
def impatience(words: str, *, quiet: bool = False) -> Iterator[Callable[[], None]]:
    """Say what is waited for where that takes longer than anybody watches without a word.

    What it yields takes that back before the end.
    """
    say_it = (lambda: None) if quiet else partial(say, words)
    waiting = asyncio.get_running_loop().call_later(_SILENCE, say_it)
    try:
        yield waiting.cancel
    finally:
        waiting.cancel()


def tell_broken_settings() -> None:
    """Say in a line what is wrong with config.toml or the environment, where something is."""
    try:
        load_settings()
    except ConfigError as error:
        say_once(sentence(error, brackets=False))


@dataclass(frozen=True, slots=True)
class Named:
    """What a command is for: ids, None for `--all`, and collections as a whole.

    `members` are the ids of these collections' members that the command is for.
    """

    ids: list[str] | None
    collections: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def all_ids(self) -> list[str] | None:
        """All downloads that are named, one by one or with their collection."""
        return None if self.ids is None else list(dict.fromkeys((*self.ids, *self.members)))


async def named(service: DownloadService, args: argparse.Namespace, verb: str) -> Named:
    """Return what the arguments of a command name.

    Says so where a filter matches nothing. Raises UsageError, UnknownIdError, AmbiguousIdError.
    """
    if args.all:
        return Named(None)
    # Neither `get` nor the screen has ids to choose by.
    from tui.control.choosing import choose  # noqa: PLC0415

    known = await _collections_among(service, args.ids)
    choice = choose(args.ids)
    if choice.is_plain and not known:
        return Named(list(choice.ids))
    views = await service.downloads()
    downloads = [view.download for view in views]
    if known:
        choice = choose(args.ids, known, downloads)
    now = datetime.now(UTC)
    matched = [
        view.download.id
        async for part in portions(views if choice.filter is not None else ())
        for view in part
        if choice.filter is not None and choice.filter.matches(view.download, view.progress, now)
    ]
    ids = choice.ids_among(downloads, lambda _: matched, verb)
    if not ids and choice.filter is not None:
        say(f"nothing to {verb} matches {choice.filter.text}")
    return Named(ids, choice.collections, tuple(choice.members(downloads, verb)))


async def _collections_among(service: DownloadService, words: Sequence[str]) -> frozenset[str]:
    """Return which words are names of collections."""
    from tui.control.choosing import may_be_collection, whole_collection  # noqa: PLC0415

    asked = [
        name
        for word in dict.fromkeys(words)
        if (name := word if may_be_collection(word) else whole_collection(word))
    ]
    if len(asked) > _MOST_ASKED:
        names = {view.collection.name for view in await service.collections()}
        return frozenset(names.intersection(asked))
    found = []
    for word in asked:
        with suppress(UnknownIdError):
            found.append((await service.collection(word)).collection.name)
    return frozenset(found)


def the_one(found: Named, word: str) -> str:
    """Return the id of the one download that a word names.

    Raises UnknownIdError, AmbiguousIdError.
    """
    ids = found.all_ids or []
    if not ids:
        raise UnknownIdError("no download is named", hint="see `winch ls`")
    if len(ids) > 1:
        raise AmbiguousIdError(f"{len(ids)} downloads match {word}", hint="name one by its id")
    return ids[0]


async def follow(
    service: DownloadService,
    following: Following,
    display: Display,
    on_end: OnEnd | None = None,
) -> None:
    """Show downloads until all have ended; `on_end` hears of each that ends.

    Raises StoppedError when the service ends before they do.
    """
    try:
        async with service.subscribe() as events:
            feeding = asyncio.create_task(_feed(service, events, following, on_end))
            try:
                while not feeding.done():
                    # In between events too: a rate goes stale, a countdown goes on.
                    display.update(following)
                    await asyncio.wait({feeding}, timeout=REDRAW_INTERVAL)
                await feeding
            finally:
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)
    finally:
        display.close(following)
    if not following.is_done:
        raise StoppedError(
            "the daemon ended before the downloads did",
            hint=f"they go on when it runs again: '{winch_command()} wait'",
        )


async def follow_on(
    stack: AsyncExitStack,
    following: Following,
    make_display: Callable[[], Display],
    on_end: OnEnd | None = None,
    *,
    first: Callable[[DownloadService], Awaitable[None]] | None = None,
) -> None:
    """Follow downloads on the daemon, on the next one too where it was killed.

    `first` is what each of them is asked before all else. A daemon that was told to end is not
    started again: then StoppedError is raised, unless it hands over to the next one. The
    connection to another machine may be lost for some minutes: then HostError is.
    """
    attempt = 0
    stopped: StoppedError | None = None
    while True:
        service = await (
            _again(stack, stopped) if attempt else stack.enter_async_context(connected())
        )
        try:
            if first is not None:
                await first(service)
            await follow(service, following, make_display(), on_end)
        except DaemonError as error:
            # One that hangs is still there: no next one can come.
            attempt, stopped = attempt + 1, None
            if attempt == _DAEMONS or isinstance(error, UnresponsiveDaemonError):
                raise
        except StoppedError as error:
            # There is another one where it has handed over to that.
            attempt, stopped = 1, error
        except HostError as error:
            attempt = 1
            say(f"{error.message}; trying again")
        else:
            return


async def _again(stack: AsyncExitStack, stopped: StoppedError | None) -> DownloadService:
    """Reach the daemon once more, that of another machine after growing pauses too.

    Where it was `stopped` none is started: raises that unless there is a next one.
    """
    remote = REMOTE.get()
    pauses = iter(() if remote is None else _PAUSES)
    while True:
        try:
            service = await stack.enter_async_context(connected(start=stopped is None))
        except UnreachableError:
            if stopped is None:
                raise
            raise stopped from None
        except HostError as error:
            if (pause := next(pauses, None)) is None:
                raise
            if stopped is not None:
                say_once(f"{error.message}; trying again")
            await asyncio.sleep(pause)
        else:
            break
    if stopped is not None or remote is None:
        where = "" if remote is None else f" on {remote.host.name}"
        say(f"the daemon{where} was gone; another one goes on")
    return service


async def _feed(
    service: DownloadService,
    events: AsyncIterator[Event],
    following: Following,
    on_end: OnEnd | None,
) -> None:
    async for event in events:
        for download in following.apply(event):
            if on_end is not None:
                await on_end(service, download)
        if following.is_done:
            return
