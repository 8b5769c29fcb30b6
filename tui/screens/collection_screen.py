"""One collection on a page of its own: how far it is, what failed and why, and what is left out.

What is counted comes from the members, change by change; what its source said beside them is asked
for when that has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.widget import Widget

from core.domain.collections import CollectionRecord
from core.domain.errors import WinchError
from core.domain.service import DownloadService
from tui.control.bindings import bindings, keymap_of
from tui.control.collection_requests import CollectionRequests
from tui.control.feed import StoreChanged
from tui.control.key_actions import KeyTarget
from tui.model.collection_sums import CauseKey
from tui.model.failing import failing
from tui.model.store import DownloadStore
from tui.screens.collection_questions import ask_about_removal, ask_about_sync
from tui.screens.page_screen import ListScreen, list_lines
from tui.screens.rate_question import rate_question
from tui.terminal.theme import is_ascii
from tui.text.cells import Line, shifted
from tui.text.collection_page import COLUMNS, Failing, Item, describe, items_of, row, summary
from tui.text.fmt import clean, sentence
from tui.widgets.page import CursorPage, Page
from tui.widgets.prompt import QuestionPrompt

_ROOMY = 20
"""From which height of the window on the item under the cursor is shown in full."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """A line for each item, made when it comes in sight."""

    items: Sequence[Item]
    width: int
    ascii_only: bool

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int, /) -> Line:
        found = row(self.items[index], ascii_only=self.ascii_only)
        return list_lines(COLUMNS, [found], self.width, ascii_only=self.ascii_only)[1]


class CollectionScreen(ListScreen):
    """Shows a collection of a store; `see` shows its files of one cause in the list."""

    TARGET = KeyTarget.COLLECTION
    NAME = "Collection"
    COLUMNS = COLUMNS
    BINDINGS: ClassVar[list[BindingType]] = bindings(TARGET)
    DEFAULT_CSS = """
    CollectionScreen {
        & > #summary { height: auto; max-height: 50%; }
        & > #summary > .page--bar, & > #summary > .page--bar-idle, & > #summary > .page--bar-done {
            background: $foreground 12%;
        }
        & > #heading { background: $surface; }
        & > #details { height: 5; display: none; &.-shown { display: block; } }
    }
    """

    def __init__(
        self,
        requests: CollectionRequests,
        store: DownloadStore,
        service: Callable[[], DownloadService],
        see: Callable[[CauseKey], None],
        *,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__()
        self._prompt = self._questions = QuestionPrompt()
        self._requests = requests
        self._store = store
        self._service = service
        self._see = see
        self._now = now
        self._summary = Page(self._summarize)
        self._summary.id, self._summary.can_focus = "summary", False
        # What its source said beside the files, as it was when these numbers were so.
        self._record: CollectionRecord | None = None
        self._asked_for: tuple[object, ...] = ()
        self._items: tuple[Item, ...] = ()

    def body(self) -> Iterable[Widget]:
        return [self._summary, *super().body()]

    def on_mount(self) -> None:
        self._title.update(f" {self.NAME} {clean(self._requests.name)}")
        self._details.set_class(self.app.size.height >= _ROOMY, "-shown")
        self._follow()

    def on_resize(self) -> None:
        """Give the summary the lines that it takes in the new width."""
        self._details.set_class(self.app.size.height >= _ROOMY, "-shown")
        self.call_after_refresh(self._follow)

    def on_screen_resume(self) -> None:
        """Leave, where the collection went while something lay over the page."""
        self._follow()

    @on(StoreChanged)
    def follow(self) -> None:
        self._follow()

    @on(CursorPage.Moved)
    def _show_details(self) -> None:
        self._details.rewrite()
        self._key_bar.follow()

    @on(CursorPage.Chosen)
    def _open(self) -> None:
        self.action_collection_files()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Tell whether a key means anything now: None where it cannot apply."""
        if self._prompt.is_open:
            return False
        match action:
            case "collection_files" | "collection_retry":
                return self._cause is not None or None
            case "collection_retry_all":
                is_any = any(isinstance(item, Failing) for item in self._items)
                return is_any or self._requests.is_unread or None
            case "collection_pause":
                return self._requests.pauses or self._requests.resumes or None
            case "collection_sync":
                return self._requests.can_sync or None
        return True

    def on_key(self, event: events.Key) -> None:
        """Say why a key does nothing."""
        action = keymap_of(self).action_of(event.key, [self.TARGET])
        if action is not None and self.check_action(action.id, ()) is None:
            self.notify(action.refusal, severity="warning", markup=False)

    def label(self, action: str) -> str | None:
        """Return what an action is called where it would do something else than usual."""
        is_over = action == "collection_pause" and not self._requests.pauses
        return "Resume" if is_over and self._requests.resumes else None

    # The keys.

    def action_collection_files(self) -> None:
        """Show the files of the cause under the cursor in the list, where every key is for them."""
        if (cause := self._cause) is not None:
            self.dismiss()
            self._see(cause)

    def action_collection_retry(self) -> None:
        if (cause := self._cause) is not None:
            self._requests.retry(cause)

    def action_collection_retry_all(self) -> None:
        self._requests.retry_all()

    def action_collection_pause(self) -> None:
        self._requests.toggle_pause()

    def action_collection_verify(self) -> None:
        self._requests.verify()

    def action_collection_raise(self) -> None:
        self._requests.raise_priority(1)

    def action_collection_lower(self) -> None:
        self._requests.raise_priority(-1)

    def action_collection_limit(self) -> None:
        if (collection := self._requests.collection) is not None:
            self._questions.ask(
                rate_question("Limit of all of it", collection.limit, self._requests.set_limit)
            )

    async def action_collection_sync(self) -> None:
        await ask_about_sync(self.app, self._requests, self._service)

    async def action_collection_remove(self) -> None:
        await ask_about_removal(self.app, self._requests, self._service, files=False)

    async def action_collection_delete(self) -> None:
        await ask_about_removal(self.app, self._requests, self._service, files=True)

    def action_collection_help(self) -> None:
        self.show_keys()

    def action_collection_back(self) -> None:
        self.dismiss()

    # What is shown.

    @property
    def _cause(self) -> CauseKey | None:
        """The cause under the cursor; None on anything else."""
        item = self._items[self._list.index] if self._list.index < len(self._items) else None
        return CauseKey(item.code, item.status) if isinstance(item, Failing) else None

    def _follow(self) -> None:
        """Bring the page up to date with the store; leave it where the collection is gone."""
        collection = self._requests.collection
        if collection is None:
            # One that lies under another cannot close; it looks again when that is gone.
            if self.is_active:
                self.dismiss()
            return
        counts = collection.refused_count, collection.vanished_count, collection.read_at
        if counts != self._asked_for:
            self._asked_for = counts
            self.run_worker(self._read(), exclusive=True, group="read")
        self._items = items_of(failing(self._store, collection), collection, self._record)
        self._summary.styles.height = len(self._summarize(self._summary.size.width)) + 1
        self._summary.rewrite()
        self._list.rewrite()
        self._details.rewrite()
        self._key_bar.follow()

    async def _read(self) -> None:
        try:
            self._record = (await self._service().collection(self._requests.name)).collection
        except WinchError as error:
            self._asked_for = ()
            self.notify(sentence(error), severity="error", markup=False)
        else:
            self._follow()

    def _summarize(self, width: int) -> list[Line]:
        if (collection := self._requests.collection) is None:
            return []
        members = self._store.members(collection.name)
        return shifted(
            summary(
                collection,
                members.verdicts,
                members.now(self._store.progress),
                self._now(),
                max(width - 2, 1),
                ascii_only=is_ascii(self),
            ),
            1,
        )

    def lines(self, width: int) -> _Rows:
        return _Rows(self._items, width, is_ascii(self))

    def describe(self, width: int) -> list[Line]:
        """Return the item under the cursor in full."""
        if self._list.index >= len(self._items):
            return []
        item = self._items[self._list.index]
        return shifted(describe(item, max(width - 2, 1), ascii_only=is_ascii(self)), 1)
