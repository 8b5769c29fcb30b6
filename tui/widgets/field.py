"""A field of a form: a label, a line to type in, and below it what is to be said about that."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Label, Static

from tui.terminal.theme import component_style
from tui.text.format import clean
from tui.widgets.prompt import Line

LABEL = 13
"""Cells of the labels, so that the fields of a form stand below each other."""


class Field(Vertical):
    """One line to type in; `note` speaks about it in place."""

    DEFAULT_CSS = f"""
    Field {{
        height: auto;
        & Horizontal {{ height: 1; }}
        & Label {{ width: {LABEL}; color: $foreground-muted; }}
        & Input {{ width: 1fr; padding: 0 1; border: none; height: 1; background: $panel; }}
        & Input:focus {{ background: $foreground 14%; }}
        & .-note {{ height: auto; padding-left: {LABEL}; color: $foreground-muted; }}
        & .-note {{ display: none; }}
        & .-note.-shown {{ display: block; }}
        & .-note.-wrong {{ color: $error; }}
    }}
    """

    def __init__(
        self,
        name: str,
        label: str,
        value: str = "",
        *,
        placeholder: str = "",
        suggester: Suggester | None = None,
        longest: int = 0,
    ) -> None:
        super().__init__(id=f"{name}-field")
        self._label = label
        self._note = Static(markup=False, classes="-note")
        self._said = ("", False)
        self.input = Line(
            value,
            id=name,
            placeholder=placeholder,
            suggester=suggester,
            max_length=longest,
            select_on_focus=False,
            compact=True,
        )

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Label(self._label, markup=False)
            yield self.input
        yield self._note

    def on_mount(self) -> None:
        """Keep the cursor from blinking: each blink is a repaint."""
        self.input.cursor_blink = False

    def note(self, text: str, *, wrong: bool = False) -> None:
        """Say something below the line, "" for nothing; the same is not drawn again."""
        if self._said != (text, wrong):
            self._said = text, wrong
            self._note.update(clean(text))
            self._note.set_class(bool(text), "-shown")
            self._note.set_class(wrong, "-wrong")


class Toggle(Widget, can_focus=True):
    """A line that is on or off, turned over with space, Enter or the mouse."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,enter", "turn", show=False)]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"toggle--mark", "toggle--label", "toggle--note"}
    DEFAULT_CSS = """
    Toggle {
        height: 1;
        & > .toggle--mark { color: $accent; }
        & > .toggle--label { color: $foreground-muted; }
        & > .toggle--note { color: $foreground; }
        &:focus { background: $foreground 14%; }
    }
    """

    value: reactive[bool] = reactive(False)

    class Turned(Message):
        """It is the other way round now."""

        def __init__(self, toggle: Toggle) -> None:
            super().__init__()
            self.toggle = toggle

        @property
        def control(self) -> Toggle:
            """Whose message it is."""
            return self.toggle

    def __init__(self, name: str, label: str, value: bool = False, *, marks: str = " x") -> None:
        super().__init__(id=name)
        self.set_reactive(Toggle.value, value)
        self._label = label
        self._marks = marks
        self._note = ""

    def render(self) -> Text:
        """Draw the line."""
        mark, label, note = (
            component_style(self, f"toggle--{part}", self.background_colors[1])
            for part in ("mark", "label", "note")
        )
        return Text.assemble(
            (f"[{self._marks[self.value]}] ", mark),
            (self._label, label),
            (f"  {self._note}" if self._note else "", note),
            no_wrap=True,
            overflow="crop",
            end="",
        )

    def note(self, text: str) -> None:
        """Say something beside the label; the same is not drawn again."""
        if self._note != (cleaned := clean(text)):
            self._note = cleaned
            self.refresh()

    def action_turn(self) -> None:
        """Turn it over."""
        self.value = not self.value
        self.post_message(self.Turned(self))

    def on_click(self, _: events.Click) -> None:
        """Turn it over."""
        self.action_turn()
