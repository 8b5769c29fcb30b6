"""One question before something that is not undone by a key: what exactly, and yes or no."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Static

from core.domain.errors import WinchError
from tui.screens.dialog import Dialog
from tui.text.fmt import sentence

_LOOKING = "Looking at what is there ..."
_WIDTH = 64
_FRAME_X, _FRAME_Y = 6, 6
"""Cells that border, padding and answers take."""


class ConfirmDialog(Dialog[bool]):
    """Asks whether to do what `verb` says; True for yes. The texts are shown without markup.

    With `careful` Enter means no until somebody chooses otherwise. With `look`, the note is what
    that returns, and nothing is agreed to before it is there.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: keys that were typed ahead act in their order.
        Binding("y", "answer(True)", show=False, priority=True),
        Binding("n,escape,q", "answer(False)", show=False, priority=True),
        Binding("right,l", "app.focus_next", show=False),
        Binding("left,h", "app.focus_previous", show=False),
        Binding("down,j", "scroll(1)", show=False),
        Binding("up,k", "scroll(-1)", show=False),
        Binding("pagedown,ctrl+d", "page(1)", show=False),
        Binding("pageup,ctrl+u", "page(-1)", show=False),
    ]
    DEFAULT_CSS = """
    ConfirmDialog {
        & > Vertical { width: 64; max-width: 90%; max-height: 90%; padding: 1 2 0 2; }
        & Static { height: auto; margin-bottom: 1; }
        & .-note { color: $foreground-muted; }
        & VerticalScroll { height: auto; margin-bottom: 1; scrollbar-size-vertical: 1; }
        & VerticalScroll > Static { margin-bottom: 0; }
        & Horizontal { height: 1; margin-bottom: 1; align-horizontal: right; }
        & Button { margin-left: 2; min-width: 10; text-style: none; }
        & Button:focus { background: $accent; color: $background; text-style: bold; }
    }
    """

    def __init__(
        self,
        verb: str,
        question: str,
        *,
        note: str = "",
        no: str = "Keep",
        careful: bool = True,
        look: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        super().__init__()
        self._verb = verb
        self._question = question
        self._note = note
        self._no = no
        self._is_careful = careful
        self._look = look

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._verb
            yield Static(self._question, markup=False)
            with VerticalScroll(can_focus=False):
                yield Static(self._note, markup=False, classes="-note", id="note")
            with Horizontal():
                yield Button(f"y  {self._verb}", id="yes", compact=True)
                yield Button(f"n  {self._no}", id="no", compact=True)

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#no" if self._is_careful else "#yes"))
        if self._look is not None:
            self.query_one("#note", Static).update(_LOOKING)
            self.run_worker(self._fill_in(self._look))

    async def _fill_in(self, look: Callable[[], Awaitable[str]]) -> None:
        try:
            note = await look()
        except WinchError as error:
            # It stays: what is not known cannot be agreed to.
            self.query_one("#note", Static).update(sentence(error))
            return
        self.query_one("#note", Static).update(self._note + note)
        self._look = None

    def on_resize(self) -> None:
        """Leave room for the question and the answers; what is longer is scrolled."""
        width, height = self.app.size
        room = max(min(_WIDTH, width * 9 // 10) - _FRAME_X, 1)
        rows = -(-cell_len(self._question) // room) + 1
        note = self.query_one(VerticalScroll)
        note.styles.max_height = max(height * 9 // 10 - _FRAME_Y - rows, 1)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.action_answer(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """Close with an answer; yes counts once it is known to what."""
        if not answer or self._look is None:
            self.dismiss(answer)
