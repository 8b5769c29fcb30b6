"""Change one setting in config.toml and leave all else in it as the person wrote it.

Comments, order and spacing stay. What cannot be read is not written over, and nothing is written
that winch could not start with.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping, MutableMapping
from enum import StrEnum
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from core.adapters.config.config_file import Configuration, parse, read
from core.adapters.files.atomic_file import make_private_directory, sync_directory, sync_file
from core.domain.errors import ConfigError

_NEW = 0o600


def write(
    path: Path, env: Mapping[str, str], section: str, key: str, value: object
) -> Configuration:
    """Give a setting a value in the file, or with None take it out; return what holds then.

    The file keeps its mode, and stays a link where it is one. Raises ConfigError where the file or
    the value is wrong, or where it cannot be written; the file is as it was then.
    """
    text = read(path)
    before = parse(text, path, env)
    changed = _edited(text, path, section, key, value)
    after = parse(changed, path, {}, is_written=False)
    if value is not None and after.settings.value_of(f"{section}.{key}") != value:
        raise _beyond(path)
    # Together with the environment it may be wrong where it is right alone.
    configuration = parse(changed, path, env, is_written=False)
    if changed == text:
        return before
    try:
        _replace(path.resolve(), changed.encode())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    return configuration


def _edited(text: str, path: Path, section: str, key: str, value: object) -> str:
    try:
        document = tomlkit.parse(text)
        if section not in document:
            if value is None:
                return text
            document[section] = tomlkit.table()
        table = document[section]
        if not isinstance(table, MutableMapping):
            raise _beyond(path)
        if value is None:
            table.pop(key, None)
        else:
            table[key] = str(value) if isinstance(value, StrEnum) else value
        return tomlkit.dumps(document)
    except (TOMLKitError, RecursionError) as error:
        raise _beyond(path) from error


def _beyond(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} is written in a way that winch cannot edit", hint="change it with an editor"
    )


def _replace(path: Path, content: bytes) -> None:
    if not path.parent.exists():
        make_private_directory(path.parent)
    try:
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError:
        mode = _NEW
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(descriptor, mode)
            sync_file(descriptor)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
