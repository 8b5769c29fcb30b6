"""One attempt in full: what it fetched, how long each phase took, how it ended and why."""

from __future__ import annotations

from rich.cells import cell_len
from textual.containers import Vertical

from core.domain.history import HistoryEntry
from tui.screens.dialog import PageDialog
from tui.text import fmt
from tui.text.cells import Cell, Line, Role
from tui.text.facts import attempt_full

_LABEL = 13


class AttemptDialog(PageDialog):
    """Shows an attempt; long texts go on in the next line, so that all of it can be read."""

    NAME = "Attempt"
    DEFAULT_CSS = "AttemptDialog > Vertical { max-width: 100; }"

    def __init__(self, entry: HistoryEntry) -> None:
        super().__init__()
        self._entry = entry

    def on_resize(self) -> None:
        """Be as high as the text is in this width."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        frame = 2
        height = len(self.lines(self._page.size.width - 1)) + frame
        self.query_one(Vertical).styles.height = height

    def lines(self, width: int) -> list[Line]:
        name = fmt.clean(self._entry.name)
        lines: list[Line] = [(Cell(0, part, Role.TITLE),) for part in _cut(name, width)]
        lines.append(())
        for label, text, role in attempt_full(self._entry):
            shown = label
            for part in _cut(text, width - _LABEL):
                lines.append((Cell(0, shown, Role.MUTED), Cell(_LABEL, part, role)))
                shown = ""
        return lines


def _cut(text: str, width: int) -> list[str]:
    """Return a text in pieces of at most `width` cells; addresses have no better place to cut."""
    pieces, piece, cells = [], "", 0
    for character in text:
        size = cell_len(character)
        if piece and cells + size > max(width, 2):
            pieces.append(piece)
            piece, cells = "", 0
        piece += character
        cells += size
    return [*pieces, piece]
