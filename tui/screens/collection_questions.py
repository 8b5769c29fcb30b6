"""What is asked before a collection is brought up to date or removed: what that would do."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import App

from core.domain.collections import SyncOptions, SyncPlan
from core.domain.service import DownloadService
from tui.control.collection_requests import CollectionRequests
from tui.screens.confirm_dialog import ConfirmDialog
from tui.text.fmt import clean, counted, cut_middle
from tui.text.removal import deleted_note, hidden_note, kept_note
from tui.text.sync_words import sync_counts, sync_lines

_MOST = 100
"""Paths of each kind that are named."""


async def ask_about_sync(
    app: App[int], requests: CollectionRequests, service: Callable[[], DownloadService]
) -> None:
    """Say what reading the source again would do, and do it where somebody agrees.

    What it names no longer is deleted only after a question of its own.
    """
    plans: list[SyncPlan] = []

    async def look() -> str:
        plan = await service().sync(requests.name, SyncOptions(delete_extra=True, dry_run=True))
        plans.append(plan)
        return "\n".join(sync_lines(plan, most=_MOST, is_planned=True))

    async def agreed(answer: bool | None) -> None:
        if answer and plans:
            await _ask_about_extra(app, requests, plans[-1])

    question = f"Bring {_called(requests)} up to date with its source?"
    dialog = ConfirmDialog("Sync", question, no="Leave", careful=False, look=look)
    await app.push_screen(dialog, agreed)


async def _ask_about_extra(app: App[int], requests: CollectionRequests, plan: SyncPlan) -> None:
    if not (count := sync_counts(plan)["deleted"]):
        requests.sync(delete_extra=False)
        return
    names = "\n".join(map(clean, plan.deleted[:_MOST]))
    more = f"\nand {count - _MOST:,} more" if count > _MOST else ""
    dialog = ConfirmDialog(
        "Delete",
        f"Delete {counted(count, 'file')} that the source names no longer?",
        note=f"This is not undone by a key. With n the rest is done.\n\n{names}{more}",
    )
    await app.push_screen(dialog, lambda answer: requests.sync(delete_extra=bool(answer)))


async def ask_about_removal(
    app: App[int],
    requests: CollectionRequests,
    service: Callable[[], DownloadService],
    *,
    files: bool,
) -> None:
    """Say what a removal would take away, and do it where somebody agrees."""

    async def look() -> str:
        plan = await requests.would_remove(service(), files=files)
        if files:
            return deleted_note(plan)
        hidden = hidden_note([requests.collection] if requests.collection is not None else [])
        return hidden + kept_note(plan.removed, requests.known)

    def act(answer: bool | None) -> None:
        if answer:
            requests.remove(files=files)

    verb, how = ("Delete", "and delete its files") if files else ("Remove", "from the list")
    question = f"Remove the collection {_called(requests)} {how}?"
    await app.push_screen(ConfirmDialog(verb, question, careful=files, look=look), act)


def _called(requests: CollectionRequests) -> str:
    return cut_middle(clean(requests.name), 40)
