"""One question before something that is not undone by a key: what exactly, and yes or no."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static


class ConfirmScreen(ModalScreen[bool]):
    """Asks; answers True for yes. The texts are shown as they are, without markup.

    With `careful` Enter means no until somebody chooses otherwise.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", show=False),
        Binding("n,escape,q", "answer(False)", show=False),
        Binding("right,l,down,j", "app.focus_next", show=False),
        Binding("left,h,up,k", "app.focus_previous", show=False),
    ]
    DEFAULT_CSS = """
    ConfirmScreen {
        align: center middle;
        background: $background 60%;
        & > Vertical {
            width: 64; max-width: 90%; height: auto; max-height: 90%;
            background: $surface; border: round $accent; padding: 1 2 0 2;
            border-title-color: $accent;
        }
        & Static { height: auto; margin-bottom: 1; }
        & .-note { color: $foreground-muted; }
        & Horizontal { height: 1; margin-bottom: 1; align-horizontal: right; }
        & Button { margin-left: 2; min-width: 10; text-style: none; }
        & Button:focus { background: $accent; color: $background; text-style: bold; }
    }
    """

    def __init__(
        self, *, title: str, question: str, note: str, yes: str, no: str, careful: bool = False
    ) -> None:
        super().__init__()
        self._title = title
        self._question = question
        self._note = note
        self._yes = yes
        self._no = no
        self._is_careful = careful

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._title
            yield Static(self._question, markup=False)
            yield Static(self._note, markup=False, classes="-note")
            with Horizontal():
                yield Button(f"y  {self._yes}", id="yes", compact=True)
                yield Button(f"n  {self._no}", id="no", compact=True)

    def on_mount(self) -> None:
        """Choose what Enter means."""
        self.set_focus(self.query_one("#no" if self._is_careful else "#yes"))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer with the button."""
        self.action_answer(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """Close with an answer."""
        self.dismiss(answer)
