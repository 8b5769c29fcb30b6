"""Lines to read: draws those in sight, so that a long list costs no more than a short one."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.terminal.theme import component_style
from tui.text.columns import Role
from tui.text.tables import Line


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
        self._styles: dict[Role, Style] = {}

    def rewrite(self) -> None:
        """Bring the page up to date; what looks the same is not drawn again."""
        lines = self._write(max(self.size.width - self.styles.scrollbar_size_vertical, 0))
        if lines != self._lines:
            self._lines = lines
            self.virtual_size = Size(self.size.width, len(lines))
            self.refresh()

    def on_resize(self) -> None:
        """Write anew for the new width."""
        self.rewrite()

    def render_line(self, y: int) -> Strip:
        """Draw one line of what is in sight."""
        index = self.scroll_offset.y + y
        ground = self._style(Role.PLAIN)
        segments: list[Segment] = []
        x = 0
        for cell in self._lines[index] if index < len(self._lines) else ():
            segments.append(Segment(" " * (cell.x - x), ground))
            segments.append(Segment(cell.text, self._style(cell.role)))
            x = cell.x + cell_len(cell.text)
        return Strip(segments, x).adjust_cell_length(self.size.width, ground)

    def notify_style_update(self) -> None:
        """Forget the styles of the theme before."""
        self._styles.clear()
        super().notify_style_update()

    def _style(self, role: Role) -> Style:
        style = self._styles.get(role)
        if style is None:
            style = self._styles[role] = component_style(self, f"page--{role}")
        return style
