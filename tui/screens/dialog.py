"""What the dialogs have in common: a box over the screen, and texts in one that are only read."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.visual import VisualType
from textual.widgets import Static

from tui.control.feed import StoreChanged
from tui.model.store import DownloadStore
from tui.text.fmt import clean
from tui.widgets.page import Lines, Page

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer]):
    """A framed box in the middle; the screen below shines through."""

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        background: $background 60%;
        & > Vertical, & > VerticalScroll {
            width: 95%; max-width: 76; height: auto; max-height: 95%;
            background: $surface; border: round $accent; padding: 0 1;
            border-title-color: $accent; border-subtitle-color: $foreground-muted;
            scrollbar-size-vertical: 1;
        }
        & Page { background: $surface; }
    }
    """

    def action_scroll(self, lines: int) -> None:
        """Scroll what is in the box."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_page(self, pages: int) -> None:
        """Scroll by what is in sight."""
        box = self.query_one(VerticalScroll)
        box.scroll_relative(y=pages * max(box.size.height - 1, 1), animate=False)


class TextDialog(Dialog[None]):
    """A text to be read, scrolled where it is longer than the screen; Esc closes it."""

    NAME = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", show=False, priority=True),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._text = Static(markup=False)

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
            box.border_title = self.NAME
            box.border_subtitle = "Esc closes"
            yield self._text

    def on_mount(self) -> None:
        """Write the text, once the colours are known."""
        self._text.update(self.content())

    def content(self) -> VisualType:
        raise NotImplementedError


class AnswerDialog(TextDialog):
    """What a command has to say."""

    DEFAULT_CSS = "AnswerDialog > VerticalScroll { width: 84; max-width: 95%; }"

    def __init__(self, text: str) -> None:
        super().__init__()
        self._answer = text

    def content(self) -> str:
        """Return the answer as it may be shown."""
        return "\n".join(map(clean, self._answer.split("\n")))


class NoticesDialog(TextDialog):
    """Every notice of a store in full, as they come and go."""

    NAME = "Notices"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("exclamation_mark", "dismiss", show=False, priority=True),
    ]
    DEFAULT_CSS = "NoticesDialog > VerticalScroll { width: 76; max-width: 95%; padding: 1 2; }"

    def __init__(self, store: DownloadStore) -> None:
        super().__init__()
        self._store = store
        self._shown: tuple[str, ...] = ()

    def content(self) -> str:
        """Return what there is to read now."""
        self._shown = self._store.notices
        texts = ["\n".join(map(clean, notice.split("\n"))) for notice in self._shown]
        return "\n\n".join(texts) or "There is nothing to say now."

    @on(StoreChanged)
    def follow(self) -> None:
        if self._shown != self._store.notices:
            self._text.update(self.content())


class PageDialog(Dialog[None]):
    """Lines to be read, made when they come in sight."""

    NAME: ClassVar[str]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", show=False, priority=True),
    ]
    DEFAULT_CSS = "PageDialog Page { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self._page = Page(self.lines)

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self.NAME
            box.border_subtitle = "Esc goes back"
            yield self._page

    def lines(self, width: int) -> Lines:
        raise NotImplementedError
