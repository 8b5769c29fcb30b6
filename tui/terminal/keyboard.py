"""What a terminal sends, as events: by Textual's parser, but what is pasted stays text.

Textual (8.2) takes an escape sequence within a paste for keys: the name of a file with `ESC ] X y`
in it would delete one and confirm that. This rests on the private module of Textual's parser: on
its marks of a paste, and on `feed`, which may be given text in any pieces.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.events import Paste
from textual.message import Message


class Keyboard(XTermParser):
    """Makes events of what is typed and pasted, however it comes in pieces."""

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        # The end of what was typed, in which the mark of a paste may have begun.
        self._typed = ""
        # What was pasted so far; None while nothing is being pasted.
        self._pasted: str | None = None

    def feed(self, data: str) -> Iterable[Message]:
        """Return the events of some more text; none is the end of it."""
        if not data:
            yield from super().feed(data)
        while data:
            if self._pasted is None:
                before, mark = self._typed + data, BRACKETED_PASTE_START
                if (at := before.find(mark)) >= 0:
                    self._typed, self._pasted = "", ""
                    end = at + len(mark) - (len(before) - len(data))
                else:
                    self._typed, end = before[1 - len(mark) :], len(data)
                yield from super().feed(data[:end])
                data = data[end:]
            else:
                mark = BRACKETED_PASTE_END
                known = max(len(self._pasted) - len(mark), 0)
                self._pasted += data
                if (at := self._pasted.find(mark, known)) < 0:
                    return
                text, data = self._pasted[:at], self._pasted[at + len(mark) :]
                self._pasted = None
                # It was told of nothing in between, so its own paste is an empty one.
                yield from (e for e in super().feed(mark) if not isinstance(e, Paste))
                yield Paste(text.replace("\x00", ""))
