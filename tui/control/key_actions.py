"""Every key of the screens, once: bindings, key hints and help are made from this one table.

An action's id is the stable name by which it can be configured; its keys may change. What it does
is the method `action_ID` of the screen, or of the table of downloads, that `target` names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from core.domain.models import Status
from tui.text.vocabulary import STATES


class HelpGroup(StrEnum):
    """Under which heading the help lists an action."""

    DOWNLOADS = "Downloads"
    QUEUE = "The queue"
    VIEW = "What is shown"
    MARKS = "Marks"
    MOVE = "Move around"
    SCREEN = "Screen"
    COLLECTION = "Collection"
    STATISTICS = "Statistics"
    HISTORY = "History"
    LOG = "Log"
    SETTINGS = "Settings"


class KeyTarget(StrEnum):
    """What carries an action out, and so where its keys are bound.

    The methods are in screens/: of DOWNLOADS in download_actions.py, of VIEW in list_controls.py,
    of SCREEN in navigation.py, verb_actions.py, add_actions.py and main_screen.py, of those below
    TABLE in the screen of that name. Those of TABLE are in widgets/download_table.py.
    """

    SCREEN = "screen"
    DOWNLOADS = "downloads"
    VIEW = "view"
    TABLE = "table"
    COLLECTION = "collection"
    STATISTICS = "statistics"
    HISTORY = "history"
    LOG = "log"
    SETTINGS = "settings"


MAIN = (KeyTarget.SCREEN, KeyTarget.DOWNLOADS, KeyTarget.VIEW)
"""What the main screen binds."""


@dataclass(frozen=True, slots=True)
class KeyAction:
    """Something a key does; `hint` puts it on the line of keys at the bottom.

    `refusal` is said where it cannot apply to what is chosen.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    group: HelpGroup
    target: KeyTarget = KeyTarget.SCREEN
    hint: bool = False
    refusal: str = ""


def _action(name: str, keys: str, label: str, words: str, **more: Any) -> KeyAction:
    return KeyAction(name, tuple(keys.split()), label, words, **more)


def _of(target: KeyTarget) -> Callable[..., KeyAction]:
    return partial(_action, target=target, group=HelpGroup[target.name], hint=True)


_screen = partial(_action, group=HelpGroup.SCREEN)
_add = partial(_action, group=HelpGroup.DOWNLOADS)
_downloads = partial(_add, target=KeyTarget.DOWNLOADS, refusal="No download is chosen.")
_queue = partial(_downloads, group=HelpGroup.QUEUE)
_view = partial(_action, target=KeyTarget.VIEW, group=HelpGroup.VIEW)
_table = partial(_action, target=KeyTarget.TABLE, group=HelpGroup.MOVE)
_search = partial(_table, group=HelpGroup.VIEW)
_marks = partial(_table, group=HelpGroup.MARKS)
_collection = _of(KeyTarget.COLLECTION)
_statistics, _history = _of(KeyTarget.STATISTICS), _of(KeyTarget.HISTORY)
_log, _settings = _of(KeyTarget.LOG), _of(KeyTarget.SETTINGS)

_UNSORTED = "Moves are made in the order of the queue; \\ takes the sort away."

_NO_CAUSE = "This is for files that failed: put the cursor on a cause."
_ALONE = "There is only this machine; @ shows another."
_ADD_PAUSED = f"Add {STATES[Status.PAUSED]}"
_TABS = {status: word.capitalize() for status, word in STATES.items()}

