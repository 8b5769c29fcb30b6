"""The screen as a program: wires connection, main screen, look and terminal together.

It is only a viewer. However it ends, by key, by signal or because the terminal is gone, the daemon
and its downloads go on.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.message import Message

from core import launcher
from core.domain.errors import ConfigError, UsageError
from core.domain.machines import Host
from core.domain.settings import Settings
from core.domain.value import replace
from tui.control.feed import (
    Connect,
    ConnectionLost,
    Glanced,
    Reconnected,
    StoreChanged,
    repaint_interval,
)
from tui.control.hosts import LOGINS_AT_ONCE, DrivenHost, Elsewhere, HostList
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


def _no_machine(name: str) -> Host:
    raise UsageError(f"there is no machine '{name}'")


class WinchApp(TerminalApp):
    """The full-screen program; `connect` opens the service of this machine, again after every loss.

    `host` is what this machine is called, `elsewhere` are the others. Each that was looked at has a
    main screen and dialogs of its own, a mode of Textual's by the number of its tab.
    """

    DEFAULT_MODE = "0"
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
        elsewhere: Elsewhere | None = None,
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
        self._screen_settings = screen
        self._now = now
        self._reach = elsewhere.reach if elsewhere else lambda _: connect
        self._named = elsewhere.named if elsewhere else _no_machine
        self._logins = asyncio.Semaphore(LOGINS_AT_ONCE)
        self._mains: dict[DrivenHost, MainScreen] = {}
        here = self._driven(host, connect, directory=directory)
        known = [here, *map(self._driven_elsewhere, elsewhere.known if elsewhere else ())]
        driven = {each.host: each for each in known}
        self._begun_with = [driven[each] for each in elsewhere.given] if elsewhere else []
        first = next(iter(self._begun_with), here)
        self.hosts = HostList(
            known,
            first,
            make=lambda name: self._driven_elsewhere(self._named(name)),
            begin=self._begin,
            show=self._show_host,
        )
        self.main = self._main_of(first, cursor=cursor)
        self._entitle()

    def get_css_variables(self) -> dict[str, str]:
        return variables(super().get_css_variables(), ansi=self.native_ansi_color)

    def watch_theme(self) -> None:
        self._attributes.enabled = self.native_ansi_color

    def _driven_elsewhere(self, host: Host) -> DrivenHost:
        return self._driven(host.name, self._reach(host), host=host)

    def _driven(
        self, name: str, connect: Connect, *, host: Host | None = None, directory: str = ""
    ) -> DrivenHost:
        driven = DrivenHost(
            name,
            connect,
            host=host,
            directory=directory,
            interval=repaint_interval(self._screen_settings),
            now=self._now,
            is_behind=lambda: self.is_behind,
            logins=self._logins,
        )
        driven.post = partial(self._tell, driven)
        return driven

    def _tell(self, host: DrivenHost, message: Message) -> None:
        """Hand on what happened to a machine: by its screen, if it has one, all come by here."""
        if (run := host.store.take_ended()) is not None:
            self.window_title.announce(run, host.name if host.is_remote else "")
        self._mains.get(host, self).post_message(message)

    def _begin(self, host: DrivenHost) -> None:
        self.run_worker(host.feed.run())

    def _main_of(self, host: DrivenHost, *, cursor: str = "") -> MainScreen:
        """Return the screen of a machine, which is made the first time that it is wanted."""
        if host not in self._mains:
            mode = str(len(self._mains))
            self._mains[host] = screen = MainScreen(
                host,
                self.hosts,
                self._screen_settings,
                mode=mode,
                now=self._now,
                cursor=cursor,
                is_behind=lambda: self.is_behind,
            )
            self.add_mode(mode, lambda: screen)
        return self._mains[host]

    def _show_host(self, host: DrivenHost) -> None:
        self.main = self._main_of(host)
        self.switch_mode(self.main.mode)
        self._entitle()
        self._update_window()

    def _entitle(self) -> None:
        """Let the terminal's title name the machine that is shown, if that is another one."""
        host = self.main.host
        self.window_title.drive(host.name if host.is_remote else "")

    @on(Glanced)
    @on(ConnectionLost)
    @on(Reconnected)
    @on(StoreChanged)
    def _show_hosts(self) -> None:
        self.main.hosts_bar.show()
        self._update_window()

    def on_mount(self) -> None:
        """Connect to the machines that the person named, and to the one that is shown."""
        for host in self._begun_with or [self.hosts.current]:
            self.hosts.begin(host)

    def arrive(self) -> None:
        self.window_title.open()
        self._update_window()

    def leave(self) -> None:
        self.window_title.close()

    def _update_window(self) -> None:
        """Bring title and progress up to date, now or as soon as they have stood long enough."""
        if self._is_window_resting:
            self._is_window_due = True
            return
        is_lost = self.main.feed.loss is not None
        self.window_title.show(self.main.store.sums, time.monotonic(), is_lost=is_lost)
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
        host = self.main.host
        if host.is_remote:
            return f"{subject} on {host.name}; come back with: winch -H {host.name}"
        return f"{subject} in the background; come back with: winch"


def run_screen(
    settings: Settings,
    directory: str,
    *,
    hosts: Sequence[Host] = (),
    cursor: str = "",
    farewell: bool = True,
) -> int:
    """Show the screen until the person leaves it, and return the exit status.

    It opens on the first of `hosts`, else on this machine, whose downloads go to `directory`, and
    on the download there with the id `cursor`, if there is one. With `farewell` it ends with a
    line on how to come back, where downloads go on. An error that ended it is raised again, once
    the terminal is as it was.
    """
    if not os.environ.get("NO_COLOR"):
        # By its convention an empty one says nothing; Textual would obey it.
        os.environ.pop("NO_COLOR", None)
    terminal = detect(os.environ, sys.stderr.encoding)
    elsewhere = Elsewhere(
        given=hosts,
        configured=[launcher.host_named(name, settings) for name in settings.hosts],
        reach=lambda host: partial(launcher.connect, host=host, interactive=False),
        named=lambda text: launcher.host_named(text, settings),
    )
    app = WinchApp(
        launcher.connect,
        settings,
        directory=directory,
        terminal=terminal,
        host=platform.node().partition(".")[0],
        cursor=cursor,
        elsewhere=elsewhere,
    )
    status = app.run(mouse=settings.screen.mouse)
    if app.crash is not None:
        raise app.crash
    if status == 0 and farewell and app.goodbye:
        print(app.goodbye)  # noqa: T201 - the terminal is back on its normal screen
    return app.return_code or 0 if status is None else status
