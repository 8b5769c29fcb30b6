"""winch's own colours: a calm ground, one accent, and three colours that mean something.

Every state also has a sign and a word, so nothing is said by colour alone. Text is legible on all
grounds by WCAG AA (4.5:1); the tests compute it.
"""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme
from textual.widget import Widget


def _theme(name: str, *, dark: bool, muted: str, line: str, hover: str, **colours: str) -> Theme:
    """Make a theme of the colours that differ; `line` is for borders and what scrolls."""
    accent, ground = colours["accent"], colours["background"]
    return Theme(
        name=name,
        dark=dark,
        primary=accent,
        secondary=muted,
        **colours,  # type: ignore[arg-type]
        variables={
            "foreground-muted": muted,
            "text-disabled": muted,
            "block-hover-background": f"{colours['foreground']} 9%",
            "border": line,
            "border-blurred": line,
            "block-cursor-background": accent,
            "block-cursor-foreground": ground,
            "block-cursor-text-style": "none",
            "input-cursor-background": accent,
            "input-cursor-foreground": ground,
            "input-selection-background": f"{accent} 30%",
            "scrollbar": line,
            "scrollbar-hover": hover,
            "scrollbar-active": accent,
            "scrollbar-background": ground,
            "scrollbar-background-hover": ground,
            "scrollbar-background-active": ground,
            "scrollbar-corner-color": ground,
            "button-focus-text-style": "bold",
        },
    )


DARK = _theme(
    "winch-dark",
    dark=True,
    accent="#6cc0b5",
    foreground="#d5dbe3",
    background="#12161c",
    surface="#171c24",
    panel="#1f2630",
    success="#8fb98a",
    warning="#dcae6a",
    error="#ee8a8c",
    muted="#99a2af",
    line="#2c3542",
    hover="#3b4757",
)
LIGHT = _theme(
    "winch-light",
    dark=False,
    accent="#0b6b62",
    foreground="#232a33",
    background="#f7f8f6",
    surface="#eef0ee",
    panel="#e3e7e5",
    success="#2f6b2b",
    warning="#7d5200",
    error="#a82a30",
    muted="#525c68",
    line="#c3cac8",
    hover="#a3adab",
)

# Sixteen colours have no shades. These two, which no theme uses otherwise, stand for what has to
# look different all the same; `Attributes` shows them in a way that works with every palette.
_MUTED, _CURSOR = "ansi_bright_black", "ansi_bright_magenta"

ANSI = Theme(
    name="winch-ansi",
    ansi=True,
    dark=True,
    primary="ansi_cyan",
    accent="ansi_cyan",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "border": "ansi_default",
        "border-blurred": "ansi_default",
        "block-cursor-background": "ansi_default",
        "block-cursor-text-style": "reverse",
        "input-cursor-background": "ansi_default",
        "input-cursor-text-style": "reverse",
        "scrollbar": "ansi_cyan",
        "scrollbar-hover": "ansi_cyan",
        "scrollbar-active": "ansi_cyan",
        "scrollbar-background": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
    },
)
THEMES = (DARK, LIGHT, ANSI)

# Where colours cannot say it: what has the focus, and where a field begins.
ANSI_CSS = """
DetailPane:focus { border-title-style: bold reverse; }
App:ansi #banner { background: ansi_default; text-style: bold reverse; }
App:ansi Button:focus { background: ansi_default; color: ansi_default; text-style: bold reverse; }
App:ansi Toast { background: ansi_default; }
App:ansi Input, App:ansi TextArea {
    border-left: solid ansi_default; padding: 0 1 0 0; background: ansi_default;
}
App:ansi Input:focus, App:ansi TextArea:focus { border-left: heavy $accent; }
"""

# Every border is ASCII, in whatever colour it has; scroll bars are drawn with blocks.
ASCII_CSS = """
.-ascii ModalScreen > * { border: ascii $accent; }
.-ascii DetailPane, .-ascii DetailPane:focus { border-top: ascii $border; }
App.-ascii Input, App.-ascii TextArea { border-left: none; padding: 0 1; }
.-ascii Toast { border-left: ascii $accent; }
.-ascii * { scrollbar-size: 0 0; }
"""


def variables(theme: dict[str, str], *, ansi: bool) -> dict[str, str]:
    """Return a theme's variables as winch's style sheets mean them."""
    stand_ins = {"foreground-muted": _MUTED, "block-hover-background": _CURSOR}
    return theme | stand_ins if ansi else theme


def component_style(widget: Widget, name: str, ground: Color | None = None) -> Style:
    """Return a component's style in solid colours, on a ground or on that of the widget.

    Textual's own answer drops the transparency of colours, by which themes make text muted.
    """
    styles = widget.get_component_styles(name)
    below = widget.background_colors[1] if ground is None else ground
    below += styles.background
    colours = Style(color=(below + styles.color).rich_color, bgcolor=below.rich_color)
    return colours + styles.text_style


def is_ascii(widget: Widget) -> bool:
    """Tell whether the program that a widget is in shows nothing but ASCII, as `ASCII_CSS` does."""
    return widget.app.has_class("-ascii")


class Attributes(LineFilter):
    """Makes muted text dim and the cursor reversed, where a theme has no shades."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments of a line as the terminal gets them."""
        return [
            Segment(text, style and _with_attributes(style), control)
            for text, style, control in segments
        ]


@lru_cache(1024)
def _with_attributes(style: Style) -> Style:
    if style.bgcolor == _CURSOR_GROUND:
        # Without its colour: reversed, each would be a ground of its own.
        return Style(reverse=True, bold=style.bold)
    if style.color == _MUTED_TEXT:
        return style + Style(color="default", dim=True)
    return style


_MUTED_TEXT, _CURSOR_GROUND = (Color.parse(name).rich_color for name in (_MUTED, _CURSOR))
