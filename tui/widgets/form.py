"""What a form is made of: fields, toggles, a field for many lines, remarks on them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import ClassVar

from rich.highlighter import Highlighter
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.geometry import Size
from textual.message import Message
from textual.message_pump import MessagePump
from textual.reactive import reactive
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input, Label, Static, TextArea

from tui.input.add_parser import Remark, Severity
from tui.terminal.theme import component_style, is_ascii
from tui.text.fmt import clean, fit

LABEL = 13
"""Cells of the labels, so that the fields of a form stand below each other."""
_PORTION = 500
"""Lines that are put in at once: a few milliseconds, most of them to wrap the lines."""
_STYLES = {
    Severity.ERROR: "remarks--wrong",
    Severity.WARNING: "remarks--noted",
    Severity.INFO: "remarks--said",
}
_EDITS = {
    key.strip(): binding.action
    for binding in Input.BINDINGS
    if isinstance(binding, Binding)
    for key in binding.key.split(",")
}


async def settled(*pumps: MessagePump) -> None:
    """Return once each of them, in turn, has taken in what came to it before."""
    for pump in pumps:
        done = asyncio.Event()
        if pump.call_later(done.set):
            await done.wait()


class _Harmless(Highlighter):
    """Draws a text without what it would do to the terminal; what is in the field stays."""

    def highlight(self, text: Text) -> None:
        """Replace what cannot be seen by what can."""
        text.plain = clean(text.plain)


class LineInput(Input):
    """A field that takes each key in its turn, and shows any text.

    Textual's own (8.2) puts in a letter at once and deletes a little later: typed ahead, or over a
    slow line, a backspace takes away what came after it. And it sends the terminal what it holds,
    such as the name of a directory with escapes in it.
    """

    def on_mount(self) -> None:
        """Draw nothing as it is, and do not blink: each blink is a repaint."""
        self.cursor_blink = False
        self.highlighter = _Harmless()

    async def on_key(self, event: events.Key) -> None:
        if (action := _EDITS.get(event.key)) is not None:
            event.stop()
            event.prevent_default()
            await self.run_action(action)


class Note(Static):
    """What is said about a line, beside it; there only while there is something."""

    DEFAULT_CSS = """
    Note {
        height: auto; color: $foreground-muted; display: none;
        &.-shown { display: block; }
        &.-wrong { color: $error; }
    }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._said = ("", False)

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Show a text, which is clean, "" for nothing; the same is not drawn again."""
        if self._said != (text, wrong):
            self._said = text, wrong
            self.update(text)
            self.set_class(bool(text), "-shown")
            self.set_class(wrong, "-wrong")


class Field(Vertical):
    """One line to type in; `note` speaks about it in place."""

    DEFAULT_CSS = f"""
    Field {{
        height: auto;
        & Horizontal {{ height: 1; }}
        & Label {{ width: {LABEL}; color: $foreground-muted; }}
        & Input {{ width: 1fr; padding: 0 1; border: none; height: 1; background: $panel; }}
        & Input:focus {{ background: $foreground 14%; }}
        & Note {{ padding-left: {LABEL}; }}
    }}
    """

    def __init__(
        self,
        name: str,
        label: str,
        value: str = "",
        *,
        placeholder: str = "",
        suggester: Suggester | None = None,
        longest: int = 0,
    ) -> None:
        super().__init__(id=f"{name}-field")
        self._label = label
        self._note = Note()
        self.input = LineInput(
            value,
            id=name,
            placeholder=placeholder,
            suggester=suggester,
            max_length=longest,
            select_on_focus=False,
            compact=True,
        )

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Label(self._label, markup=False)
            yield self.input
        yield self._note

    def note(self, text: str, *, wrong: bool = False) -> None:
        """Say something below the line, "" for nothing; the same is not drawn again."""
        self._note.say(clean(text), wrong=wrong)


class Toggle(Widget, can_focus=True):
    """A line that is on or off, turned over with space, Enter or the mouse."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,enter", "turn", show=False)]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"toggle--mark", "toggle--label", "toggle--note"}
    DEFAULT_CSS = """
    Toggle {
        height: 1;
        & > .toggle--mark { color: $accent; }
        & > .toggle--label { color: $foreground-muted; }
        & > .toggle--note { color: $foreground; }
        &:focus { background: $foreground 14%; }
    }
    """

    value: reactive[bool] = reactive(False)

    class Turned(Message):
        """It is the other way round now."""

        def __init__(self, toggle: Toggle) -> None:
            super().__init__()
            self.toggle = toggle

        @property
        def control(self) -> Toggle:
            """Whose message it is."""
            return self.toggle

    def __init__(self, name: str, label: str, value: bool = False, *, marks: str = " x") -> None:
        super().__init__(id=name)
        self.set_reactive(Toggle.value, value)
        self._label = label
        self._marks = marks
        self._note = ""

    def render(self) -> Text:
        mark, label, note = (
            component_style(self, f"toggle--{part}", self.background_colors[1])
            for part in ("mark", "label", "note")
        )
        return Text.assemble(
            (f"[{self._marks[self.value]}] ", mark),
            (self._label, label),
            (f"  {self._note}" if self._note else "", note),
            no_wrap=True,
            overflow="crop",
            end="",
        )

    def note(self, text: str) -> None:
        """Say something beside the label; the same is not drawn again."""
        if self._note != (cleaned := clean(text)):
            self._note = cleaned
            self.refresh()

    def action_turn(self) -> None:
        self.value = not self.value
        self.post_message(self.Turned(self))

    def on_click(self, _: events.Click) -> None:
        self.action_turn()


