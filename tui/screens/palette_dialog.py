"""Every action by its name, for who does not know the key, or has forgotten it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.fuzzy import FuzzySearch
from textual.widgets import Input

from tui.control.key_actions import KeyAction
from tui.screens.dialog import Dialog
from tui.terminal.theme import is_ascii
from tui.text.cells import Cell, Line, Role
from tui.text.fmt import fit
from tui.widgets.form import LineInput
from tui.widgets.page import CursorPage

_KEYS = 14
_LABEL = 14


@dataclass(frozen=True, slots=True)
class PaletteEntry:
    """An action with its keys as printed, and whether it can apply now."""

    action: KeyAction
    keys: str
    applies: bool


def rank(entries: Sequence[PaletteEntry], text: str) -> list[PaletteEntry]:
    """Return the entries that a text fits, the best first; the name counts more than the help."""
    query = text.strip()
    if not query:
        return list(entries)
    search = FuzzySearch()
    # Letters that lie about in a long sentence fit everything: there, words have to.
    words = query.casefold().split()
    scored = []
    for entry in entries:
        name = f"{entry.action.label} {entry.action.id.replace('_', ' ')}"
        score = search.match(query, name)[0]
        if not score and all(word in entry.action.help.casefold() for word in words):
            score = 0.01
        if score:
            known = (entry.action.label.casefold(), entry.action.id.replace("_", " "))
            begins = any(word.startswith(" ".join(words)) for word in known)
            nearness = (" ".join(words) not in known, not begins, -score)
            scored.append((nearness, entry))
    scored.sort(key=lambda pair: pair[0])
    return [entry for _, entry in scored]


class PaletteDialog(Dialog[KeyAction | None]):
    """Finds an action by a few of its letters, and closes with it."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+p", "cancel", show=False, priority=True),
        Binding("down,ctrl+n,tab", "move(1)", show=False, priority=True),
        Binding("up,shift+tab", "move(-1)", show=False, priority=True),
        Binding("pagedown", "page(1)", show=False, priority=True),
        Binding("pageup", "page(-1)", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    PaletteDialog {
        align: center top;
        & > Vertical {
            width: 76; max-width: 95%; height: 20; margin-top: 1;
            & Input { padding: 0; border: none; height: 1; background: $panel; }
            & CursorPage { height: 1fr; }
        }
    }
    """

    def __init__(self, entries: Sequence[PaletteEntry]) -> None:
        super().__init__()
        self._entries = entries
        self._shown = list(entries)
        self._input = LineInput(compact=True, placeholder="a few letters of what you want to do")
        self._list = CursorPage(self._write)
        self._list.can_focus = False

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Actions"
            box.border_subtitle = "Enter runs, Esc closes"
            yield self._input
            yield self._list

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_move(self, step: int) -> None:
        self._list.action_move(step)

    def action_page(self, step: int) -> None:
        self._list.action_page(step)

    @on(Input.Changed)
    def _type(self, event: Input.Changed) -> None:
        self._shown = rank(self._entries, event.value)
        self._list.rewrite()
        self._list.action_move_to(0)

    @on(Input.Submitted)
    @on(CursorPage.Chosen)
    def _choose(self) -> None:
        if not self._shown:
            return
        entry = self._shown[self._list.index]
        if entry.applies:
            self.dismiss(entry.action)
        else:
            refusal = entry.action.refusal or "This cannot be done now."
            self.notify(refusal, severity="warning", markup=False)

    def _write(self, width: int) -> list[Line]:
        if not self._shown:
            return [(Cell(1, "Nothing fits.", Role.MUTED),)]
        # The help goes first, where there is little room.
        keys = _KEYS if width >= 34 else 7
        room = max(width - keys - _LABEL - 3, 0)
        return [
            (
                Cell(1, fit(entry.keys, keys), Role.ACTIVE if entry.applies else Role.MUTED),
                Cell(
                    keys + 1,
                    fit(entry.action.label, _LABEL),
                    Role.TITLE if entry.applies else Role.MUTED,
                ),
                Cell(
                    keys + _LABEL + 2,
                    fit(entry.action.help, room, ascii_only=is_ascii(self)),
                    Role.MUTED,
                ),
            )
            for entry in self._shown
        ]
