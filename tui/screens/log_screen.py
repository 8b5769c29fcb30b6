"""What the daemon writes down: the end of its log, as it grows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import BindingType

from core.domain.errors import WinchError
from core.domain.service import MOST_LOG_LINES, DownloadService
from tui.control.bindings import bindings
from tui.control.key_actions import KeyTarget
from tui.screens.page_screen import PageScreen
from tui.text import fmt
from tui.text.cells import Cell, Line, Role
from tui.text.log_lines import readable
from tui.widgets.prompt import Prompt

_EVERY = 1.0
"""Seconds between two looks while the screen is open."""
_A_FEW = 5
"""Lines that are asked for at each look."""
_INDENT = 3
_ENTRY = re.compile(r"(\S+ \S+ )(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b")
_ROLES = {
    "DEBUG": Role.MUTED,
    "INFO": Role.ACTIVE,
    "WARNING": Role.WAITING,
    "ERROR": Role.FAILED,
    "CRITICAL": Role.FAILED,
}


class LogScreen(PageScreen):
    """Follows the log of a service; scrolled up it stands still."""

    TARGET = KeyTarget.LOG
    NAME = "Log"
    BINDINGS: ClassVar[list[BindingType]] = bindings(TARGET)

    def __init__(self, service: Callable[[], DownloadService]) -> None:
        super().__init__()
        self._service = service
        self._lines: list[str] = []
        self._last = ""
        self._shown: list[str] = []
        self._filter = ""
        self._trouble = ""
        self._is_read = False
        self._follows = True

    def on_mount(self) -> None:
        self.watch(self._page, "scroll_y", self._scrolled, init=False)
        self._look()
        self.set_interval(_EVERY, self._look)

    def action_log_filter(self) -> None:
        self._prompt.open("/", self._filter)

    def action_log_follow(self) -> None:
        self._follows = True
        self._show()

    def action_log_help(self) -> None:
        self.show_keys()

    def action_log_back(self) -> None:
        self.dismiss()

    @on(Prompt.Changed)
    def _type(self, event: Prompt.Changed) -> None:
        self._filter = event.text
        self._show()

    @on(Prompt.Submitted)
    def _submit(self) -> None:
        self._prompt.close()

    @on(Prompt.Cancelled)
    def _drop_filter(self) -> None:
        self._filter = ""
        self._show()

    def _look(self) -> None:
        # Not while another machine is shown.
        if self in self.app.screen_stack:
            self.run_worker(self._read(), exclusive=True)

    async def _read(self) -> None:
        try:
            is_new = await self._read_on()
            if self._is_read and not self._trouble and not is_new:
                return
            self._trouble, self._is_read = "", True
        except WinchError as error:
            trouble = fmt.clean(error.message)
            if self._trouble == trouble:
                return
            self._trouble = trouble
        self._show()

    async def _read_on(self) -> bool:
        """Take in what was written since the last look, and tell whether that is anything.

        Mostly a few lines are asked for, and all only where these do not follow on what is known.
        """
        if self._is_read and self._last:
            latest = await self._service().tail_log(_A_FEW)
            # Every line has its time in it: the same line is the same place.
            if self._last in latest:
                return self._take(latest[len(latest) - latest[::-1].index(self._last) :])
        found = await self._service().tail_log(MOST_LOG_LINES)
        self._lines.clear()
        return self._take(found)

    def _take(self, new: Sequence[str]) -> bool:
        self._lines += [each for line in new for each in readable(line)]
        del self._lines[:-MOST_LOG_LINES]
        self._last = new[-1] if new else self._last
        return bool(new)

    def _show(self) -> None:
        wanted = self._filter.casefold()
        self._shown = [line for line in self._lines if wanted in line.casefold()]
        self._page.rewrite()
        self._title.update(self._heading())
        if self._follows:
            self._page.scroll_to(y=self._page.virtual_size.height, animate=False, force=True)

    def _scrolled(self) -> None:
        follows = self._page.scroll_offset.y >= self._page.max_scroll_y
        if self._follows != follows:
            self._follows = follows
            self._title.update(self._heading())

    def _heading(self) -> str:
        parts = [" Log", self._trouble or ("following" if self._follows else "standing still")]
        if self._filter:
            parts.append(f"{len(self._shown):,} of {len(self._lines):,} lines")
            parts.append(f"/{fmt.clean(self._filter)}")
        return "  ".join(parts)

    def lines(self, width: int) -> Sequence[Line]:
        if not self._shown:
            text = "Nothing matches." if self._lines else "The log is empty."
            return [(Cell(1, text, Role.MUTED),)] if self._is_read else []
        return [
            line for text in self._shown for line in _wrapped(fmt.clean(text), max(width - 1, 8))
        ]


def _wrapped(text: str, width: int) -> list[Line]:
    """Return a line of the log in as many as it takes, the further ones indented."""
    first, *rest = fmt.wrap(text, width, width - _INDENT)
    return [_head(first), *((Cell(1 + _INDENT, part, Role.PLAIN),) for part in rest)]


def _head(text: str) -> Line:
    found = _ENTRY.match(text)
    if found is None:
        return (Cell(1, text, Role.PLAIN),)
    moment, level = found.groups()
    at = 1 + len(moment)
    return (
        Cell(1, moment, Role.MUTED),
        Cell(at, level, _ROLES[level]),
        Cell(at + len(level), text[found.end() :], Role.PLAIN),
    )
