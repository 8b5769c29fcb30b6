"""The line at the bottom: the keys that are used most, taken from the table of actions."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.widget import Widget

from tui.actions import ACTIONS, key_names
from tui.theme import component_style


class KeyBar(Widget):
    """Key hints; as many as fit, so that none is cut in two."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-bar--key", "key-bar--label"}
    DEFAULT_CSS = """
    KeyBar {
        height: 1;
        background: $surface;
        & > .key-bar--key { color: $accent; text-style: bold; }
        & > .key-bar--label { color: $foreground-muted; }
    }
    """

    def render(self) -> Text:
        """Draw the line."""
        key_style = component_style(self, "key-bar--key")
        label_style = component_style(self, "key-bar--label")
        hints = [
            Text.assemble((key_names(action)[0], key_style), " ", (action.label, label_style))
            for action in ACTIONS
            if action.hint
        ]
        # Help and the way out come last in the table and are the last to be given up.
        while len(hints) > 2 and self._line(hints).cell_len > self.size.width:
            del hints[-3]
        return self._line(hints)

    @staticmethod
    def _line(hints: list[Text]) -> Text:
        return Text.assemble(" ", Text("   ").join(hints), no_wrap=True, end="")
