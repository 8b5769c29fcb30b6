"""The screens of their own: a title, lines to read or to choose from, and the keys for them.

Below the lines another comes up when something is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from tui.control.hosts import machine_of
from tui.control.key_actions import HelpGroup, KeyTarget
from tui.screens.help_dialog import HelpDialog
from tui.terminal.theme import is_ascii
from tui.text.cells import ColumnSpec, Content, Line, shifted, table
from tui.widgets.key_bar import KeyBar
from tui.widgets.page import CursorPage, Lines, Page
from tui.widgets.prompt import Prompt


class PageScreen(Screen[None]):
    """Shows what `lines` returns; its keys are those of `TARGET`."""

    AUTO_FOCUS = "Page"
    DEFAULT_CSS = """
    PageScreen {
        background: $background;
        & #title { height: 1; background: $surface; color: $accent; text-style: bold; }
        & > #top { height: 1; }
        & > #top > #title { width: 1fr; }
        & > #top > #machine { width: auto; background: $accent 30%; text-style: bold; }
        & > Page { height: 1fr; }
    }
    """
    TARGET: ClassVar[KeyTarget]
    NAME: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self._title = Static(f" {self.NAME}", id="title", markup=False)
        self._page = Page(self.lines)
        self._prompt = Prompt()
        self._key_bar = KeyBar(self.TARGET, label=self.label)

    def compose(self) -> ComposeResult:
        if machine := machine_of(self):
            with Horizontal(id="top"):
                yield self._title
                yield Static(f"@{machine} ", id="machine", markup=False)
        else:
            yield self._title
        yield from self.body()
        yield self._prompt
        yield self._key_bar

    def body(self) -> Iterable[Widget]:
        return [self._page]

    def lines(self, width: int) -> Lines:
        raise NotImplementedError

    def label(self, action: str) -> str | None:
        """Return what an action is called now, None for what the table of keys calls it."""
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the keys to the line that is typed in."""
        return not self._prompt.is_open

    def show_keys(self) -> None:
        self.app.push_screen(HelpDialog(HelpGroup[self.TARGET.name]))


class ListScreen(PageScreen):
    """A list with a cursor, under the headings of `COLUMNS`; below it what `describe` returns."""

    AUTO_FOCUS = "CursorPage"
    DEFAULT_CSS = """
    ListScreen {
        & > #heading { height: 1; }
        & > #details { background: $surface; }
    }
    """
    COLUMNS: ClassVar[Sequence[ColumnSpec]]

    def __init__(self) -> None:
        super().__init__()
        self._page = self._list = CursorPage(self.lines)
        self._heading = Page(
            lambda width: list_lines(self.COLUMNS, [], width, ascii_only=is_ascii(self))
        )
        self._heading.id, self._heading.can_focus = "heading", False
        self._details = Page(self.describe)
        self._details.id, self._details.can_focus = "details", False

    def body(self) -> Iterable[Widget]:
        return [self._heading, self._list, self._details]

    def describe(self, width: int) -> list[Line]:
        """Return the details of the one under the cursor."""
        raise NotImplementedError


def list_lines(
    columns: Sequence[ColumnSpec],
    rows: Sequence[Sequence[Content]],
    width: int,
    *,
    ascii_only: bool,
) -> list[Line]:
    """Return the heading and the rows, with a first cell for the cursor's mark."""
    return shifted(table(columns, rows, max(width - 2, 1), ascii_only=ascii_only), 1)
