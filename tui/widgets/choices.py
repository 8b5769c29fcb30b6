"""A short list of answers, chosen by letter, by arrow keys and Enter, or with the mouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from tui.terminal.theme import component_style, is_ascii
from tui.text.fmt import fit

_KEY = 5
_LABEL = 14


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer: the name it is known by, its key as printed, and what it is and does."""

    id: str
    key: str
    label: str
    note: str


class Choices(Widget, can_focus=True):
    """One answer per line; the marked one is taken with Enter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,right,j,l,tab", "move(1)", show=False),
        Binding("up,left,k,h,shift+tab", "move(-1)", show=False),
        Binding("enter,space", "choose", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "choices--cursor",
        "choices--key",
        "choices--label",
        "choices--note",
    }
    DEFAULT_CSS = """
    Choices {
        height: auto;
        & > .choices--cursor { background: $block-hover-background; }
        & > .choices--key { color: $accent; text-style: bold; }
        & > .choices--label { color: $foreground; }
        & > .choices--note { color: $foreground-muted; }
    }
    """

    class Chosen(Message):
        """Somebody decided; `choice` is the id of the answer."""

        def __init__(self, choice: str) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._choices = tuple(choices)
        self._index = 0

    def show(self, choices: Sequence[Choice]) -> None:
        """Show other words for the same answers."""
        if self._choices != (new := tuple(choices)):
            self._choices = new
            self.refresh()

    def render(self) -> Text:
        return Text("\n").join(
            self._line(choice, is_marked=index == self._index)
            for index, choice in enumerate(self._choices)
        )

    def get_content_height(self, *_: object) -> int:
        return len(self._choices)

    def on_click(self, event: events.Click) -> None:
        if 0 <= event.y < len(self._choices):
            self._index = event.y
            self.action_choose()

    def action_move(self, step: int) -> None:
        """Mark the next answer, around the ends."""
        self._index = (self._index + step) % len(self._choices)
        self.refresh()

    def action_choose(self) -> None:
        self.post_message(self.Chosen(self._choices[self._index].id))

    def _line(self, choice: Choice, *, is_marked: bool) -> Text:
        ground = self.background_colors[1]
        if is_marked:
            ground += self.get_component_styles("choices--cursor").background
        mark = (">" if is_ascii(self) else "▌") if is_marked else " "
        note_width = max(self.size.width - 1 - _KEY - _LABEL, 0)
        key, label, note = (
            component_style(self, f"choices--{part}", ground) for part in ("key", "label", "note")
        )
        return Text.assemble(
            (mark, key),
            (fit(f"{choice.key:>{_KEY - 2}}", _KEY), key),
            (fit(choice.label, _LABEL), label),
            (fit(choice.note, note_width, ascii_only=is_ascii(self)), note),
            no_wrap=True,
            end="",
        )
