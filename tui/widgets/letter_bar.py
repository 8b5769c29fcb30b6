"""A line of letters, one of which is the second half of a command; any other key ends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_letters
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.widget import Widget

from tui.text.cells import Cell, Line, Role
from tui.widgets.cell_line import CellLine


@dataclass(frozen=True, slots=True)
class Letter:
    """What a letter stands for."""

    key: str
    label: str
    act: Callable[[], None]


class LetterBar(CellLine, can_focus=True):
    """There only while a letter is waited for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: keys that were typed ahead act in their order.
        Binding(key, f"take('{key}')", show=False, priority=True)
        for key in (*ascii_letters, "escape")
    ]
    DEFAULT_CSS = "LetterBar { display: none; }"

    def __init__(self) -> None:
        super().__init__()
        self._title = ""
        self._letters: Sequence[Letter] = ()
        self._back: Widget | None = None

    @property
    def is_open(self) -> bool:
        """Whether it takes the keys."""
        return self.display

    def ask(self, title: str, letters: Sequence[Letter]) -> None:
        self._title, self._letters = title, letters
        self._back = self.screen.focused
        self.display = True
        self.screen.set_focus(self)
        self.follow()

    def action_take(self, key: str) -> None:
        """Close, and do what the key stands for; say it where that is nothing."""
        self.display = False
        self.screen.set_focus(self._back)
        for letter in self._letters:
            if letter.key == key:
                letter.act()
                return
        if len(key) == 1:
            keys = ", ".join(letter.key for letter in self._letters)
            text = f"{self._title}: there is no {key}, only {keys}."
            self.notify(text, severity="warning", markup=False)

    def on_blur(self) -> None:
        """Leave the command when something else is clicked."""
        if self.is_open:
            self.action_take("")

    def cells(self, width: int) -> Line:
        """Return the letters and what they stand for; as many as fit."""
        cells, x = [Cell(1, self._title, Role.PLAIN)], 1 + cell_len(self._title) + 2
        for letter in self._letters:
            if x + 2 + len(letter.label) > width:
                break
            cells.append(Cell(x, letter.key, Role.TITLE))
            cells.append(Cell(x + 2, letter.label, Role.MUTED))
            x += 2 + len(letter.label) + 2
        return tuple(cells)

    def on_key(self, event: events.Key) -> None:
        """Leave the command with any other key."""
        event.stop()
        event.prevent_default()
        if self.is_open:
            self.action_take("")
