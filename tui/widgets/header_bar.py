"""The line at the top: it remembers how fast it was lately; tui.text.header says what it says."""

from __future__ import annotations

from tui.model.rates import RateTrace
from tui.terminal.theme import is_ascii
from tui.text.cells import Line
from tui.text.header import Surroundings, header
from tui.text.sums import Sums
from tui.widgets.cell_line import CellLine

_SPARKS = 24


class HeaderBar(CellLine):
    """Sums of the list and what is around it, in one line; on another ground for other machines."""

    DEFAULT_CSS = "HeaderBar.-remote { background: $accent 30%; }"

    def __init__(self, host: str, *, is_remote: bool = False) -> None:
        super().__init__(classes="-remote" if is_remote else None)
        self._host = host
        self._is_remote = is_remote
        self._sums = Sums(counts={}, rate=0.0, bytes_done=0, bytes_total=0, known=True)
        self._around = Surroundings()
        self._trace = RateTrace(_SPARKS)

    def show(self, sums: Sums, around: Surroundings, now: float) -> None:
        """Show these at a monotonic time in seconds; the same is not drawn again."""
        self._sums, self._around = sums, around
        if sums.rate or not self._trace.is_flat:
            self._trace.note(now, sums.rate)
        self.follow()

    def cells(self, width: int) -> Line:
        return header(
            self._host,
            self._sums,
            self._around,
            self._trace.values,
            width,
            is_remote=self._is_remote,
            ascii_only=is_ascii(self),
        )
