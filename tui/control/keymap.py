"""Which keys do what, after `[screen.keys]` of config.toml has had its say.

Pure: an action's id there is a key, or several with commas between them, as they are printed on a
keyboard (`?`, `G`, `ctrl+d`, `F5`).
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from string import punctuation

from core.domain.errors import ConfigError
from tui.control.key_actions import KEY_ACTIONS, MAIN, KeyAction, KeyTarget

RESERVED = frozenset({"ctrl+a", "ctrl+b", "ctrl+c", "ctrl+q", "ctrl+s", "ctrl+z"})
"""Keys of terminals and multiplexers."""

_NAMES = {
    "escape": "Esc",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "ctrl": "Ctrl",
    "alt": "Alt",
    "shift": "Shift",
}
# Characters whose names in bindings are not those of Unicode.
_SHORT = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
# The parts of the screens whose keys hold at the same time.
_TOGETHER = frozenset({*MAIN, KeyTarget.TABLE})
# Those of which never both can be done: the one in a filter, the other without.
_APART = frozenset({"previous_match", "start_now"})


def binding_name(character: str) -> str:
    """Return the name that bindings have for a key with a character on it."""
    if character.isalnum():
        return character
    name = unicodedata.name(character, "").lower().replace("-", "_").replace(" ", "_")
    return _SHORT.get(name, name)


_PRINTED = {binding_name(character): character for character in punctuation}


def key_name(key: str) -> str:
    """Return a key as it is printed on a keyboard."""
    *held, last = key.split("+")
    if len(last) > 1:
        last = _PRINTED.get(last) or _NAMES.get(last, last.capitalize())
    return "-".join([*(_NAMES.get(name, name) for name in held), last])


class UnfitKeyError(ConfigError):
    """The key of an action cannot be meant; `action` is the one that somebody gave it."""

    def __init__(self, message: str, *, action: str, hint: str) -> None:
        super().__init__(f"[screen.keys]: {message}", hint=hint)
        self.action = action


class Keymap:
    """The keys of every action; raises UnfitKeyError for what cannot be meant."""

    def __init__(self, changed: Mapping[str, str] | None = None) -> None:
        changed = changed or {}
        known = {action.id: action for action in KEY_ACTIONS}
        self._keys = {action.id: action.keys for action in KEY_ACTIONS}
        for id_, text in changed.items():
            if id_ not in known:
                near = difflib.get_close_matches(id_, known, n=1)
                raise UnfitKeyError(
                    f"there is no action '{id_}'",
                    action=id_,
                    hint=f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}",
                )
            self._keys[id_] = _parse(id_, text)
        self._refuse_doubles(changed)

    def names(self, action_id: str) -> tuple[str, ...]:
        """Return an action's keys as they are printed on a keyboard."""
        return tuple(key_name(key) for key in self._keys[action_id])

    def action_of(self, key: str, targets: Iterable[KeyTarget]) -> KeyAction | None:
        """Return what a key is for in some parts of the screens."""
        wanted = frozenset(targets)
        return next(
            (a for a in KEY_ACTIONS if a.target in wanted and key in self._keys[a.id]), None
        )

    @property
    def changed(self) -> dict[str, str]:
        """The keys of the actions that have others than usual, as bindings take them."""
        usual = {action.id: action.keys for action in KEY_ACTIONS}
        return {id_: ",".join(keys) for id_, keys in self._keys.items() if keys != usual[id_]}

    def _refuse_doubles(self, changed: Mapping[str, str]) -> None:
        seen: dict[tuple[bool | KeyTarget, str], str] = {}
        for action in KEY_ACTIONS:
            scope = action.target in _TOGETHER or action.target
            for key in self._keys[action.id]:
                other = seen.setdefault((scope, key), action.id)
                if other == action.id or {other, action.id} == _APART:
                    continue
                first, second = (other, action.id) if other in changed else (action.id, other)
                raise UnfitKeyError(
                    f"{key_name(key)} is the key of both {first} and {second}",
                    action=first,
                    hint=f"give {second} another key too",
                )


def _parse(id_: str, text: str) -> tuple[str, ...]:
    """Return the keys a person wrote; a comma alone is the key."""
    words = [text] if text.strip() == "," else text.split(",")
    keys = []
    for word in words:
        key = _key(word.strip())
        if not key:
            raise UnfitKeyError(
                f"{id_} has no key", action=id_, hint='write one, such as "G" or "ctrl+d"'
            )
        if key in RESERVED:
            raise UnfitKeyError(
                f"{key_name(key)} cannot be the key of {id_}",
                action=id_,
                hint="it belongs to the terminal or to a multiplexer",
            )
        keys.append(key)
    return tuple(dict.fromkeys(keys))


def _key(word: str) -> str:
    """Return the name that bindings have for a key."""
    if len(word) == 1:
        return binding_name(word)
    *held, last = word.replace("-", "+").split("+")
    last = {"esc": "escape", "pgdn": "pagedown", "pgup": "pageup", "return": "enter"}.get(
        last.lower(), last if len(last) == 1 and not held else last.lower()
    )
    return "+".join([*(name.lower() for name in held), last])
