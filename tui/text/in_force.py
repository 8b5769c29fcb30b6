"""What is said of the settings that the daemon obeys: of its limits, and of what is not as shown.

The daemon has its own environment, and `winch limit` and the timetable go before its settings.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import PurePath

from core.domain.machines import Host
from core.domain.service import Limits, SettingInForce, SettingSource
from core.domain.settings import text_of
from core.launcher import SettingOrigin, SettingValue
from tui.text.fmt import clean, rate

_LATE = "network."


def notes(values: Iterable[SettingValue], held: Iterable[SettingInForce]) -> Mapping[str, str]:
    """Return what is to be said of settings by their names; nothing of those that simply hold."""
    by_name = {each.name: each for each in held}
    said = {}
    for item in values:
        if item.name in by_name and (text := _note(item, by_name[item.name])):
            said[item.name] = f"in force: {clean(by_name[item.name].value) or 'empty'}, {text}"
    return said


def variable(name: str) -> str:
    """Return the variable of the environment that goes before a setting."""
    return f"WINCH_{name.upper().replace('.', '_')}"


def editing_line(host: Host) -> str:
    """Return what opens the settings of another machine in an editor there, for a shell here."""
    program, *others = host.ssh
    # The editor needs a terminal.
    with_terminal = ["-t"] if PurePath(program).name == "ssh" else []
    there = f'${{EDITOR:-vi}} "$({host.winch} config path)"'
    return shlex.join([program, *with_terminal, *others, there])


def _reason(held: SettingInForce) -> str:
    """Return why a setting has its value, "" where it is that of the file or the default."""
    match held.source:
        case SettingSource.COMMAND:
            return "by winch limit (winch limit auto takes it back)"
        case SettingSource.SCHEDULE:
            return "by the timetable"
        case SettingSource.ENVIRONMENT:
            return f"by {variable(held.name)} in the daemon's environment"
    return ""


def _usual(held: SettingInForce) -> str:
    """Return what a setting would be without `winch limit` and the timetable, and who says so."""
    if held.usual_source is SettingSource.ENVIRONMENT:
        return f"{variable(held.name)} in the daemon's environment says {clean(held.otherwise)}"
    return f"the settings say {clean(held.otherwise)}"


def limit_lines(limits: Limits, held: Iterable[SettingInForce]) -> list[str]:
    """Return the limits as labelled lines; of each that is not as set, why, and what is set."""
    settings = {each.name.removeprefix("limits."): each for each in held}

    def line(label: str, text: str, key: str, also: str = "") -> str:
        setting = settings[key]
        why = _reason(setting)
        if setting.value != setting.otherwise:
            why += f"; {_usual(setting)}"
        return f"{label:<11}  {text} ({(why or 'from the settings') + also})"

    until = limits.until
    return [
        line(
            "rate",
            "off" if limits.rate is None else rate(limits.rate),
            "rate",
            until.astimezone().strftime(", changes %a %H:%M") if until is not None else "",
        ),
        line("active", f"{limits.active} at once", "active"),
        line("connections", f"{limits.connections} for each download", "connections"),
        line(
            "per host",
            f"{limits.connections_per_host} for all of them together",
            "connections_per_host",
        ),
    ]


def _note(item: SettingValue, held: SettingInForce) -> str:
    shown = text_of(item.value)
    is_environment = held.source is SettingSource.ENVIRONMENT
    if shown == held.value and (held.source is SettingSource.SETTINGS or is_environment):
        return ""
    if text := _reason(held):
        return text
    if item.source is SettingOrigin.ENVIRONMENT:
        return "by the settings of the daemon, which has not this environment"
    when = "is started again" if held.name.startswith(_LATE) else "reads it again"
    return f"until the daemon {when}"
