"""Every key of the main screen, once: bindings, key hints and help are made from this one table.

An action's id is the stable name by which it can be configured; its keys may change.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Group(StrEnum):
    """Under which heading the help lists an action."""

    DOWNLOADS = "Downloads"
    MOVE = "Move around"
    SCREEN = "Screen"


class Target(StrEnum):
    """Which part of the screen carries an action out, and so where its keys are bound."""

    SCREEN = "screen"
    TABLE = "table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something a key does; `hint` puts it on the line of keys at the bottom."""

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    group: Group
    target: Target = Target.SCREEN
    hint: bool = False


def _move(id: str, keys: tuple[str, ...], label: str, help: str) -> Action:  # noqa: A002
    return Action(id=id, keys=keys, label=label, help=help, group=Group.MOVE, target=Target.TABLE)


ACTIONS: tuple[Action, ...] = (
    Action(
        id="add",
        keys=("a",),
        label="Add",
        help="Add downloads; URLs pasted anywhere are added at once",
        group=Group.DOWNLOADS,
        hint=True,
    ),
    Action(
        id="toggle_pause",
        keys=("p",),
        label="Pause",
        help="Pause the download, or let it go on; what it has is kept",
        group=Group.DOWNLOADS,
        hint=True,
    ),
    Action(
        id="retry",
        keys=("r",),
        label="Retry",
        help="Try a failed or waiting download again now",
        group=Group.DOWNLOADS,
        hint=True,
    ),
    Action(
        id="remove",
        keys=("x",),
        label="Remove",
        help="Take the download off the list; its files stay on disk",
        group=Group.DOWNLOADS,
        hint=True,
    ),
    Action(
        id="toggle_details",
        keys=("enter",),
        label="Details",
        help="Show or hide everything about the download",
        group=Group.SCREEN,
        hint=True,
    ),
    _move("cursor_down", ("j", "down"), "Down", "Next download"),
    _move("cursor_up", ("k", "up"), "Up", "Previous download"),
    _move("page_down", ("pagedown",), "Page down", "One screen down"),
    _move("page_up", ("pageup",), "Page up", "One screen up"),
    _move("cursor_first", ("g", "home"), "First", "First download"),
    _move("cursor_last", ("G", "end"), "Last", "Last download"),
    Action(
        id="help",
        keys=("question_mark",),
        label="Help",
        help="Show this list of keys",
        group=Group.SCREEN,
        hint=True,
    ),
    Action(
        id="detach",
        keys=("q",),
        label="Detach",
        help="Leave the screen; downloads go on",
        group=Group.SCREEN,
        hint=True,
    ),
)

_KEY_NAMES = {
    "question_mark": "?",
    "enter": "Enter",
    "down": "Down",
    "up": "Up",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "home": "Home",
    "end": "End",
}


def key_names(action: Action) -> tuple[str, ...]:
    """Return an action's keys as they are printed on a keyboard."""
    return tuple(_KEY_NAMES.get(key, key) for key in action.keys)


def by_group() -> dict[Group, list[Action]]:
    """Return the table under its headings, in the order of the help."""
    return {group: [a for a in ACTIONS if a.group is group] for group in Group}


def by_target(target: Target) -> list[Action]:
    """Return the actions whose keys one part of the screen binds."""
    return [action for action in ACTIONS if action.target is target]
