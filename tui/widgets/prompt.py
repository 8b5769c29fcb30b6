"""A line to type in that comes and goes at the bottom of a screen, with a word about what is in it.

While it is open the keys of the screen are letters; Enter and Esc end it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label

from core.domain.errors import WinchError
from tui.text.fmt import clean
from tui.widgets.form import LineInput, Note, settled


class Prompt(Vertical):
    """Asks for one line; the answer comes as a message."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]
    DEFAULT_CSS = """
    Prompt {
        height: auto; background: $surface; display: none;
        & Horizontal { height: 1; }
        & Label { width: auto; padding: 0 1; color: $accent; text-style: bold; }
        & Input { width: 1fr; padding: 0; border: none; height: 1; background: $panel; }
        & Note { padding: 0 1; }
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
        self._note = Note()
        self.input = LineInput(compact=True, select_on_focus=False)
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
        self._note.say(clean(text), wrong=wrong)

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
        self.close()
        self.post_message(self.Cancelled())


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: `typed` and `accept` get the text, and raise WinchError for a mistake.

    `accept` does so too where the answer cannot be sent now; the text stays then.

    With `replaces` the first key puts something else in the place of the value.
    """

    label: str
    value: str = ""
    note: str = ""
    replaces: bool = False
    typed: Callable[[str], object]
    accept: Callable[[str], object]
    cancel: Callable[[], None] = _nothing


class QuestionPrompt(Prompt):
    """Asks one question at a time; a mistake is said below the line, which then stays open.

    An answer is judged while it is typed, and taken in the turn of its key, after every key before
    it and before every key after it, so that what is typed ahead lands where it was meant to.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: keys that were typed ahead act in their order.
        Binding("enter", "accept", show=False, priority=True),
        Binding("escape", "take_back", show=False, priority=True),
        # The line is left by an answer only.
        Binding("tab,shift+tab", "stay", show=False, priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._question: Question | None = None

    def ask(self, question: Question) -> None:
        self._question = question
        self.open(question.label, question.value, note=question.note)
        if question.replaces:
            self.input.select_all()

    async def action_accept(self) -> None:
        """Take the answer, or say what is wrong with it."""
        await settled(self.input)
        if self._question is not None and self._try(self._question.accept, self.input.value):
            self.close()

    async def action_take_back(self) -> None:
        await settled(self.input)
        question = self._question
        self.close()
        if question is not None:
            question.cancel()

    def action_stay(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Take the line away, and give the keys back."""
        self._question = None
        super().close()

    @on(Prompt.Changed)
    def judge(self) -> None:
        """Try what stands in the line now."""
        if self._question is not None and self._try(self._question.typed, self.input.value):
            self.say(self._question.note)

    def _try(self, use: Callable[[str], object], text: str) -> bool:
        try:
            use(text)
        except WinchError as error:
            self.say(f"{error.message}; {error.hint}" if error.hint else error.message, wrong=True)
            return False
        return True
