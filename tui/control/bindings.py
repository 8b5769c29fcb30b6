"""What screens and widgets bind, made of the table of actions, and the keys in force around one."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from textual.binding import Binding, BindingType
from textual.widget import Widget

from tui.control.key_actions import KeyTarget, by_target
from tui.control.keymap import Keymap


@runtime_checkable
class _Keyed(Protocol):
    """A program whose keys can be others than usual."""

    keymap: Keymap


def keymap_of(widget: Widget) -> Keymap:
    """Return the keys of the program that a widget is in."""
    app: object = widget.app
    return app.keymap if isinstance(app, _Keyed) else Keymap()


def bindings(*targets: KeyTarget) -> list[BindingType]:
    """Return the keys of some parts of the screens as the table of actions has them."""
    return [
        # With priority: keys that were typed ahead act in their order, also across a dialog.
        Binding(",".join(action.keys), action.id, action.label, id=action.id, priority=True)
        for action in by_target(*targets)
    ]
