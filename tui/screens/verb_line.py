"""The line after `:`, where verbs are typed; what is wrong is said in place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from core.domain.errors import WinchError
from tui.control.verb_parser import ParsedLine, completions, parse
from tui.terminal.theme import is_ascii
from tui.text.fmt import clean, fit, sentence
from tui.widgets.form import LineInput, Note, settled

_MOST = 5
"""Completions that are shown at a time."""
_KEPT = 100
"""Lines that are remembered."""


class VerbLine(ModalScreen[str]):
    """Takes lines until one could be carried out, and answers with what is to be read then.

    `past` are the lines before, the newest last; `names` those of the downloads by id.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: the field would use some of them for itself.
        Binding("escape", "cancel", show=False, priority=True),
        Binding("tab", "complete(1)", show=False, priority=True),
        Binding("shift+tab", "complete(-1)", show=False, priority=True),
        Binding("up", "recall(-1)", show=False, priority=True),
        Binding("down", "recall(1)", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    VerbLine {
        align: left bottom;
        background: $background 0%;
        & > Vertical {
            height: auto; background: $surface; border-top: solid $accent;
            & Horizontal { height: 1; }
            & Label { width: 2; padding-left: 1; color: $accent; text-style: bold; }
            & Input { width: 1fr; padding: 0; border: none; height: 1; background: $panel; }
            & Note { padding: 0 2; }
        }
    }
    """

    def __init__(
        self,
        carry_out: Callable[[ParsedLine], Awaitable[str]],
        names: Callable[[], Mapping[str, str]],
        collections: Callable[[], Iterable[str]],
        past: list[str],
    ) -> None:
        super().__init__()
        self._carry_out = carry_out
        self._names = names
        self._collections = collections
        self._past = past
        self._at = len(past)
        self._typed = ""
        # What Tab goes through: the line before the word, the words, and where it is.
        self._cycle: tuple[str, list[tuple[str, str]], int] | None = None
        self._is_busy = False
        self._input = LineInput(compact=True, select_on_focus=False)
        self._note = Note()

    def compose(self) -> ComposeResult:
        with Vertical():
            yield self._note
            with Horizontal():
                yield Label(":", markup=False)
                yield self._input

    def action_cancel(self) -> None:
        self.dismiss("")

    async def action_recall(self, step: int) -> None:
        await settled(self._input, self)
        if self._at == len(self._past):
            self._typed = self._input.value
        self._at = min(max(self._at + step, 0), len(self._past))
        self._put((*self._past, self._typed)[self._at])
        self._note.say("")

    async def action_complete(self, step: int) -> None:
        """Put in the next word that fits, after all that was typed before."""
        await settled(self._input, self)
        if self._cycle is None:
            line = self._input.value[: self._input.cursor_position]
            found = completions(line, self._names(), self._collections())
            if not found:
                self._note.say("nothing fits here")
                return
            before = line[: len(line) - len(line.rpartition(" ")[2])]
            self._cycle = (before, found, -1 if step > 0 else 0)
        before, found, index = self._cycle
        index = (index + step) % len(found)
        is_only = len(found) == 1
        self._put(before + found[index][0] + (" " if is_only else ""))
        self._cycle = None if is_only else (before, found, index)
        self._note.say("" if is_only else self._listed(found, index))

    @on(Input.Changed)
    def _type(self) -> None:
        self._cycle = None
        self._note.say("")

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        if self._is_busy:
            return
        line = event.value.strip()
        if line and line not in self._past[-1:]:
            self._past.append(line)
            del self._past[:-_KEPT]
        self._at = len(self._past)
        try:
            verb = parse(line)
        except WinchError as error:
            self._complain(error)
            return
        if verb is None:
            self.dismiss("")
            return
        self._is_busy = True
        self.run_worker(self._do(verb))

    async def _do(self, verb: ParsedLine) -> None:
        try:
            answer = await self._carry_out(verb)
        except WinchError as error:
            self._complain(error)
        else:
            if self.is_attached:
                self.dismiss(answer)
        finally:
            self._is_busy = False

    def _put(self, text: str) -> None:
        with self._input.prevent(Input.Changed):
            self._input.value = text
        self._input.cursor_position = len(text)

    def _listed(self, found: list[tuple[str, str]], index: int) -> str:
        first = index - index % _MOST
        lines = []
        for number, (word, text) in enumerate(found[first : first + _MOST], first):
            mark = (">" if is_ascii(self) else "▌") if number == index else " "
            line = f"{mark} {word:<10} {text}"
            lines.append(fit(clean(line), max(self.size.width - 4, 1), ascii_only=is_ascii(self)))
        if len(found) > _MOST:
            lines.append(f"  {index + 1} of {len(found):,}")
        return "\n".join(lines)

    def _complain(self, error: WinchError) -> None:
        self._note.say(sentence(error), wrong=True)
