"""The screen as a program: wires connection, main screen, theme and signals together.

It is only a viewer. However it ends, by key, by signal or because the terminal is gone, the daemon
and its downloads go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from core.domain.errors import ConfigError
from core.domain.settings import Settings
from tui.feed import Connect
from tui.format import clean
from tui.screens.main import MainScreen
from tui.theme import DARK

_URL = re.compile(r"https?://[^\s<>\"'`\ufffd]+", re.IGNORECASE)
_GONE = (signal.SIGTERM, signal.SIGHUP)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class WinchApp(App[int], inherit_bindings=False):
    """The full-screen program; `connect` opens the service, again after every loss.

    Textual's own keys are not inherited: Ctrl-Q would be the terminal's flow control.
    """

    TITLE = "winch"
    ENABLE_COMMAND_PALETTE = False
    NOTIFICATION_TIMEOUT = 3
    CSS = """
    .-ascii ModalScreen > * { border: ascii $accent; }
    .-ascii DetailPane, .-ascii DetailPane:focus { border-top: ascii $border; }
    .-ascii * { scrollbar-size-vertical: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "say_how_to_leave", show=False, system=True),
    ]

    def __init__(
        self,
        connect: Connect,
        settings: Settings,
        *,
        directory: str,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        super().__init__()
        self.register_theme(DARK)
        if settings.screen.theme not in self.available_themes:
            raise ConfigError(
                f"there is no theme '{settings.screen.theme}'",
                hint=f"screen.theme is one of {', '.join(sorted(self.available_themes))}",
            )
        self.theme = settings.screen.theme
        self.animation_level = "none"
        self.set_class(settings.screen.ascii, "-ascii")
        self.main = MainScreen(connect, settings.screen, directory=directory, now=now)

    def get_default_screen(self) -> Screen[None]:
        """Open with the main screen."""
        return self.main

    def on_mount(self) -> None:
        """Leave in good order when told to, or when the terminal is gone."""
        loop = asyncio.get_running_loop()
        for number in _GONE:
            # Not the main thread (tests), or no signals at all: then nobody sends them either.
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
                loop.add_signal_handler(number, self.exit, 128 + number)

    def on_unmount(self) -> None:
        """Give the signals back."""
        loop = asyncio.get_running_loop()
        for number in _GONE:
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
                loop.remove_signal_handler(number)

    async def on_event(self, event: events.Event) -> None:
        """Clean what is pasted before any field gets to show it."""
        if isinstance(event, events.Paste):
            lines = event.text.replace("\t", " ").splitlines()
            event.text = "\n".join(map(clean, lines))
        await super().on_event(event)

    def on_paste(self, event: events.Paste) -> None:
        """Add the URLs in what was pasted, wherever no field took it."""
        urls = [match.rstrip(".,;:!?)]}") for match in _URL.findall(event.text)]
        if urls:
            self.main.add_pasted(urls)
        else:
            self.main.notify("There is no http or https URL in what was pasted.", markup=False)

    def action_say_how_to_leave(self) -> None:
        """Answer Ctrl-C, which people press to leave."""
        self.notify("Press q to detach; downloads go on.", markup=False)

    @property
    def goodbye(self) -> str:
        """What to say on the normal screen afterwards; "" when nothing is under way."""
        count = self.main.store.totals.unfinished
        if not count or self.main.feed.lost_since is not None:
            return ""
        subject = "1 download goes on" if count == 1 else f"{count} downloads go on"
        return f"{subject} in the background; come back with: winch"


def run_screen(
    connect: Connect, settings: Settings, directory: str, *, farewell: bool = True
) -> int:
    """Show the screen until the person leaves it, and return the exit status.

    With `farewell` it ends with a line on how to come back, where downloads go on.
    """
    app = WinchApp(connect, settings, directory=directory)
    status = app.run()
    if status is None:
        return app.return_code or 0
    if status == 0 and farewell and app.goodbye:
        print(app.goodbye)  # noqa: T201 - the terminal is back on its normal screen
    return status
