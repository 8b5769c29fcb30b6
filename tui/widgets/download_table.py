"""The list of downloads: draws the rows in sight and repaints only what differs from the picture.

The cursor and the marks belong to downloads and groups, not to rows: they stay with them through
every change of the list.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.control import key_actions
from tui.control.bindings import bindings
from tui.model.rows import DownloadRow, GroupRow
from tui.model.selection import Selection
from tui.model.store import DownloadStore
from tui.model.table_lines import TableLines
from tui.model.view import View
from tui.terminal.theme import component_style, is_ascii
from tui.text.cells import Cell, Line, Role
from tui.text.columns import Column, Slot, layout, titles
from tui.widgets.cell_line import differences, strip_of

_HEADING = 1
_DOUBLE = 2
"""Clicks that open something."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A line as it was drawn."""

    cells: Line
    is_cursor: bool = False


class DownloadTable(ScrollView, can_focus=True):
    """A virtual table over a view of a store; costs what is visible, however long the queue is.

    `moved` is called when the cursor is on another download or on none, `marked` when others are
    marked or a range has begun or ended: at once, so that all that a key changes is in one frame.
    """

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = bindings(key_actions.KeyTarget.TABLE)
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
        & > .table--title { color: $foreground; text-style: bold; }
        & > .table--muted { color: $foreground-muted; }
        & > .table--active { color: $accent; }
        & > .table--done { color: $success; }
        & > .table--waiting { color: $warning; }
        & > .table--failed { color: $error; }
        & > .table--bar { color: $accent; background: $foreground 12%; }
        & > .table--bar-idle { color: $foreground 45%; background: $foreground 12%; }
        & > .table--bar-done { color: $success 40%; background: $foreground 12%; }
        & > .table--cursor { background: $block-hover-background; }
        & > .table--mark { color: $accent; }
        &.-stale {
            & > .table--plain { color: $foreground-muted; }
            & > .table--active { color: $foreground-muted; }
            & > .table--done { color: $foreground-muted; }
            & > .table--waiting { color: $foreground-muted; }
            & > .table--failed { color: $foreground-muted; }
            & > .table--bar { color: $foreground 45%; }
        }
    }
    """

    class HeadingClicked(Message):
        """The title of a column was clicked."""

        def __init__(self, column: Column) -> None:
            super().__init__()
            self.column = column

    class Opened(Message):
        """More is wanted of the download under the cursor."""

    def __init__(
        self,
        store: DownloadStore,
        view: View,
        selection: Selection,
        *,
        now: Callable[[], datetime],
        moved: Callable[[], object] = lambda: None,
        marked: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__()
        self._moved = moved
        self._marked = marked
        self._view = view
        self._selection = selection
        self._lines = TableLines(store, view, selection, now=now)
        self._picture: dict[int, _Drawn] = {}
        self._styles: dict[tuple[str, bool], Style] = {}
        # Before the first Snapshot nobody knows whether the list is empty.
        self.is_loaded = False
        self.expects = ""
        """What is said in the place of the list before it is there."""

    @property
    def cursor_id(self) -> str | None:
        """The download under the cursor; None on a group and in an empty list."""
        at = self._selection.row
        return at.id if isinstance(at, DownloadRow) else None

    @property
    def slots(self) -> tuple[Slot, ...]:
        return layout(self.size.width)

    def follow(self, changed: Set[str]) -> None:
        """Bring view, cursor and marks up to date after these ids changed, and then the picture."""
        before = len(self._selection.marks)
        self._view.update(changed)
        self._selection.forget(changed)
        self.update_rows()
        if len(self._selection.marks) != before:
            self._marked()

    def update_rows(self) -> None:
        """Bring the picture up to date with the view and the time.

        What is visible is compared cell by cell with what was drawn, so that a cell which looks the
        same is not sent again.
        """
        old_row, old_index = self._selection.row, self._selection.index
        is_moved = self._selection.follow()
        index = self._selection.index
        self.virtual_size = Size(self.size.width, len(self._view) + _HEADING)
        if old_row is not None and index != old_index:
            # What is being read stays where it is, as far as the ends of the list allow it.
            self._scroll_to_row(self.scroll_offset.y + index - old_index)
        self._keep_in_sight()
        self._repaint()
        if is_moved:
            self._moved()

    def render_line(self, y: int) -> Strip:
        """Draw one line of what is in sight; line 0 is the heading."""
        self._picture[y] = drawn = self._draw(y)
        return self._strip(drawn)

    def on_resize(self) -> None:
        """Draw everything anew, in the columns of the new width."""
        self._picture.clear()
        self.update_rows()
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the pointer is; a second click opens what is there."""
        index = self._row_of(event.y)
        if event.y < _HEADING:
            if (column := self._column_at(event.x)) is not None:
                self.post_message(self.HeadingClicked(column))
        elif index < len(self._view):
            self._move_to(index)
            if event.chain == _DOUBLE and not self.toggle_fold():
                self.post_message(self.Opened())

    # The cursor.

    def action_cursor_down(self) -> None:
        self._move_to(self._selection.index + 1)

    def action_cursor_up(self) -> None:
        self._move_to(self._selection.index - 1)

    def action_half_down(self) -> None:
        self._move_to(self._selection.index + max(self._page // 2, 1))

    def action_half_up(self) -> None:
        self._move_to(self._selection.index - max(self._page // 2, 1))

    def action_page_down(self) -> None:
        self._move_to(self._selection.index + self._page)

    def action_page_up(self) -> None:
        self._move_to(self._selection.index - self._page)

    def action_cursor_first(self) -> None:
        self._move_to(0)

    def action_cursor_last(self) -> None:
        self._move_to(len(self._view) - 1)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There are matches in a filter only."""
        if action in ("next_match", "previous_match"):
            return not self._view.filter.is_empty
        return True

    def action_next_match(self) -> None:
        """Go to the next download that the filter found; after the last comes the first."""
        self._go_to_match(1)

    def action_previous_match(self) -> None:
        """Go to the download before; before the first comes the last."""
        self._go_to_match(-1)

    def _go_to_match(self, step: int) -> None:
        count = len(self._view)
        for offset in range(1, count + 1):
            index = (self._selection.index + step * offset) % count
            if isinstance(self._view.row_at(index), DownloadRow):
                self._move_to(index)
                return

    # Marks and groups.

    def action_mark(self) -> None:
        """Mark the row or take its mark off, and go on to the next."""
        if (at := self._selection.row) is not None:
            self._selection.end_range()
            self._selection.toggle(at)
            self._tell_marks()
            self._move_to(self._selection.index + 1)

    def action_range(self) -> None:
        """Begin to mark all that the cursor passes, or end it."""
        if self._selection.has_range:
            self._selection.end_range()
        else:
            self._selection.begin_range()
        self._tell_marks()

    def action_mark_all(self) -> None:
        self._selection.end_range()
        self._selection.mark_all()
        self._tell_marks()

    def action_invert(self) -> None:
        """Mark what is shown and not marked, and the other way round."""
        self._selection.end_range()
        self._selection.invert()
        self._tell_marks()

    def clear_marks(self) -> None:
        self._selection.clear()
        self._tell_marks()

    def toggle_fold(self) -> bool:
        """Fold the group under the cursor or show it again; tells whether there is one."""
        at = self._selection.row
        if isinstance(at, GroupRow):
            self._fold(at.name, folded=not self._view.is_folded(at.name))
        return isinstance(at, GroupRow)

    def action_fold(self) -> None:
        """Fold the group that the cursor is in."""
        at = self._selection.row
        group = self._view.group_of(at) if at is not None else None
        if group is not None:
            self._fold(group, folded=True)

    def _fold(self, group: str, *, folded: bool) -> None:
        self._view.fold(group, folded=folded)
        self.update_rows()

    def _tell_marks(self) -> None:
        self._repaint()
        self._marked()

    # Places.

    @property
    def _page(self) -> int:
        return max(self.size.height - _HEADING, 1)

    def _row_of(self, y: int) -> int:
        return self.scroll_offset.y + y - _HEADING

    def _column_at(self, x: int) -> Column | None:
        return next((s.column for s in self.slots if s.x <= x < s.x + s.width), None)

    def _move_to(self, index: int) -> None:
        """Put the cursor on a row, or on the nearest that exists."""
        before = self._selection.row
        self._selection.move_to(index)
        if self._selection.row == before:
            return
        if self._selection.has_range:
            self._selection.stretch_range()
            self._marked()
        self._keep_in_sight()
        self._repaint()
        self._moved()

    def _keep_in_sight(self) -> None:
        """Scroll as little as it takes to see the cursor."""
        index = self._selection.index
        top = min(self.scroll_offset.y, self.max_scroll_y)
        self._scroll_to_row(min(max(top, index - self._page + 1), index))

    def _scroll_to_row(self, index: int) -> None:
        if index != self.scroll_offset.y:
            self.scroll_to(y=index, animate=False)

    # The picture.

    def _repaint(self) -> None:
        """Refresh what differs from what was drawn."""
        regions = []
        for y in range(_HEADING, self.size.height):
            if (drawn := self._picture.get(y)) is None:
                continue
            new = self._draw(y)
            if new.is_cursor != drawn.is_cursor:
                regions.append(Region(0, y, self.size.width, 1))
            elif new.cells != drawn.cells:
                spans = differences(drawn.cells, new.cells)
                regions += [Region(x, y, width, 1) for x, width in spans]
        if regions:
            self.refresh(*regions)

    def _draw(self, y: int) -> _Drawn:
        index = self._row_of(y)
        if y < _HEADING:
            return _Drawn(titles(self.slots))
        if len(self._view):
            is_cursor = index == self._selection.index
            return _Drawn(
                self._lines.row(index, self.slots, ascii_only=is_ascii(self)), is_cursor=is_cursor
            )
        line = y - self.size.height // 2
        if not self.is_loaded:
            words = self.expects if line == 0 else ""
            x = max((self.size.width - cell_len(words)) // 2, 0)
            return _Drawn((Cell(x, words, Role.MUTED),) if words else ())
        return _Drawn(self._lines.hint(line, self.size.width, ascii_only=is_ascii(self)))

    def _strip(self, drawn: _Drawn) -> Strip:
        """Join cells to a line, the cursor's in its colour and with its sign."""
        width = self.size.width
        strip = strip_of(drawn.cells, width, lambda role: self._style(role, drawn.is_cursor))
        if not drawn.is_cursor:
            return strip
        sign = Segment(">" if is_ascii(self) else "▌", self._style("mark", True))
        return Strip.join([Strip([sign], 1), strip.crop(1)])

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
