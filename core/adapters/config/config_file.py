"""Fill the settings from config.toml and the environment, and say where each value came from.

A setting that is misspelt must not be passed over in silence: the person believes it holds.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import typing
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

from core.adapters.config.config_place import entry_place, place, syntax_error
from core.adapters.files.named_file import MIB, read_with_status
from core.adapters.files.ownership import ROOT, mend, weakness
from core.domain.bounds import cut
from core.domain.errors import ConfigError
from core.domain.hooks import as_list
from core.domain.redact import redact_text
from core.domain.settings import ScheduleEntry, Settings, sections
from core.domain.value import Value, replace

_PREFIX = "WINCH_"
_MOST_BYTES = MIB

# What the person is told a value must be, by the type of its field.
_EXPECTED: dict[object, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: 'text in quotes ("…")',
}

# How the messages begin that `Settings` has for values which do not fit.
_NAMED = re.compile(r"\[*([a-z]+)(?:\.([a-z_]+))?")

_ENTRY_NAMED = re.compile(r"\[\[limits\.schedule\]\] number (\d+): '([^']*)'")

# The two settings that are no scalars. `from` is no name in Python, so the file's words differ.
_KEYS = ("screen", "keys")
_SCHEDULE = ("limits", "schedule")
_ENTRY = {"days": "days", "from": "start", "to": "end", "rate": "rate"}

# The section whose keys are a person's own.
_HOSTS = "hosts"


class SettingOrigin(StrEnum):
    """What had the last word on a setting."""

    DEFAULT = "default"
    FILE = "config.toml"
    ENVIRONMENT = "environment"


class SettingValue(Value, frozen=True, kw_only=True):
    section: str
    key: str
    value: object
    source: SettingOrigin

    @property
    def name(self) -> str:
        """How it is named everywhere: `section.key`."""
        return f"{self.section}.{self.key}"


class Configuration(Value, frozen=True, kw_only=True):
    """The settings in force, each with its source, in the order of the sections."""

    settings: Settings
    values: tuple[SettingValue, ...]

    def to_toml(self, notes: Mapping[str, str] | None = None, *, redacted: bool = False) -> str:
        """Return the settings as a config.toml; a comment names each value's source.

        `notes` are what else is to be said of some, by their names (`limits.rate`).
        Where it is `redacted`, addresses have no logins.
        """
        lines: list[str] = []
        for item in self.values:
            if f"[{item.section}]" not in lines:
                lines += ["", f"[{item.section}]"]
            if (item.section, item.key) == _SCHEDULE:
                lines += _schedule_lines(self.settings.limits.schedule, item.source)
            else:
                note = (notes or {}).get(item.name)
                value = item.value
                said = [item.source.value, *([note] if note else [])]
                if redacted and isinstance(value, str) and (shown := redact_text(value)) != value:
                    value = shown
                    said.append("a login is left out")
                lines.append(f"{item.key} = {_toml(value)}  # {'; '.join(said)}")
        if self.settings.hosts:
            from core.adapters.config.host_tables import host_lines  # noqa: PLC0415

            lines += host_lines(self.settings.hosts)
        return "\n".join(lines[1:]) + "\n"


def load(path: Path, env: Mapping[str, str]) -> Configuration:
    """Return the defaults, overridden by the file if there is one, overridden by the environment.

    Raises ConfigError naming the place and, for a misspelling, the nearest name that exists.
    """
    own = tuple((name, text) for name, text in env.items() if name.startswith(_PREFIX))
    return _parsed(read(path), path, own)


# The daemon reads the file at each short command, and TOML takes a second for the largest.
@functools.lru_cache(maxsize=4)
def _parsed(text: str, path: Path, env: tuple[tuple[str, str], ...]) -> Configuration:
    return parse(text, path, dict(env))


def parse(
    text: str, path: Path, env: Mapping[str, str], *, is_written: bool = True
) -> Configuration:
    """Return what `load` would if this were the text of the file; raises ConfigError.

    Unless that `is_written`, a value that does not fit is said without its line.
    """
    document = _document(text, path)
    hosts = document.pop(_HOSTS, None)
    found: dict[tuple[str, str], tuple[object, SettingOrigin]] = {
        name: (value, SettingOrigin.FILE)
        for name, value in _from_document(document, text, path).items()
    }
    found |= {name: (value, SettingOrigin.ENVIRONMENT) for name, value in _from_env(env).items()}
    chosen: dict[str, dict[str, object]] = {section: {} for section in sections()}
    for (section, key), (value, _) in found.items():
        chosen[section][key] = value
    try:
        settings = msgspec.convert(chosen, Settings)
    except ConfigError as error:
        if not is_written:
            raise
        sources = {name: source for name, (_, source) in found.items()}
        raise _placed(error, sources, text, path) from error
    if hosts is not None:
        from core.adapters.config.host_tables import read_hosts  # noqa: PLC0415 - few have any

        named = read_hosts(hosts, functools.partial(place, path, text))
        settings = replace(settings, hosts=named)
    values = tuple(
        SettingValue(
            section=section,
            key=key,
            value=settings.value_of(f"{section}.{key}"),
            source=found[section, key][1] if (section, key) in found else SettingOrigin.DEFAULT,
        )
        for section, keys in sections().items()
        for key in keys
    )
    return Configuration(settings=settings, values=values)


def place_of(path: Path, *names: str) -> str:
    """Return where something is written in the file that can be read; raises ConfigError."""
    return place(path, read(path), *names)


def read(path: Path) -> str:
    """Return the text of the file, "" where there is none; raises ConfigError."""
    data = b""
    try:
        data, found = read_with_status(path, most=_MOST_BYTES)
        if reason := weakness(found, {os.geteuid(), ROOT}):
            raise ConfigError(f"{path} {reason}", hint=mend(found, path))
        # With the mark that some editors on Windows put at the beginning.
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}, line {line}: this is not UTF-8 text", hint="save the file as UTF-8"
        ) from error


def value_of(section: str, key: str, text: str) -> object:
    """Return what a person wrote in the type of its setting; raises ConfigError."""
    return _checked(section, key, text, where="this", strict=False)


def _document(text: str, path: Path) -> dict[str, object]:
    if not text:
        return {}
    # Few have such a file, and all that read settings would load this.
    import tomllib  # noqa: PLC0415

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise syntax_error(str(error), path, text) from error
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deep to be read") from error
    except ValueError as error:
        # Python reads no whole number of more than some thousand digits.
        raise ConfigError(f"{path} has a number that is too long to be read") from error


def _from_document(
    document: Mapping[str, object], text: str, path: Path
) -> dict[tuple[str, str], object]:
    values: dict[tuple[str, str], object] = {}
    for section, table in document.items():
        if section not in sections() and not isinstance(table, dict | list):
            raise _outside(section, place(path, text, section))
        if section not in sections():
            raise ConfigError(
                f"{place(path, text, section)}: there is no section [{section}]",
                hint=_did_you_mean(section, (*sections(), _HOSTS)),
            )
        if not isinstance(table, dict):
            where = place(path, text, section)
            raise ConfigError(f"{where}: {section} is a section", hint=f"write [{section}]")
        for key, value in table.items():
            where = place(path, text, section, key)
            values[section, key] = _checked(section, key, value, where=where, strict=True)
    return values


def _outside(key: str, where: str) -> ConfigError:
    """Return the error for a setting that stands above every section."""
    homes = [f"[{section}]" for section, keys in sections().items() if key in keys]
    every = dict.fromkeys(key for keys in sections().values() for key in keys)
    return ConfigError(
        f"{where}: {key} stands above every section",
        hint=f"write it below {' or '.join(homes)}" if homes else _did_you_mean(key, every),
    )


def names_in(env: Mapping[str, str]) -> frozenset[str]:
    """Return the settings (`limits.rate`) that an environment names; raises ConfigError."""
    return frozenset(f"{section}.{key}" for section, key in _from_env(env))


def _from_env(env: Mapping[str, str]) -> dict[tuple[str, str], object]:
    values: dict[tuple[str, str], object] = {}
    for name, text in env.items():
        for section in sections():
            prefix = f"{_PREFIX}{section.upper()}_"
            if name.startswith(prefix):
                key = name.removeprefix(prefix).lower()
                values[section, key] = _checked(section, key, text, where=name, strict=False)
    return values


def _placed(
    error: ConfigError, sources: Mapping[tuple[str, str], SettingOrigin], text: str, path: Path
) -> ConfigError:
    """Return an error about the settings as a whole with the place where the value came from."""
    match = _NAMED.match(error.message)
    section, key = (match[1], match[2] or "") if match else ("", "")
    key = key or ("schedule" if section == "limits" else "")
    concerned = [name for name in sources if name[0] == section and key in ("", name[1])]
    if not concerned:
        return error
    section, key = concerned[0]
    if (entry := _ENTRY_NAMED.match(error.message)) is not None:
        where = entry_place(path, text, int(entry[1]), entry[2])
    elif sources[section, key] is SettingOrigin.ENVIRONMENT:
        where = f"{_PREFIX}{section.upper()}_{key.upper()}"
    else:
        where = place(path, text, section, key)
    return ConfigError(f"{where}: {error.message}", hint=error.hint)


def _checked(section: str, key: str, value: object, *, where: str, strict: bool) -> object:
    """Return a value in the type of its setting; `strict` False reads it from text."""
    keys = sections()[section]
    if key not in keys:
        raise ConfigError(
            f"{where}: there is no setting {key} in the section [{section}]",
            hint=_did_you_mean(key, keys),
        )
    if (section, key) == _SCHEDULE:
        return _schedule(value, where)
    if (section, key) == _KEYS:
        return _key_table(value, where)
    wanted = _type_of(section, key)
    if typing.get_origin(wanted) is tuple:
        return _list(f"{section}.{key}", value, wanted, where=where, strict=strict)
    try:
        converted: object = msgspec.convert(value, wanted, strict=strict)
    except msgspec.ValidationError as error:
        names = wanted if issubclass(wanted, StrEnum) else ()
        expected = _EXPECTED.get(wanted) or f"one of {', '.join(names)}"
        raise ConfigError(f"{where}: {section}.{key} must be {expected}, not {value!r}") from error
    return converted


def _list(name: str, value: object, wanted: type, *, where: str, strict: bool) -> object:
    """Return a list of texts; `strict` False reads it from text, which is written as in the file.

    What somebody wrote as one text is shown as the list that it may mean: nothing is split here.
    """
    found = value
    if not strict and isinstance(value, str) and value.lstrip().startswith("["):
        with contextlib.suppress(msgspec.DecodeError):
            found = msgspec.json.decode(value)
    kind = typing.get_args(wanted)[0]
    key = name.partition(".")[2]
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        shown = as_list(value) if isinstance(value, str) else '["…", "…"]'
        raise ConfigError(
            f"{where}: {name} must be a list of texts, not {value!r}"[:400],
            hint=f"write it as {key} = {shown}",
        )
    if issubclass(kind, StrEnum) and (unknown := [each for each in found if each not in set(kind)]):
        raise ConfigError(
            f"{where}: {name} has no {cut(unknown[0], 80)!r}",
            hint=_did_you_mean(unknown[0], tuple(kind)),
        )
    return tuple(map(kind, found))


def _schedule(value: object, where: str) -> tuple[ScheduleEntry, ...]:
    """Return the timetable of the limits; raises ConfigError naming the entry."""
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ConfigError(
            f"{where}: limits.schedule is a list of tables",
            hint="write [[limits.schedule]] with from, to and rate in config.toml",
        )
    entries = []
    for number, entry in enumerate(value, start=1):
        place = f"{where}: [[limits.schedule]] number {number}"
        for key, text in entry.items():
            if key not in _ENTRY:
                raise ConfigError(f"{place} has no {key}", hint=_did_you_mean(key, _ENTRY))
            if not isinstance(text, str):
                raise ConfigError(f"{place}: {key} must be {_EXPECTED[str]}, not {text!r}")
        if missing := [key for key in _ENTRY if key not in entry and key != "days"]:
            raise ConfigError(f"{place} lacks {' and '.join(missing)}")
        entries.append(ScheduleEntry(**{_ENTRY[key]: text for key, text in entry.items()}))
    return tuple(entries)


def _key_table(value: object, where: str) -> dict[str, str]:
    """Return the keys of the screen's actions; which there are is for the screen to say."""
    if not isinstance(value, dict):
        raise ConfigError(
            f"{where}: screen.keys is a table", hint='write [screen.keys] and move_up = "K"'
        )
    for id_, key in value.items():
        if not isinstance(key, str):
            raise ConfigError(f"{where}: screen.keys.{id_} must be {_EXPECTED[str]}, not {key!r}")
    return value


def _schedule_lines(schedule: tuple[ScheduleEntry, ...], source: SettingOrigin) -> list[str]:
    if not schedule:
        return [f"schedule = []  # {source}"]
    lines = []
    for entry in schedule:
        lines += ["", f"[[limits.schedule]]  # {source}"]
        lines += [f"{key} = {_toml(getattr(entry, name))}" for key, name in _ENTRY.items()]
    return lines


def _type_of(section: str, key: str) -> type:
    section_type = typing.get_type_hints(Settings)[section]
    wanted: type = typing.get_type_hints(section_type)[key]
    return wanted


def _did_you_mean(name: str, known: typing.Iterable[str]) -> str:
    import difflib  # noqa: PLC0415 (for those who err)

    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}"


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_toml(key)} = {_toml(each)}" for key, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    # A JSON scalar is a TOML value, but for the one control character that JSON leaves bare.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
