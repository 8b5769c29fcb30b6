"""The question about downloads that were interrupted and wait for somebody to decide on them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from core.domain.errors import WinchError
from core.domain.history import HistoryQuery
from core.domain.models import Status
from core.domain.service import DownloadService
from tui.control.feed import StoreChanged
from tui.model.store import DownloadStore
from tui.screens.confirm_dialog import ConfirmDialog
from tui.screens.dialog import Dialog, PageDialog
from tui.terminal.theme import is_ascii
from tui.text.cells import Line
from tui.text.interrupted import (
    Interrupted,
    file_heading,
    file_row,
    needs,
    rates_before,
    summary,
    throughput,
)
from tui.text.vocabulary import STATES
from tui.widgets.choices import Choice, Choices
from tui.widgets.page import Lines, Page

_ATTEMPTS = 200
"""How many of the last attempts tell how fast it went lately."""
_ROOMY = 22
"""From which height of the window on there is room for names and air."""


class Decision(StrEnum):
    """What to do with interrupted downloads."""

    RESUME = "resume"
    FRESH = "fresh"


class RecoveryDialog(Dialog[Decision | None]):
    """Asks what to do; answers None where they stay as they are.

    It follows the store: what somebody else decided is no question any more.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: keys that were typed ahead act in their order.
        Binding("r", "choose('resume')", show=False, priority=True),
        Binding("f", "choose('fresh')", show=False, priority=True),
        Binding("d", "choose('details')", show=False, priority=True),
        Binding("escape,q", "choose('cancel')", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    RecoveryDialog {
        & > Vertical { max-height: 100%; padding: 1 2; }
        & > Vertical.-compact { padding: 0 1; }
        & Page { scrollbar-size-vertical: 0; }
        & Page > .page--bar { background: $foreground 12%; }
    }
    """

    def __init__(
        self,
        store: DownloadStore,
        service: Callable[[], DownloadService],
        *,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__()
        self._store = store
        self._service = service
        self._now = now
        self._rates: Mapping[str, float] = {}
        self._needs = ""
        self._look(store.interrupted)
        self._page = Page(self._write)
        self._page.can_focus = False
        self._choices = Choices(self._answers())

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Interrupted downloads"
            yield self._page
            yield self._choices

    def on_mount(self) -> None:
        self.run_worker(self._estimate())

    def on_resize(self) -> None:
        self.query_one(Vertical).set_class(self._is_compact, "-compact")
        self._show()

    def on_screen_resume(self) -> None:
        """Look again at what may have been decided meanwhile."""
        self._follow()

    @on(StoreChanged)
    def follow(self, message: StoreChanged) -> None:
        if not message.ids.isdisjoint(self._ids):
            self._follow()

    @on(Choices.Chosen)
    async def take(self, message: Choices.Chosen) -> None:
        await self.action_choose(message.choice)

    async def action_choose(self, choice: str) -> None:
        match choice:
            case "resume":
                self.dismiss(Decision.RESUME)
            case "fresh":
                await self._ask_again()
            case "details":
                files = FilesDialog(self._store, self._rates, now=self._now)
                await self.app.push_screen(files)
            case _:
                self.dismiss(None)

    @property
    def _is_compact(self) -> bool:
        return self.app.size.height < _ROOMY

    def _follow(self) -> None:
        # One that lies under another dialog cannot close; it looks again when that is gone.
        if not self.is_active:
            return
        ids = self._store.interrupted
        if not ids:
            self.dismiss(None)
            return
        self._look(ids)
        self._choices.show(self._answers())
        self._show()

    def _look(self, ids: Sequence[str]) -> None:
        store = self._store
        files = [(store.download(id_), store.progress(id_).bytes_downloaded) for id_ in ids]
        self._ids = frozenset(ids)
        self._found = Interrupted.of(files, store.sums.counts)

    def _show(self) -> None:
        self._page.styles.height = len(self._write(self._page.size.width))
        self._page.rewrite()

    def _write(self, width: int) -> list[Line]:
        return summary(
            self._found,
            self._needs,
            self._rates,
            self._now(),
            width,
            compact=self._is_compact,
            ascii_only=is_ascii(self),
        )

    def _answers(self) -> list[Choice]:
        return [
            Choice("resume", "r", "Resume", self._found.goes_on),
            Choice("fresh", "f", "Start fresh", f"gives up {self._found.given_up}"),
            Choice("details", "d", "View details", "every file, and how far it is"),
            Choice("cancel", "Esc", "Cancel", f"they stay {STATES[Status.PAUSED]}; p resumes one"),
        ]

    async def _estimate(self) -> None:
        with contextlib.suppress(WinchError):
            history = await self._service().history(HistoryQuery(limit=_ATTEMPTS))
            downloads = [self._store.download(id_) for id_ in self._store.interrupted]
            here = [(d, self._store.progress(d.id).bytes_downloaded) for d in downloads]
            self._rates = rates_before(history.entries)
            self._needs = needs(here, self._rates, throughput(history.entries, downloads))
            self._show()

    async def _ask_again(self) -> None:
        noun = "1 download" if self._found.files == 1 else f"{self._found.files} downloads"
        question = ConfirmDialog(
            "Start fresh",
            f"Give up {self._found.given_up} of {noun}?",
            note="They are fetched again from their first byte.",
            no="Back",
        )

        def answer(confirmed: bool | None) -> None:
            if confirmed:
                self.dismiss(Decision.FRESH)

        await self.app.push_screen(question, answer)


class FilesDialog(PageDialog):
    """Every interrupted file, and how far it is."""

    NAME = "Interrupted downloads"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("d", "dismiss", show=False, priority=True)]
    DEFAULT_CSS = "FilesDialog > Vertical { max-width: 120; height: 95%; }"

    def __init__(
        self,
        store: DownloadStore,
        rates: Mapping[str, float],
        *,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__()
        self._store = store
        self._rates = rates
        self._now = now
        self._ids: frozenset[str] = frozenset()

    @on(StoreChanged)
    def follow(self, message: StoreChanged) -> None:
        if not message.ids.isdisjoint(self._ids):
            self._page.rewrite()

    def lines(self, width: int) -> Lines:
        """Return them as they are now."""
        ids = self._store.interrupted
        self._ids = frozenset(ids)
        return _Files(self._store, ids, self._rates, self._now(), width, is_ascii(self))


@dataclass(frozen=True, slots=True, eq=False)  # The same ones look different later.
class _Files:
    """A line for each file, made from the store when it comes in sight."""

    store: DownloadStore
    ids: Sequence[str]
    rates: Mapping[str, float]
    now: datetime
    width: int
    ascii_only: bool

    def __len__(self) -> int:
        return len(self.ids) + 1

    def __getitem__(self, index: int) -> Line:
        if not index:
            return file_heading(self.width)
        id_ = self.ids[index - 1]
        if id_ not in self.store:
            return ()
        done = self.store.progress(id_).bytes_downloaded
        download = self.store.download(id_)
        rate = self.rates.get(id_)
        return file_row(download, done, rate, self.now, self.width, ascii_only=self.ascii_only)
