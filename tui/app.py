"""The screen as a program: wires connection, main screen, look and terminal together.

It is only a viewer. However it ends, by key, by signal or because the terminal is gone, the daemon
and its downloads go on.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.screen import Screen

from core.domain.errors import ConfigError
from core.domain.settings import Settings
from core.domain.value import replace
from tui.control.feed import Connect, StoreChanged
from tui.control.keymap import Keymap
from tui.screens.main_screen import MainScreen
from tui.terminal.features import Terminal, detect
from tui.terminal.terminal_app import TerminalApp
from tui.terminal.theme import ANSI, ANSI_CSS, ASCII_CSS, THEMES, Attributes, variables
from tui.terminal.window_title import WindowTitle
from tui.text.fmt import clean

# Above the line to type in, the word about it and the keys.
_NOTIFICATIONS_CSS = """
ToastRack { margin-bottom: 4; max-height: 75vh; }
Toast { max-width: 75%; }
"""
_WINDOW_EVERY = 1.0
"""The least number of seconds between two changes of the terminal's title."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class WinchApp(TerminalApp):
    """The full-screen program; `connect` opens the service, again after every loss."""

    TITLE = "winch"
    ENABLE_COMMAND_PALETTE = False
    NOTIFICATION_TIMEOUT = 3
    CSS = ANSI_CSS + ASCII_CSS + _NOTIFICATIONS_CSS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "say_how_to_leave", show=False, system=True),
    ]

    def __init__(
        self,
        connect: Connect,
        settings: Settings,
        *,
        directory: str,
        terminal: Terminal | None = None,
        host: str = "",
        cursor: str = "",
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        terminal = terminal or Terminal()
        super().__init__(ansi_color=True if terminal.is_plain else None)
        for theme in THEMES:
            self.register_theme(theme)
        screen = settings.screen
        if screen.theme not in self.available_themes:
            raise ConfigError(
                f"there is no theme '{screen.theme}'",
                hint=f"screen.theme is one of {', '.join(sorted(self.available_themes))}",
            )
        self.keymap = Keymap(screen.keys)
        self.set_keymap(self.keymap.changed)
        # Before Textual's own filters, one of which drops all colours.
        self._attributes = Attributes()
        self._filters.insert(0, self._attributes)
        self.theme = ANSI.name if terminal.is_plain else screen.theme
        self.animation_level = "none"
        screen = replace(screen, ascii=screen.ascii or terminal.is_ascii)
        self.set_class(screen.ascii, "-ascii")
        self.window_title = WindowTitle(self.write, terminal, screen)
        self._is_window_resting = self._is_window_due = False
        self.main = MainScreen(
            connect,
            screen,
            directory=directory,
            now=now,
            host=host,
            cursor=cursor,
            is_behind=lambda: self.is_behind,
        )

    def get_css_variables(self) -> dict[str, str]:
        return variables(super().get_css_variables(), ansi=self.native_ansi_color)

    def get_default_screen(self) -> Screen[None]:
        return self.main

    def watch_theme(self) -> None:
        self._attributes.enabled = self.native_ansi_color

    def arrive(self) -> None:
        self.window_title.open()
        self._update_window()

    def leave(self) -> None:
        self.window_title.close()

    @on(StoreChanged)
    def _watch_totals(self) -> None:
        self.window_title.announce_end(self.main.store.sums)
        self._update_window()

    def _update_window(self) -> None:
        """Bring title and progress up to date, now or as soon as they have stood long enough."""
        if self._is_window_resting:
            self._is_window_due = True
            return
        self.window_title.show(self.main.store.sums, time.monotonic())
        self._is_window_resting = True
        self.set_timer(_WINDOW_EVERY, self._wake_window)

    def _wake_window(self) -> None:
        self._is_window_resting = False
        if self._is_window_due:
            self._is_window_due = False
            self._update_window()

    async def on_event(self, event: events.Event) -> None:
        """Clean what is pasted before any field gets to show it."""
        if isinstance(event, events.Paste):
            lines = event.text.replace("\t", " ").splitlines()
            event.text = "\n".join(map(clean, lines))
        await super().on_event(event)

    async def on_paste(self, event: events.Paste) -> None:
        """Take what is pasted, wherever no field took it."""
        await self.main.paste(event.text)

    def action_say_how_to_leave(self) -> None:
        """Answer Ctrl-C, which people press to leave."""
        self.notify("Press q to detach; downloads go on.", markup=False)

    @property
    def goodbye(self) -> str:
        """What to say on the normal screen afterwards; "" when nothing is under way."""
        count = self.main.store.sums.unfinished
        if not count or self.main.feed.lost_since is not None:
            return ""
        subject = "1 download goes on" if count == 1 else f"{count:,} downloads go on"
        return f"{subject} in the background; come back with: winch"


def run_screen(
    connect: Connect, settings: Settings, directory: str, *, cursor: str = "", farewell: bool = True
) -> int:
    """Show the screen until the person leaves it, and return the exit status.

    It opens on the download with the id `cursor`, if there is one. With `farewell` it ends with a
    line on how to come back, where downloads go on. An error that ended it is raised again, once
    the terminal is as it was.
    """
    if not os.environ.get("NO_COLOR"):
        # By its convention an empty one says nothing; Textual would obey it.
        os.environ.pop("NO_COLOR", None)
    terminal = detect(os.environ, sys.stderr.encoding)
    host = platform.node().partition(".")[0]
    app = WinchApp(
        connect, settings, directory=directory, terminal=terminal, host=host, cursor=cursor
    )
    status = app.run(mouse=settings.screen.mouse)
    if app.crash is not None:
        raise app.crash
    if status == 0 and farewell and app.goodbye:
        print(app.goodbye)  # noqa: T201 - the terminal is back on its normal screen
    return app.return_code or 0 if status is None else status
