"""What is to be said about lines, the gravest first, in as few lines of the screen as there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.geometry import Size
from textual.widget import Widget

from tui.input.add_parser import Remark, Severity
from tui.terminal.theme import component_style
from tui.text.format import clean, fit

_STYLES = {
    Severity.ERROR: "remarks--wrong",
    Severity.WARNING: "remarks--noted",
    Severity.INFO: "remarks--said",
}


class Remarks(Widget):
    """At most `most` rows, each remark in up to two of them, and how many are not shown."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(_STYLES.values())
    DEFAULT_CSS = """
    Remarks {
        height: auto;
        & > .remarks--wrong { color: $error; }
        & > .remarks--noted { color: $warning; }
        & > .remarks--said { color: $foreground-muted; }
    }
    """

    def __init__(self, *, ascii_only: bool) -> None:
        super().__init__()
        self._remarks: Sequence[Remark] = ()
        self._ascii = ascii_only
        self.most = 3

    def show(self, remarks: Sequence[Remark]) -> None:
        """Show these, which are sorted; what looks the same is not drawn again."""
        if remarks != self._remarks:
            self._remarks = remarks
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as are filled."""
        return len(self.rows(width))

    def render(self) -> Text:
        """Draw the rows."""
        rows = (
            Text(text, component_style(self, _STYLES[severity]))
            for text, severity in self.rows(self.size.width)
        )
        return Text("\n", end="").join(rows)

    def rows(self, width: int) -> list[tuple[str, Severity]]:
        """Return what stands in the rows, and how much it matters."""
        rows: list[tuple[str, Severity]] = []
        for index, remark in enumerate(self._remarks):
            is_last = index == len(self._remarks) - 1
            lines = self._lines(remark, width)
            room = self.most - len(rows) - (not is_last)
            if len(lines) > room and (rows or room < 1):
                left = len(self._remarks) - index
                rows.append((f"and {left:,} more", Severity.INFO))
                break
            rows += [(line, remark.severity) for line in lines[: max(room, 1)]]
        return rows

    def _lines(self, remark: Remark, width: int) -> list[str]:
        """Return a remark in one row, or in two where it is longer."""
        text = clean(f"{remark.where}: {remark.text}")
        first = fit(text, width, ascii_only=self._ascii)
        if first.rstrip() == text.rstrip() or width < 12:
            return [first.rstrip()]
        cut = text.rfind(" ", 0, width)
        cut = cut if cut > width // 2 else width - 1
        head = fit(text[:cut], width, ascii_only=self._ascii).rstrip()
        return [head, fit("  " + text[cut:].strip(), width, ascii_only=self._ascii).rstrip()]
