"""`add`, `pause`, `resume`, `retry`, `cancel`, `rm`, `move`, `set`: change the queue and leave.

What refuses is named on stderr, one line each, and makes the exit status 1; the others are done.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from core.domain.errors import ExitCode, UsageError
from core.domain.history import HistoryQuery
from core.domain.models import Download, DownloadView, Status
from core.domain.service import Changes, DownloadService, MoveTo, Outcome, Removal
from core.domain.units import parse_duration, parse_rate
from tui.cli.asking import check_somebody_there, confirm
from tui.cli.client import connected
from tui.cli.signals import Signals
from tui.cli.terminal import out, say
from tui.control.choosing import check_named, chosen
from tui.control.configuration import load_settings
from tui.input.arguments import check_url, from_arguments
from tui.model.recovery import needs, rates_before, throughput, time_left
from tui.text.fmt import clean, sentence, short_id, size
from tui.text.records import dump, record
from tui.text.wording import HELD, amount, counted

_ATTEMPTS = 200
"""How many of the last attempts tell how fast it went before."""
_NAMED = 10

_Change = Callable[[DownloadService], Awaitable[Outcome]]
_Changing = tuple[str, _Change]
"""A change, and the word for what was done to the downloads."""


def add(args: argparse.Namespace) -> int:
    """Queue downloads and print an id for each once it is on disk."""
    requests = from_arguments(args, load_settings().downloads.directory)

    async def ask() -> int:
        async with connected() as service:
            added = {download.id: download for download in await service.add(requests)}
            await _tell_if_held(service, added.values())
            if not args.json:
                for id_ in added:
                    out(short_id(id_))
                return ExitCode.OK
            views = {view.download.id: view for view in await service.downloads()}
            for id_ in added:
                if id_ in views:
                    out(dump(record(views[id_])))
            return ExitCode.OK

    return Signals().run(ask())


def pause(args: argparse.Namespace) -> int:
    """Stop downloads, or the queue as a whole, and keep what they have."""
    if args.queue:
        return _hold(args, paused=True)
    return _change(*pausing(args))


def pausing(args: argparse.Namespace) -> _Changing:
    """Return the change that `pause` is for downloads; raises UsageError."""
    check_named(args)

    async def ask(service: DownloadService) -> Outcome:
        return await service.pause(await chosen(service, args, "pause"))

    return "paused", ask


def resume(args: argparse.Namespace) -> int:
    """Let paused downloads or the queue go on, or with --fresh any not whole begin anew."""
    return _hold(args, paused=False) if args.queue else _change(*resuming(args))


def resuming(args: argparse.Namespace) -> _Changing:
    """Return the change that `resume` is for downloads; raises UsageError."""
    check_named(args)
    age = 0.0 if args.older_than is None else parse_duration(args.older_than)
    is_narrowed = args.older_than is not None or args.limit is not None
    if (is_narrowed or args.failed) and not args.all:
        raise UsageError(
            "--failed, --older-than and --limit are for --all",
            hint="name ids or a filter alone, or --all",
        )
    states = {Status.PAUSED, Status.FAILED} if args.failed else {Status.PAUSED}

    async def ask(service: DownloadService) -> Outcome:
        ids = await chosen(service, args, "resume")
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


async def _outlook(service: DownloadService, resumed: Sequence[tuple[Download, int]]) -> list[str]:
    """Return what each of a few takes at the rate that it had before, and all together.

    `resumed` are downloads and how much of them is here.
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


def retry(args: argparse.Namespace) -> int:
    """Try failed downloads again now."""
    return _change(*retrying(args))


def retrying(args: argparse.Namespace) -> _Changing:
    """Return the change that `retry` is; raises UsageError."""
    check_named(args)

    async def ask(service: DownloadService) -> Outcome:
        return await service.retry(await chosen(service, args, "retry"))

    return "retried", ask


def cancel(args: argparse.Namespace) -> int:
    """Give downloads up and keep their part files."""
    return _change(*cancelling(args))


def cancelling(args: argparse.Namespace) -> _Changing:
    """Return the change that `cancel` is; raises UsageError."""
    check_named(args)

    async def ask(service: DownloadService) -> Outcome:
        return await service.cancel(await chosen(service, args, "cancel"))

    return "cancelled", ask


def move(args: argparse.Namespace) -> int:
    """Move downloads within the queue."""
    return _change(*moving(args))


def moving(args: argparse.Namespace) -> _Changing:
    """Return the change that `move` is; raises UsageError."""
    check_named(args)
    to = args.to if isinstance(args.to, int) else MoveTo(args.to)

    async def ask(service: DownloadService) -> Outcome:
        return await service.move(await chosen(service, args, "move") or (), to)

    return "moved", ask


def change(args: argparse.Namespace) -> int:
    """Change what was asked for of downloads, which holds at once for those that run too."""
    return _change(*changing(args))


