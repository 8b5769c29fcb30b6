"""The verb after `:` that is about collections alone: to bring one up to date."""

from __future__ import annotations

import argparse

from core.domain.collections import SyncOptions
from core.domain.errors import UsageError
from tui.control.verb_context import VerbContext
from tui.text.collection_report import plan_sentence
from tui.text.fmt import clean, counted
from tui.text.sync_words import sync_counts, sync_lines

_MOST = 100
"""Paths of each kind that are named."""


async def sync(args: argparse.Namespace, context: VerbContext) -> str | None:
    """Read the source of a collection again; what it names no longer goes only if that is asked."""
    names = [args.name] if args.name else list(context.chosen_collections)
    if len(names) != 1:
        raise UsageError("which collection is to be read again?", hint="name one: sync NAME")
    name, service = names[0], context.service
    if args.dry_run:
        plan = await service.sync(name, SyncOptions(dry_run=True, delete_extra=args.delete_extra))
        return "\n".join(sync_lines(plan, most=_MOST, is_planned=True))
    if args.delete_extra and not args.yes:
        plan = await service.sync(name, SyncOptions(dry_run=True, delete_extra=True))
        count = sync_counts(plan)["deleted"]
        question = f"Delete {counted(count, 'file')} that the source names no longer?"
        paths = "\n".join(map(clean, plan.deleted[:_MOST]))
        more = f"\nand {count - _MOST:,} more" if count > _MOST else ""
        if count and not await context.confirm("Delete", question, paths + more):
            return None

    async def read() -> None:
        done = await service.sync(name, SyncOptions(delete_extra=args.delete_extra))
        context.tell(f"{name}: {plan_sentence(done)}")

    context.later(read())
    return None
