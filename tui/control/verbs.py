"""The verbs after `:`, carried out on the screen and by its service.

What each does to the downloads it shares with the command of that name; here are the questions and
the answers.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

from core.domain.entries import Refused
from core.domain.errors import DaemonError, UsageError
from core.domain.outcomes import Outcome
from core.domain.service import DownloadService
from core.domain.upkeep import Leftover
from tui.control.changing import change_of, collection_change_of
from tui.control.collecting import collect
from tui.control.collection_verbs import sync
from tui.control.list_reading import in_place, portions_ahead
from tui.control.verb_context import VerbContext
from tui.control.verb_parser import ParsedLine
from tui.control.verb_targets import Targets, targets
from tui.input.arguments import history_query, limit_changes, named_requests, shared_request
from tui.input.source_options import collection_request, is_collection, named_files
from tui.model.undo import Undo, of_move, of_priority
from tui.text import fmt
from tui.text.fmt import counted
from tui.text.in_force import limit_lines
from tui.text.removal import MOST_NAMES, deleted_note, kept_note, merged
from tui.text.verify_results import summary
from tui.text.wording import in_full

_TOLD = 5
"""Lines of a list that are named as wrong."""


async def carry_out(line: ParsedLine, context: VerbContext) -> str:
    """Do what was asked for, and return what is to be read then; raises WinchError."""
    return line.help or await HANDLERS[line.args.command](line.args, context) or ""


async def _change(args: argparse.Namespace, context: VerbContext) -> None:
    if getattr(args, "queue", False):
        if args.ids or args.all:
            raise UsageError("--queue is for the queue as a whole", hint="it stands alone")
        await context.service.hold(args.command == "pause")
        return
    found = targets(args, context)
    participle, ask = change_of(argparse.Namespace(**{**vars(args), "ids": found.all_ids}))
    change_collection, service = collection_change_of(args), context.service
    undo, changed = _undo_of(args, found, context), 0
    for name in found.collections:
        changed += change_collection is not None and await change_collection(service, name)
    # Where a collection was changed its members went along.
    ids = list(found.ids) if changed else found.all_ids
    outcome = Outcome()
    if ids or args.all or not changed:
        outcome = await ask(service, None if args.all else ids)
    if undo is not None:
        context.remember(undo)
    for refusal in outcome.refused:
        error = refusal.error
        hint = f"\n{error.hint}" if error.hint else ""
        context.tell(f"{fmt.short_id(refusal.id)}: {error.message}{hint}", wrong=True)
    for note in outcome.notes:
        context.tell(note)
    if changed:
        context.tell(f"{participle} {', '.join(found.collections)}")
    if outcome.changed or not (outcome.refused or changed):
        context.tell(f"{participle} {counted(len(outcome.changed))}")


def _undo_of(args: argparse.Namespace, found: Targets, context: VerbContext) -> Undo | None:
    """Return what takes a change back that is about to be made, None where nothing does."""
    is_move = args.command == "move"
    if not is_move and (args.command != "set" or args.priority is None):
        return None
    downloads, named = context.queue, set(found.all_ids)
    begun = tuple(named.difference(download.id for download in downloads))
    chosen = [d for d in downloads if d.id in named or d.id.startswith(begun)]
    if is_move:
        return of_move(downloads, {d.id for d in chosen})
    return of_priority(chosen, [context.collections[name] for name in found.collections])


async def _add(args: argparse.Namespace, context: VerbContext) -> None:
    if args.input == "-":
        raise UsageError("there is no stdin here", hint="name a file")
    if args.user is not None and ":" not in args.user:
        raise UsageError("the password is missing", hint="write --user NAME:PASSWORD")
    if is_collection(args):
        await _collect(args, context)
        return
    shared = shared_request(args, context.directory)
    requests = named_requests(args, shared)
    if args.input is not None:
        refused: list[Refused] = []
        async for portion in portions_ahead(args):
            placed, wrong = await in_place(shared, portion.entries)
            requests += placed
            refused += (*portion.refused, *wrong)
        _tell_refused(refused, context)
    added = await context.service.add(requests)
    context.tell(f"queued {counted(len(added))}")


async def _collect(args: argparse.Namespace, context: VerbContext) -> None:
    request = collection_request(args, context.directory)
    urls, refused = named_files(args), list[Refused]()

    def connect() -> AbstractAsyncContextManager[DownloadService]:
        return nullcontext(context.service)

    await collect(connect, args, request, urls, refused.extend)
    _tell_refused(refused, context)
    context.tell(f"the collection {request.name} is in the list")


def _tell_refused(refused: Sequence[Refused], context: VerbContext) -> None:
    if refused:
        lines = [f"{each.where}: {each.reason}" for each in refused[:_TOLD]]
        more = [f"and {len(refused) - _TOLD:,} more"] if len(refused) > _TOLD else []
        context.tell("\n".join(lines + more), wrong=True)


async def _ls(args: argparse.Namespace, context: VerbContext) -> None:
    words = " ".join(args.filter)
    if args.status is not None:
        words = f"{words} status:{args.status}".strip()
    context.show_list(words, args.sort, is_reversed=args.reverse)


async def _show(args: argparse.Namespace, context: VerbContext) -> str | None:
    args.ids = args.id
    found = targets(args, context)
    if found.collections and not found.ids:
        context.open_collection(found.collections[0])
        return None
    views = [await context.service.find(id_) for id_ in found.ids]
    return "\n\n".join("\n".join(in_full(view)) for view in views)


async def _rm(args: argparse.Namespace, context: VerbContext) -> str | None:
    found = targets(args, context)
    service = context.service
    plans = [
        await service.remove_collection(name, files=args.files, dry_run=True)
        for name in found.collections
    ]
    if found.ids or args.all:
        ids = None if args.all else found.ids
        plans.append(await service.remove(ids, files=args.files, dry_run=True))
    plan = merged(plans)
    if not (plan.removed or found.collections):
        raise UsageError("there is nothing to remove")
    what = counted(len(plan.removed))
    if found.collections:
        what = f"{', '.join(found.collections)} with {what}"
    if args.dry_run:
        note = deleted_note(plan) if args.files else kept_note(plan.removed, context.collections)
        return f"This would remove {what}. {note}"
    question = f"Remove {what} and delete the data?"
    if not args.files or args.yes or await context.confirm("Delete", question, deleted_note(plan)):
        whole = frozenset(found.collections)
        beside = [each.id for each in plan.removed if each.request.group not in whole]
        context.remove(beside, files=args.files, collections=found.collections)
    return None


async def _verify(args: argparse.Namespace, context: VerbContext) -> None:
    ids = targets(args, context).all_ids
    service = context.service
    names = {download.id: download.name for download in context.queue}

    async def verify() -> None:
        for result in summary(await service.verify(ids), names):
            context.tell(result.text, wrong=result.is_wrong)

    context.later(verify())


async def _limit(args: argparse.Namespace, context: VerbContext) -> str:
    changed = await context.service.limit(limit_changes(args))
    return "\n".join(limit_lines(changed, await context.service.settings_in_force()))


async def _history(args: argparse.Namespace, context: VerbContext) -> None:
    match args.words:
        case ["export", *_]:
            raise UsageError("H opens the history, and e in it exports")
        case ["clear"]:
            question = "Forget every attempt that was ever made?"
            if args.yes or await context.confirm("History", question, "The files stay."):
                context.tell(f"forgot {await context.service.clear_history():,} attempts")
            return
    context.open_history(history_query(args, " ".join(args.words), limit=args.limit or None))


async def _stats(args: argparse.Namespace, context: VerbContext) -> None:
    context.open_statistics(args.days)


async def _clean(args: argparse.Namespace, context: VerbContext) -> str | None:
    service = context.service
    found = await service.clean(dry_run=True)
    if found.refused is not None:
        raise UsageError(found.refused)
    if not found.removed:
        return "There is nothing to remove."
    names = [_leftover(item) for item in found.removed]
    if args.dry_run:
        return "\n".join(["These would go:", *names])
    if not args.yes:
        question = f"Remove {counted(len(names), 'file')} for good?"
        more = f"\nand {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
        if not await context.confirm("Clean", question, "\n".join(names[:MOST_NAMES]) + more):
            return None
    cleanup = await service.clean(dry_run=False, only=[item.path for item in found.removed])
    total = sum(item.size for item in cleanup.removed)
    context.tell(f"removed {len(cleanup.removed):,} files, {fmt.size(total)}")
    asked = {item.path for item in found.removed}
    if kept := [item for item in cleanup.kept if item.path in asked]:
        context.tell("\n".join(f"kept: {item.path} ({item.reason})" for item in kept), wrong=True)
    return None


def _leftover(item: Leftover) -> str:
    return f"{fmt.size(item.size):>9}  {fmt.clean(item.path)} ({fmt.clean(item.reason)})"


async def _daemon(args: argparse.Namespace, context: VerbContext) -> None:
    if args.action != "start":
        what = f"`daemon {args.action}` is for a shell: this screen hangs on the daemon"
        raise UsageError(what, hint="here there is `daemon start`")
    try:
        status = await context.service.status()
    except DaemonError:
        context.reconnect()
    else:
        context.tell(f"the daemon runs, process {status.pid}")


async def _quit(_: argparse.Namespace, context: VerbContext) -> None:
    context.leave()


HANDLERS: dict[str, Callable[[argparse.Namespace, VerbContext], Awaitable[str | None]]] = {
    "add": _add,
    "ls": _ls,
    "show": _show,
    "pause": _change,
    "resume": _change,
    "retry": _change,
    "cancel": _change,
    "rm": _rm,
    "move": _change,
    "set": _change,
    "verify": _verify,
    "sync": sync,
    "limit": _limit,
    "history": _history,
    "stats": _stats,
    "clean": _clean,
    "daemon": _daemon,
    "quit": _quit,
}
