"""What is said of a setting that has another value in the daemon than the one that is shown.

The daemon has its own environment, and `winch limit` and the timetable go before its settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.domain.service import SettingInForce, SettingSource
from core.domain.settings import text_of
from core.launcher import SettingOrigin, SettingValue
from tui.text.fmt import clean

_LATE = "network."


def notes(values: Iterable[SettingValue], held: Iterable[SettingInForce]) -> Mapping[str, str]:
    """Return what is to be said of settings by their names; nothing of those that simply hold."""
    by_name = {each.name: each for each in held}
    said = {}
    for item in values:
        name = f"{item.section}.{item.key}"
        if name in by_name and (text := _note(item, by_name[name])):
            said[name] = f"in force: {clean(by_name[name].value) or 'empty'}, {text}"
    return said


def variable(name: str) -> str:
    """Return the variable of the environment that goes before a setting."""
    return f"WINCH_{name.upper().replace('.', '_')}"


def reason(held: SettingInForce) -> str:
    """Return why a setting has its value, "" where it is that of the file or the default."""
    match held.source:
        case SettingSource.COMMAND:
            return "by winch limit (winch limit auto takes it back)"
        case SettingSource.SCHEDULE:
            return "by the timetable"
        case SettingSource.ENVIRONMENT:
            return f"by {variable(held.name)} in the daemon's environment"
    return ""


def usual(held: SettingInForce) -> str:
    """Return what a setting would be without `winch limit` and the timetable, and who says so."""
    if held.usual_source is SettingSource.ENVIRONMENT:
        return f"{variable(held.name)} in the daemon's environment says {clean(held.otherwise)}"
    return f"the settings say {clean(held.otherwise)}"


def _note(item: SettingValue, held: SettingInForce) -> str:
    shown = text_of(item.value)
    is_environment = held.source is SettingSource.ENVIRONMENT
    if shown == held.value and (held.source is SettingSource.SETTINGS or is_environment):
        return ""
    if text := reason(held):
        return text
    if item.source is SettingOrigin.ENVIRONMENT:
        return "by the settings of the daemon, which has not this environment"
    when = "is started again" if held.name.startswith(_LATE) else "reads it again"
    return f"until the daemon {when}"
