"""Every setting as it holds, where that comes from, and a way to change it.

What is changed is written to config.toml, as it were by hand, and holds at once: in this screen and
in the daemon, which reads the file again. Where it cannot, that is said. While another machine is
shown, only how the screen looks is of this one: the rest is that machine's, and is changed there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import ClassVar

from textual import on
from textual.binding import BindingType

from core import launcher
from core.domain.errors import WinchError
from core.domain.machines import Host
from core.domain.service import DownloadService, SettingInForce
from core.domain.settings import Settings, text_of
from core.launcher import Configuration, SettingOrigin, SettingValue
from tui.control.bindings import bindings
from tui.control.key_actions import KeyTarget
from tui.screens.dialog import AnswerDialog
from tui.screens.page_screen import ListScreen, list_lines
from tui.terminal.theme import is_ascii
from tui.text.cells import Cell, ColumnSpec, Content, Line, Role
from tui.text.fmt import clean, fit, sentence
from tui.text.in_force import editing_line, notes, variable
from tui.text.vocabulary import SETTINGS
from tui.widgets.page import CursorPage
from tui.widgets.prompt import Prompt

_COLUMNS = (
    ColumnSpec("Section", 10, right=False, start=60),
    ColumnSpec("Setting", 20, right=False),
    ColumnSpec("Value", right=False),
    ColumnSpec("Default", 14, right=False, start=76),
    ColumnSpec("From", 11, right=False, start=54),
)
_AT_THE_NEXT_SCREEN = frozenset({"screen.ascii", "screen.mouse", "screen.title", "screen.finished"})
_DEFAULTS = Settings()
_SCREEN = "screen"
"""The section that is about this screen, whatever machine it shows."""


class SettingsScreen(ListScreen):
    """Shows the settings; `apply` lets those of the screen hold in it.

    `host` is the other machine whose service it is, None on this one.
    """

    TARGET = KeyTarget.SETTINGS
    NAME = "Settings"
    COLUMNS = _COLUMNS
    BINDINGS: ClassVar[list[BindingType]] = bindings(TARGET)
    DEFAULT_CSS = "SettingsScreen > #details { height: 4; }"

    def __init__(
        self,
        service: Callable[[], DownloadService],
        apply: Callable[[Settings], None],
        host: Host | None = None,
    ) -> None:
        super().__init__()
        self._host = host
        self._service = service
        self._apply = apply
        self._writing = asyncio.Lock()
        self._values: tuple[SettingValue, ...] = ()
        # What the daemon obeys instead, in words, by the names of the settings.
        self._notes: Mapping[str, str] = {}
        self._note: tuple[str, Role] = ("", Role.PLAIN)

    def on_mount(self) -> None:
        try:
            configuration = launcher.read_configuration()
            file = clean(str(launcher.paths().config_file))
            self._title.update(
                f" Settings  {file}"
                if self._host is None
                else f" Settings of {clean(self._host.name)}; [screen] is of this machine"
            )
        except WinchError as error:
            self._say(sentence(error), Role.FAILED)
        else:
            self._show(configuration)
            self.run_worker(self._read_in_force())

    async def _read_in_force(self) -> None:
        held: Sequence[SettingInForce] = ()
        with suppress(WinchError):
            held = await self._service().settings_in_force()
        if self.is_attached and self._host is not None:
            self._show_theirs(held)
        elif self.is_attached:
            self._notes = notes(self._values, held)
            self._list.rewrite()
            self._details.rewrite()

    def action_settings_edit(self) -> None:
        """Ask for another value, or take the next choice."""
        item = self._current
        if item is None or self._refuses(item):
            return
        if self._choices(item):
            self._step(item, 1)
        else:
            note = f"the default is {text_of(_default(item)) or 'empty'}"
            self._prompt.open(item.name, _typed(item), note=note)

    def action_settings_next(self) -> None:
        self._step(self._current, 1)

    def action_settings_previous(self) -> None:
        self._step(self._current, -1)

    def action_settings_default(self) -> None:
        item = self._current
        if item is not None and not self._refuses(item):
            self._change(item, None)

    def action_settings_help(self) -> None:
        self.show_keys()

    def action_settings_back(self) -> None:
        self.dismiss()

    @on(CursorPage.Chosen)
    def _click(self) -> None:
        self.action_settings_edit()

    @on(CursorPage.Moved)
    def _move(self) -> None:
        self._say("")

    @on(Prompt.Submitted)
    def _submit(self, event: Prompt.Submitted) -> None:
        item = self._current
        if item is None or event.text == _typed(item):
            self._prompt.close()
        else:
            self._change(item, event.text)

    @property
    def _current(self) -> SettingValue | None:
        return self._values[self._list.index] if self._values else None

    def _step(self, item: SettingValue | None, step: int) -> None:
        if item is None or self._refuses(item) or not (choices := self._choices(item)):
            return
        value = text_of(item.value)
        index = choices.index(value) if value in choices else -step
        self._change(item, choices[(index + step) % len(choices)])

    def _choices(self, item: SettingValue) -> Sequence[str]:
        """Return the values that a setting can have, none where they cannot be counted."""
        match item.value:
            case bool():
                return ("false", "true")
            case StrEnum():
                return [choice.value for choice in type(item.value)]
            case _ if item.name == "screen.theme":
                return sorted(self.app.available_themes)
        return ()

    def _refuses(self, item: SettingValue) -> bool:
        """Say why a setting cannot be changed here, and return True where that is so."""
        if self._host is not None and self._is_theirs(item):
            name = clean(self._host.name)
            self._say(f"it is changed on {name}", Role.FAILED)
            line = editing_line(self._host)
            self.app.push_screen(AnswerDialog(f"This is a setting of {name}, changed by\n\n{line}"))
        elif item.source is SettingOrigin.ENVIRONMENT:
            self._say(
                f"{variable(item.name)} is set in the environment, which goes first",
                Role.FAILED,
            )
        elif not isinstance(item.value, str | int | float):
            self._say("this is changed in config.toml, with an editor", Role.FAILED)
        else:
            return False
        return True

    def _change(self, item: SettingValue, text: str | None) -> None:
        # The app's: what is written has to hold, also if this screen is left meanwhile.
        self.app.run_worker(self._write_and_apply(item, text))

    async def _write_and_apply(self, item: SettingValue, text: str | None) -> None:
        async with self._writing:
            said = await self._write(item, text)
        if said is None or not self.is_attached:
            return
        if self._prompt.is_open:
            self._prompt.close()
        self._say(*said)

    async def _write(self, item: SettingValue, text: str | None) -> tuple[str, Role] | None:
        """Write a setting, let it hold, and return what is to be said about that."""
        try:
            configuration = await asyncio.to_thread(
                launcher.change_setting, item.section, item.key, text
            )
        except WinchError as error:
            if not self.is_attached or not self._prompt.is_open:
                return sentence(error), Role.FAILED
            self._prompt.say(sentence(error), wrong=True)
            return None
        self._apply(configuration.settings)
        if self.is_attached:
            self._show(configuration)
        if item.name in _AT_THE_NEXT_SCREEN:
            return "written; holds when the screen is opened again", Role.WAITING
        try:
            late = await self._service().reload()
        except WinchError as error:
            return f"written, but the daemon has not read it: {error.message}", Role.FAILED
        await self._read_in_force()
        if (note := self._notes.get(item.name)) and item.name not in late:
            return f"written, but does not hold now; {note}", Role.WAITING
        if item.name in late:
            how = "`winch daemon stop`; downloads go on at the next start"
            return f"written; holds once the daemon is started again ({how})", Role.WAITING
        return "written; holds now", Role.DONE

    def _show_theirs(self, held: Sequence[SettingInForce]) -> None:
        """Show what the other machine obeys, below what is the screen's."""
        mine = [item for item in self._values if item.section == _SCREEN]
        theirs = []
        for each in held:
            section, _, key = each.name.partition(".")
            is_default = each.value == text_of(_DEFAULTS.value_of(each.name))
            source = SettingOrigin.DEFAULT if is_default else SettingOrigin.FILE
            theirs.append(SettingValue(section=section, key=key, value=each.value, source=source))
        self._values = (*mine, *theirs)
        self._list.rewrite()
        self._details.rewrite()

    def _is_theirs(self, item: SettingValue) -> bool:
        return self._host is not None and item.section != _SCREEN

    def _show(self, configuration: Configuration) -> None:
        self._values = configuration.values
        if self._host is not None:
            # Of the rest only the other machine knows.
            self._values = tuple(item for item in self._values if not self._is_theirs(item))
        self._list.rewrite()
        self._details.rewrite()

    def _say(self, text: str, role: Role = Role.PLAIN) -> None:
        self._note = (text, role)
        self._details.rewrite()

    def lines(self, width: int) -> list[Line]:
        rows: list[Sequence[Content]] = []
        before = ""
        for item in self._values:
            is_set = item.source is not SettingOrigin.DEFAULT
            section = item.section if item.section != before else ""
            before = item.section
            rows.append(
                (
                    (section, Role.TITLE),
                    (item.key, Role.PLAIN),
                    (
                        clean(text_of(item.value)) + (" *" if item.name in self._notes else ""),
                        Role.ACTIVE if is_set else Role.PLAIN,
                    ),
                    (clean(text_of(_default(item))), Role.MUTED),
                    (self._origin(item), Role.PLAIN if is_set else Role.MUTED),
                )
            )
        return list_lines(_COLUMNS, rows, width, ascii_only=is_ascii(self))[1:]

    def _origin(self, item: SettingValue) -> str:
        if self._host is not None and self._is_theirs(item):
            return clean(self._host.name)
        return item.source.value

    def describe(self, width: int) -> list[Line]:
        item, (note, role) = self._current, self._note
        lines: list[tuple[str, Role]] = []
        if item is not None:
            where = self._origin(item)
            if item.source is SettingOrigin.ENVIRONMENT:
                where = f"{variable(item.name)} in the environment"
            lines.append((f"{item.name} = {text_of(item.value)}", Role.TITLE))
            lines.append((SETTINGS.get(item.name, ""), Role.PLAIN))
            default = f"default: {text_of(_default(item)) or 'empty'}"
            if held := self._notes.get(item.name):
                lines.append((f"* {held}; from {where}; {default}", Role.WAITING))
            else:
                lines.append((f"from {where}; {default}", Role.MUTED))
        lines.append((note, role))
        room = max(width - 2, 1)
        return [
            (Cell(1, fit(clean(text), room, ascii_only=is_ascii(self)), r),) for text, r in lines
        ]


def _typed(item: SettingValue) -> str:
    """Return a value to be changed: whoever changes an address does not lose its login."""
    return item.value if isinstance(item.value, str) else text_of(item.value)


def _default(item: SettingValue) -> object:
    return _DEFAULTS.value_of(item.name)
