"""winch's own colours: one calm dark ground, one accent, and three colours that mean something.

Every state also has a sign and a word, so nothing is said by colour alone.
"""

from __future__ import annotations

from rich.style import Style
from textual.color import Color
from textual.theme import Theme
from textual.widget import Widget

DARK = Theme(
    name="winch-dark",
    dark=True,
    primary="#6cc0b5",
    secondary="#8a97a8",
    accent="#6cc0b5",
    foreground="#d5dbe3",
    background="#12161c",
    surface="#171c24",
    panel="#1f2630",
    success="#8fb98a",
    warning="#dcae6a",
    error="#e2777a",
    variables={
        "border": "#2c3542",
        "border-blurred": "#2c3542",
        "block-cursor-background": "#6cc0b5",
        "block-cursor-foreground": "#12161c",
        "block-cursor-text-style": "none",
        "input-cursor-background": "#6cc0b5",
        "input-cursor-foreground": "#12161c",
        "input-selection-background": "#6cc0b5 30%",
        "scrollbar": "#2c3542",
        "scrollbar-hover": "#3b4757",
        "scrollbar-active": "#6cc0b5",
        "scrollbar-background": "#12161c",
        "scrollbar-background-hover": "#12161c",
        "scrollbar-background-active": "#12161c",
        "scrollbar-corner-color": "#12161c",
        "button-focus-text-style": "bold",
    },
)


def component_style(widget: Widget, name: str, ground: Color | None = None) -> Style:
    """Return a component's style in solid colours, on a ground or on that of the widget.

    Textual's own answer drops the transparency of colours, by which themes make text muted.
    """
    styles = widget.get_component_styles(name)
    below = widget.background_colors[1] if ground is None else ground
    below += styles.background
    colours = Style(color=(below + styles.color).rich_color, bgcolor=below.rich_color)
    return colours + styles.text_style
