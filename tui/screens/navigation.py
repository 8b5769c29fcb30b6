"""The ways from the main screen to the others, and back with what was typed or found there."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from textual.screen import Screen

from core.domain.history import HistoryQuery
from core.domain.settings import Settings
from tui.control.bindings import keymap_of
from tui.control.collection_requests import CollectionRequests
from tui.control.feed import repaint_interval
from tui.control.hosts import DrivenHost
from tui.control.key_actions import MAIN, KeyAction, KeyTarget, by_target
from tui.model import filters
from tui.model.collection_sums import CauseKey
from tui.model.failing import failing_filter
from tui.model.view import Tab
from tui.screens.add_actions import AddActions
from tui.screens.collection_screen import CollectionScreen
from tui.screens.dialog import NoticesDialog
from tui.screens.help_dialog import HelpDialog
from tui.screens.history_screen import HistoryScreen
from tui.screens.hosts_dialog import HostsDialog
from tui.screens.list_controls import ListControls
from tui.screens.log_screen import LogScreen
from tui.screens.palette_dialog import PaletteDialog, PaletteEntry
from tui.screens.settings_screen import SettingsScreen
from tui.screens.statistics_screen import PERIODS, StatisticsScreen
from tui.widgets.download_table import DownloadTable


class Navigation(AddActions, ListControls):
    """The actions that open another screen, look for the daemon, or leave."""

    async def action_statistics(self) -> None:
        await self.app.push_screen(self.statistics_screen(7))

    async def action_history(self) -> None:
        await self.app.push_screen(self.history_screen(HistoryQuery(limit=None)))

    async def action_log(self) -> None:
        await self.app.push_screen(LogScreen(lambda: self.service))

    async def action_settings(self) -> None:
        screen = SettingsScreen(lambda: self.service, self._use_settings, self.host.host)
        await self.app.push_screen(screen)

    async def action_notices(self) -> None:
        await self.app.push_screen(NoticesDialog(self.store))

    async def action_help(self) -> None:
        await self.app.push_screen(HelpDialog())

    async def action_palette(self) -> None:
        keymap = keymap_of(self)

        def owner(action: KeyAction) -> Screen[None] | DownloadTable:
            return self.table if action.target is KeyTarget.TABLE else self

        entries = [
            PaletteEntry(
                action,
                "  ".join(keymap.names(action.id)),
                bool(owner(action).check_action(action.id, ())),
            )
            for action in by_target(*MAIN, KeyTarget.TABLE)
            if action.id != "palette"
        ]

        async def run(action: KeyAction | None) -> None:
            if action is not None:
                await self.app.run_action(action.id, owner(action))

        await self.app.push_screen(PaletteDialog(entries), run)

    async def action_hosts(self) -> None:
        """Let another machine be chosen, and see how all of them are."""
        self.hosts.begin_all()

        def show(chosen: DrivenHost | None) -> None:
            if chosen is not None:
                self.hosts.choose(chosen)

        await self.app.push_screen(HostsDialog(self.hosts), show)

    def action_next_host(self) -> None:
        self.hosts.step(1)

    def action_previous_host(self) -> None:
        self.hosts.step(-1)

    def action_reconnect(self) -> None:
        """Look for the daemon now, and start it where none runs."""
        what = self.host.name if self.host.is_remote else "the daemon"
        self.banner.update(f"looking for {what}")
        self.feed.restart()

    def action_detach(self) -> None:
        """Leave the screen; the daemon goes on."""
        self.app.exit(0)

    def statistics_screen(self, days: int) -> StatisticsScreen:
        """Return the figures of the last days: of the shortest period that has so many."""
        period = next((period for period in PERIODS if period >= days), PERIODS[-1])
        return StatisticsScreen(lambda: self.service, now=self.now, days=period)

    def collection_screen(self, name: str) -> CollectionScreen:
        """Return the page of a collection that there is."""
        requests = CollectionRequests(name, self.store, self.queue_requests, self.ask, self.say)
        see = partial(self._see_files, name)
        return CollectionScreen(requests, self.store, lambda: self.service, see, now=self.moment)

    def _see_files(self, collection: str, cause: CauseKey) -> None:
        """Show the files of a collection that are bad or missing for one cause, all of them."""
        self.view.fold(collection, folded=False)
        self.show_list(tab=Tab.ALL, wanted=filters.parse(failing_filter(collection, cause)))

    def history_screen(self, query: HistoryQuery) -> HistoryScreen:
        """Return what was tried, as far as it is asked for."""
        return HistoryScreen(
            lambda: self.service,
            self.add,
            # What is exported is written here, wherever it was tried.
            directory=lambda: str(Path.cwd()) if self.host.is_remote else self.directory,
            machine=self.host.name if self.host.is_remote else "",
            query=query,
        )

    def _use_settings(self, settings: Settings) -> None:
        """Let other settings hold, as far as the screen can change while it is open."""
        # A theme that is not the one set was chosen for the terminal, which has no other.
        if self.app.theme == self._theme:
            self.app.theme = self._theme = settings.screen.theme
        self.feed.interval = repaint_interval(settings.screen)
        self.use_directory(str(Path(settings.downloads.directory).expanduser().absolute()))
