"""Lines to read, or to choose from with a cursor.

Only those in sight are drawn, so that a long list costs no more than a short one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.terminal.theme import component_style, is_ascii
from tui.text.cells import Line, Role
from tui.widgets.cell_line import RoleStyles, strip_of


class Lines(Protocol):
    """What a page shows; a line is made when it comes in sight."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Line: ...


class Page(ScrollView, can_focus=True):
    """Scrolls what `write` returns for a width in cells."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
        Binding("space", "page_down", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"page--{role}" for role in Role}
    DEFAULT_CSS = """
    Page {
        background: $background;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        & > .page--plain { color: $foreground; }
        & > .page--title { color: $foreground; text-style: bold; }
        & > .page--muted { color: $foreground-muted; }
        & > .page--active { color: $accent; }
        & > .page--done { color: $success; }
        & > .page--waiting { color: $warning; }
        & > .page--failed { color: $error; }
        & > .page--bar { color: $accent; }
        & > .page--bar-idle { color: $foreground 45%; }
        & > .page--bar-done { color: $success 40%; }
    }
    """

    def __init__(self, write: Callable[[int], Lines]) -> None:
        super().__init__()
        self._write = write
        self._lines: Lines = ()
        self._styles = RoleStyles(self, "page")

    def rewrite(self) -> None:
        """Bring the page up to date; what looks the same is not drawn again."""
        lines = self._write(max(self.size.width - self.styles.scrollbar_size_vertical, 0))
        if lines != self._lines:
            self._lines = lines
            self.virtual_size = Size(self.size.width, len(lines))
            self.refresh()

    def on_resize(self) -> None:
        self.rewrite()

    def render_line(self, y: int) -> Strip:
        """Draw one line of what is in sight."""
        index = self.scroll_offset.y + y
        line = self._lines[index] if index < len(self._lines) else ()
        return strip_of(line, self.size.width, self._styles.__getitem__)

    def notify_style_update(self) -> None:
        """Forget the styles of the theme before."""
        self._styles.clear()
        super().notify_style_update()


class CursorPage(Page, inherit_bindings=False):
    """A page with a cursor, which stays in sight; lines leave their first cell to its mark."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", show=False, priority=True),
        Binding("up,k", "move(-1)", show=False, priority=True),
        Binding("pagedown,ctrl+d,space", "page(1)", show=False, priority=True),
        Binding("pageup,ctrl+u", "page(-1)", show=False, priority=True),
        Binding("home,g", "move_to(0)", show=False, priority=True),
        Binding("end,G", "move_to(1000000000)", show=False, priority=True),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"page--cursor", "page--mark"}
    DEFAULT_CSS = """
    CursorPage {
        & > .page--cursor { background: $block-hover-background; }
        & > .page--mark { color: $accent; }
    }
    """

    class Moved(Message):
        """The cursor is on another line now."""

    class Chosen(Message):
        """Somebody clicked on the line of the cursor."""

    def __init__(self, write: Callable[[int], Lines]) -> None:
        super().__init__(write)
        self.index = 0
        """The line of the cursor; 0 in an empty page."""

    def rewrite(self) -> None:
        """Bring the page up to date; the cursor stays where it is, as far as there are lines."""
        super().rewrite()
        self.index = min(self.index, max(len(self._lines) - 1, 0))
        self._keep_in_sight()

    def render_line(self, y: int) -> Strip:
        """Draw one line of what is in sight."""
        strip = super().render_line(y)
        if self.scroll_offset.y + y != self.index or not len(self._lines):
            return strip
        mark = component_style(self, "page--mark")
        ground = component_style(self, "page--cursor").bgcolor
        segments = [Segment(">" if is_ascii(self) else "▌", mark), *strip.crop(1)]
        on_it = Style(bgcolor=ground)
        return Strip(
            [Segment(part.text, (part.style or Style()) + on_it) for part in segments],
            strip.cell_length,
        )

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the pointer is; on the cursor's line that chooses it."""
        index = self.scroll_offset.y + event.y
        if index == self.index:
            self.post_message(self.Chosen())
        elif index < len(self._lines):
            self.action_move_to(index)

    def action_move(self, step: int) -> None:
        self.action_move_to(self.index + step)

    def action_page(self, step: int) -> None:
        self.action_move_to(self.index + step * max(self.size.height - 1, 1))

    def action_move_to(self, index: int) -> None:
        """Put the cursor on a line, or on the nearest that exists."""
        before = self.index
        self.index = min(max(index, 0), max(len(self._lines) - 1, 0))
        if self.index != before:
            self._keep_in_sight()
            self.refresh()
            self.post_message(self.Moved())

    def on_resize(self) -> None:
        super().on_resize()
        self._keep_in_sight()

    def _keep_in_sight(self) -> None:
        """Scroll as little as it takes to see the cursor."""
        top, height = self.scroll_offset.y, max(self.size.height, 1)
        wanted = min(max(top, self.index - height + 1), self.index)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False)
