"""What the list shows: the view, its filter and its order, and the keys that change them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from tui.model import filters
from tui.model.filters import Filter
from tui.model.ordering import Order, SortKey
from tui.model.selection import Selection
from tui.model.view import Tab, View
from tui.text.columns import Column
from tui.widgets.download_table import DownloadTable
from tui.widgets.letter_bar import Letter, LetterBar
from tui.widgets.prompt import Question, QuestionPrompt
from tui.widgets.tabs_bar import ListSummary, TabsBar

Handler = Callable[[], object]

_LETTERS = (
    ("q", SortKey.QUEUE),
    ("n", SortKey.NAME),
    ("s", SortKey.SIZE),
    ("p", SortKey.PROGRESS),
    ("r", SortKey.RATE),
    ("e", SortKey.ETA),
    ("t", SortKey.STATUS),
    ("a", SortKey.AGE),
    ("u", SortKey.UPDATED),
    ("i", SortKey.PRIORITY),
    ("h", SortKey.HOST),
)
_BY_COLUMN = {
    Column.NAME: SortKey.NAME,
    Column.SIZE: SortKey.SIZE,
    Column.BAR: SortKey.PROGRESS,
    Column.PERCENT: SortKey.PROGRESS,
    Column.STATUS: SortKey.STATUS,
    Column.RATE: SortKey.RATE,
    Column.ETA: SortKey.ETA,
}
_NOTE = "words, or status:failed size:>1G rate:<100k host:x group:x age:>2d error:404, ! negates"
_EVERYTHING = filters.parse("")


class ListControls:
    """Changes what a table shows, and says it on the line of views."""

    def __init__(
        self,
        view: View,
        selection: Selection,
        *,
        table: DownloadTable,
        tabs: TabsBar,
        inquiry: QuestionPrompt,
        letters: LetterBar,
    ) -> None:
        self._view = view
        self._selection = selection
        self._table = table
        self._tabs = tabs
        self._inquiry = inquiry
        self._letters = letters
        self.handlers: Mapping[str, Handler] = MappingProxyType(
            {
                "filter": self.ask_filter,
                "sort": self.ask_order,
                "clear": self.clear,
                "back_out": self.back_out,
            }
            | {f"show_{tab}": partial(self.show_tab, tab) for tab in Tab}
        )

    @property
    def is_plain(self) -> bool:
        """Whether the rows stand as in the queue, all of them."""
        view = self._view
        return view.tab is Tab.ALL and view.filter.is_empty and view.order == Order()

    def refresh(self) -> None:
        """Say what is shown now."""
        marks = self._selection.marks
        summary = ListSummary(
            tab=self._view.tab,
            filter=self._view.filter.text.strip(),
            order=self._view.order,
            marked=len(marks),
            hidden=self._selection.hidden if marks else 0,
            has_range=self._selection.has_range,
        )
        self._tabs.show(summary, self._view.counts)

    def show_list(self, wanted: Filter, order: Order) -> None:
        """Show what a filter admits of all downloads, in an order."""
        self._show(tab=Tab.ALL, filter=wanted, order=order)

    def show_tab(self, tab: Tab) -> None:
        """Show one of the views."""
        self._show(tab=tab)

    def sort_by(self, key: SortKey) -> None:
        """Sort, or turn the sort round that is there."""
        now = self._view.order
        self._show(order=now.reversed if now.key is key else Order.natural(key))

    def sort_by_column(self, column: Column) -> None:
        """Sort by what a column says."""
        self.sort_by(_BY_COLUMN[column])

    def ask_order(self) -> None:
        """Ask for the letter of a sort."""
        letters = [Letter(key, str(sort), partial(self.sort_by, sort)) for key, sort in _LETTERS]
        self._letters.ask("Sort by", letters)

    def ask_filter(self) -> None:
        """Let a filter be typed; what it shows follows each key."""
        before = self._view.filter

        def use(text: str) -> None:
            self._filter(filters.parse(text))

        self._inquiry.ask(
            Question(
                label="Filter",
                value=before.text,
                note=_NOTE,
                typed=use,
                accept=use,
                cancel=lambda: self._filter(before),
            )
        )

    def clear(self) -> None:
        """Show everything, in the order of the queue."""
        self._show(filter=_EVERYTHING, order=Order())

    def back_out(self) -> None:
        """Take the marks away, else the filter, else the view and the order."""
        if self._selection.marks or self._selection.has_range:
            self._table.clear_marks()
        elif not self._view.filter.is_empty:
            self._filter(_EVERYTHING)
        else:
            self._show(tab=Tab.ALL, order=Order())

    def _filter(self, wanted: Filter) -> None:
        if wanted != self._view.filter:
            self._show(filter=wanted)

    def _show(
        self,
        *,
        tab: Tab | None = None,
        filter: Filter | None = None,  # noqa: A002
        order: Order | None = None,
    ) -> None:
        self._view.show(tab=tab, filter=filter, order=order)
        self._table.update_rows()
        self.refresh()
