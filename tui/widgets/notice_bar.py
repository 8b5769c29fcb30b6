"""The line for what a person ought to read now; there only while there is something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.widget import Widget

from tui.terminal.theme import component_style, is_ascii
from tui.text.fmt import clean, fit


class NoticeBar(Widget):
    """The first notice, and how many there are; a click opens all of them."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"notices--sign", "notices--text", "notices--more"}
    DEFAULT_CSS = """
    NoticeBar {
        height: 1;
        display: none;
        background: $surface;
        &.-shown { display: block; }
        & > .notices--sign { color: $warning; text-style: bold; }
        & > .notices--text { color: $warning; }
        & > .notices--more { color: $foreground-muted; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._notices: tuple[str, ...] = ()

    def show(self, notices: Sequence[str]) -> None:
        """Show these; what looks the same is not drawn again."""
        new = tuple(clean(" ".join(notice.split("\n"))) for notice in notices)
        if new != self._notices:
            self._notices = new
            self.set_class(bool(new), "-shown")
            self.refresh()

    def render(self) -> Text:
        first = self._notices[0] if self._notices else ""
        count = len(self._notices)
        room = max(self.size.width - 4, 0)
        more = ""
        if count > 1 or cell_len(first) > room:
            more = f"  1 of {count}, press !" if count > 1 else "  press !"
        return Text.assemble(
            (" ! ", component_style(self, "notices--sign")),
            (
                fit(first, max(room - len(more), 0), ascii_only=is_ascii(self)),
                component_style(self, "notices--text"),
            ),
            (more, component_style(self, "notices--more")),
            no_wrap=True,
            end="",
        )

    async def on_click(self) -> None:
        await self.run_action("screen.notices")
