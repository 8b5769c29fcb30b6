"""The line at the bottom: the keys that are used most, taken from the table of actions."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from tui.control.bindings import keymap_of
from tui.control.key_actions import KeyTarget, by_target
from tui.text.cells import Cell, Line, Role
from tui.widgets.cell_line import CellLine


@runtime_checkable
class _Labelling(Protocol):
    """A screen on which a key is called by what it would do now."""

    def key_label(self, action: str) -> str | None:
        """Return another label than usual for an action."""
        ...


class KeyBar(CellLine):
    """Key hints; as many as fit, so that none is cut in two. What cannot apply now is dimmed."""

    def __init__(self, *targets: KeyTarget) -> None:
        super().__init__()
        self._hints = [action for action in by_target(*targets) if action.hint]

    def cells(self, width: int) -> Line:
        keymap = keymap_of(self)
        screen: object = self.screen
        labelling = screen if isinstance(screen, _Labelling) else None
        hints = []
        for action in self._hints:
            label = labelling and labelling.key_label(action.id)
            hints.append((action.id, keymap.names(action.id)[0], label or action.label))
        gap = next((gap for gap in (3, 2) if _length(hints, gap) <= width), 2)
        # Help and the way out come last in the table and are the last to be given up.
        while len(hints) > 2 and _length(hints, gap) > width:
            del hints[-3]
        cells, x = [], 1
        for id_, key, label in hints:
            can = self.screen.check_action(id_, ())
            cells.append(Cell(x, key, Role.TITLE if can else Role.MUTED))
            cells.append(Cell(x + len(key) + 1, label, Role.PLAIN if can else Role.MUTED))
            x += len(key) + 1 + len(label) + gap
        return tuple(cells)


def _length(hints: list[tuple[str, str, str]], gap: int) -> int:
    return 1 + sum(len(key) + 1 + len(label) + gap for _, key, label in hints) - gap
