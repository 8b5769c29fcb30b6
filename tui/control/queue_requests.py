"""What a key asks the service to do with the downloads that are chosen, and how it is taken back.

Nothing here changes the screen: what is shown changes when the service says that it has changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Container, Iterable, Sequence
from typing import Protocol

from core.domain.collections import (
    Collection,
    CollectionChanges,
)
from core.domain.errors import UnknownIdError
from core.domain.lifecycle import Action
from core.domain.models import Download, DownloadRequest, Status
from core.domain.outcomes import Outcome
from core.domain.service import MOST_REMOVED, Changes, DownloadService, LimitChanges, MoveTo
from tui.control.applicable import Applicable, can_start, is_unread, may
from tui.control.changing import read_again
from tui.control.taking_back import take_back
from tui.model.rows import DownloadRow
from tui.model.selection import Selection, is_unsound
from tui.model.store import DownloadStore
from tui.model.undo import (
    Undo,
    of_move,
    of_priority,
    of_removal,
)
from tui.model.view import View
from tui.text import fmt
from tui.text.removal import kept_lines, merged
from tui.text.verify_results import summary

ServiceCall = Callable[[DownloadService], Awaitable[object]]
AddCall = Callable[[Sequence[DownloadRequest]], Awaitable[None]]
"""Queues downloads; raises WinchError when the service refuses."""


class Tell(Protocol):
    """Says something in passing, cleaned; longer where something is `wrong`."""

    def __call__(self, text: str, *, wrong: bool = False) -> None: ...


class QueueRequests(Applicable):
    """Turns what is chosen into requests; `ask` sends them and says what was refused.

    `tell` says what came of those that show nothing else.
    """

    def __init__(
        self,
        store: DownloadStore,
        view: View,
        selection: Selection,
        ask: Callable[[ServiceCall], None],
        tell: Tell,
    ) -> None:
        super().__init__(store, view, selection)
        self._ask = ask
        self._tell = tell

    @property
    def chosen(self) -> list[Download]:
        """What is chosen, and so what an action is for, in the order of the queue."""
        return [self._store.download(id_) for id_ in self._selection.chosen_ids]

    def parted(self, downloads: Sequence[Download]) -> tuple[list[Collection], list[Download]]:
        """Return the collections that are chosen as a whole, and what is chosen beside them."""
        whole = self._selection.chosen_collections
        names = {each.name for each in whole}
        return whole, [d for d in downloads if d.request.group not in names]

    @property
    def queue(self) -> list[Download]:
        """Every download, in the order of the queue."""
        return [self._store.download(id_) for id_ in self._store.ids]

    # What runs and what waits.

    def toggle_pause(self) -> None:
        """Pause what goes on by itself; where nothing does, let what is paused go on."""
        pauses = self.pauses
        test = self.is_pausable if pauses else self.is_resumable
        whole = [each.name for each in self._selection.chosen_collections if test(each)]
        ids = self._ids(may(Action.PAUSE if pauses else Action.RESUME), besides=whole)

        async def change(service: DownloadService) -> Outcome:
            for name in whole:
                await service.change_collection(name, CollectionChanges(paused=pauses))
            if not ids:
                return Outcome()
            return await (service.pause(ids) if pauses else service.resume(ids))

        self._ask(change)

    def hold(self) -> None:
        """Hold the whole queue, or let it go on."""
        is_held = self._store.paused
        self._ask(lambda service: service.hold(not is_held))

    def retry(self) -> None:
        """Try again what failed, and read again the sources that could not be read."""
        may_retry = may(Action.RETRY)
        ids = [d.id for d in self.chosen if may_retry(d.status) or is_unsound(d)]
        self.retry_these(ids, filter(is_unread, self._selection.chosen_collections))

    def retry_these(self, ids: Sequence[str], unread: Iterable[Collection]) -> None:
        """Try downloads again, and read again the sources of collections."""
        names = [each.name for each in unread]

        async def retry(service: DownloadService) -> Outcome:
            for name in names:
                await read_again(service, name)
            return await service.retry(ids) if ids else Outcome()

        self._ask(retry)

    def retry_all(self) -> None:
        self._ask(lambda service: service.retry(None))

    def start_now(self) -> None:
        """Start what waits, before all others."""
        ids = self._ids(can_start)
        self._ask(lambda service: service.start_now(ids))

    def set_limit(
        self, ids: Sequence[str], rate: int | None, collections: Sequence[str] = ()
    ) -> None:
        """Give downloads, and collections as a whole, a limit in bytes/s, or none."""

        async def limit(service: DownloadService) -> Outcome:
            for name in collections:
                await service.change_collection(name, CollectionChanges(limit=rate or 0))
                self._tell(f"limit {_limit(rate)} for all of {name}")
            if not ids:
                return Outcome()
            outcome = await service.set(ids, Changes(limit=rate or 0))
            self._tell(f"limit {_limit(rate)}{_of(outcome.changed)}")
            return outcome

        self._ask(limit)

    def set_total_limit(self, rate: int | None) -> None:
        """Give all downloads together a limit in bytes/s, or none."""

        async def limit(service: DownloadService) -> None:
            limits = await service.limit(LimitChanges(rate=rate or 0))
            self._tell(f"limit of all {_limit(limits.rate)}")

        self._ask(limit)

    def replace_url(self, download_id: str, url: str) -> None:
        async def replace(service: DownloadService) -> Outcome:
            outcome = await service.replace_url(download_id, url)
            for download in outcome.changed:
                self._tell(f"another URL for {download.name}")
            return outcome

        self._ask(replace)

    def verify(self) -> None:
        """Have finished files read again and compared, and say how they are."""
        finished = [d for d in self.chosen if d.status is Status.COMPLETED]
        names = {download.id: download.name for download in finished}

        async def verify(service: DownloadService) -> None:
            for verdict in summary(await service.verify(list(names)), names):
                self._tell(verdict.text, wrong=verdict.is_wrong)

        self._ask(verify)

    # What can be taken back.

    def remove(
        self, ids: Sequence[str], *, files: bool = False, collections: Sequence[str] = ()
    ) -> None:
        """Take downloads off the list, and collections with theirs; with files that is for good."""
        present = [id_ for id_ in ids if id_ in self._store]
        known = self._store.collections
        whole = [known[name] for name in collections if name in known]

        async def remove(service: DownloadService) -> None:
            # Only what can be taken back has to be known.
            kept = () if files else whole
            records = [(await service.collection(each.name)).collection for each in kept]
            removals = [await service.remove_collection(each.name, files=files) for each in whole]
            if present:
                removals.append(await service.remove(present, files=files))
            removal = merged(removals)
            gone = [download.id for download in removal.removed]
            if removal.kept:
                self._tell(kept_lines(removal), wrong=True)
            if files:
                self._undos.forget(set(gone))
                return
            # What gathers out of sight has no place to come back to.
            hidden = {each.name for each in records if each.is_hidden}
            gone = [each.id for each in removal.removed if each.request.group not in hidden]
            shown = [each for each in records if not each.is_hidden]
            if gone or shown:
                self._undos.remember(of_removal(gone, shown))

        if present or whole:
            self._ask(remove)

    def move_past(self, step: int) -> None:
        """Move up (-1) or down (1) the queue, past what is shown there."""
        self.move(self._beside(step) or (MoveTo.UP if step < 0 else MoveTo.DOWN))

    def remember(self, undo: Undo) -> None:
        """Let a change that was made otherwise be the next to be taken back."""
        self._undos.remember(undo)

    def undo(self) -> None:
        """Take the last change back that can be, and say which it was."""
        undo = self._undos.take()

        async def undo_all(service: DownloadService) -> Outcome:
            outcomes = [
                await take_back(step, service) for step in undo.steps_for(self._store.by_id)
            ]
            refused = [refusal for outcome in outcomes for refusal in outcome.refused]
            others = [r for r in refused if r.error.code != UnknownIdError.code]
            if lost := undo.lost + len(refused) - len(others):
                why = f"only the last {MOST_REMOVED:,} are remembered"
                self._tell(f"Undone: {undo.what}, all but {lost:,}: {why}.", wrong=True)
            else:
                self._tell(f"Undone: {undo.what}.")
            return Outcome(refused=tuple(others))

        self._ask(undo_all)

    def move(self, to: MoveTo | int) -> None:
        """Move what is chosen to a place in the queue, counted from 1."""
        ids = self._selection.chosen_ids
        undo = of_move(self.queue, set(ids))

        async def move(service: DownloadService) -> Outcome:
            outcome = await service.move(ids, to)
            self._undos.remember(undo)
            return outcome

        self._ask(move)

    def _beside(self, step: int) -> int | None:
        """Return where one download comes to stand past its neighbour in sight.

        None where the queue's own neighbour is it, or several are chosen.
        """
        row = self._selection.row
        if len(self._selection.chosen_set) != 1 or not isinstance(row, DownloadRow):
            return None
        index = self._selection.index + step
        if not 0 <= index < len(self._view):
            return None
        neighbour = self._view.row_at(index)
        if not isinstance(neighbour, DownloadRow) or neighbour.id not in self._store:
            # A group, or gone since the last frame.
            return None
        place = self._store.position(neighbour.id)
        # Relative to what is there then, so that the key counts as often as it is pressed.
        return None if abs(place - self._store.position(row.id)) == 1 else place

    def raise_priority(self, step: int) -> None:
        """Raise the priority of what is chosen; by less than 0, lower it."""
        self.raise_priority_of(self.chosen, self._selection.chosen_collections, step)

    def raise_priority_of(
        self, downloads: Sequence[Download], collections: Sequence[Collection], step: int
    ) -> None:
        """Raise a priority; the members of a collection follow it, whatever they had."""
        undo = of_priority(downloads, collections)
        names = {each.name for each in collections}
        by_priority: dict[int, list[str]] = defaultdict(list)
        for download in downloads:
            if download.request.group not in names:
                by_priority[download.request.priority + step].append(download.id)

        async def prioritize(service: DownloadService) -> None:
            for each in collections:
                now = each.priority + step
                await service.change_collection(each.name, CollectionChanges(priority=now))
                self._tell(f"priority {now} for all of {each.name}")
            changed: list[Download] = []
            for priority, ids in by_priority.items():
                changed += (await service.set(ids, Changes(priority=priority))).changed
            self._undos.remember(undo)
            if changed:
                now_have = [download.request.priority for download in changed]
                to = f" to {max(now_have)}" if max(now_have) > min(now_have) else ""
                self._tell(f"priority {min(now_have)}{to}{_of(changed)}")

        self._ask(prioritize)

    def _ids(
        self, test: Callable[[Status], bool], *, besides: Container[str | None] = ()
    ) -> list[str]:
        """Return what is chosen in some states, but for the members of collections."""
        return [d.id for d in self.chosen if test(d.status) and d.request.group not in besides]


def _limit(rate: int | None) -> str:
    return fmt.rate(rate) if rate else "off"


def _of(downloads: Sequence[Download]) -> str:
    """Return how many downloads were changed, where that was not one."""
    return "" if len(downloads) == 1 else f" for {len(downloads):,} downloads"
