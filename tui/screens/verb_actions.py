"""The line after `:` on the main screen: opened there, and its verbs carried out."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any

from textual.screen import Screen

from core.domain.collections import Collection
from core.domain.errors import UsageError, WinchError
from core.domain.history import HistoryQuery
from core.domain.models import Download
from core.domain.service import DownloadService
from tui.control.verb_parser import ParsedLine
from tui.control.verbs import carry_out
from tui.input.remote import REMOTE, Remote
from tui.model import filters
from tui.model.ordering import Order, SortKey
from tui.model.view import Tab
from tui.screens.confirm_dialog import ConfirmDialog
from tui.screens.dialog import AnswerDialog
from tui.screens.navigation import Navigation
from tui.screens.verb_line import VerbLine


class VerbActions(Navigation):
    """The action by which verbs are typed."""

    async def action_command_line(self) -> None:
        """Let a verb be typed; what it opens comes once the line is gone."""
        context = ScreenContext(self)

        async def show(answer: str | None) -> None:
            if context.opens is not None:
                await self.app.push_screen(context.opens)
            if answer:
                await self.app.push_screen(AnswerDialog(answer))

        await self.app.push_screen(
            VerbLine(
                lambda line: self._carry_out(line, context),
                self._names,
                self._collections,
                self.typed_lines,
            ),
            show,
        )

    async def _carry_out(self, line: ParsedLine, context: ScreenContext) -> str:
        """Do what was typed, with the paths of the machine that is shown."""
        if (host := self.host.host) is None:
            return await carry_out(line, context)

        async def service(**_: bool) -> DownloadService:
            return self.service

        here = REMOTE.set(Remote(host, service, machine=self.host.machine))
        try:
            return await carry_out(line, context)
        finally:
            REMOTE.reset(here)

    def _names(self) -> Mapping[str, str]:
        return {id_: download.name for id_, download in self.store.by_id.items()}

    def _collections(self) -> Iterable[str]:
        return self.store.collections


class ScreenContext:
    """The main screen as verbs see it: the VerbContext of one line."""

    def __init__(self, screen: VerbActions) -> None:
        self._screen = screen
        self.opens: Screen[None] | None = None
        """The screen that the verb asked for."""
        self.tell = screen.say
        self.reconnect = screen.action_reconnect
        self.leave = screen.action_detach
        self.remove = screen.queue_requests.remove
        self.remember = screen.queue_requests.remember

    @property
    def service(self) -> DownloadService:
        return self._screen.service

    @property
    def directory(self) -> str:
        if not self._screen.directory:
            # Of a machine that has never answered nobody knows it.
            _ = self._screen.service
        return self._screen.directory

    @property
    def chosen_ids(self) -> Sequence[str]:
        return self._screen.selection.chosen_ids

    @property
    def chosen_collections(self) -> Sequence[str]:
        return [each.name for each in self._screen.selection.chosen_collections]

    @property
    def collections(self) -> Mapping[str, Collection]:
        return self._screen.store.collections

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

    def open_collection(self, name: str) -> None:
        self.opens = self._screen.collection_screen(name)

    def open_history(self, query: HistoryQuery) -> None:
        self.opens = self._screen.history_screen(query)

    def open_statistics(self, days: int) -> None:
        self.opens = self._screen.statistics_screen(days)

    async def confirm(self, title: str, question: str, note: str) -> bool:
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        prompt = ConfirmDialog(title, question, note=note)
        # Also where another machine is shown by now.
        await self._screen.app.push_screen(
            prompt, lambda yes: answer.set_result(bool(yes)), mode=self._screen.mode
        )
        return await answer

    def later(self, work: Coroutine[Any, Any, object]) -> None:

        async def do() -> None:
            try:
                await work
            except WinchError as error:
                self._screen.complain(error)

        self._screen.run_worker(do())
