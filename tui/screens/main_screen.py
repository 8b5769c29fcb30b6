"""The main screen: its parts and actions put together, what the service says, which keys apply.

A key only asks the service; what is shown changes when the service says that it has changed.
"""

from __future__ import annotations

import time
from collections.abc import Set
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from tui.control.bindings import bindings, keymap_of
from tui.control.feed import ConnectionLost, Reconnected, StoreChanged
from tui.control.key_actions import MAIN, KeyTarget, by_target
from tui.model.rows import DownloadRow, GroupRow
from tui.screens.download_actions import DownloadActions
from tui.screens.recovery_dialog import Decision, RecoveryDialog
from tui.screens.verb_actions import VerbActions
from tui.text.connection_words import far_loss_words, loss_words
from tui.text.header import Surroundings
from tui.widgets.detail_pane import Split
from tui.widgets.download_table import DownloadTable
from tui.widgets.hosts_bar import HostsBar
from tui.widgets.tabs_bar import TabsBar

_LOOK_EVERY = 15.0
"""Seconds between two looks at the free space, while something happens."""
_DOWNLOAD_ACTIONS = frozenset(action.id for action in by_target(KeyTarget.DOWNLOADS))


class MainScreen(VerbActions, DownloadActions):
    """Shows what the feed says, and tells which keys apply to it."""

    AUTO_FOCUS = "DownloadTable"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*MAIN)
    DEFAULT_CSS = """
    MainScreen {
        background: $background;
        & > #banner {
            height: auto; max-height: 3; padding: 0 1; display: none;
            background: $warning 20%; color: $warning; text-style: bold;
        }
        & > #banner.-shown { display: block; }
        &.-asking > KeyBar { display: none; }
    }
    """

    # Interrupted downloads are asked about once, as soon as nothing else is being asked.
    _has_to_ask = _has_asked = False
    _was_connected = False
    _is_ticking = False
    _free_bytes: int | None = None
    _look_due = 0.0

    def compose(self) -> ComposeResult:
        yield self.hosts_bar
        yield self.header
        yield self.banner
        yield self.notices
        yield self.tabs
        with Split():
            yield self.table
            yield self.details
        yield self.prompt
        yield self.letters
        yield self.key_bar

    def on_mount(self) -> None:
        """Say what was found out about the machine before anybody looked at it."""
        if self.feed.loss is not None:
            self.show_loss(self.feed.loss)
        self._show_header()

    # What the service says.

    @on(StoreChanged)
    def show_changes(self, message: StoreChanged) -> None:
        """Bring everything in sight up to date, dialogs included."""
        if not self.table.is_loaded and self._cursor:
            self.selection.row = DownloadRow(self._cursor)
        self.table.is_loaded = True
        self._show(message.ids)
        for dialog in self._dialogs():
            dialog.post_message(StoreChanged(message.ids))

    @on(ConnectionLost)
    def show_loss(self, message: ConnectionLost) -> None:
        """Say since when the picture is old; it stays."""
        key = keymap_of(self).names("reconnect")[0]
        if self.host.is_remote:
            text = far_loss_words(
                self.host.name,
                message.since if self._was_connected else None,
                message.reason,
                message.hint,
                message.next_try,
                stopped=message.stopped,
                restart_key=key,
            )
        else:
            text = loss_words(
                message.since,
                message.reason,
                stopped=message.stopped,
                is_first=not self._was_connected,
                restart_key=key,
            )
        self.banner.update(text)
        self.banner.add_class("-shown")
        self.table.add_class("-stale")
        self.table.expects = ""
        self.table.refresh()
        self._show_header()

    @on(Reconnected)
    def show_connection(self) -> None:
        self._was_connected = True
        self.banner.remove_class("-shown")
        self.table.remove_class("-stale")
        for dialog in self._dialogs():
            dialog.post_message(Reconnected())
        self._has_to_ask = not self._has_asked
        self._ask_about_interrupted()

    def _dialogs(self) -> list[Screen[Any]]:
        return [screen for screen in self.app.get_screen_stack(self.mode) if screen is not self]

    def on_screen_resume(self) -> None:
        """Ask what had to wait for another dialog, or for another machine."""
        self._show_header()
        self.hosts_bar.show()
        self._ask_about_interrupted()

    def _ask_about_interrupted(self) -> None:
        if not self._has_to_ask or not self.is_active:
            return
        self._has_to_ask = False
        if not self.store.interrupted:
            return
        self._has_asked = True
        dialog = RecoveryDialog(self.store, lambda: self.service, now=self.moment)

        def decide(decision: Decision | None) -> None:
            # Those that somebody else has decided on meanwhile are out of it.
            ids = self.store.interrupted
            if decision is None or not ids:
                return
            # What cannot be sent now is asked again once it can.
            self._has_asked = self.feed.loss is None
            if decision is Decision.RESUME:
                self.ask(lambda service: service.resume(ids))
            else:
                self.ask(lambda service: service.start_fresh(ids))

        self.app.push_screen(dialog, decide)

    def _show(self, changed: Set[str]) -> None:
        self._show_header()
        self.notices.show(self.store.notices)
        self.table.follow(changed)
        self.details.note(changed, lambda id_: self.store.progress(id_).rate)
        self.show_chosen()
        if (now := time.monotonic()) >= self._look_due and self.feed.lost_since is None:
            self._look_due = now + _LOOK_EVERY
            self.run_worker(self._look())
        wait = 1.0 if self.store.is_counting_down else self.view.due_in
        if wait is not None and not self._is_ticking and self.feed.lost_since is None:
            self._is_ticking = True
            self.set_timer(max(wait, 0.1), self._tick)

    def _show_header(self) -> None:
        store = self.store
        around = Surroundings(
            store.limit,
            self._free_bytes,
            store.trouble,
            is_held=store.paused,
            as_of=self.feed.lost_since if self.table.is_loaded else None,
        )
        self.header.show(store.sums, around, time.monotonic())

    async def _look(self) -> None:
        self._free_bytes = (await self.host.places.directory(self.directory)).free
        self._show_header()

    def _tick(self) -> None:
        self._is_ticking = False
        self.feed.schedule()

    # What the person asks for.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Tell whether a key means anything now: None where it cannot apply to what is chosen."""
        if action == "reconnect" and self.prompt.is_open:
            # Nothing typed is lost by it; a key that is a letter belongs to the line.
            is_letter = any(len(name) == 1 for name in keymap_of(self).names(action))
            return self.feed.loss is not None and not is_letter
        if self.is_asking:
            return False
        if action == "start_now" and not self.view.filter.is_empty:
            # The same key goes through what a filter found.
            return False
        if action == "back_out":
            # Elsewhere Esc is the decision back to the list.
            return self.table.has_focus
        if action == "reconnect":
            return self.feed.loss is not None or None
        if action in ("next_host", "previous_host"):
            return self.hosts.are_many or None
        if action in _DOWNLOAD_ACTIONS:
            return self.queue_requests.can(action) or None
        return True

    @property
    def is_asking(self) -> bool:
        """Whether keys are letters now, for a line to type in or the second half of a command."""
        return self.prompt.is_open or self.letters.is_open

    def watch_focused(self) -> None:
        """Hide the keys while they are letters."""
        self.set_class(self.is_asking, "-asking")

    def on_key(self, event: events.Key) -> None:
        """Say why a key does nothing."""
        action = keymap_of(self).action_of(event.key, MAIN)
        if action is not None and self.check_action(action.id, ()) is None:
            is_known = self.table.is_loaded or action.id not in _DOWNLOAD_ACTIONS
            refusal = action.refusal if is_known else "The list is not here yet."
            self.notify(refusal, severity="warning", markup=False)

    @on(HostsBar.Chosen)
    def _show_host(self, message: HostsBar.Chosen) -> None:
        self.hosts.choose(message.host)

    @on(TabsBar.Chosen)
    def _open_tab(self, message: TabsBar.Chosen) -> None:
        self.show_list(tab=message.tab)

    @on(DownloadTable.HeadingClicked)
    def _sort(self, message: DownloadTable.HeadingClicked) -> None:
        self.sort_by_column(message.column)

    @on(DownloadTable.Opened)
    def _open_details(self) -> None:
        if not self.details.has_class("-shown"):
            self._toggle_details()

    async def action_toggle_details(self) -> None:
        """Show the details, or hide them; open a collection, and fold or unfold a group."""
        row = self.selection.row
        if self.table.has_focus and isinstance(row, GroupRow):
            if row.name in self.store.collections:
                await self.app.push_screen(self.collection_screen(row.name))
                return
            self.table.toggle_fold()
            return
        self._toggle_details()

    def action_unfold(self) -> None:
        """Show the members of a group or a collection, or hide them; of a download, the details."""
        if not (self.table.has_focus and self.table.toggle_fold()):
            self._toggle_details()

    def _toggle_details(self) -> None:
        self.details.toggle_class("-shown")
        if self.details.has_class("-shown"):
            self.call_after_refresh(self.show_details)
        else:
            # At once: a key that comes with this one may open a line that takes the focus.
            self.set_focus(self.table)

    def action_switch_pane(self) -> None:
        """Go to the details and back; show them where they are hidden."""
        if not self.details.has_class("-shown"):
            self._toggle_details()
        self.set_focus(self.details if self.table.has_focus else self.table)
