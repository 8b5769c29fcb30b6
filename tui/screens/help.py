"""Every key and what it does, straight from the table of actions."""

from __future__ import annotations

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.actions import by_group, key_names
from tui.theme import component_style


class HelpScreen(ModalScreen[None]):
    """The list of keys; closes with any of the keys that open or leave something."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", show=False),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"help--key", "help--group", "help--text"}
    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        background: $background 60%;
        & > VerticalScroll {
            width: 76; max-width: 95%; height: auto; max-height: 100%;
            background: $surface; border: round $accent; padding: 0 2;
            border-title-color: $accent; border-subtitle-color: $foreground-muted;
            scrollbar-size-vertical: 1;
        }
        & > .help--key { color: $accent; text-style: bold; background: $surface; }
        & > .help--group { color: $foreground; text-style: bold; background: $surface; }
        & > .help--text { color: $foreground-muted; background: $surface; }
    }
    """

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
            box.border_title = "Keys"
            box.border_subtitle = "Esc closes"
            yield Static(markup=False)

    def on_mount(self) -> None:
        """Fill in the table, once the colours are known."""
        self.query_one(Static).update(self._table())

    def action_scroll(self, lines: int) -> None:
        """Scroll the list of keys."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def _table(self) -> Table:
        key, group, text = (
            component_style(self, f"help--{part}") for part in ("key", "group", "text")
        )
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column()
        for number, (heading, actions) in enumerate(by_group().items()):
            if number:
                table.add_row()
            table.add_row(Text(heading, group))
            for action in actions:
                table.add_row(Text("  ".join(key_names(action)), key), Text(action.help, text))
        table.add_row()
        table.add_row(Text("Tab", key), Text("Go between the list and the details", text))
        return table
