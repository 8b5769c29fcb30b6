"""`winch clean`: remove what nothing needs any more, each file named with its size and the reason.

Data goes too, the part files of downloads that are in no list: on a terminal it asks first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from core.domain.errors import ExitCode, StoppedError
from core.domain.upkeep import Cleanup, Leftover, LeftoverKind
from tui import format as fmt
from tui.cli.client import connected
from tui.cli.records import dump, leftover_record
from tui.cli.signals import Signals
from tui.cli.terminal import out, say


def run(args: argparse.Namespace) -> int:
    """Remove leftovers, or with --dry-run name them; 1 where nothing may be removed."""

    async def ask() -> int:
        async with connected() as service:
            if args.dry_run:
                cleanup = await service.clean(dry_run=True)
            else:
                if not args.yes and sys.stdin.isatty():
                    _confirm((await service.clean(dry_run=True)).removed)
                cleanup = await service.clean(dry_run=False)
        _print(cleanup, dry_run=args.dry_run, as_json=args.json)
        return ExitCode.OK if cleanup.refused is None else ExitCode.OTHER

    return Signals().run(ask())


def _print(cleanup: Cleanup, *, dry_run: bool, as_json: bool) -> None:
    total = sum(leftover.size for leftover in cleanup.removed)
    if as_json:
        out(
            dump(
                {
                    "dry_run": dry_run,
                    "refused": cleanup.refused,
                    "removed": [leftover_record(leftover) for leftover in cleanup.removed],
                    "kept": [leftover_record(leftover) for leftover in cleanup.kept],
                    "total_bytes": total,
                }
            )
        )
    else:
        for leftover in cleanup.removed:
            out(_line("would go" if dry_run else "removed", leftover))
        for leftover in cleanup.kept:
            out(_line("kept", leftover))
    if cleanup.refused is not None:
        say(cleanup.refused)
    elif not cleanup.removed:
        say("there is nothing to remove")
    else:
        would = "would remove" if dry_run else "removed"
        say(f"{would} {_files(len(cleanup.removed))}, {fmt.size(total)}")


def _line(what: str, leftover: Leftover) -> str:
    path, reason = fmt.clean(leftover.path), fmt.clean(leftover.reason)
    return f"{what:<9}  {fmt.size(leftover.size):>9}  {leftover.kind:<14}  {path} ({reason})"


def _confirm(leftovers: Sequence[Leftover]) -> None:
    """Name the data that will go, and ask; raises StoppedError on anything but yes."""
    parts = [leftover for leftover in leftovers if leftover.kind is LeftoverKind.PART_FILE]
    for part in parts:
        say(f"deletes {part.path}, {fmt.size(part.size)}")
    if not parts:
        return
    question = f"delete {_files(len(parts))} with data? [y/N]"
    print(f"winch: {question} ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise StoppedError("nothing was removed")


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
