"""What the terminal around the screen can do, as far as its environment tells.

Pure. What a terminal is not known to understand it is not sent: one that takes OSC 9 for a
notification would show a bar's progress as one message after another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

# Where these are set, the terminal takes OSC 9 (99, 777) for a notification. They reach into tmux;
# TERM, of which most terminals have their own, reaches over SSH.
_OSC_9 = {"ITERM_SESSION_ID", "GHOSTTY_RESOURCES_DIR", "WEZTERM_PANE"}
_OSC_9_TERMS = ("xterm-ghostty", "foot", "wezterm")
_OSC_99_TERMS = ("xterm-kitty",)
_OSC_777_TERMS = ("rxvt-unicode",)
# The first WezTerm that does not take a progress report for a notification.
_WEZTERM_WITH_PROGRESS = "20250301"
_PTYXIS_WITH_PROGRESS = 48


class Alert(StrEnum):
    """How a terminal is asked to notify its person."""

    BELL = "bell"
    OSC_9 = "osc-9"
    OSC_99 = "osc-99"
    OSC_777 = "osc-777"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """What may be sent to it, and whether signs beyond ASCII arrive."""

    has_title: bool = False
    has_progress: bool = False
    alert: Alert = Alert.BELL
    is_tmux: bool = False
    is_ascii: bool = False
    is_plain: bool = False
    """Whether the person wants no colours at all (NO_COLOR)."""


def detect(environment: Mapping[str, str], encoding: str) -> Terminal:
    """Tell what the terminal of a process can do; `encoding` is that of the stream drawn on."""
    get = environment.get
    term = get("TERM", "")
    return Terminal(
        # The console of Linux has no title, and older ones print what they do not know.
        has_title=term != "linux",
        has_progress=_has_progress(environment),
        alert=_alert(environment),
        is_tmux=bool(get("TMUX")),
        # Python takes the C locale for UTF-8, because it is mostly one that nobody chose; LC_ALL
        # is always one that somebody chose.
        is_ascii=not _is_utf_8(encoding) or get("LC_ALL", "") in ("C", "POSIX"),
        is_plain=bool(get("NO_COLOR")),
    )


def through_tmux(sequence: str) -> str:
    """Return a sequence as tmux hands it on to its own terminal, with `allow-passthrough on`.

    Without that it drops it.
    """
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"


def _has_progress(environment: Mapping[str, str]) -> bool:
    """Tell whether OSC 9;4 is shown, by what the makers of each terminal say of it."""
    get = environment.get
    program, version = get("TERM_PROGRAM", ""), get("TERM_PROGRAM_VERSION", "")
    ptyxis = get("PTYXIS_VERSION", "").partition(".")[0]
    return (
        bool(get("WT_SESSION"))
        or get("ConEmuANSI") == "ON"
        or program == "ghostty"
        or (program == "WezTerm" and version[:8].isdigit() and version >= _WEZTERM_WITH_PROGRESS)
        # iTerm2 lists what it can do as words of one capital each; P is progress.
        or re.search(r"P(?![a-z])", get("TERM_FEATURES", "")) is not None
        or (ptyxis.isdigit() and int(ptyxis) >= _PTYXIS_WITH_PROGRESS)
    )


def _alert(environment: Mapping[str, str]) -> Alert:
    get = environment.get
    term = get("TERM", "")
    if get("STY") or get("ZELLIJ"):
        # What these do not know they keep, or show; what is around them they do not say.
        return Alert.BELL
    if term.startswith(_OSC_99_TERMS) or get("KITTY_WINDOW_ID"):
        return Alert.OSC_99
    if term.startswith(_OSC_9_TERMS) or any(get(name) for name in _OSC_9):
        return Alert.OSC_9
    if term.startswith(_OSC_777_TERMS) or get("VTE_VERSION"):
        return Alert.OSC_777
    return Alert.BELL


def _is_utf_8(encoding: str) -> bool:
    return encoding.lower().replace("-", "").replace("_", "") == "utf8"
