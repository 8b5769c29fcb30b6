"""What `pause`, `resume`, `retry`, `cancel`, `move` and `set` ask of the service.

From the arguments to a change of the downloads that are meant, for the shell and the `:` line
alike; how those are chosen, and what is said of the outcome, is theirs.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime

from core.domain.collections import CollectionChanges, CollectionRequest
from core.domain.errors import UsageError
from core.domain.history import HistoryQuery
from core.domain.models import Download, DownloadView, Status
from core.domain.outcomes import Outcome
from core.domain.service import Changes, DownloadService, MoveTo
from core.domain.units import parse_duration, parse_rate
from core.domain.value import replace
from tui.control.choosing import check_named
from tui.input.arguments import check_url
from tui.text.fmt import clean
from tui.text.interrupted import needs, rates_before, throughput, time_left
from tui.text.wording import amount

_ATTEMPTS = 200
"""How many of the last attempts tell how fast it went before."""
_NAMED = 10

CollectionChange = Callable[[DownloadService, str], Awaitable[bool]]
Change = Callable[[DownloadService, list[str] | None], Awaitable[Outcome]]
"""Asked with the ids of what is meant; None is every download."""


def change_of(args: argparse.Namespace) -> tuple[str, Change]:
    """Return the word for what is done to the downloads, and the change; raises UsageError."""
    check_named(args)
    return CHANGES[args.command](args)


def _resume(args: argparse.Namespace) -> tuple[str, Change]:
    age = 0.0 if args.older_than is None else parse_duration(args.older_than)
    is_narrowed = args.older_than is not None or args.limit is not None
    if (is_narrowed or args.failed) and not args.all:
        raise UsageError(
            "--failed, --older-than and --limit are for --all",
            hint="name ids or a filter alone, or --all",
        )
    states = {Status.PAUSED, Status.FAILED} if args.failed else {Status.PAUSED}

    async def ask(service: DownloadService, ids: list[str] | None) -> Outcome:
        if is_narrowed or args.failed or (args.all and args.fresh):
            ids = standing(await service.downloads(), states, age, datetime.now(UTC))[: args.limit]
        if args.fresh and ids is not None:
            return await service.start_fresh(ids)
        if not args.all:
            return await service.resume(ids)
        # What is here is told as it is before it goes on.
        done = {v.download.id: v.progress.bytes_downloaded for v in await service.downloads()}
        outcome = await service.resume(ids)
        resumed = [(download, done.get(download.id, 0)) for download in outcome.changed]
        return replace(outcome, notes=(*outcome.notes, *await _outlook(service, resumed)))

    return "started afresh" if args.fresh else "resumed", ask


def _move(args: argparse.Namespace) -> tuple[str, Change]:
    to = args.to if isinstance(args.to, int) else MoveTo(args.to)
    return "moved", lambda service, ids: service.move(ids or (), to)


def _set(args: argparse.Namespace) -> tuple[str, Change]:
    changes = Changes(
        priority=args.priority,
        limit=None if args.limit is None else parse_rate(args.limit) or 0,
        connections=args.connections,
        group=args.group,
    )
    if changes == Changes() and not args.now and args.url is None:
        raise UsageError("there is no change", hint="see 'winch set --help'")
    url = None if args.url is None else check_url(args.url)

    async def ask(service: DownloadService, ids: list[str] | None) -> Outcome:
        ids = ids or []
        if url is not None and len(ids) > 1:
            raise UsageError(f"--url fits one download, but {len(ids)} were named")
        outcome = Outcome()
        if changes != Changes():
            outcome = await service.set(ids, changes)
        if url is not None and ids:
            outcome = await service.replace_url(ids[0], url)
        return await service.start_now(ids) if args.now and not outcome.refused else outcome

    return "changed", ask


CHANGES: dict[str, Callable[[argparse.Namespace], tuple[str, Change]]] = {
    "pause": lambda _: ("paused", lambda service, ids: service.pause(ids)),
    "resume": _resume,
    "retry": lambda _: ("retried", lambda service, ids: service.retry(ids)),
    "cancel": lambda _: ("cancelled", lambda service, ids: service.cancel(ids)),
    "move": _move,
    "set": _set,
}


def collection_change_of(args: argparse.Namespace) -> CollectionChange | None:
    """Return what a command changes of a collection as a whole, None where of its members alone.

    The change tells whether its members went along. Raises UsageError.
    """
    match args.command:
        case "pause":
            return _changing(CollectionChanges(paused=True))
        case "resume" if not args.fresh:
            return _changing(CollectionChanges(paused=False))
        case "retry":
            return read_again
        case "set" if args.priority is not None or args.limit is not None:
            if args.connections is not None or args.group is not None or args.url or args.now:
                return _refuse
            limit = None if args.limit is None else parse_rate(args.limit) or 0
            return _changing(CollectionChanges(priority=args.priority, limit=limit))
    return None


def _changing(changes: CollectionChanges) -> CollectionChange:
    async def change(service: DownloadService, name: str) -> bool:
        await service.change_collection(name, changes)
        return True

    return change


async def read_again(service: DownloadService, name: str) -> bool:
    """Read the source of a collection once more where that failed, or publish it.

    Its members are retried.
    """
    collection = (await service.collection(name)).collection
    source = collection.source
    if collection.read_error is not None and source is not None and source.kind != "list":
        await service.collect(
            CollectionRequest(name=name, request=collection.request, source=source)
        )
    if collection.publish_error is not None:
        # Whatever is asked of it has its files get their names, if they can by now.
        await service.change_collection(name, CollectionChanges())
    return False


async def _refuse(_: DownloadService, name: str) -> bool:
    raise UsageError(
        f"--priority and --limit are of '{name}' as a whole, the others of each of its files",
        hint="give them in a command of their own",
    )


def standing(
    views: Iterable[DownloadView], states: Collection[Status], age: float, now: datetime
) -> list[str]:
    """Return the ids of those in these states that last moved `age` seconds ago or earlier.

    Where no byte ever came, the last thing that happened to it counts.
    """
    return [
        view.download.id
        for view in views
        if view.download.status in states and (now - _moved(view)).total_seconds() >= age
    ]


def _moved(view: DownloadView) -> datetime:
    download = view.download
    if download.interrupted is not None:
        return download.interrupted.at
    if view.progress.updated_at is not None:
        return view.progress.updated_at
    return download.timeline[-1].at if download.timeline else download.created_at


async def _outlook(service: DownloadService, resumed: Sequence[tuple[Download, int]]) -> list[str]:
    """Return what each of a few takes at the rate that it had before, and all together.

    `resumed` are downloads and the bytes of them that are here.
    """
    if not resumed:
        return []
    attempts = (await service.history(HistoryQuery(limit=_ATTEMPTS))).entries
    rates = rates_before(attempts)
    lines = [
        f"{clean(download.name)}: {amount(download, count)},"
        f" time left {time_left(download, count, rates.get(download.id))}"
        for download, count in resumed[:_NAMED]
    ]
    if len(resumed) > _NAMED:
        lines.append(f"and {len(resumed) - _NAMED:,} more")
    rate = throughput(attempts, [download for download, _ in resumed])
    return [*lines, f"time left of all: {needs(resumed, rates, rate)}"]
