"""The dialog for new downloads: URLs, one per line, and the directory for them.

What the service refuses is said in place, and what was typed stays until it is accepted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static, TextArea

from core.domain.errors import WinchError
from tui.format import clean

Submit = Callable[[list[str], str], Awaitable[None]]


class AddScreen(ModalScreen[str]):
    """Asks for URLs and a directory; closes with what is left unsent, "" once it is queued."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: the key after Tab must find the next field, however fast it comes.
        Binding("escape", "close", show=False, priority=True),
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    AddScreen {
        align: center middle;
        background: $background 60%;
        & > Vertical {
            width: 90%; max-width: 100; height: auto; max-height: 95%;
            background: $surface; border: round $accent; padding: 1 2 0 2;
            border-title-color: $accent; border-subtitle-color: $foreground-muted;
        }
        & Label { color: $foreground-muted; }
        & TextArea {
            height: 7; margin-bottom: 1; padding: 0 1; border: none; background: $panel;
        }
        & Input { margin-bottom: 1; padding: 0 1; border: none; height: 1; background: $panel; }
        & TextArea:focus, & Input:focus { background: $foreground 14%; }
        & .-error { color: $error; height: auto; margin-bottom: 1; display: none; }
        & .-error.-shown { display: block; }
        & Horizontal { height: 1; margin-bottom: 1; align-horizontal: right; }
        & Button { margin-left: 2; }
    }
    """

    def __init__(self, submit: Submit, *, directory: str, draft: str = "") -> None:
        super().__init__()
        self._submit = submit
        self._directory = directory
        self._draft = draft

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Add downloads"
            box.border_subtitle = "Tab: next field   Enter in the directory: add   Esc: close"
            yield Label("URLs, one per line")
            yield TextArea(self._draft, id="urls", highlight_cursor_line=False, compact=True)
            yield Label("Directory")
            yield Input(self._directory, id="directory", select_on_focus=False, compact=True)
            yield Static(markup=False, classes="-error")
            with Horizontal():
                yield Button("Add", id="add", compact=True, variant="primary")
                yield Button("Close", id="close", compact=True)

    def on_mount(self) -> None:
        """Take the keys at once, and keep the cursors from blinking: each blink is a repaint."""
        self.set_focus(self.query_one(TextArea))
        urls = self.query_one(TextArea)
        urls.cursor_blink = False
        urls.move_cursor(urls.document.end)
        self.query_one(Input).cursor_blink = False

    def on_paste(self, event: events.Paste) -> None:
        """Keep what is pasted in the dialog; while a button has the focus, it is URLs."""
        event.stop()
        if not isinstance(self.focused, TextArea | Input):
            self.query_one(TextArea).insert(event.text)

    def on_input_submitted(self) -> None:
        """Send what was typed."""
        self._send()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Send, or close."""
        if event.button.id == "add":
            self._send()
        else:
            self.action_close()

    def action_close(self) -> None:
        """Close, and hand back what was not sent."""
        self.dismiss(self.query_one(TextArea).text)

    def _send(self) -> None:
        urls = self.query_one(TextArea).text.split()
        directory = self.query_one(Input).value.strip()
        if not urls:
            self._complain("Write at least one URL.")
        elif not directory:
            self._complain("Say in which directory the files shall go.")
        else:
            self.run_worker(self._add(urls, directory), exclusive=True)

    async def _add(self, urls: list[str], directory: str) -> None:
        try:
            await self._submit(urls, directory)
        except WinchError as error:
            hint = f" ({error.hint})" if error.hint else ""
            self._complain(f"{error.message}{hint}")
        else:
            self.dismiss("")

    def _complain(self, sentence: str) -> None:
        message = self.query_one(".-error", Static)
        message.update(clean(sentence))
        message.add_class("-shown")
