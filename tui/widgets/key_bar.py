"""The line at the bottom: the keys that are used most, taken from the table of actions."""

from __future__ import annotations

from collections.abc import Callable

from tui.control.bindings import keymap_of
from tui.control.key_actions import KeyTarget, by_target
from tui.text.cells import Cell, Line, Role
from tui.widgets.cell_line import CellLine


class KeyBar(CellLine):
    """Key hints; as many as fit, so that none is cut in two. What cannot apply now is dimmed.

    `label` is what an action is called now, None where that is what it is called in the table.
    """

    def __init__(
        self, *targets: KeyTarget, label: Callable[[str], str | None] = lambda _: None
    ) -> None:
        super().__init__()
        self._label = label
        self._hints = [action for action in by_target(*targets) if action.hint]

    def cells(self, width: int) -> Line:
        keymap = keymap_of(self)
        hints = []
        for action in self._hints:
            label = self._label(action.id) or action.label
            hints.append((action.id, keymap.names(action.id)[0], label))
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