KEY_ACTIONS: tuple[KeyAction, ...] = (
    _add("add", "a", "Add", "Add downloads; pasted URLs are added at once", hint=True),
    _add("add_paused", "A", _ADD_PAUSED, "Add downloads that wait until you start them"),
    _downloads(
        "toggle_pause",
        "p",
        "Pause",
        "Pause what is chosen, or let it go on",
        hint=True,
        refusal="What is done can be neither paused nor resumed.",
    ),
    _downloads(
        "retry",
        "r",
        "Retry",
        "Try again now what failed, waits or was given up",
        hint=True,
        refusal="Nothing that is chosen has failed or waits.",
    ),
    _downloads("remove", "x", "Remove", "Take what is chosen off the list; files stay", hint=True),
    _view("filter", "slash", "Filter", "Show only what matches, as you type", hint=True),
    _screen(
        "toggle_details",
        "enter",
        "Details",
        "Show or hide the details; open a collection, fold a group",
        hint=True,
    ),
    _screen("unfold", "l", "Unfold", "Unfold a collection or a group, or fold it; else details"),
    _marks(
        "mark", "space", "Mark", "Mark and go on; keys are then for all that is marked", hint=True
    ),
    _downloads("remove_files", "X", "Delete", "Remove what is chosen and delete its files"),
    _queue(
        "retry_all", "R", "Retry all", "Try again all that failed", refusal="Nothing has failed."
    ),
    _downloads(
        "undo",
        "z",
        "Undo",
        "Undo a removal, a move, a change of priority",
        hint=True,
        refusal="There is nothing to undo.",
    ),
    _downloads(
        "start_now",
        "N",
        "Start now",
        "Start at once, before all others",
        refusal="What is done or runs already cannot be started.",
    ),
    _downloads(
        "replace_url",
        "u",
        "New URL",
        "Fetch a download from another URL and keep its bytes",
        refusal="Another URL is for one download that is not done.",
    ),
    _downloads(
        "verify",
        "V",
        "Verify",
        "Read finished files again and compare",
        refusal="Only a finished file can be verified.",
    ),
    _downloads("limit", "t", "Limit", "Set the rate limit of what is chosen"),
    _downloads(
        "copy",
        "y",
        "Copy",
        "Copy u URL, p path, c a curl or r an rsync command",
    ),
    _downloads(
        "open_folder",
        "o",
        "Folder",
        "Open the folder, or say where it is",
        refusal="No download is under the cursor.",
    ),
    _queue("hold", "P", "Hold", "Hold the whole queue, or let it go on"),
    _queue("limit_all", "T", "Total limit", "Set the rate limit of all downloads together"),
    _queue("move_up", "K", "Up", "Move up the queue", refusal=_UNSORTED),
    _queue("move_down", "J", "Down", "Move down", refusal=_UNSORTED),
    _queue("move_front", "less_than_sign", "Front", "Move to the front"),
    _queue("move_back", "greater_than_sign", "Back", "Move to the end"),
    _queue("raise_priority", "plus", "Priority", "Raise the priority"),
    _queue("lower_priority", "minus", "Priority", "Lower the priority"),
    _view("show_all", "1", "All", "All downloads"),
    _view("show_active", "2", _TABS[Status.ACTIVE], "Those that run"),
    _view("show_queued", "3", _TABS[Status.PENDING], "Those that wait"),
    _view("show_paused", "4", _TABS[Status.PAUSED], f"Those that are {STATES[Status.PAUSED]}"),
    _view("show_done", "5", _TABS[Status.COMPLETED], f"Those that are {STATES[Status.COMPLETED]}"),
    _view("show_failed", "6", _TABS[Status.FAILED], "Those that failed"),
    _view("sort", "s", "Sort", "Sort by a letter; the same again turns it round", hint=True),
    _view("clear", "backslash", "Clear", "Take filter and sort away"),
    _search("next_match", "n", "Next match", "In a filter: next match"),
    _search("previous_match", "N", "Previous match", "In a filter: previous match"),
    _marks("range", "v", "Range", "Mark all that the cursor passes"),
    _marks("mark_all", "asterisk", "All", "Mark everything that is shown"),
    _marks("invert", "i", "Invert", "Mark what is not marked"),
    _view("back_out", "escape", "Back", "Take the marks away, then the filter"),
    _screen(
        "statistics", "S", "Stats", "Show what was downloaded, how fast and what failed", hint=True
    ),
    _screen("history", "H", "History", "Show what was tried and how it went"),
    _screen("log", "L", "Log", "Read what the daemon writes down"),
    _screen("settings", "comma", "Settings", "Look at the settings and change them"),
    _screen(
        "command_line",
        "colon",
        "Command",
        "Type a command as on the command line; without ids it is for the chosen downloads",
    ),
    _screen("palette", "ctrl+p", "Palette", "Find an action by its name"),
    _screen("notices", "exclamation_mark", "Notices", "Read in full what winch has to say"),
    _screen("hosts", "at", "Machines", "Show another machine, or one that is not known yet"),
    _screen(
        "next_host", "right_square_bracket", "Next machine", "Show the next machine", refusal=_ALONE
    ),
    _screen(
        "previous_host",
        "left_square_bracket",
        "Machine before",
        "Show the machine before",
        refusal=_ALONE,
    ),
    _screen(
        "reconnect",
        "ctrl+r",
        "Reconnect",
        "Connect again now, and start the daemon where it was stopped",
        refusal="The daemon runs.",
    ),
    _table("cursor_down", "j down", "Down", "Next row"),
    _table("cursor_up", "k up", "Up", "Previous row"),
    _table("half_down", "ctrl+d", "Half down", "Half a screen down"),
    _table("half_up", "ctrl+u", "Half up", "Half a screen up"),
    _table("page_down", "pagedown", "Page down", "One screen down"),
    _table("page_up", "pageup", "Page up", "One screen up"),
    _table("cursor_first", "g home", "First", "First row"),
    _table("cursor_last", "G end", "Last", "Last row"),
    _table("fold", "h", "Fold", "Fold the group that the cursor is in"),
    _screen(
        "switch_pane", "tab", "Switch", "Go between the list and the details", group=HelpGroup.MOVE
    ),
    _screen("help", "question_mark", "Help", "Show this list of keys", hint=True),
    _screen("detach", "q", "Detach", "Leave the screen; downloads go on", hint=True),
    _collection(
        "collection_files",
        "enter",
        "See",
        "Show the files of this cause in the list",
        refusal=_NO_CAUSE,
    ),
    _collection(
        "collection_retry", "r", "Retry", "Try again what failed for this cause", refusal=_NO_CAUSE
    ),
    _collection(
        "collection_retry_all",
        "R",
        "Retry all",
        "Try again all that is bad or missing",
        refusal="Nothing is bad or missing.",
    ),
    _collection(
        "collection_pause",
        "p",
        "Pause",
        "Pause all of it, or let it go on",
        refusal="Nothing of it goes on or is paused.",
    ),
    _collection(
        "collection_sync",
        "s",
        "Sync",
        "Read its source again, after a look at what that would do",
        refusal="Its files were named one by one: there is no source to read.",
    ),
    _collection("collection_verify", "V", "Verify", "Read its finished files again and compare"),
    _collection("collection_remove", "x", "Remove", "Take all of it off the list; files stay"),
    _collection("collection_delete", "X", "Delete", "Remove all of it and delete its files"),
    _collection("collection_limit", "t", "Limit", "Set the rate limit of all of it together"),
    _collection(
        "collection_raise", "plus", "Priority", "Raise the priority of all of it", hint=False
    ),
    _collection(
        "collection_lower", "minus", "Priority", "Lower the priority of all of it", hint=False
    ),
    _collection("collection_help", "question_mark", "Help", "Show these keys"),
    _collection("collection_back", "escape q", "Back", "Back to the downloads"),
    _statistics("shorter", "left_square_bracket left", "Shorter", "Shorter period"),
    _statistics("longer", "right_square_bracket right", "Longer", "Longer period"),
    _statistics("refresh", "R", "Reload", "Read the figures again now"),
    _statistics("statistics_help", "question_mark", "Help", "Show these keys"),
    _statistics("back", "escape q", "Back", "Back to the downloads"),
    _history("history_add", "a", "Add again", "Fetch it again into the same directory"),
    _history("history_filter", "slash", "Filter", "Only with this in name, URL or host"),
    _history("history_failed", "f", "Failed only", "Only what failed, or all again"),
    _history("history_export", "e", "Export", "Write what is shown into a file"),
    _history("history_reload", "r", "Reload", "Read the history again now"),
    _history("history_attempt", "enter", "Attempt", "Show the attempt in full"),
    _history("history_details", "d", "Details", "Show or hide the details below"),
    _history("history_help", "question_mark", "Help", "Show these keys"),
    _history("history_back", "escape q", "Back", "Back to the downloads"),
    _log("log_filter", "slash", "Filter", "Only lines with this in them"),
    _log("log_follow", "f", "Follow", "Go to the end and stay there"),
    _log("log_help", "question_mark", "Help", "Show these keys"),
    _log("log_back", "escape q", "Back", "Back to the downloads"),
    _settings("settings_edit", "enter e", "Change", "Change the setting"),
    _settings("settings_next", "right l", "Next", "Take the next of its choices"),
    _settings("settings_previous", "left h", "Previous", "Take the choice before"),
    _settings("settings_default", "d", "Default", "Go back to the default"),
    _settings("settings_help", "question_mark", "Help", "Show these keys"),
    _settings("settings_back", "escape q", "Back", "Back to the downloads"),
)


def by_group() -> dict[HelpGroup, list[KeyAction]]:
    """Return the table under its headings, in the order of the help."""
    return {group: [a for a in KEY_ACTIONS if a.group is group] for group in HelpGroup}


def by_target(*targets: KeyTarget) -> list[KeyAction]:
    """Return the actions whose keys some parts of the screens bind."""
    return [action for action in KEY_ACTIONS if action.target in targets]
