"""The ways from the main screen to the others, and what is typed or found there comes back through.

It is also the context on which the verbs after `:` act.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any

from textual.screen import Screen

from core.domain.errors import UsageError, WinchError
from core.domain.history import HistoryQuery
from core.domain.models import Download
from core.domain.service import DownloadService
from core.domain.settings import Settings
from tui.control import key_actions
from tui.control.commands import Commands
from tui.control.verbs import ParsedLine, carry_out
from tui.model import filters
from tui.model.ordering import Order, SortKey
from tui.model.selection import Selection
from tui.model.store import DownloadStore
from tui.model.undo import Undo
from tui.screens.command_line import AnswerScreen, CommandLine
from tui.screens.confirm import ConfirmScreen
from tui.screens.history import HistoryScreen, Submit
from tui.screens.list_controls import ListControls
from tui.screens.log import LogScreen
from tui.screens.palette import Entry, PaletteScreen
from tui.screens.requests import tell
from tui.screens.settings import SettingsScreen
from tui.screens.statistics import PERIODS, StatisticsScreen
from tui.widgets.download_table import DownloadTable
from tui.widgets.key_bar import keymap_of

Handler = Callable[[], object]


class Navigation:
    """Opens other screens above one; `service`, `directory` and `now` are asked for when needed.

    `add` queues downloads, `apply` lets settings hold in the screen.
    """

    def __init__(
        self,
        screen: Screen[None],
        *,
        store: DownloadStore,
        selection: Selection,
        table: DownloadTable,
        list_controls: ListControls,
        commands: Commands,
        service: Callable[[], DownloadService],
        directory: Callable[[], str],
        now: Callable[[], datetime],
        add: Submit,
        reconnect: Callable[[], None],
        apply: Callable[[Settings], None],
        ascii_only: bool,
    ) -> None:
        self._screen = screen
        self._store = store
        self._selection = selection
        self._table = table
        self._list_controls = list_controls
        self._commands = commands
        self._service = service
        self._directory = directory
        self._now = now
        self._add = add
        self.reconnect = reconnect
        """Looks for the daemon, and starts it where none runs."""
        self._apply = apply
        self._ascii = ascii_only
        self._past: list[str] = []
        self._following: Callable[[], Coroutine[Any, Any, None]] | None = None
        self.handlers: Mapping[str, Handler] = MappingProxyType(
            {
                "statistics": lambda: self._show_statistics(7),
                "history": lambda: self._show_history(HistoryQuery(limit=None)),
                "log": self.open_log,
                "settings": self.open_settings,
                "command_line": self.open_command_line,
                "palette": self.open_palette,
            }
        )

    async def _show_statistics(self, days: int) -> None:
        """Show the figures of the last days: of the shortest period that has so many."""
        period = next((period for period in PERIODS if period >= days), PERIODS[-1])
        await self._push(
            StatisticsScreen(self._service, now=self._now, ascii_only=self._ascii, days=period)
        )

    async def _show_history(self, query: HistoryQuery) -> None:
        """Show what was tried, as far as it is asked for."""
        await self._push(
            HistoryScreen(
                self._service,
                self._add,
                directory=self._directory,
                ascii_only=self._ascii,
                query=query,
            )
        )

    async def open_log(self) -> None:
        """Show the end of the daemon's log."""
        await self._push(LogScreen(self._service))

    async def open_settings(self) -> None:
        """Show the settings, to be changed."""
        await self._push(SettingsScreen(self._service, self._apply, ascii_only=self._ascii))

    async def open_command_line(self) -> None:
        """Let a verb be typed."""

        async def show(answer: str | None) -> None:
            # A verb that opens a screen does so once the line is gone.
            following, self._following = self._following, None
            if following is not None:
                await following()
            if answer:
                await self._screen.app.push_screen(AnswerScreen(answer))

        await self._screen.app.push_screen(
            CommandLine(self._carry_out, self._names, self._past, ascii_only=self._ascii), show
        )

    async def open_palette(self) -> None:
        """Let an action be found, and do it."""
        keymap = keymap_of(self._screen)
        entries = [
            Entry(action, "  ".join(keymap.names(action)), bool(self._can(action)))
            for action in key_actions.by_target(*key_actions.MAIN, key_actions.KeyTarget.TABLE)
            if action.id != "palette"
        ]

        async def run(action: key_actions.KeyAction | None) -> None:
            if action is not None:
                await self._screen.app.run_action(action.id, self._place_of(action))

        await self._screen.app.push_screen(PaletteScreen(entries, ascii_only=self._ascii), run)

    # What verbs need.

    @property
    def service(self) -> DownloadService:
        """Who does the work; raises DaemonError where it is out of reach."""
        return self._service()

    @property
    def directory(self) -> str:
        """Where files go when nothing else is said."""
        return self._directory()

    @property
    def targets(self) -> Sequence[str]:
        """The downloads that are chosen."""
        return self._selection.targets

    @property
    def queue(self) -> Sequence[Download]:
        """Every download, in the order of the queue."""
        return self._commands.queue

    def matching(self, text: str) -> list[str]:
        """Return the ids of what a filter admits, in the order of the queue; raises UsageError."""
        matches, now, store = filters.parse(text).matches, self._now(), self._store
        return [d.id for d in self.queue if matches(d, store.progress(d.id), now)]

    def show_list(self, text: str, sort: str, *, is_reversed: bool) -> None:
        """Show what a filter admits, sorted; raises UsageError for what is no filter or key."""
        if sort not in list(SortKey):
            raise UsageError(f"nothing sorts by '{sort}'", hint=f"there are: {', '.join(SortKey)}")
        order = Order.natural(SortKey(sort))
        self._list_controls.show_list(filters.parse(text), order.reversed if is_reversed else order)

    def open_history(self, query: HistoryQuery) -> None:
        """Show what was tried."""
        self._following = partial(self._show_history, query)

    def open_statistics(self, days: int) -> None:
        """Show the figures of some days."""
        self._following = partial(self._show_statistics, days)

    def remove(self, ids: Sequence[str], *, files: bool) -> None:
        """Take downloads off the list; without their files that can be undone."""
        self._commands.remove(ids, files=files)

    def remember(self, undo: Undo) -> None:
        """Let a change that was made be taken back."""
        self._commands.remember(undo)

    async def confirm(self, title: str, question: str, note: str) -> bool:
        """Ask a person whether something that cannot be undone is to be done."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        prompt = ConfirmScreen(
            title=title, question=question, note=note, yes=title, no="Keep", careful=True
        )
        await self._screen.app.push_screen(prompt, lambda yes: answer.set_result(bool(yes)))
        return await answer

    def later(self, work: Coroutine[Any, Any, object]) -> None:
        """Do what takes longer than somebody waits."""

        async def do() -> None:
            try:
                await work
            except WinchError as error:
                self.tell(f"{error.message}\n{error.hint}".strip(), wrong=True)

        self._screen.run_worker(do())

    def tell(self, text: str, *, wrong: bool = False) -> None:
        """Say something in passing."""
        tell(self._screen, text, wrong=wrong)

    def leave(self) -> None:
        """Close the screen."""
        self._screen.app.exit(0)

    async def _carry_out(self, command: ParsedLine) -> str:
        return await carry_out(command, self)

    def _names(self) -> Mapping[str, str]:
        return {id_: download.name for id_, download in self._store.by_id.items()}

    def _can(self, action: key_actions.KeyAction) -> bool | None:
        return self._place_of(action).check_action(action.id, ())

    def _place_of(self, action: key_actions.KeyAction) -> Screen[None] | DownloadTable:
        return self._table if action.target is key_actions.KeyTarget.TABLE else self._screen

    async def _push(self, screen: Screen[None]) -> None:
        await self._screen.app.push_screen(screen)
