"""`winch clean`: remove what nothing needs any more, each file named with its size and the reason.

Data goes too, the part files of downloads that are in no list: it asks first.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from core.domain.errors import ExitCode
from core.domain.upkeep import Cleanup, Leftover
from tui.cli.service_access import connected
from tui.cli.terminal import check_somebody_there, confirm, out, say
from tui.text import fmt
from tui.text.json_records import dump, leftover_record


async def run(args: argparse.Namespace) -> int:
    """Remove leftovers, or with --dry-run name them; 1 where nothing may be removed."""
    if not args.dry_run:
        check_somebody_there(yes=args.yes, what="removes what `--dry-run` names")
    async with connected() as service:
        cleanup = await service.clean(dry_run=True)
        if not args.dry_run and cleanup.removed:
            if not args.yes:
                _confirm(cleanup.removed)
            cleanup = await service.clean(
                dry_run=False, only=[leftover.path for leftover in cleanup.removed]
            )
    _print(cleanup, dry_run=args.dry_run, as_json=args.json)
    return ExitCode.OK if cleanup.refused is None else ExitCode.OTHER


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
        done = "would go" if dry_run else "removed"
        out(*(_line(done, leftover) for leftover in cleanup.removed))
        out(*(_line("kept", leftover) for leftover in cleanup.kept))
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
    """Name what will go, and ask; raises StoppedError on anything but yes."""
    for leftover in leftovers:
        say(f"deletes {leftover.path}, {fmt.size(leftover.size)} ({leftover.reason})")
    confirm(f"delete {_files(len(leftovers))}?", refused="nothing was removed")


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
