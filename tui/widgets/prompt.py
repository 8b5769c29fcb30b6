"""A line to type in that comes and goes at the bottom of a screen, with a word about what is in it.

While it is open the keys of the screen are letters; Enter and Esc end it.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from rich.highlighter import Highlighter
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.message_pump import MessagePump
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from tui.text.format import clean

_EDITS = {
    key.strip(): binding.action
    for binding in Input.BINDINGS
    if isinstance(binding, Binding)
    for key in binding.key.split(",")
}


async def settled(*pumps: MessagePump) -> None:
    """Return once each of them, in turn, has taken in what came to it before."""
    for pump in pumps:
        done = asyncio.Event()
        if pump.call_later(done.set):
            await done.wait()


class _Harmless(Highlighter):
    """Draws a text without what it would do to the terminal; what is in the field stays."""

    def highlight(self, text: Text) -> None:
        """Replace what cannot be seen by what can."""
        text.plain = clean(text.plain)


class Line(Input):
    """A field that takes each key in its turn, and shows any text.

    Textual's own (8.2) puts in a letter at once and deletes a little later: typed ahead, or over a
    slow line, a backspace takes away what came after it. And it sends the terminal what it holds,
    such as the name of a directory with escapes in it.
    """

    def on_mount(self) -> None:
        """Draw nothing as it is, and do not blink: each blink is a repaint."""
        self.cursor_blink = False
        self.highlighter = _Harmless()

    async def on_key(self, event: events.Key) -> None:
        """Edit at once."""
        if (action := _EDITS.get(event.key)) is not None:
            event.stop()
            event.prevent_default()
            await self.run_action(action)


class Prompt(Vertical):
    """Asks for one line; the answer comes as a message."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]
    DEFAULT_CSS = """
    Prompt {
        height: auto; background: $surface; display: none;
        & Horizontal { height: 1; }
        & Label { width: auto; padding: 0 1; color: $accent; text-style: bold; }
        & Input { width: 1fr; padding: 0; border: none; height: 1; background: $panel; }
        & .-note { height: auto; padding: 0 1; color: $foreground-muted; display: none; }
        & .-note.-shown { display: block; }
        & .-note.-wrong { color: $error; }
    }
    """

    class Changed(Message):
        """Something else stands in the line."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Submitted(Message):
        """The line is finished; it stays open until somebody closes it."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Cancelled(Message):
        """Nobody wants to say anything any more; the line is closed."""

    def __init__(self) -> None:
        super().__init__()
        self._label = Label("", markup=False)
        self._note = Static(markup=False, classes="-note")
        self.input = Line(compact=True, select_on_focus=False)
        self._back: Widget | None = None

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield self._label
            yield self.input
        yield self._note

    @property
    def is_open(self) -> bool:
        """Whether it takes the keys."""
        return self.display

    def open(self, label: str, value: str = "", *, note: str = "") -> None:
        """Ask for a line, with what may be in it already."""
        self._back = self.screen.focused
        self._label.update(clean(label))
        self.display = True
        with self.prevent(Input.Changed):
            self.input.value = clean(value)
        self.input.cursor_position = len(self.input.value)
        self.say(note)
        self.screen.set_focus(self.input)

    def close(self) -> None:
        """Take the line away, and give the keys back."""
        self.display = False
        self.screen.set_focus(self._back)

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Say something below the line, "" for nothing."""
        self._note.update(clean(text))
        self._note.set_class(bool(text), "-shown")
        self._note.set_class(wrong, "-wrong")

    def on_descendant_blur(self) -> None:
        """Keep the keys: whatever is clicked meanwhile, nobody else could close the line."""
        if self.is_open and self.screen.is_active:
            self.screen.set_focus(self.input)

    @on(Input.Changed)
    def _change(self, event: Input.Changed) -> None:
        event.stop()
        if self.is_open:
            self.post_message(self.Changed(event.value))

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        if self.is_open:
            self.post_message(self.Submitted(event.value))

    def action_cancel(self) -> None:
        """Leave it."""
        self.close()
        self.post_message(self.Cancelled())
