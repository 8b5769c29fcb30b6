"""A line to type in whose answer is judged while it is typed, and carried out by whoever asked.

The answer is taken in the turn of its key, after every key before it and before every key after it,
so that what is typed ahead lands where it was meant to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from core.domain.errors import UsageError
from tui.widgets.prompt import Prompt, settled


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: `typed` and `accept` get the text, and raise UsageError for a mistake.

    With `replaces` the first key puts something else in the place of the value.
    """

    label: str
    value: str = ""
    note: str = ""
    replaces: bool = False
    typed: Callable[[str], None]
    accept: Callable[[str], None]
    cancel: Callable[[], None] = _nothing


class Inquiry(Prompt):
    """Asks one question at a time; a mistake is said below the line, which then stays open."""

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
        """Open the line for a question."""
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
        """Take the question back."""
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

    def _try(self, use: Callable[[str], None], text: str) -> bool:
        try:
            use(text)
        except UsageError as error:
            self.say(f"{error.message}; {error.hint}" if error.hint else error.message, wrong=True)
            return False
        return True
