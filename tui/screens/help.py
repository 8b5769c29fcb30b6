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

from tui.control.key_actions import HelpGroup, by_group
from tui.terminal.theme import component_style
from tui.widgets.key_bar import keymap_of


class HelpScreen(ModalScreen[None]):
    """The list of keys, or of one heading alone; closes with any that opens or leaves something."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", show=False, priority=True),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
        Binding("space,pagedown,ctrl+d", "page(1)", show=False),
        Binding("pageup,ctrl+u", "page(-1)", show=False),
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

    def __init__(self, group: HelpGroup | None = None) -> None:
        super().__init__()
        self._group = group

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

    def action_page(self, pages: int) -> None:
        """Scroll by what is in sight."""
        box = self.query_one(VerticalScroll)
        box.scroll_relative(y=pages * max(box.size.height - 1, 1), animate=False)

    def _table(self) -> Table:
        key, group, text = (
            component_style(self, f"help--{part}") for part in ("key", "group", "text")
        )
        keymap = keymap_of(self)
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column()
        groups = {group: a for group, a in by_group().items() if self._group in (None, group)}
        for number, (heading, actions) in enumerate(groups.items()):
            if number:
                table.add_row()
            table.add_row(Text(heading, group))
            for action in actions:
                table.add_row(Text("  ".join(keymap.names(action)), key), Text(action.help, text))
        return table
