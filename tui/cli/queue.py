"""`add`, `pause`, `resume`, `retry`, `cancel`, `rm`, `move`, `set`, `verify`: for the queue.

What refuses is named on stderr, one line each, and makes the exit status 1, or where `verify` finds
damage 32; the others are done.
"""

from __future__ import annotations

import argparse
from collections.abc import Coroutine, Iterable, Sequence
from itertools import chain
from typing import Any

from core.domain.collections import CollectionState
from core.domain.errors import ExitCode, UsageError
from core.domain.models import Download, Status
from core.domain.outcomes import Outcome, Removal
from core.domain.service import DownloadService
from tui.cli.adding import add_all, tell_added
from tui.cli.portions import portions
from tui.cli.service_access import Named, connected, named
from tui.cli.terminal import check_somebody_there, confirm, say
from tui.control.changing import change_of, collection_change_of
from tui.control.choosing import check_named
from tui.control.configuration import default_directory
from tui.input.arguments import named_requests, shared_request
from tui.input.source_options import is_collection
from tui.text.fmt import counted, sentence, short_id, size
from tui.text.verify_results import results, summary
from tui.text.wording import HELD


def add(args: argparse.Namespace) -> Coroutine[Any, Any, int]:
    """Queue downloads and print an id for each once it is on disk, or a collection and its name."""
    if is_collection(args):
        from tui.cli.collecting import add_collection  # noqa: PLC0415

        return add_collection(args)
    shared = shared_request(args, default_directory())
    requests = named_requests(args, shared)
    if args.input is not None:
        # Few need what reads lists.
        from tui.cli.list_adding import add_list  # noqa: PLC0415

        return add_list(args, shared, requests)

    async def ask() -> int:
        async with connected() as service:
            await tell_added(service, args, dict.fromkeys(await add_all(service, requests)))
            return ExitCode.OK

    return ask()


async def change(args: argparse.Namespace) -> int:
    """Do what `pause`, `resume`, `retry`, `cancel`, `move` or `set` asks for."""
    if getattr(args, "queue", False):
        return await _hold(args, paused=args.command == "pause")
    participle, ask_for = change_of(args)
    change_collection = collection_change_of(args)
    outcome, changed = Outcome(), 0
    async with connected() as service:
        found = await named(service, args, args.command)
        ids = found.all_ids
        for name in found.collections:
            if change_collection is not None and await change_collection(service, name):
                # Its members went along.
                ids, changed = found.ids, changed + 1
                say(f"{participle} the collection {name}")
        if ids or not changed:
            outcome = await ask_for(service, ids)
        await _tell_if_held(service, outcome.changed)
        if args.command == "retry":
            await _tell_what_goes_on(service, found.collections, retried=bool(outcome.changed))
    async for part in portions(outcome.refused):
        for refusal in part:
            say(f"{short_id(refusal.id)}: {sentence(refusal.error, brackets=False)}")
    await _say_all("", outcome.notes)
    if outcome.changed or not (outcome.refused or changed):
        say(f"{participle} {counted(len(outcome.changed))}")
    return ExitCode.OTHER if outcome.refused else ExitCode.OK


async def _tell_what_goes_on(
    service: DownloadService, names: Iterable[str], *, retried: bool
) -> None:
    """Say of collections what goes on where no file is `retried`, and what no retry mends."""
    for name in names:
        collection = (await service.collection(name)).collection
        if collection.state is CollectionState.READING:
            if not retried:
                say(f"{name}: its source is read again")
        elif count := collection.refused_count:
            refused = counted(count, "file") + (" was" if count == 1 else " were")
            say(f"{name}: {refused} refused; `winch sync {name}` reads its source again")


