"""What a person ought to read now, in full."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.control.feed import StoreChanged
from tui.model.store import DownloadStore
from tui.text.fmt import clean


class NoticesScreen(ModalScreen[None]):
    """Every notice of a store, as they come and go."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,exclamation_mark,q,enter", "dismiss", show=False, priority=True),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
    ]
    DEFAULT_CSS = """
    NoticesScreen {
        align: center middle;
        background: $background 60%;
        & > VerticalScroll {
            width: 76; max-width: 95%; height: auto; max-height: 95%;
            background: $surface; border: round $accent; padding: 1 2;
            border-title-color: $accent; border-subtitle-color: $foreground-muted;
            scrollbar-size-vertical: 1;
        }
    }
    """

    def __init__(self, store: DownloadStore) -> None:
        super().__init__()
        self._store = store
        self._shown: tuple[str, ...] | None = None
        self._text = Static(markup=False)

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
            box.border_title = "Notices"
            box.border_subtitle = "Esc closes"
            yield self._text

    def on_mount(self) -> None:
        """Show what there is to read."""
        self.follow()

    @on(StoreChanged)
    def follow(self) -> None:
        """Show what there is to read now."""
        if self._shown == self._store.notices:
            return
        self._shown = self._store.notices
        texts = ["\n".join(map(clean, notice.split("\n"))) for notice in self._shown]
        self._text.update("\n\n".join(texts) or "There is nothing to say now.")

    def action_scroll(self, lines: int) -> None:
        """Scroll the texts."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
