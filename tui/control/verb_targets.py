"""What a verb on the screen is for: what its words name, else what is chosen there."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from core.domain.errors import UsageError
from tui.control.choosing import NamedDownloads, choose
from tui.control.verb_context import VerbContext


@dataclass(frozen=True, slots=True)
class Targets:
    """Downloads by their ids, and collections as a whole.

    `members` are those of these collections that the verb is for, were it asked of each.
    """

    ids: tuple[str, ...]
    collections: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def all_ids(self) -> list[str]:
        """All downloads that are meant, one by one or with their collection."""
        return list(dict.fromkeys((*self.ids, *self.members)))


def targets(args: argparse.Namespace, context: VerbContext) -> Targets:
    """Return what a verb is for; raises UsageError where that is nothing."""
    known = context.collections
    choice = choose(args.ids, known, context.queue if known else ())
    if choice.is_plain:
        found = Targets(choice.ids)
    else:
        queue = context.queue
        ids = choice.ids_among(queue, lambda wanted: context.matching(wanted.text), args.command)
        found = Targets(tuple(ids), choice.collections, tuple(choice.members(queue, args.command)))
        if not (ids or found.collections) and choice.filter is not None:
            raise UsageError(f"nothing matches {choice.filter.text}")
    if not (found.ids or found.collections or args.all):
        found = _chosen(args.command, context)
        if not (found.ids or found.collections):
            raise UsageError("no download is chosen", hint="name ids, or mark some")
    return found


def _chosen(verb: str, context: VerbContext) -> Targets:
    """Return what is chosen on the screen, with a collection as a whole where all of it is."""
    names = tuple(context.chosen_collections)
    if not names:
        return Targets(tuple(context.chosen_ids))
    queue, whole = context.queue, frozenset(names)
    within = {download.id for download in queue if download.request.group in whole}
    ids = tuple(id_ for id_ in context.chosen_ids if id_ not in within)
    return Targets(ids, names, tuple(NamedDownloads(collections=names).members(queue, verb)))
