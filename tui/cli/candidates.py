"""What may stand where a word of winch's command line is begun: for the completions of shells.

They wait for it at each press of a key, so it takes two seconds at the most, says nothing of what
fails, and offers nothing that a shell would read as more than a word: names come from servers.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import launcher
from core.domain.errors import WinchError
from core.domain.host_names import ALL, check_destination
from core.domain.service import DownloadService
from tui.control.configuration import load_settings
from tui.input.commands import COMMANDS
from tui.text.fmt import short_id

PATIENCE = 2.0
_MOST = 200
_MOST_CONFIG = 1 << 20
_HOST_OPTIONS = ("-H", "--host")
_OF_FILES = frozenset({"input", "manifest", "cookies", "file"})
_PLAIN = re.compile(r"[\w.+@][\w.,+@%=:-]*")
"""What no shell takes for more than a word, and no command for an option."""
_HOST_LINE = re.compile(r"(?im)^[ \t]*host(?:[ \t]*=[ \t]*|[ \t]+)(.+)$")


@dataclass(slots=True)
class _Line:
    """What is said by the words before the one that is begun."""

    host: str | None = None
    command: str | None = None
    option: argparse.Action | None = None
    actions: list[argparse.Action] = field(default_factory=list)
    positions: int = 0


def candidates(words: Sequence[str]) -> list[str] | None:
    """Return what the last word may become; None where the shell knows best: a file of its own."""
    *before, begun = words or [""]
    line = _read(before)
    if before and before[-1] in _HOST_OPTIONS:
        return _hosts(begun)
    for begin in ("--host=", "-H"):
        if begun.startswith(begin) and begun != begin:
            return [f"{begin}{name}" for name in _hosts(begun.removeprefix(begin))]
    if line.command is None and line.option is None:
        names = [*COMMANDS, *_HOST_OPTIONS] if not begun.startswith("-") else [*_HOST_OPTIONS]
        return _beginning(begun, names)
    action = line.option or _position(line)
    if line.option is None and begun.startswith("-"):
        options = (option for each in line.actions for option in each.option_strings)
        return _beginning(begun, (*options, *_HOST_OPTIONS))
    if action is None:
        return []
    if action.choices is not None:
        return _beginning(begun, map(str, action.choices))
    if action.dest in _OF_FILES or (action.dest == "directory" and line.host is None):
        return None
    asks = {"directory": _directories, "id": _ids, "ids": _ids, "name": _collections}
    if (ask := asks.get(action.dest)) is None:
        return []
    with suppress(WinchError, TimeoutError, OSError):
        return asyncio.run(_asked(line.host, ask, begun))
    return []


def _read(words: Sequence[str]) -> _Line:
    line = _Line()
    values = iter(words)
    for word in values:
        line.option = None
        if word in _HOST_OPTIONS:
            line.host = next(values, None)
        elif word.startswith(("--host=", "-H")):
            line.host = word.removeprefix("--host=").removeprefix("-H")
        elif line.command is None:
            if word in COMMANDS:
                line.command, line.actions = word, _actions(word)
        elif word.startswith("-"):
            found = (each for each in line.actions if word in each.option_strings)
            option = next(found, None)
            if option is not None and option.nargs != 0:
                # Its value is the next word, or the one that is begun.
                line.option = option if next(values, None) is None else None
        else:
            line.positions += 1
    return line


class _Declared(argparse.ArgumentParser):
    """Keeps what a command declares: the parser itself tells nobody."""

    def __init__(self) -> None:
        self.actions: list[argparse.Action] = []
        super().__init__(add_help=False)

    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
        self.actions.append(action := super().add_argument(*names, **options))
        return action

    def add_mutually_exclusive_group(self, **_: Any) -> Any:
        return self


def _actions(command: str) -> list[argparse.Action]:
    """Return the options and positions that a command declares."""
    parser = _Declared()
    COMMANDS[command].declare(parser)
    return parser.actions


def _position(line: _Line) -> argparse.Action | None:
    positional = [action for action in line.actions if not action.option_strings]
    at = min(line.positions, len(positional) - 1)
    is_over = line.positions > at >= 0 and positional[at].nargs not in ("*", "+")
    return None if at < 0 or is_over else positional[at]


def _beginning(begun: str, names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(begun)]


def _plain(names: Iterable[str]) -> Iterator[str]:
    return (name for name in names if _PLAIN.fullmatch(name))


def _hosts(begun: str) -> list[str]:
    """Return the machines of config.toml and of ssh's own configuration, after those of a list."""
    before, comma, last = begun.rpartition(",")
    names = [] if comma else [ALL]
    with suppress(WinchError):
        names += load_settings().hosts
    names += _of_ssh()
    taken = set(before.split(","))
    found = [name for name in _beginning(last, _plain(names)) if name not in taken]
    return [f"{before}{comma}{name}" for name in found]


def _of_ssh() -> list[str]:
    """Return the hosts that ~/.ssh/config has by name."""
    try:
        path = Path("~/.ssh/config").expanduser()
        text = launcher.read_named(str(path), most=_MOST_CONFIG).decode(errors="replace")
    except (OSError, RuntimeError):
        return []
    found = []
    for line in _HOST_LINE.findall(text):
        for name in line.split("#", 1)[0].split():
            with suppress(WinchError):
                check_destination(name.strip('"'))
                found.append(name.strip('"'))
    return found


_Ask = Callable[[DownloadService, str], Awaitable[list[str]]]


async def _asked(host: str | None, ask: _Ask, begun: str) -> list[str]:
    """Ask the daemon that runs here, or the one of another machine; raises WinchError."""
    async with asyncio.timeout(PATIENCE):
        machine = None if host is None else launcher.host_named(host, load_settings())
        async with await launcher.connect(
            start=False, host=machine, patience=PATIENCE, interactive=False
        ) as service:
            return (await ask(service, begun))[:_MOST]


async def _ids(service: DownloadService, begun: str) -> list[str]:
    downloads = [view.download for view in await service.downloads()]
    names = [download.name for download in downloads] if begun else []
    ids = (short_id(download.id) for download in downloads)
    return _beginning(begun, _plain((*ids, *names)))


async def _collections(service: DownloadService, begun: str) -> list[str]:
    names = [view.collection.name for view in await service.collections()]
    return _beginning(begun, _plain(names))


async def _directories(service: DownloadService, begun: str) -> list[str]:
    head, slash, prefix = begun.rpartition("/")
    view = await service.browse(f"{head}{slash}" or ".", prefix)
    return [f"{head}{slash}{name}/" for name in _plain(view.directories)]
