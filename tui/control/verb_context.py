"""What the verbs need of the screen that they are typed on."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol

from core.domain.collections import Collection
from core.domain.history import HistoryQuery
from core.domain.models import Download
from core.domain.service import DownloadService
from tui.model.undo import Undo


class VerbContext(Protocol):
    """The screen under the line, as far as verbs act on it."""

    @property
    def service(self) -> DownloadService:
        """Who does the work; raises DaemonError where it is out of reach."""

    @property
    def directory(self) -> str:
        """Where files go when nothing else is said."""

    @property
    def chosen_ids(self) -> Sequence[str]:
        """The downloads that are chosen, in the order of the queue."""

    @property
    def chosen_collections(self) -> Sequence[str]:
        """The names of the collections that are chosen as a whole."""

    @property
    def collections(self) -> Mapping[str, Collection]:
        """Every collection, by its name."""

    @property
    def queue(self) -> Sequence[Download]:
        """Every download, in the order of the queue."""

    def matching(self, text: str) -> list[str]:
        """Return the ids of what a filter admits, in the order of the queue; raises UsageError."""

    def show_list(self, text: str, sort: str, *, is_reversed: bool) -> None:
        """Show what a filter admits, sorted; raises UsageError for what is no filter or key."""

    def open_history(self, query: HistoryQuery) -> None:
        """Show what was tried."""

    def open_statistics(self, days: int) -> None:
        """Show the figures of some days."""

    def open_collection(self, name: str) -> None:
        """Show the page of a collection."""

    def remove(self, ids: Sequence[str], *, files: bool, collections: Sequence[str] = ()) -> None:
        """Take downloads, and collections as a whole, off the list.

        Without their files that can be undone.
        """

    def remember(self, undo: Undo) -> None:
        """Let a change that was made be taken back."""

    async def confirm(self, title: str, question: str, note: str) -> bool:
        """Ask a person whether something that cannot be undone is to be done."""

    def later(self, work: Coroutine[Any, Any, object]) -> None:
        """Do what takes longer than somebody waits."""

    def tell(self, text: str, *, wrong: bool = False) -> None:
        """Say something in passing."""

    def reconnect(self) -> None:
        """Look for the daemon, and start it where none runs."""

    def leave(self) -> None:
        """Close the screen."""
