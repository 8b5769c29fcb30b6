"""The ways from the main screen to the others, and back with what was typed or found there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from textual.screen import Screen

from core.domain.errors import UsageError, WinchError
from core.domain.history import HistoryQuery
from core.domain.models import Download
from core.domain.service import DownloadService
from core.domain.settings import Settings
from tui.control.feed import repaint_interval
from tui.control.key_actions import MAIN, KeyAction, KeyTarget, by_target
from tui.control.queue_requests import Tell
from tui.control.verbs import carry_out
from tui.model import filters
from tui.model.ordering import Order, SortKey
from tui.model.undo import Undo
from tui.model.view import Tab
from tui.screens.add_actions import AddActions
from tui.screens.confirm_dialog import ConfirmDialog
from tui.screens.dialog import AnswerDialog, NoticesDialog
from tui.screens.help_dialog import HelpDialog
from tui.screens.history_screen import HistoryScreen
from tui.screens.list_controls import ListControls
from tui.screens.log_screen import LogScreen
from tui.screens.palette_dialog import PaletteDialog, PaletteEntry
from tui.screens.settings_screen import SettingsScreen
from tui.screens.statistics_screen import PERIODS, StatisticsScreen
from tui.screens.verb_line import VerbLine
from tui.widgets.download_table import DownloadTable
from tui.widgets.key_bar import keymap_of


class Navigation(AddActions, ListControls):
    """The actions that open another screen, look for the daemon, or leave."""

    async def action_statistics(self) -> None:
        await self.app.push_screen(self.statistics_screen(7))

    async def action_history(self) -> None:
        await self.app.push_screen(self.history_screen(HistoryQuery(limit=None)))

    async def action_log(self) -> None:
        await self.app.push_screen(LogScreen(lambda: self.service))

    async def action_settings(self) -> None:
        screen = SettingsScreen(lambda: self.service, self._use_settings)
        await self.app.push_screen(screen)

    async def action_notices(self) -> None:
        await self.app.push_screen(NoticesDialog(self.store))

    async def action_help(self) -> None:
        await self.app.push_screen(HelpDialog())

    async def action_command_line(self) -> None:
        """Let a command be typed; what it opens comes once the line is gone."""
        context = ScreenContext(self)

        async def show(answer: str | None) -> None:
            if context.opens is not None:
                await self.app.push_screen(context.opens)
            if answer:
                await self.app.push_screen(AnswerDialog(answer))

        await self.app.push_screen(
            VerbLine(
                lambda line: carry_out(line, context),
                self._names,
                self.typed_lines,
            ),
            show,
        )

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

    def action_reconnect(self) -> None:
        """Look for the daemon now, and start it where none runs."""
        self.banner.update("looking for the daemon")
        self.feed.restart()

    def action_detach(self) -> None:
        """Leave the screen; the daemon goes on."""
        self.app.exit(0)

    def statistics_screen(self, days: int) -> StatisticsScreen:
        """Return the figures of the last days: of the shortest period that has so many."""
        period = next((period for period in PERIODS if period >= days), PERIODS[-1])
        return StatisticsScreen(lambda: self.service, now=self.now, days=period)

    def history_screen(self, query: HistoryQuery) -> HistoryScreen:
        """Return what was tried, as far as it is asked for."""
        return HistoryScreen(
            lambda: self.service,
            self.add,
            directory=lambda: self.directory,
            query=query,
        )

    def _names(self) -> Mapping[str, str]:
        return {id_: download.name for id_, download in self.store.by_id.items()}

    def _use_settings(self, settings: Settings) -> None:
        """Let other settings hold, as far as the screen can change while it is open."""
        # A theme that is not the one set was chosen for the terminal, which has no other.
        if self.app.theme == self._theme:
            self.app.theme = self._theme = settings.screen.theme
        self.feed.interval = repaint_interval(settings.screen)
        self.use_directory(str(Path(settings.downloads.directory).expanduser().absolute()))


class ScreenContext:
    """The main screen as the commands after `:` see it: the VerbContext of one line."""

    def __init__(self, screen: Navigation) -> None:
        self._screen = screen
        self.opens: Screen[None] | None = None
        """The screen that the command asked for."""

    @property
    def service(self) -> DownloadService:
        return self._screen.service

    @property
    def directory(self) -> str:
        return self._screen.directory

    @property
    def targets(self) -> Sequence[str]:
        return self._screen.selection.targets

    @property
    def queue(self) -> Sequence[Download]:
        return self._screen.queue_requests.queue

    def matching(self, text: str) -> list[str]:
        matches, now = filters.parse(text).matches, self._screen.now()
        progress = self._screen.store.progress
        return [d.id for d in self.queue if matches(d, progress(d.id), now)]

    def show_list(self, text: str, sort: str, *, is_reversed: bool) -> None:
        if sort not in list(SortKey):
            raise UsageError(f"nothing sorts by '{sort}'", hint=f"there are: {', '.join(SortKey)}")
        order = Order.natural(SortKey(sort))
        order = order.reversed if is_reversed else order
        self._screen.show_list(tab=Tab.ALL, wanted=filters.parse(text), order=order)

    def open_history(self, query: HistoryQuery) -> None:
        self.opens = self._screen.history_screen(query)

    def open_statistics(self, days: int) -> None:
        self.opens = self._screen.statistics_screen(days)

    def remove(self, ids: Sequence[str], *, files: bool) -> None:
        self._screen.queue_requests.remove(ids, files=files)

    def remember(self, undo: Undo) -> None:
        self._screen.queue_requests.remember(undo)

    async def confirm(self, title: str, question: str, note: str) -> bool:
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        prompt = ConfirmDialog(title, question, note=note)
        await self._screen.app.push_screen(prompt, lambda yes: answer.set_result(bool(yes)))
        return await answer

    def later(self, work: Coroutine[Any, Any, object]) -> None:

        async def do() -> None:
            try:
                await work
            except WinchError as error:
                self._screen.complain(error)

        self._screen.run_worker(do())

    @property
    def tell(self) -> Tell:
        return self._screen.say

    @property
    def reconnect(self) -> Callable[[], None]:
        return self._screen.action_reconnect

    @property
    def leave(self) -> Callable[[], None]:
        return self._screen.action_detach
