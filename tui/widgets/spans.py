"""Sends only the cells that changed: a correction of how Textual draws part of a line.

Asked to refresh a stretch of a line, Textual (8.2) sends everything from the left edge of the
widget to the end of the stretch. For a table whose right half moves four times a second that is
most of what goes over the wire. This leans on two private classes; the test beside it says what it
needs of them.
"""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, Compositor


class SpanUpdate(ChopsUpdate):
    """The changed stretches of some lines, and nothing around them."""

    def render_segments(self, console: Console) -> str:
        """Return what is written to the terminal."""
        sequences: list[str] = []
        for y, x1, x2 in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x >= x2 or end <= x1:
                    continue
                start = max(x, x1)
                stretch = strip.crop(start - x, min(end, x2) - x)
                sequences.append(Control.move_to(start, y).segment.text)
                sequences.append(stretch.render(console))
        return "".join(sequences)


class SpanCompositor(Compositor):
    """A compositor whose partial updates are as small as what was asked for."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """Return the stretches that changed since the last update."""
        update = super().render_partial_update()
        return update and SpanUpdate(update.chops, update.spans, update.chop_ends)
