"""`add`, `pause`, `resume`, `retry`, `cancel`, `rm`, `move`, `set`: change the queue and leave.

What refuses is named on stderr, one line each, and makes the exit status 1; the others are done.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from core import launcher
from core.domain.errors import ExitCode, StoppedError, UsageError
from core.domain.models import Download, Status
from core.domain.service import Changes, DownloadService, MoveTo, Outcome
from core.domain.units import parse_rate
from tui.cli.client import connected
from tui.cli.records import dump, record
from tui.cli.requests import from_arguments
from tui.cli.signals import Signals
from tui.cli.terminal import out, say, sentence
from tui.format import short_id

_Change = Callable[[DownloadService], Awaitable[Outcome]]


def add(args: argparse.Namespace) -> int:
    """Queue downloads and print an id for each once it is on disk."""
    requests = from_arguments(args, launcher.load_settings().downloads.directory)

    async def ask() -> int:
        async with connected() as service:
            added = {download.id: download for download in await service.add(requests)}
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
    """Stop downloads and keep what they have."""
    ids = _chosen(args)
    return _change("paused", lambda service: service.pause(ids))


def resume(args: argparse.Namespace) -> int:
    """Let paused downloads go on."""
    ids = _chosen(args)
    return _change("resumed", lambda service: service.resume(ids))


def retry(args: argparse.Namespace) -> int:
    """Try failed downloads again now."""
    ids = _chosen(args)
    return _change("retried", lambda service: service.retry(ids))


def cancel(args: argparse.Namespace) -> int:
    """Give downloads up and keep their part files."""
    ids = _chosen(args)
    return _change("cancelled", lambda service: service.cancel(ids))


def move(args: argparse.Namespace) -> int:
    """Move downloads within the queue."""
    if not args.ids:
        raise UsageError("there is nothing to move", hint="name downloads by their ids")
    to = args.to if isinstance(args.to, int) else MoveTo(args.to)
    return _change("moved", lambda service: service.move(args.ids, to))


def change(args: argparse.Namespace) -> int:
    """Change what was asked for of downloads, which holds at once for those that run too."""
    if not args.ids:
        raise UsageError("there is nothing to change", hint="name downloads by their ids")
    changes = Changes(
        priority=args.priority,
        limit=None if args.limit is None else parse_rate(args.limit) or 0,
        connections=args.connections,
        group=args.group,
    )
    if changes == Changes() and not args.now:
        raise UsageError("there is no change", hint="see 'winch set --help'")

    async def ask(service: DownloadService) -> Outcome:
        outcome = Outcome()
        if changes != Changes():
            outcome = await service.set(args.ids, changes)
        return await service.start_now(args.ids) if args.now else outcome

    return _change("changed", ask)


def rm(args: argparse.Namespace) -> int:
    """Take downloads off the list; with --files their data goes too, after it was named."""
    ids = _chosen(args)

    async def ask() -> int:
        async with connected() as service:
            # Fixed before the question is asked: what is added meanwhile was not meant.
            chosen = await _find(service, ids)
            if not chosen:
                say("there is nothing to remove")
                return ExitCode.OK
            if args.files:
                _confirm(chosen, asks=not args.yes)
            removal = await service.remove([d.id for d in chosen], files=args.files)
        for path in removal.kept_files:
            say(f"kept {path}")
        say(_counted("removed", len(removal.removed)))
        return ExitCode.OK

    return Signals().run(ask())


def _chosen(args: argparse.Namespace) -> Sequence[str] | None:
    if bool(args.ids) == args.all:
        what = "both ids and --all" if args.all else "no downloads"
        raise UsageError(f"{what} were named", hint="name ids, or --all")
    return None if args.all else args.ids


def _change(participle: str, change: _Change) -> int:
    async def ask() -> int:
        async with connected() as service:
            outcome = await change(service)
        for refusal in outcome.refused:
            say(f"{short_id(refusal.id)}: {sentence(refusal.error)}")
        if outcome.changed or not outcome.refused:
            say(_counted(participle, len(outcome.changed)))
        return ExitCode.OTHER if outcome.refused else ExitCode.OK

    return Signals().run(ask())


def _counted(participle: str, count: int) -> str:
    return f"{participle} {count} download{'' if count == 1 else 's'}"


async def _find(service: DownloadService, ids: Sequence[str] | None) -> list[Download]:
    if ids is None:
        return [view.download for view in await service.downloads()]
    found = [(await service.find(id_)).download for id_ in ids]
    return list({download.id: download for download in found}.values())


def _confirm(downloads: Sequence[Download], *, asks: bool) -> None:
    """Name what will be deleted, and on a terminal ask; raises StoppedError on anything but yes."""
    paths = [d.path if d.status is Status.COMPLETED else d.part_path for d in downloads]
    there = [path for path in paths if Path(path).exists()]
    for path in there:
        say(f"deletes {path}")
    if not (asks and there and sys.stdin.isatty()):
        return
    print(f"winch: delete {len(there)} files? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise StoppedError("nothing was removed")
