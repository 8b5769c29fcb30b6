"""The list of downloads: draws the rows in sight and repaints only what differs from the picture.

The cursor belongs to a download, not to a row: it stays with it through every change of the list
and goes to the neighbour when the download is removed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui import actions
from tui.columns import Cell, Role, Slot, layout, row, titles
from tui.format import fit
from tui.store import DownloadStore, Place
from tui.theme import component_style

_HEADING = 1
_EMPTY = (
    "Nothing to haul yet.",
    "",
    "Paste URLs anywhere, or press a to add some.",
    "Press ? for all keys.",
)


class DownloadTable(ScrollView, can_focus=True):
    """A virtual table over a store; costs what is visible, however long the queue is."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(",".join(action.keys), action.id, action.label, id=action.id, priority=True)
        for action in actions.by_target(actions.Target.TABLE)
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"table--{role}" for role in Role} | {
        "table--cursor",
        "table--mark",
    }
    DEFAULT_CSS = """
    DownloadTable {
        height: 1fr;
        background: $background;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        & > .table--plain { color: $foreground; }
        & > .table--muted { color: $foreground 55%; }
        & > .table--active { color: $accent; }
        & > .table--done { color: $success; }
        & > .table--waiting { color: $warning; }
        & > .table--failed { color: $error; }
        & > .table--bar { color: $accent; background: $foreground 12%; }
        & > .table--bar-idle { color: $foreground 45%; background: $foreground 12%; }
        & > .table--bar-done { color: $success 40%; background: $foreground 12%; }
        & > .table--cursor { background: $foreground 9%; }
        & > .table--mark { color: $accent; }
    }
    """

    class CursorMoved(Message):
        """The cursor is on another download now, or on none."""

    def __init__(
        self, store: DownloadStore, *, now: Callable[[], datetime], ascii_only: bool = False
    ) -> None:
        super().__init__()
        self._store = store
        self._now = now
        self._ascii = ascii_only
        self._picture: dict[int, tuple[Cell, ...]] = {}
        self._place: Place | None = None
        self._index = 0
        self._styles: dict[tuple[str, bool], Style] = {}
        # Before the first Snapshot nobody knows whether the list is empty.
        self.is_loaded = False

    @property
    def cursor_id(self) -> str | None:
        """The download under the cursor; None in an empty list."""
        return None if self._place is None else self._place[1]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The columns as they stand now."""
        return layout(self.size.width)

    def update_rows(self) -> None:
        """Bring the picture up to date with the store and the time.

        What is visible is compared cell by cell with what was drawn, so that a cell which looks the
        same is not sent again.
        """
        self.virtual_size = Size(self.size.width, len(self._store) + _HEADING)
        self._follow_cursor()
        for y in range(_HEADING, self.size.height):
            self._repaint(y)

    def render_line(self, y: int) -> Strip:
        """Draw one line of what is in sight; line 0 is the heading."""
        cells = titles(self.slots) if y < _HEADING else self._cells(y)
        self._picture[y] = cells
        is_cursor = y >= _HEADING and self._row_of(y) == self._index and len(self._store) > 0
        return self._strip(cells, is_cursor=is_cursor)

    def on_resize(self) -> None:
        """Draw everything anew, in the columns of the new width."""
        self._picture.clear()
        self.update_rows()
        self.refresh()
        self._keep_in_sight()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the pointer is."""
        index = self._row_of(event.y)
        if event.y >= _HEADING and index < len(self._store):
            self._move_to(index)

    def action_cursor_down(self) -> None:
        """Go to the next download."""
        self._move_to(self._index + 1)

    def action_cursor_up(self) -> None:
        """Go to the previous download."""
        self._move_to(self._index - 1)

    def action_page_down(self) -> None:
        """Go one screen down."""
        self._move_to(self._index + self._page)

    def action_page_up(self) -> None:
        """Go one screen up."""
        self._move_to(self._index - self._page)

    def action_cursor_first(self) -> None:
        """Go to the first download."""
        self._move_to(0)

    def action_cursor_last(self) -> None:
        """Go to the last download."""
        self._move_to(len(self._store) - 1)

    @property
    def _page(self) -> int:
        return max(self.size.height - _HEADING, 1)

    def _row_of(self, y: int) -> int:
        return self.scroll_offset.y + y - _HEADING

    def _move_to(self, index: int) -> None:
        """Put the cursor on a row, or on the nearest that exists."""
        if not len(self._store):
            return
        old = self._index
        self._index = min(max(index, 0), len(self._store) - 1)
        self._place = self._store.place_of(self._store.id_at(self._index))
        self._refresh_row(old)
        self._refresh_row(self._index)
        self._keep_in_sight()
        self.post_message(self.CursorMoved())

    def _follow_cursor(self) -> None:
        """Find the download under the cursor again, or its neighbour if it is gone."""
        old_id, old_index = self.cursor_id, self._index
        last = len(self._store) - 1
        if last < 0:
            self._place, self._index = None, 0
        else:
            if old_id is not None and old_id in self._store:
                self._place = self._store.place_of(old_id)
            self._index = 0 if self._place is None else self._store.index_at(self._place)
            self._index = min(self._index, last)
            self._place = self._store.place_of(self._store.id_at(self._index))
        if self._index != old_index:
            # What is being read stays where it is, as far as the ends of the list allow it.
            self._scroll_to_row(self.scroll_offset.y + self._index - old_index)
            self._refresh_row(old_index)
            self._refresh_row(self._index)
        self._keep_in_sight()
        if self.cursor_id != old_id:
            self.post_message(self.CursorMoved())

    def _keep_in_sight(self) -> None:
        """Scroll as little as it takes to see the cursor."""
        top = min(self.scroll_offset.y, self.max_scroll_y)
        self._scroll_to_row(min(max(top, self._index - self._page + 1), self._index))

    def _scroll_to_row(self, index: int) -> None:
        if index != self.scroll_offset.y:
            self.scroll_to(y=index, animate=False)

    def _cells(self, y: int) -> tuple[Cell, ...]:
        index = self._row_of(y)
        if not len(self._store):
            return self._hint(y) if self.is_loaded else ()
        if index >= len(self._store):
            return ()
        id_ = self._store.id_at(index)
        return row(
            self.slots,
            self._store.download(id_),
            self._store.progress(id_),
            self._now(),
            ascii_only=self._ascii,
        )

    def _hint(self, y: int) -> tuple[Cell, ...]:
        """Return a line of what an empty list says."""
        line = y - self.size.height // 2 + len(_EMPTY) // 2
        if not 0 <= line < len(_EMPTY):
            return ()
        text = fit(_EMPTY[line], self.size.width, ascii_only=self._ascii)
        block = max(len(text) for text in _EMPTY)
        x = max((self.size.width - block) // 2, 0)
        return (Cell(x, text[: self.size.width - x], Role.PLAIN if line == 0 else Role.MUTED),)

    def _repaint(self, y: int) -> None:
        """Refresh the cells of a line that differ from what was drawn there."""
        drawn = self._picture.get(y)
        if drawn is None:
            return
        cells = self._cells(y)
        if cells == drawn:
            return
        if tuple(cell.x for cell in cells) != tuple(cell.x for cell in drawn):
            self.refresh(Region(0, y, self.size.width, 1))
            return
        for new, old in zip(cells, drawn, strict=True):
            if new != old:
                width = max(cell_len(new.text), cell_len(old.text))
                self.refresh(Region(new.x, y, width, 1))

    def _refresh_row(self, index: int) -> None:
        y = index - self.scroll_offset.y + _HEADING
        if _HEADING <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _strip(self, cells: tuple[Cell, ...], *, is_cursor: bool) -> Strip:
        """Join cells to a line, with the gaps between them in the colour of the row."""
        ground = self._style("plain", is_cursor)
        segments: list[Segment] = []
        x = 0
        if is_cursor:
            segments.append(Segment(">" if self._ascii else "▌", self._style("mark", is_cursor)))
            x = 1
        for cell in cells:
            if cell.x > x:
                segments.append(Segment(" " * (cell.x - x), ground))
            segments.append(Segment(cell.text, self._style(cell.role, is_cursor)))
            x = cell.x + cell_len(cell.text)
        return Strip(segments, x).adjust_cell_length(self.size.width, ground)

    def notify_style_update(self) -> None:
        """Forget the styles of the theme before."""
        self._styles.clear()
        super().notify_style_update()

    def _style(self, role: str, is_cursor: bool) -> Style:
        """Return the theme's style for a role, on the ground of its row."""
        style = self._styles.get((role, is_cursor))
        if style is None:
            ground = self.background_colors[1]
            if is_cursor:
                ground += self.get_component_styles("table--cursor").background
            style = component_style(self, f"table--{role}", ground)
            self._styles[role, is_cursor] = style
        return style
