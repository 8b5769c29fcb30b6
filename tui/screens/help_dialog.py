"""Every key and what it does, straight from the table of actions."""

from __future__ import annotations

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.binding import Binding, BindingType

from tui.control.bindings import keymap_of
from tui.control.key_actions import HelpGroup, by_group
from tui.screens.dialog import TextDialog
from tui.terminal.theme import component_style


class HelpDialog(TextDialog):
    """The list of keys, or of one heading alone; closes with any that opens or leaves something."""

    NAME = "Keys"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "dismiss", show=False, priority=True),
        Binding("space,pagedown,ctrl+d", "page(1)", show=False),
        Binding("pageup,ctrl+u", "page(-1)", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"help--key", "help--group", "help--text"}
    DEFAULT_CSS = """
    HelpDialog {
        & > VerticalScroll { width: 76; max-width: 95%; max-height: 100%; padding: 0 2; }
        & > .help--key { color: $accent; text-style: bold; background: $surface; }
        & > .help--group { color: $foreground; text-style: bold; background: $surface; }
        & > .help--text { color: $foreground-muted; background: $surface; }
    }
    """

    def __init__(self, group: HelpGroup | None = None) -> None:
        super().__init__()
        self._group = group

    def content(self) -> Table:
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
                table.add_row(
                    Text("  ".join(keymap.names(action.id)), key), Text(action.help, text)
                )
        return table
