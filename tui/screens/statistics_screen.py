"""The figures of the last days: how much, how fast, when, from where, and what failed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType

from core.domain.errors import WinchError
from core.domain.history import Statistics
from core.domain.service import DownloadService
from tui.control.bindings import bindings
from tui.control.key_actions import KeyTarget
from tui.screens.page_screen import PageScreen
from tui.terminal.theme import component_style, is_ascii
from tui.text.cells import Cell, Line, Role
from tui.text.fmt import fit, sentence
from tui.text.statistics_report import report

PERIODS = (1, 7, 30, 365)
_EVERY = 60.0
"""Seconds between two readings while the screen is open."""


class StatisticsScreen(PageScreen):
    """Asks a service for the figures of a period, and again from time to time."""

    TARGET = KeyTarget.STATISTICS
    NAME = "Statistics"
    BINDINGS: ClassVar[list[BindingType]] = bindings(TARGET)
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "statistics--name",
        "statistics--chosen",
        "statistics--other",
    }
    DEFAULT_CSS = """
    StatisticsScreen {
        & > #title { text-style: none; }
        & > Page > .page--bar { color: $accent 70%; }
        & > .statistics--name { color: $accent; text-style: bold; background: $surface; }
        & > .statistics--chosen { color: $foreground; text-style: bold; background: $surface; }
        & > .statistics--other { color: $foreground-muted; background: $surface; }
    }
    """

    def __init__(
        self,
        service: Callable[[], DownloadService],
        *,
        now: Callable[[], datetime],
        days: int = 7,
    ) -> None:
        super().__init__()
        self._service = service
        self._now = now
        self._days = days
        self._statistics: Statistics | None = None
        self._trouble = ""

    def on_mount(self) -> None:
        self._choose(self._days)
        self.set_interval(_EVERY, self.action_refresh)

    def action_shorter(self) -> None:
        self._choose(PERIODS[max(PERIODS.index(self._days) - 1, 0)])

    def action_longer(self) -> None:
        self._choose(PERIODS[min(PERIODS.index(self._days) + 1, len(PERIODS) - 1)])

    def action_refresh(self) -> None:
        self.run_worker(self._read(), exclusive=True)

    def action_statistics_help(self) -> None:
        self.show_keys()

    def action_back(self) -> None:
        self.dismiss()

    def _choose(self, days: int) -> None:
        self._days = days
        self._title.update(self._heading())
        self.action_refresh()

    async def _read(self) -> None:
        try:
            self._statistics = await self._service().statistics(self._days)
            self._trouble = ""
        except WinchError as error:
            self._trouble = sentence(error)
        self._page.rewrite()

    def lines(self, width: int) -> list[Line]:
        found: list[Line] = []
        if self._trouble:
            text = fit(self._trouble, max(width - 2, 0), ascii_only=is_ascii(self))
            found = [(), (Cell(1, text, Role.FAILED),)]
        if self._statistics is not None:
            found += report(self._statistics, width, self._now(), ascii_only=is_ascii(self))
        return found

    def _heading(self) -> Text:
        name, chosen, other = (
            component_style(self, f"statistics--{part}") for part in ("name", "chosen", "other")
        )
        periods = [
            (f"[{days}]", chosen) if days == self._days else (f" {days} ", other)
            for days in PERIODS
        ]
        return Text.assemble(
            (f" {self.NAME}  ", name), *periods, (" days", other), no_wrap=True, end=""
        )
