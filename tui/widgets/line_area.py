"""A field for many lines, of which thousands may come in one paste."""

from __future__ import annotations

import asyncio
from itertools import islice

from textual import events
from textual.widgets import TextArea

_PORTION = 500
"""Lines that are put in at once: a few milliseconds, most of them to wrap the lines."""


class LineArea(TextArea):
    """Takes what is pasted in portions, so that other things are done in between."""

    def __init__(self, text: str, *, id: str) -> None:  # noqa: A002
        super().__init__(text, id=id, highlight_cursor_line=False, compact=True)
        self._taking = asyncio.Lock()

    async def settled(self) -> None:
        """Return once all that was pasted is in the text."""
        async with self._taking:
            pass

    async def on_paste(self, event: events.Paste) -> None:
        """Put it in place of what is selected."""
        event.stop()
        event.prevent_default()
        async with self._taking:
            lines = iter(event.text.splitlines(keepends=True))
            while part := "".join(islice(lines, _PORTION)):
                result = self.replace(part, *self.selection, maintain_selection_offset=False)
                self.move_cursor(result.end_location)
                await asyncio.sleep(0)
