"""The list, and its details below it, or beside it where the window is wide."""

from __future__ import annotations

from textual import events
from textual.containers import Container

BESIDE = 160
"""Cells from which on there is room for both."""


class Split(Container):
    """Arranges two parts by its width."""

    DEFAULT_CSS = """
    Split {
        height: 1fr;
        layout: vertical;
        &.-beside { layout: horizontal; }
        &.-beside > DetailPane { width: 45%; height: 100%; margin-left: 1; }
    }
    """

    def on_resize(self, event: events.Resize) -> None:
        """Choose how they stand."""
        self.set_class(event.size.width >= BESIDE, "-beside")
