"""A list to choose from, with the details of the one under the cursor: history and settings.

Below it a line comes up when something is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from tui.control.key_actions import KeyTarget
from tui.text.cells import ColumnSpec, Content, Line, table
from tui.widgets.key_bar import KeyBar
from tui.widgets.page import CursorPage, Lines, Page
from tui.widgets.prompt import Prompt


class ListScreen(Screen[None]):
    """Shows what `_rows` returns under the headings of `COLUMNS`, and `_describe` below it."""

    AUTO_FOCUS = "CursorPage"
    DEFAULT_CSS = """
    ListScreen {
        background: $background;
        & > #title { height: 1; background: $surface; color: $accent; text-style: bold; }
        & > #heading { height: 1; }
        & > CursorPage { height: 1fr; }
        & > #details { background: $surface; }
    }
    """
    TARGET: ClassVar[KeyTarget]
    NAME: ClassVar[str]
    COLUMNS: ClassVar[Sequence[ColumnSpec]]

    def __init__(self, *, ascii_only: bool) -> None:
        super().__init__()
        self._ascii = ascii_only
        self._title = Static(f" {self.NAME}", id="title", markup=False)
        self._heading = Page(
            lambda width: list_lines(self.COLUMNS, [], width, ascii_only=ascii_only)
        )
        self._heading.id, self._heading.can_focus = "heading", False
        self._list = CursorPage(self._rows, ascii_only=ascii_only)
        self._details = Page(self._describe)
        self._details.id, self._details.can_focus = "details", False
        self._prompt = Prompt()

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._heading
        yield self._list
        yield self._details
        yield self._prompt
        yield KeyBar(self.TARGET)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the keys to the line that is typed in."""
        return not self._prompt.is_open

    def _rows(self, width: int) -> Lines:
        """Return the list for a width in cells."""
        raise NotImplementedError

    def _describe(self, width: int) -> list[Line]:
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
    found = table(columns, rows, max(width - 2, 1), ascii_only=ascii_only)
    return [tuple(replace(cell, x=cell.x + 1) for cell in line) for line in found]