class LineArea(TextArea):
    """Takes what is pasted in portions, so that other things are done in between."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text, id=name, highlight_cursor_line=False, compact=True)
        self._taking = asyncio.Lock()
        # Each blink is a repaint.
        self.set_reactive(TextArea.cursor_blink, False)

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


class Remarks(Widget):
    """At most `most` rows, each remark in up to two of them, and how many are not shown."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(_STYLES.values())
    DEFAULT_CSS = """
    Remarks {
        height: auto;
        & > .remarks--wrong { color: $error; }
        & > .remarks--noted { color: $warning; }
        & > .remarks--said { color: $foreground-muted; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._remarks: Sequence[Remark] = ()
        self.most = 3

    def show(self, remarks: Sequence[Remark]) -> None:
        """Show these, which are sorted; what looks the same is not drawn again."""
        if remarks != self._remarks:
            self._remarks = remarks
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.rows(width, ascii_only=is_ascii(self)))

    def render(self) -> Text:
        rows = (
            Text(text, component_style(self, _STYLES[severity]))
            for text, severity in self.rows(self.size.width, ascii_only=is_ascii(self))
        )
        return Text("\n", end="").join(rows)

    def rows(self, width: int, *, ascii_only: bool) -> list[tuple[str, Severity]]:
        """Return what stands in the rows, and how much it matters."""
        rows: list[tuple[str, Severity]] = []
        for index, remark in enumerate(self._remarks):
            is_last = index == len(self._remarks) - 1
            lines = _lines(remark, width, ascii_only=ascii_only)
            room = self.most - len(rows) - (not is_last)
            if len(lines) > room and (rows or room < 1):
                left = len(self._remarks) - index
                rows.append((f"and {left:,} more", Severity.INFO))
                break
            rows += [(line, remark.severity) for line in lines[: max(room, 1)]]
        return rows


def _lines(remark: Remark, width: int, *, ascii_only: bool) -> list[str]:
    """Return a remark in one row, or in two where it is longer."""
    text = clean(f"{remark.where}: {remark.text}")
    first = fit(text, width, ascii_only=ascii_only)
    if first.rstrip() == text.rstrip() or width < 12:
        return [first.rstrip()]
    cut = text.rfind(" ", 0, width)
    cut = cut if cut > width // 2 else width - 1
    head = fit(text[:cut], width, ascii_only=ascii_only).rstrip()
    return [head, fit("  " + text[cut:].strip(), width, ascii_only=ascii_only).rstrip()]
