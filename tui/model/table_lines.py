"""What stands in the lines of the list: a download, a collection, a group or, without any, a word.

Pure: it only reads what it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from rich.cells import cell_len

from tui.model.rows import DownloadRow, GroupRow
from tui.model.selection import Selection
from tui.model.store import DownloadStore
from tui.model.view import View
from tui.text.cells import Cell, Line, Role
from tui.text.collection_row import collection_row
from tui.text.columns import INDENT, MARK_X, Slot, row
from tui.text.fmt import fit
from tui.text.group_row import group_row

_EMPTY = (
    "Nothing to haul yet.",
    "",
    "Paste URLs anywhere, or press a to add some.",
    "Press ? for all keys.",
)
_NO_MATCH = ("Nothing here.", "", "1 shows all downloads, \\ takes filter and sort away.")


class TableLines:
    """The rows of a view over a store, as cells."""

    def __init__(
        self,
        store: DownloadStore,
        view: View,
        selection: Selection,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._view = view
        self._selection = selection
        self._now = now

    def row(self, index: int, slots: tuple[Slot, ...], *, ascii_only: bool) -> Line:
        """Return what stands in a row, nothing below the last."""
        if index >= len(self._view):
            return ()
        at = self._view.row_at(index)
        if isinstance(at, GroupRow):
            cells = self._group(at.name, slots, ascii_only=ascii_only)
        else:
            cells = self._download(at, slots, ascii_only=ascii_only)
        if self._selection.is_marked(at):
            return (Cell(MARK_X, "*" if ascii_only else "●", Role.ACTIVE), *cells)
        return cells

    def _download(self, at: DownloadRow, slots: tuple[Slot, ...], *, ascii_only: bool) -> Line:
        download, group = self._view.download(at.id), self._view.group_of(at)
        collection = self._store.collections.get(group or "")
        return row(
            slots,
            download,
            self._store.progress(at.id),
            self._now(),
            # In a collection many have the same name, each in a directory of its own.
            name=None if collection is None else collection.path_of(download),
            indent=INDENT if group is not None else 0,
            ascii_only=ascii_only,
        )

    def _group(self, name: str, slots: tuple[Slot, ...], *, ascii_only: bool) -> Line:
        is_folded = self._view.is_folded(name)
        if (collection := self._store.collections.get(name)) is None:
            sums = self._view.sums(name)
            return group_row(slots, name, sums, is_folded=is_folded, ascii_only=ascii_only)
        members = self._store.members(name)
        return collection_row(
            slots,
            collection,
            members.verdicts,
            members.now(self._store.progress),
            is_folded=is_folded,
            ascii_only=ascii_only,
        )

    def hint(self, line: int, width: int, *, ascii_only: bool) -> Line:
        """Return a line of what an empty list says; 0 is the one in its middle."""
        lines = _NO_MATCH if len(self._store) else _EMPTY
        line += len(lines) // 2
        if not 0 <= line < len(lines):
            return ()
        block = max(map(cell_len, lines))
        text = fit(lines[line], min(block, width), ascii_only=ascii_only)
        role = Role.PLAIN if line == 0 else Role.MUTED
        return (Cell(max((width - block) // 2, 0), text, role),)