def changing(args: argparse.Namespace) -> _Changing:
    """Return the change that `set` is; raises UsageError."""
    check_named(args)
    changes = Changes(
        priority=args.priority,
        limit=None if args.limit is None else parse_rate(args.limit) or 0,
        connections=args.connections,
        group=args.group,
    )
    if changes == Changes() and not args.now and args.url is None:
        raise UsageError("there is no change", hint="see 'winch set --help'")
    url = None if args.url is None else check_url(args.url)

    async def ask(service: DownloadService) -> Outcome:
        ids = await chosen(service, args, "set") or []
        if url is not None and len(ids) > 1:
            raise UsageError(f"--url fits one download, but {len(ids)} were named")
        outcome = Outcome()
        if changes != Changes():
            outcome = await service.set(ids, changes)
        if url is not None and ids:
            outcome = await service.replace_url(ids[0], url)
        return await service.start_now(ids) if args.now and not outcome.refused else outcome

    return "changed", ask


def rm(args: argparse.Namespace) -> int:
    """Take downloads off the list; with --files their data goes too, after it was named."""
    check_named(args)
    if args.files and not args.dry_run:
        check_somebody_there(yes=args.yes, what="deletes what `--dry-run` names")

    async def ask() -> int:
        async with connected() as service:
            # Fixed before the question is asked: what is added meanwhile was not meant.
            ids = await chosen(service, args, "remove")
            plan = Removal()
            if args.files or args.dry_run:
                plan = await service.remove(ids, files=args.files, dry_run=True)
                ids = [download.id for download in plan.removed]
                _name(plan)
            if ids == []:
                if args.all:
                    say("there is nothing to remove")
                return ExitCode.OK
            if args.dry_run:
                _tell_removed("would remove", plan)
                return ExitCode.OK
            if plan.deleted_files and not args.yes:
                question = f"delete {_files(len(plan.deleted_files))}?"
                confirm(question, refused="nothing was removed")
            removal = await service.remove(ids, files=args.files)
        _tell_what_differs(plan, removal)
        for path in removal.kept_files:
            say(f"kept {path}")
        _tell_removed("removed", removal)
        return ExitCode.OTHER if removal.kept else ExitCode.OK

    return Signals().run(ask())


def _change(participle: str, change: _Change) -> int:
    async def ask() -> int:
        async with connected() as service:
            outcome = await change(service)
            await _tell_if_held(service, outcome.changed)
        for refusal in outcome.refused:
            say(f"{short_id(refusal.id)}: {sentence(refusal.error, brackets=False)}")
        for note in outcome.notes:
            say(note)
        if outcome.changed or not outcome.refused:
            say(f"{participle} {counted(len(outcome.changed))}")
        return ExitCode.OTHER if outcome.refused else ExitCode.OK

    return Signals().run(ask())


def _hold(args: argparse.Namespace, *, paused: bool) -> int:
    others = (
        getattr(args, name, None)
        for name in ("ids", "all", "older_than", "limit", "failed", "fresh")
    )
    if any(others):
        raise UsageError("--queue is for the queue as a whole", hint="it stands alone")

    async def ask() -> int:
        async with connected() as service:
            await service.hold(paused)
        say(HELD if paused else "the queue goes on")
        return ExitCode.OK

    return Signals().run(ask())


async def _tell_if_held(service: DownloadService, downloads: Iterable[Download]) -> None:
    """Say why downloads that could run do not."""
    if any(d.status is Status.PENDING for d in downloads) and (await service.status()).paused:
        say(HELD)


def _name(plan: Removal) -> None:
    """Name what will be deleted, and what stays although it was asked for."""
    for path in plan.deleted_files:
        say(f"deletes {path}")
    for kept in plan.kept:
        say(f"keeps {kept.path} ({kept.reason})")
    for path in plan.kept_files:
        say(f"keeps {path}")


def _tell_what_differs(plan: Removal, removal: Removal) -> None:
    """Say what became of the files otherwise than was said before, and name all that stayed."""
    named = set(plan.deleted_files)
    for path in removal.deleted_files:
        if path not in named:
            say(f"deleted {path}")
    found = {*removal.deleted_files, *(kept.path for kept in removal.kept)}
    for path in plan.deleted_files:
        if path not in found:
            say(f"{path} was gone already")
    for kept in removal.kept:
        say(f"kept: {kept.path} ({kept.reason})")


def _tell_removed(what: str, removal: Removal) -> None:
    deleted = ""
    if count := len(removal.deleted_files):
        verb = "delete" if what.startswith("would") else "deleted"
        deleted = f", {verb} {_files(count)} of {size(removal.deleted_bytes)}"
    say(f"{what} {counted(len(removal.removed))}{deleted}")


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"
