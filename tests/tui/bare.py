"""A program with winch's look and nothing in it, to show one screen on."""

from __future__ import annotations

from textual.screen import Screen

from tui.terminal.terminal_app import TerminalApp
from tui.terminal.theme import ANSI_CSS, ASCII_CSS, DARK, THEMES, variables


class Bare(TerminalApp):
    """Opens with an empty screen and the one to be looked at above it."""

    CSS = ANSI_CSS + ASCII_CSS
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, screen: Screen[object], *, ascii_only: bool = False) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK.name
        self.animation_level = "none"
        self.set_class(ascii_only, "-ascii")
        self._above = screen
        self.answers: list[object] = []

    def get_css_variables(self) -> dict[str, str]:
        return variables(super().get_css_variables(), ansi=self.native_ansi_color)

    def on_mount(self) -> None:
        super().on_mount()
        self.push_screen(self._above, self.answers.append)

    @property
    def said(self) -> list[str]:
        """What was said in passing."""
        return [notification.message for notification in self._notifications]
