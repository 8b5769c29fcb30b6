"""The line at the top: what moves, how fast, and how much of everything is here.

It drops its least important parts first when the window is narrow.
"""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from core.domain.models import Status
from tui import format as fmt
from tui.store import Totals
from tui.theme import component_style

_COUNTS = (
    (Status.ACTIVE, "active", "header--active"),
    (Status.PENDING, "queued", "header--plain"),
    (Status.PAUSED, "paused", "header--plain"),
    (Status.COMPLETED, "done", "header--plain"),
    (Status.FAILED, "failed", "header--failed"),
)


class HeaderBar(Widget):
    """Totals of the list in one line."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "header--active",
        "header--plain",
        "header--muted",
        "header--failed",
        "header--name",
    }
    DEFAULT_CSS = """
    HeaderBar {
        height: 1;
        background: $surface;
        color: $foreground;
        & > .header--name { color: $accent; text-style: bold; }
        & > .header--active { color: $accent; }
        & > .header--plain { color: $foreground; }
        & > .header--muted { color: $foreground-muted; }
        & > .header--failed { color: $error; }
    }
    """

    def __init__(self, *, ascii_only: bool = False) -> None:
        super().__init__()
        self._ascii = ascii_only
        self._totals = Totals(counts={}, rate=0.0, bytes_done=0, bytes_total=0, known=True)

    def show(self, totals: Totals) -> None:
        """Show these totals; what looks the same is not drawn again."""
        before = self.line()
        self._totals = totals
        if self.line() != before:
            self.refresh()

    def render(self) -> Text:
        """Draw the line."""
        return self.line()

    def line(self) -> Text:
        """Return the line as it is shown at the present width."""
        for gap in (3, 2):
            left = Text(" " * gap).join(self._left())
            for right in (self._overall(), self._overall_percent()):
                room = self.size.width - 2 - cell_len(left.plain) - cell_len(right.plain)
                if room >= gap:
                    return Text.assemble(" ", left, " " * room, right, no_wrap=True, end="")
        parts = self._left()
        # The name of the program and then the last counts but the failures are given up first.
        while len(parts) > 2 and Text("  ").join(parts).cell_len > self.size.width - 2:
            del parts[0 if parts[0].plain == "winch" else -2]
        return Text.assemble(" ", Text("  ").join(parts), no_wrap=True, end="")

    def _left(self) -> list[Text]:
        totals, muted = self._totals, self._style("header--muted")
        arrow = "" if self._ascii else "↓ "
        counts = [
            Text.assemble((str(totals.counts[status]), self._style(role)), (f" {word}", muted))
            for status, word, role in _COUNTS
            if status in totals.counts
        ]
        rate = Text(f"{arrow}{fmt.rate(totals.rate)}", self._style("header--active"))
        return [Text("winch", self._style("header--name")), rate, *counts]

    def _overall(self) -> Text:
        """Return how much of everything is here."""
        totals = self._totals
        if not totals.bytes_total:
            return Text("")
        more = "" if totals.known else "+"
        amount = f"{fmt.size(totals.bytes_done)} of {fmt.size(totals.bytes_total)}{more}"
        text = Text(amount, self._style("header--muted"))
        return text.append("  ").append_text(self._overall_percent()) if totals.known else text

    def _overall_percent(self) -> Text:
        """Return the share that is here; nothing while sizes are unknown."""
        totals = self._totals
        if not totals.bytes_total or not totals.known:
            return Text("")
        percent = fmt.percent(totals.bytes_done, totals.bytes_total)
        return Text(percent, self._style("header--plain"))

    def _style(self, name: str) -> Style:
        return component_style(self, name)
