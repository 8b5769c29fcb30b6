"""Lines of cells on the screen: how they are drawn, and which stretch of them looks different now.

What looks the same is not sent again, so a line compares with what it was, down to the character.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.terminal.theme import component_style
from tui.text.cells import Cell, Line, Role

# The roles whose ground is not that of the line, so that a gap cannot be drawn in their style.
_GROUNDED = frozenset({Role.BAR, Role.BAR_IDLE, Role.BAR_DONE})


class RoleStyles(dict[Role, Style]):
    """How a widget shows each role: by a component class `PREFIX--ROLE`, looked up once."""

    def __init__(self, widget: Widget, prefix: str) -> None:
        super().__init__()
        self._widget = widget
        self._prefix = prefix

    def __missing__(self, role: Role) -> Style:
        style = self[role] = component_style(self._widget, f"{self._prefix}--{role}")
        return style


def strip_of(cells: Line, width: int, style: Callable[[Role], Style]) -> Strip:
    """Return a line of exact width; what looks alike beside each other becomes one segment."""
    pieces: list[tuple[str, Role]] = []
    x = 0
    for cell in cells:
        if cell.x > x:
            _append(pieces, " " * (cell.x - x), None)
        _append(pieces, cell.text, cell.role)
        x = cell.x + cell_len(cell.text)
    if x < width:
        _append(pieces, " " * (width - x), None)
    segments = [Segment(text, style(role)) for text, role in pieces]
    return Strip(segments).adjust_cell_length(width, style(Role.PLAIN))


def _append(pieces: list[tuple[str, Role]], text: str, role: Role | None) -> None:
    """Add text to the last piece where that has its style; a gap has that of any text."""
    before = pieces[-1][1] if pieces else None
    if before is not None and (role is before or (role is None and before not in _GROUNDED)):
        pieces[-1] = (pieces[-1][0] + text, before)
    else:
        pieces.append((text, role or Role.PLAIN))


def differences(old: Line, new: Line) -> list[tuple[int, int]]:
    """Return first cell and width of the stretches in which two lines differ."""
    found = []
    for one, other in zip_longest(old, new):
        if one is None or other is None or one.x != other.x:
            # Other columns: all from here on.
            start = min(cell.x for cell in (one, other) if cell is not None)
            last = max(cell.x + cell_len(cell.text) for line in (old, new) for cell in line[-1:])
            found.append((start, max(last - start, 1)))
            break
        if one != other:
            found.append(_difference(one, other))
    return [stretch for stretch in found if stretch[1]]


def _difference(old: Cell, new: Cell) -> tuple[int, int]:
    before, after = old.text, new.text
    width = max(cell_len(before), cell_len(after))
    if old.role is not new.role or not len(before) == len(after) == width:
        return old.x, width
    start = next((i for i in range(width) if before[i] != after[i]), width)
    end = next((i for i in range(width, start, -1) if before[i - 1] != after[i - 1]), start)
    return old.x + start, end - start


class CellLine(Widget):
    """One line of the screen; draws only what is different from what it showed before."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line--{role}" for role in Role}
    DEFAULT_CSS = """
    CellLine {
        height: 1;
        background: $surface;
        & > .line--plain { color: $foreground; }
        & > .line--title { color: $accent; text-style: bold; }
        & > .line--muted { color: $foreground-muted; }
        & > .line--active { color: $accent; }
        & > .line--done { color: $success; }
        & > .line--waiting { color: $warning; text-style: bold; }
        & > .line--failed { color: $error; }
    }
    """

    def __init__(self, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self._shown: Line = ()
        self._styles = RoleStyles(self, "line")

    def cells(self, width: int) -> Line:
        """Return what is to be shown in so many cells."""
        raise NotImplementedError

    def follow(self) -> None:
        before, self._shown = self._shown, self.cells(self.size.width)
        if regions := [Region(x, 0, w, 1) for x, w in differences(before, self._shown)]:
            self.refresh(*regions)

    def on_resize(self) -> None:
        """Draw the line anew for the new width."""
        self._shown = self.cells(self.size.width)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        return strip_of(self._shown if y == 0 else (), self.size.width, self._styles.__getitem__)

    def notify_style_update(self) -> None:
        """Forget the styles of the theme before."""
        self._styles.clear()
        super().notify_style_update()
