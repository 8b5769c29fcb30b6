"""The main screen: the list with its totals, details and keys, and what each key asks for.

A key only asks the service; what is shown changes when the service says that it has changed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Set
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Static

from core.domain.models import Download, Progress
from core.domain.settings import ScreenSettings, Settings
from tui.control import key_actions
from tui.control.commands import Commands
from tui.control.feed import Connect, ConnectionLost, Feed, Reconnected, StoreChanged
from tui.input.disk import Disk, FreeSpace
from tui.model.rows import DownloadRow
from tui.model.selection import Selection
from tui.model.store import DownloadStore
from tui.model.view import View
from tui.screens.adding import Adding
from tui.screens.asking import Asking
from tui.screens.help import HelpScreen
from tui.screens.list_controls import ListControls
from tui.screens.navigation import Navigation
from tui.screens.notices import NoticesScreen
from tui.screens.recovery import RecoveryScreen, Way
from tui.screens.requests import Requests, tell
from tui.terminal.spans import SpanCompositor
from tui.text.fmt import clean
from tui.widgets.detail_pane import DetailPane, Split
from tui.widgets.download_table import DownloadTable
from tui.widgets.header_bar import HeaderBar, Surroundings
from tui.widgets.key_bar import KeyBar, bindings, keymap_of
from tui.widgets.letter_bar import LetterBar
from tui.widgets.notice_bar import NoticeBar
from tui.widgets.prompt import QuestionPrompt
from tui.widgets.tabs_bar import TabsBar

_COMMANDS = frozenset(action.id for action in key_actions.by_target(key_actions.KeyTarget.QUEUE))


class MainScreen(Screen[None]):
    """Shows a store and asks the feed's service for what the person wants."""

    AUTO_FOCUS = "DownloadTable"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*key_actions.MAIN)
    DEFAULT_CSS = """
    MainScreen {
        background: $background;
        & > #banner {
            height: 1; padding: 0 1; display: none;
            background: $warning 20%; color: $warning; text-style: bold;
        }
        & > #banner.-shown { display: block; }
        &.-asking > KeyBar { display: none; }
    }
    """

    def __init__(
        self,
        connect: Connect,
        settings: ScreenSettings,
        *,
        directory: str,
        now: Callable[[], datetime],
        host: str = "",
        cursor: str = "",
        is_behind: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__()
        self._compositor = SpanCompositor()
        self._now = now
        self._was_connected = False
        # Where the cursor is to be once the list is there.
        self._cursor = cursor
        # Interrupted downloads are asked about once, as soon as nothing else is being asked.
        self._has_to_ask = False
        self._has_asked = False
        self._is_ticking = False
        self.store = DownloadStore()
        self.feed = Feed(
            connect,
            self.store,
            self.post_message,
            interval=repaint_interval(settings),
            now=now,
            is_behind=is_behind,
        )
        self.requests = Requests(self, lambda: self.feed.service)
        self.adding = Adding(
            self,
            self.store,
            self.requests,
            lambda: self.feed.service,
            directory=directory,
            ascii_only=settings.ascii,
        )
        self._ascii = settings.ascii
        self._theme = settings.theme
        self.header = HeaderBar(host, ascii_only=settings.ascii)
        self.banner = Static(id="banner", markup=False)
        self.notices = NoticeBar(ascii_only=settings.ascii)
        self.view = View(self.store, now=self._moment)
        self.selection = Selection(self.view, self.store)
        self.tabs = TabsBar(ascii_only=settings.ascii)
        self.table = DownloadTable(
            self.store,
            self.view,
            self.selection,
            now=self._moment,
            moved=self._show_chosen,
            marked=self._show_state,
            ascii_only=settings.ascii,
        )
        self.details = DetailPane(
            lambda: self.feed.service,
            is_resting=lambda: is_behind() or not self.is_active,
            ascii_only=settings.ascii,
        )
        self.inquiry = QuestionPrompt()
        self.letters = LetterBar()
        self.keys = KeyBar(*key_actions.MAIN, key_actions.KeyTarget.TABLE)
        self._free_space = FreeSpace(Disk(directory))
        self.list_controls = ListControls(
            self.view,
            self.selection,
            table=self.table,
            tabs=self.tabs,
            inquiry=self.inquiry,
            letters=self.letters,
        )
        self.commands = Commands(
            self.store, self.view, self.selection, self.requests.send, partial(tell, self)
        )
        asking = Asking(
            self,
            self.commands,
            self.selection,
            self.inquiry,
            self.letters,
            total_limit=lambda: self.store.limit,
        )
        navigation = Navigation(
            self,
            store=self.store,
            selection=self.selection,
            table=self.table,
            list_controls=self.list_controls,
            commands=self.commands,
            service=lambda: self.feed.service,
            directory=lambda: self.adding.directory,
            now=now,
            add=self.adding.add,
            reconnect=self.action_reconnect,
            apply=self._apply,
            ascii_only=settings.ascii,
        )
        # Where Textual looks for them.
        for part in (self.list_controls, self.commands, self.adding, asking, navigation):
            for id_, handler in part.handlers.items():
                setattr(self, f"action_{id_}", handler)

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.banner
        yield self.notices
        yield self.tabs
        with Split():
            yield self.table
            yield self.details
        yield self.inquiry
        yield self.letters
        yield self.keys

    def on_mount(self) -> None:
        """Start to follow the service."""
        self.run_worker(self.feed.run())

    # What the service says.

    @on(StoreChanged)
    def show_changes(self, message: StoreChanged) -> None:
        """Bring everything in sight up to date, dialogs included."""
        if not self.table.is_loaded and self._cursor:
            self.selection.row = DownloadRow(self._cursor)
        self.table.is_loaded = True
        self._show(message.ids)
        for screen in self.app.screen_stack:
            if screen is not self:
                screen.post_message(StoreChanged(message.ids))

    @on(ConnectionLost)
    def show_loss(self, message: ConnectionLost) -> None:
        """Say since when the picture is old; it stays."""
        since = f"{message.since.astimezone():%H:%M:%S}"
        text = f"connection to the daemon lost since {since} - reconnecting"
        if message.stopped:
            keys = keymap_of(self).names_of("reconnect")
            text = f"the daemon was stopped at {since} - {keys[0]} starts it again"
        elif not self._was_connected:
            text = f"no connection to the daemon ({message.reason}) - trying again"
        self.banner.update(clean(text))
        self.banner.add_class("-shown")

    @on(Reconnected)
    def show_connection(self) -> None:
        """Take the banner away."""
        self._was_connected = True
        self.banner.remove_class("-shown")
        self._has_to_ask = not self._has_asked
        self._ask_about_interrupted()

    def on_screen_resume(self) -> None:
        """Ask what had to wait for another dialog."""
        self._ask_about_interrupted()

    def _ask_about_interrupted(self) -> None:
        if not self._has_to_ask or not self.is_active:
            return
        self._has_to_ask = False
        if not self.store.interrupted:
            return
        self._has_asked = True
        prompt = RecoveryScreen(
            self.store, lambda: self.feed.service, now=self._moment, ascii_only=self._ascii
        )

        def decide(way: Way | None) -> None:
            # Those that somebody else has decided on meanwhile are out of it.
            ids = self.store.interrupted
            if way is Way.RESUME and ids:
                self.requests.send(lambda service: service.resume(ids))
            elif way is Way.FRESH and ids:
                self.requests.send(lambda service: service.start_fresh(ids))

        self.app.push_screen(prompt, decide)

    def _show_chosen(self) -> None:
        self._show_state()
        self._show_details()

    def _show_details(self) -> None:
        download = self._current
        progress = self.store.progress(download.id) if download else Progress()
        self.details.show(download, progress, self._now())

    def _show(self, changed: Set[str]) -> None:
        self._show_header()
        self.notices.show(self.store.notices)
        self.table.follow(changed)
        self.details.note(changed, lambda id_: self.store.progress(id_).rate)
        self._show_chosen()
        if self._free_space.is_due(time.monotonic()) and self.feed.lost_since is None:
            self.run_worker(self._look())
        wait = 1.0 if self.store.is_counting_down else self.view.due_in
        if wait is not None and not self._is_ticking and self.feed.lost_since is None:
            self._is_ticking = True
            self.set_timer(max(wait, 0.1), self._tick)

    def _show_header(self) -> None:
        around = Surroundings(self.store.limit, self._free_space.bytes, self.store.trouble)
        now = time.monotonic()
        self.header.show(self.store.totals, around, now, is_held=self.store.paused)

    def _show_state(self) -> None:
        """Say what is shown and marked, and which keys apply to it."""
        self.list_controls.refresh()
        self.keys.follow()

    async def _look(self) -> None:
        await self._free_space.look(self.adding.directory)
        self._show_header()

    def _moment(self) -> datetime:
        """Return what time it is in the picture: it stands still while nothing is heard."""
        return self.feed.lost_since or self._now()

    def _tick(self) -> None:
        self._is_ticking = False
        self.feed.schedule()

    # What the person asks for.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Tell whether a key means anything now: None where it cannot apply to what is chosen."""
        if self.is_asking:
            return False
        if action == "start_now" and not self.view.filter.is_empty:
            # The same key goes through what a filter found.
            return False
        if action == "back_out":
            # Elsewhere Esc is the way back to the list.
            return self.table.has_focus
        if action == "reconnect":
            return self.feed.lost_since is not None or None
        if action in _COMMANDS:
            return self.commands.can(action) or None
        return True

    def key_label(self, id: str) -> str | None:  # noqa: A002
        """Return what a key is called where it does something else than usual."""
        return self.commands.label(id)

    @property
    def is_asking(self) -> bool:
        """Whether keys are letters now, for a line to type in or the second half of a command."""
        return self.inquiry.is_open or self.letters.is_open

    def watch_focused(self) -> None:
        """Hide the keys while they are letters."""
        self.set_class(self.is_asking, "-asking")

    def on_key(self, event: events.Key) -> None:
        """Say why a key does nothing."""
        action = keymap_of(self).action_of(event.key, key_actions.MAIN)
        if action is not None and self.check_action(action.id, ()) is None:
            self.notify(action.refusal, severity="warning", markup=False)

    @on(TabsBar.Chosen)
    def _open_tab(self, message: TabsBar.Chosen) -> None:
        self.list_controls.show_tab(message.tab)

    @on(DownloadTable.HeadingClicked)
    def _sort(self, message: DownloadTable.HeadingClicked) -> None:
        self.list_controls.sort_by_column(message.column)

    @on(DownloadTable.Opened)
    def _open_details(self) -> None:
        if not self.details.has_class("-shown"):
            self.action_toggle_details()

    def action_toggle_details(self) -> None:
        """Show the details, or hide them; of a group, show its members or hide them."""
        if self.table.has_focus and self.table.toggle_fold():
            return
        self.details.toggle_class("-shown")
        if self.details.has_class("-shown"):
            self.call_after_refresh(self._show_details)
        else:
            # At once: a key that comes with this one may open a line that takes the focus.
            self.set_focus(self.table)

    def action_switch_pane(self) -> None:
        """Go to the details and back; show them where they are hidden."""
        if not self.details.has_class("-shown"):
            self.action_toggle_details()
        self.set_focus(self.details if self.table.has_focus else self.table)

    def action_reconnect(self) -> None:
        """Look for the daemon now, and start it where none runs."""
        self.banner.update("looking for the daemon")
        self.feed.restart()

    async def action_notices(self) -> None:
        """Show every notice in full."""
        await self.app.push_screen(NoticesScreen(self.store))

    async def action_help(self) -> None:
        """Show every key."""
        await self.app.push_screen(HelpScreen())

    def action_detach(self) -> None:
        """Leave the screen; the daemon goes on."""
        self.app.exit(0)

    @property
    def _current(self) -> Download | None:
        id_ = self.table.cursor_id
        return self.store.download(id_) if id_ is not None and id_ in self.store else None

    def _apply(self, settings: Settings) -> None:
        """Let other settings hold, as far as the screen can change while it is open."""
        # A theme that is not the one set was chosen for the terminal, which has no other.
        if self.app.theme == self._theme:
            self.app.theme = self._theme = settings.screen.theme
        self.feed.interval = repaint_interval(settings.screen)
        self.adding.use_directory(str(Path(settings.downloads.directory).expanduser().absolute()))


def repaint_interval(settings: ScreenSettings) -> float:
    """Return the seconds between two repaints: what is set, else 1/4, or 1 over SSH."""
    if settings.refresh > 0:
        return 1 / settings.refresh
    return 1.0 if os.environ.get("SSH_CONNECTION") else 0.25
