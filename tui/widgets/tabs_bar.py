"""The views with their keys and live counts, and beside them what narrows or orders the list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.message import Message

from tui.control.bindings import keymap_of
from tui.control.key_actions import KEY_ACTIONS
from tui.model.ordering import Order, SortKey
from tui.model.view import Tab
from tui.terminal.theme import is_ascii
from tui.text import fmt
from tui.text.cells import Cell, Line, Role
from tui.widgets.cell_line import CellLine

_ACTIONS = {action.id: action for action in KEY_ACTIONS}
_STATE_ROOM = 14
"""Cells that filter, order and marks have at the least."""
_QUEUE = Order()


@dataclass(frozen=True, slots=True)
class ListSummary:
    """What is looked at: the view, its filter and order, and how many are marked."""

    tab: Tab = Tab.ALL
    filter: str = ""
    order: Order = _QUEUE
    marked: int = 0
    hidden: int = 0
    has_range: bool = False


class TabsBar(CellLine):
    """One line; a click on a view opens it."""

    class Chosen(Message):
        """A view was clicked."""

        def __init__(self, tab: Tab) -> None:
            super().__init__()
            self.tab = tab

    def __init__(self) -> None:
        super().__init__()
        self._summary = ListSummary()
        self._counts: Mapping[Tab, int] = dict.fromkeys(Tab, 0)
        self._places: list[tuple[int, int, Tab]] = []

    def show(self, summary: ListSummary, counts: Mapping[Tab, int]) -> None:
        """Show these; the same is not drawn again."""
        self._summary, self._counts = summary, counts
        self.follow()

    def cells(self, width: int) -> Line:
        """Return the views, with fewer words where they do not fit, and the state beside them."""
        state = self._state()
        room = min(cell_len(state), _STATE_ROOM) + 2 if state else 0
        for style in range(3):
            labels = [(tab, self._label(tab, style)) for tab in Tab]
            if sum(len(label) + (style == 0) for _, label in labels) + room <= width:
                break
        cells, x = [], 0
        self._places = []
        for tab, label in labels:
            is_chosen = tab is self._summary.tab
            cells.append(Cell(x, label, Role.TITLE if is_chosen else Role.MUTED))
            self._places.append((x, x + len(label), tab))
            x += len(label) + (style == 0)
        if state and width - x > 4:
            text = fmt.fit(state, min(cell_len(state), width - x - 2), ascii_only=is_ascii(self))
            cells.append(Cell(width - 1 - cell_len(text), text, Role.WAITING))
        return tuple(cells)

    def on_click(self, event: events.Click) -> None:
        for start, end, tab in self._places:
            if start <= event.x < end:
                self.post_message(self.Chosen(tab))

    def _label(self, tab: Tab, style: int) -> str:
        action = _ACTIONS[f"show_{tab}"]
        key = keymap_of(self).names(action.id)[0]
        is_chosen = tab is self._summary.tab
        word = f" {action.label}" if style < 2 or is_chosen else ""
        left, right = "[]" if is_chosen else (" ", " " if style == 0 else "")
        return f"{left}{key}{word} {self._counts[tab]:,}{right}"

    def _state(self) -> str:
        """Return in words what is not as usual."""
        summary, parts = self._summary, []
        if summary.marked:
            hidden = f" ({summary.hidden:,} hidden)" if summary.hidden else ""
            parts.append(f"{summary.marked:,} marked{hidden}")
        if summary.has_range:
            parts.append("range")
        if summary.order != _QUEUE:
            down, up = ("v", "^") if is_ascii(self) else ("↓", "↑")
            name = "queue" if summary.order.key is SortKey.QUEUE else str(summary.order.key)
            parts.append(f"{name} {down if summary.order.descending else up}")
        if summary.filter:
            parts.append(f"/{fmt.clean(summary.filter)}")
        return "  ".join(parts)
