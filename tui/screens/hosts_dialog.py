"""The machines that there are, to show another: by a few letters, or by a name that is new."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from core.domain.errors import WinchError
from tui.control.hosts import DrivenHost, HostList
from tui.screens.dialog import Dialog
from tui.terminal.theme import is_ascii
from tui.text.cells import Cell, Line, Role
from tui.text.fmt import clean, cut_middle, fit, sentence
from tui.text.host_tabs import words_of
from tui.widgets.form import LineInput, Note
from tui.widgets.page import CursorPage

_EVERY = 1.0
"""Seconds between two looks at how the machines are."""
_NAME = 24


class HostsDialog(Dialog[DrivenHost | None]):
    """Closes with the machine that is to be shown; what is typed chooses among them, or names one.

    The cursor begins on the one that was shown before, so that two keys go there and back.
    """

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False, priority=True),
        Binding("down,ctrl+n,tab", "move(1)", show=False, priority=True),
        Binding("up,ctrl+p,shift+tab", "move(-1)", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    HostsDialog {
        align: center top;
        & > Vertical {
            width: 76; max-width: 95%; margin-top: 2; max-height: 90%;
            & Input { padding: 0; border: none; height: 1; background: $panel; }
            & CursorPage { height: auto; max-height: 16; }
            & Note { height: auto; }
        }
    }
    """

    def __init__(self, hosts: HostList) -> None:
        super().__init__()
        self._hosts = hosts
        self._shown = list(hosts.known)
        self._input = LineInput(compact=True, placeholder="a name, or anything that ssh takes")
        self._list = CursorPage(self._write)
        self._list.can_focus = False
        self._note = Note()

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Machines"
            box.border_subtitle = "Enter shows, Esc closes"
            yield self._input
            yield self._list
            yield self._note

    def on_mount(self) -> None:
        self._follow()
        if self._hosts.before is not None:
            self._list.action_move_to(self._hosts.known.index(self._hosts.before))
        elif self._hosts.are_many:
            self._list.action_move_to((self._hosts.index + 1) % len(self._shown))
        self.set_interval(_EVERY, self._follow)

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_move(self, step: int) -> None:
        self._list.action_move(step)
        self._tell()

    @on(Input.Changed)
    def _type(self, event: Input.Changed) -> None:
        text = event.value.strip().casefold()
        self._shown = [host for host in self._hosts.known if text in host.name.casefold()]
        self._follow()
        self._list.action_move_to(0)

    @on(Input.Submitted)
    @on(CursorPage.Chosen)
    def _choose(self) -> None:
        if self._shown:
            self.dismiss(self._shown[self._list.index])
            return
        try:
            self.dismiss(self._hosts.named(self._input.value.strip()))
        except WinchError as error:
            self._note.say(sentence(error), wrong=True)

    def _follow(self) -> None:
        self._list.styles.height = max(len(self._shown), 1)
        self._list.rewrite()
        self._tell()

    def _tell(self) -> None:
        """Say in full what keeps the machine under the cursor from answering."""
        loss = self._shown[self._list.index].feed.loss if self._shown else None
        self._note.say(clean(f"{loss.reason}; {loss.hint}".strip("; ")) if loss else "")

    def _write(self, width: int) -> list[Line]:
        if not self._shown:
            text = f"Enter connects to {clean(self._input.value.strip())}"
            return [(Cell(1, fit(text, max(width - 2, 1), ascii_only=is_ascii(self)), Role.PLAIN),)]
        return [self._row(host, width) for host in self._shown]

    def _row(self, host: DrivenHost, width: int) -> Line:
        ascii_only = is_ascii(self)
        is_current = host is self._hosts.current
        name = fit(cut_middle(host.name, _NAME, ascii_only=ascii_only), _NAME)
        cells = [Cell(1, name, Role.TITLE if is_current else Role.PLAIN)]
        x = _NAME + 3
        for text, role in words_of(host.tab, ascii_only=ascii_only):
            cells.append(Cell(x, text, role))
            x += len(text) + 1
        if not host.is_remote and x + 14 < width:
            cells.append(Cell(x, "this machine", Role.MUTED))
        return tuple(cells)
