"""What the list shows: the keys that choose its view, its filter and its order."""

from __future__ import annotations

from functools import partial

from tui.model import filters
from tui.model.filters import Filter
from tui.model.ordering import Order, SortKey
from tui.model.view import Tab
from tui.screens.main_parts import MainParts
from tui.text.columns import Column
from tui.widgets.letter_bar import Letter
from tui.widgets.prompt import Question

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


class ListControls(MainParts):
    """The actions on the view, which every change of it goes through."""

    def show_list(
        self, *, tab: Tab | None = None, wanted: Filter | None = None, order: Order | None = None
    ) -> None:
        """Show one of the views, what a filter admits, an order; None leaves what there is."""
        self.view.show(tab=tab, matching=wanted, order=order)
        self.table.update_rows()
        self.show_state()

    def sort_by(self, key: SortKey) -> None:
        """Sort, or turn the sort round that is there."""
        now = self.view.order
        self.show_list(order=now.reversed if now.key is key else Order.natural(key))

    def sort_by_column(self, column: Column) -> None:
        self.sort_by(_BY_COLUMN[column])

    def action_show_all(self) -> None:
        self.show_list(tab=Tab.ALL)

    def action_show_active(self) -> None:
        self.show_list(tab=Tab.ACTIVE)

    def action_show_queued(self) -> None:
        self.show_list(tab=Tab.QUEUED)

    def action_show_paused(self) -> None:
        self.show_list(tab=Tab.PAUSED)

    def action_show_done(self) -> None:
        self.show_list(tab=Tab.DONE)

    def action_show_failed(self) -> None:
        self.show_list(tab=Tab.FAILED)

    def action_sort(self) -> None:
        letters = [Letter(key, str(sort), partial(self.sort_by, sort)) for key, sort in _LETTERS]
        self.letters.ask("Sort by", letters)

    def action_filter(self) -> None:
        """Let a filter be typed; what it shows follows each key."""
        before = self.view.filter

        def use(text: str) -> None:
            self._filter(filters.parse(text))

        self.prompt.ask(
            Question(
                label="Filter",
                value=before.text,
                note=_NOTE,
                typed=use,
                accept=use,
                cancel=lambda: self._filter(before),
            )
        )

    def action_clear(self) -> None:
        """Show everything, in the order of the queue."""
        self.show_list(wanted=_EVERYTHING, order=Order())

    def action_back_out(self) -> None:
        """Take the marks away, else the filter, else the view and the order."""
        if self.selection.marks or self.selection.has_range:
            self.table.clear_marks()
        elif not self.view.filter.is_empty:
            self._filter(_EVERYTHING)
        else:
            self.show_list(tab=Tab.ALL, order=Order())

    def _filter(self, wanted: Filter) -> None:
        if wanted != self.view.filter:
            self.show_list(wanted=wanted)