async def rm(args: argparse.Namespace) -> int:
    """Take downloads off the list; with --files their data goes too, after it was named."""
    check_named(args)
    if args.files and not args.dry_run:
        check_somebody_there(yes=args.yes, what="deletes what `--dry-run` names")
    async with connected() as service:
        # Fixed before the question is asked: what is added meanwhile was not meant.
        found = await named(service, args, "remove")
        plan = Removal()
        if args.files or args.dry_run:
            plan = await _remove(service, found, files=args.files, dry_run=True)
            if not found.collections:
                found = Named([download.id for download in plan.removed])
            await _name(plan)
        if found.ids == [] and not found.collections:
            if args.all:
                say("there is nothing to remove")
            return ExitCode.OK
        if args.dry_run:
            _tell_removed("would remove", plan)
            return ExitCode.OK
        if plan.deleted_files and not args.yes:
            question = f"delete {counted(len(plan.deleted_files), 'file')}?"
            confirm(question, refused="nothing was removed")
        removal = await _remove(service, found, files=args.files, dry_run=False)
        # Of all that there was, nothing else is left.
        for view in await service.collections() if args.all else ():
            await service.remove_collection(view.collection.name, files=args.files)
    await _tell_what_differs(plan, removal)
    await _say_all("kept ", removal.kept_files)
    await _say_all("removed the collection ", found.collections)
    _tell_removed("removed", removal)
    return ExitCode.OTHER if removal.kept else ExitCode.OK


async def _remove(service: DownloadService, found: Named, *, files: bool, dry_run: bool) -> Removal:
    """Remove what is named, collections as a whole, and return what that came to together."""
    removals = [
        await service.remove_collection(name, files=files, dry_run=dry_run)
        for name in found.collections
    ]
    if found.ids or not found.collections:
        removals.append(await service.remove(found.ids, files=files, dry_run=dry_run))
    return Removal(
        removed=tuple(chain.from_iterable(each.removed for each in removals)),
        deleted_files=tuple(chain.from_iterable(each.deleted_files for each in removals)),
        deleted_bytes=sum(each.deleted_bytes for each in removals),
        kept_files=tuple(chain.from_iterable(each.kept_files for each in removals)),
        kept=tuple(chain.from_iterable(each.kept for each in removals)),
    )


async def verify(args: argparse.Namespace) -> int:
    """Have finished files read and compared, and say of each how it is."""
    check_named(args)
    async with connected() as service:
        found = await named(service, args, "verify")
        outcome = await service.verify(found.all_ids or ())
        names = {view.download.id: view.download.name for view in await service.downloads()}
    # Of a collection, each that is as it should be goes without saying: `report` has all.
    for result in summary(outcome, names) if found.collections else results(outcome, names):
        say(result.text)
    codes = [refusal.error.code.exit_status for refusal in outcome.refused]
    if ExitCode.CHECKSUM in codes:
        return ExitCode.CHECKSUM
    return codes[0] if codes else ExitCode.OK


async def _hold(args: argparse.Namespace, *, paused: bool) -> int:
    others = (
        getattr(args, name, None)
        for name in ("ids", "all", "older_than", "limit", "failed", "fresh")
    )
    if any(others):
        raise UsageError("--queue is for the queue as a whole", hint="it stands alone")
    async with connected() as service:
        await service.hold(paused)
    say(HELD if paused else "the queue goes on")
    return ExitCode.OK


async def _tell_if_held(service: DownloadService, downloads: Iterable[Download]) -> None:
    """Say why downloads that could run do not."""
    if any(d.status is Status.PENDING for d in downloads) and (await service.status()).paused:
        say(HELD)


async def _name(plan: Removal) -> None:
    """Name what will be deleted, and what stays although it was asked for."""
    await _say_all("deletes ", plan.deleted_files)
    await _say_all("keeps ", [f"{kept.path} ({kept.reason})" for kept in plan.kept])
    await _say_all("keeps ", plan.kept_files)


async def _tell_what_differs(plan: Removal, removal: Removal) -> None:
    """Say what became of the files otherwise than was said before, and name all that stayed."""
    named = set(plan.deleted_files)
    await _say_all("deleted ", [path for path in removal.deleted_files if path not in named])
    found = {*removal.deleted_files, *(kept.path for kept in removal.kept)}
    gone = [path for path in plan.deleted_files if path not in found]
    await _say_all("", [f"{path} was gone already" for path in gone])
    await _say_all("kept: ", [f"{kept.path} ({kept.reason})" for kept in removal.kept])


async def _say_all(what: str, texts: Sequence[str]) -> None:
    async for part in portions(texts):
        for text in part:
            say(f"{what}{text}")


def _tell_removed(what: str, removal: Removal) -> None:
    deleted = ""
    if count := len(removal.deleted_files):
        verb = "delete" if what.startswith("would") else "deleted"
        deleted = f", {verb} {counted(count, 'file')} of {size(removal.deleted_bytes)}"
    say(f"{what} {counted(len(removal.removed))}{deleted}")
