"""Which keys mean anything for the downloads that are chosen, and what they are called then.

Asked at each repaint, so that it looks at states and sums and not at each of many downloads.
"""

from __future__ import annotations

from collections.abc import Callable

from core.domain.collections import Collection, CollectionState
from core.domain.lifecycle import Action, allowed_actions
from core.domain.models import Status
from tui.model.ordering import Order
from tui.model.rows import GroupRow
from tui.model.selection import Selection
from tui.model.store import DownloadStore
from tui.model.undo import Undos
from tui.model.view import View

_ALWAYS = frozenset({"hold", "limit_all"})
_FOR_COLLECTIONS = frozenset(
    {"remove", "remove_files", "limit", "raise_priority", "lower_priority"}
)
"""What applies to a collection as a whole, also where that has no members."""


class Applicable:
    """Tells it of a selection, and of the changes that can be taken back."""

    def __init__(self, store: DownloadStore, view: View, selection: Selection) -> None:
        self._store = store
        self._view = view
        self._selection = selection
        self._undos = Undos()

    def can(self, action: str) -> bool:
        """Tell whether an action applies to anything of what is chosen."""
        if action in _ALWAYS or (action in _FOR_COLLECTIONS and self._selection.chosen_collections):
            return True
        match action:
            case "undo":
                return bool(self._undos)
            case "retry_all":
                return bool(self._store.sums.counts.get(Status.FAILED))
            case "toggle_pause":
                return self.pauses or self.resumes
            case "retry":
                is_any = self._any(may(Action.RETRY)) or self._selection.has_unsound
                return is_any or any(map(is_unread, self._selection.chosen_collections))
            case "start_now":
                return self._any(can_start)
            case "verify":
                return self._any(lambda status: status is Status.COMPLETED)
            case "replace_url":
                is_one = self._selection.chosen_count == 1
                return is_one and self._any(lambda status: status is not Status.COMPLETED)
            case "move_up" | "move_down":
                return self._any(lambda _: True) and self._view.order == Order()
            case _:
                return self._any(lambda _: True)

    def label(self, action: str) -> str | None:
        """Return what an action is called where it would do something else than usual."""
        row = self._selection.row
        if action == "toggle_details" and isinstance(row, GroupRow):
            return "Open" if row.name in self._store.collections else "Fold"
        if action != "toggle_pause" or self.pauses:
            return None
        return "Resume" if self.resumes else None

    def is_pausable(self, collection: Collection) -> bool:
        """Tell whether anything of a collection goes on by itself."""
        counts = self._store.members(collection.name).counts
        goes_on = counts[Status.PENDING] or counts[Status.ACTIVE]
        is_read = collection.state is CollectionState.READING and not collection.paused
        return bool(goes_on) or is_read

    def is_resumable(self, collection: Collection) -> bool:
        """Tell whether a collection is paused, or any of its members."""
        return collection.paused or self._store.members(collection.name).counts[Status.PAUSED] > 0

    @property
    def pauses(self) -> bool:
        """Whether anything of what is chosen goes on by itself."""
        is_any = self._any(may(Action.PAUSE))
        return is_any or any(map(self.is_pausable, self._selection.chosen_collections))

    @property
    def resumes(self) -> bool:
        """Whether anything of what is chosen can be let go on."""
        is_any = self._any(may(Action.RESUME))
        return is_any or any(map(self.is_resumable, self._selection.chosen_collections))

    def _any(self, test: Callable[[Status], bool]) -> bool:
        return any(map(test, self._selection.chosen_statuses))


def may(*actions: Action) -> Callable[[Status], bool]:
    """Return whether a state admits one of these actions."""
    return lambda status: not allowed_actions(status).isdisjoint(actions)


def is_unread(collection: Collection) -> bool:
    """Tell whether the source of a collection could not be read and may be read again."""
    source = collection.source
    return collection.read_error is not None and source is not None and source.kind != "list"


def can_start(status: Status) -> bool:
    """Tell whether a download of this state can be started at once."""
    return status not in (Status.ACTIVE, Status.COMPLETED)
