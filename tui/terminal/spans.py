"""Sends only the cells that changed: a correction of how Textual draws part of a line.

Asked to refresh a stretch of a line, Textual (8.2) sends everything from the left edge of the
widget to the end of the stretch, with the colours said anew for each piece. For a table whose right
half moves all the time that is most of what goes over the wire. Here each stretch is sent alone,
and those of one style after each other, so that its colours are said once. This rests on two
classes of Textual's private module `_compositor`, Compositor and its ChopsUpdate (the chops of each
line, where they end, and the spans to send); tests/tui/terminal/test_spans.py says what it needs.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.color import ColorSystem
from rich.console import Console
from rich.control import Control
from rich.segment import Segment
from textual._compositor import ChopsUpdate, Compositor
from textual.strip import Strip

_RESET = "\x1b[0m"


class SpanUpdate(ChopsUpdate):
    """The changed stretches of some lines, and nothing around them."""

    def render_segments(self, console: Console) -> str:
        """Return what is written to the terminal."""
        system = console._color_system or ColorSystem.TRUECOLOR  # noqa: SLF001
        by_look: dict[str, list[str]] = {}
        # Where the cursor is after the last piece of each look.
        ends: dict[str, tuple[int, int]] = {}
        for x, y, segment in self._pieces():
            look = Strip.render_ansi(segment.style, system) if segment.style else ""
            parts = by_look.setdefault(look, [])
            if ends.get(look) != (x, y):
                parts.append(Control.move_to(x, y).segment.text)
            parts.append(segment.text)
            ends[look] = (x + segment.cell_length, y)
        return "".join(
            f"\x1b[{look}m{''.join(parts)}{_RESET}" if look else "".join(parts)
            for look, parts in by_look.items()
        )

    def _pieces(self) -> Iterator[tuple[int, int, Segment]]:
        """Yield what is to be sent, each with its column and line."""
        for y, x1, x2 in self.spans:
            for end, (left, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or left >= x2 or end <= x1:
                    continue
                x = max(left, x1)
                for segment in strip.crop(x - left, min(end, x2) - left):
                    if segment.text:
                        yield x, y, segment
                    x += segment.cell_length


class SpanCompositor(Compositor):
    """A compositor whose partial updates are as small as what was asked for."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """Return the stretches that changed since the last update."""
        update = super().render_partial_update()
        return update and SpanUpdate(update.chops, update.spans, update.chop_ends)
