"""What can be seen of winch's places without a daemon, and without changing any of them.

For `winch doctor`, whose answer is wanted most where no daemon can start.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from core.adapters.config import config_file
from core.adapters.config.config_file import Configuration
from core.adapters.files import disk
from core.adapters.files.ownership import ROOT, weakness
from core.adapters.system import machine
from core.adapters.system.hook_process import program_path
from core.adapters.system.instance_lock import InstanceLock
from core.adapters.system.paths import Paths
from core.domain.errors import ConfigError, StateError, WinchError
from core.domain.hooks import HookEvent
from core.domain.settings import HookSettings, Settings
from core.domain.units import rough_size
from core.domain.upkeep import DiskUsage, Finding

_LIST = "downloads.json"


class _Head(msgspec.Struct):
    schema: int
    generation: int


class _List(msgspec.Struct):
    """As much of the list as tells whether it can be read; the daemon looks more closely."""

    meta: dict[str, _Head]
    downloads: dict[str, msgspec.Raw]


def examine(paths: Paths, env: Mapping[str, str], *, schema: int) -> list[Finding]:
    """Return what is so and what is wrong with settings, places, list and disks.

    `schema` is the newest of the list that this winch knows.
    """
    configuration, finding = _config(paths.config_file, env)
    settings = Settings() if configuration is None else configuration.settings
    return [
        finding,
        _directory("state", paths.state_dir),
        _run_directory(paths),
        *_open_files(paths.state_dir),
        _list(paths.state_dir, schema),
        _owner(paths.lock_file),
        _room("state disk", paths.state_dir, settings.disk.low_bytes),
        *_destination(settings),
        *_hooks(settings.hooks),
    ]


def stored_records(paths: Paths) -> DiskUsage:
    """Return how many resume records there are and their bytes, as far as they can be seen."""
    files, size = 0, 0
    with suppress(OSError), os.scandir(paths.state_dir / "resume_data") as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.name.endswith(".json") and entry.is_file(follow_symlinks=False):
                    size += entry.stat(follow_symlinks=False).st_size
                    files += 1
    return DiskUsage(files=files, bytes=size)


def _config(path: Path, env: Mapping[str, str]) -> tuple[Configuration | None, Finding]:
    try:
        configuration = config_file.load(path, env)
    except ConfigError as error:
        return None, _problem("config", error)
    text = f"{path} is valid" if path.exists() else f"{path} is not there; the defaults hold"
    return configuration, Finding(subject="config", text=text)


def _directory(subject: str, path: Path) -> Finding:
    try:
        found = path.stat()
    except FileNotFoundError:
        return Finding(subject=subject, text=f"{path} is not there yet; it is made when needed")
    except OSError as error:
        return _problem(subject, StateError(f"{path} cannot be read: {error.strerror}"))
    if not stat.S_ISDIR(found.st_mode):
        return _problem(subject, StateError(f"{path} is not a directory", hint="move it away"))
    if found.st_uid != os.getuid():
        return _problem(subject, StateError(f"{path} belongs to another user"))
    if stat.S_IMODE(found.st_mode) & 0o077:
        text, hint = f"{path} is open to other users", f"chmod 700 {path}"
        return Finding(subject=subject, text=text, level="problem", hint=hint)
    return Finding(subject=subject, text=f"{path}, for its owner alone")


def _run_directory(paths: Paths) -> Finding:
    try:
        paths.check_places()
    except StateError as error:
        return _problem("socket", error)
    return Finding(subject="socket", text=str(paths.socket))


def _open_files(directory: Path) -> Iterator[Finding]:
    """Name what of the state others may read: it can hold addresses and what was asked for."""
    readable = []
    for root in (directory, directory / "resume_data"):
        try:
            entries = list(os.scandir(root))
        except OSError:
            continue
        for entry in entries:
            is_file = entry.is_file(follow_symlinks=False)
            if is_file and entry.stat(follow_symlinks=False).st_mode & 0o077:
                readable.append(entry.path)
    if readable:
        more = f" and {len(readable) - 1} more" if len(readable) > 1 else ""
        yield Finding(
            subject="state",
            text=f"others may read {min(readable)}{more}",
            level="notice",
            hint=f"chmod -R go= {directory}",
        )


def _list(directory: Path, schema: int) -> Finding:
    current, before = directory / _LIST, directory / f"{_LIST}.bak"
    damaged = []
    for path in (current, before):
        try:
            found = msgspec.json.decode(path.read_bytes(), type=_List)
            head = found.meta["1"]
        except FileNotFoundError:
            continue
        except OSError as error:
            return _problem("list", StateError(f"{path} cannot be read: {error.strerror}"))
        except (ValueError, LookupError, RecursionError) as error:
            damaged.append(f"{path} cannot be parsed ({error})")
            continue
        text = f"generation {head.generation}, schema {head.schema}, {len(found.downloads)} in it"
        if head.schema > schema:
            what = f"{path} was written by a newer winch ({text}; this one knows schema {schema})"
            return _problem("list", StateError(what, hint="update winch"))
        if path == current:
            return Finding(subject="list", text=f"{path}: {text}")
        what = " and ".join(damaged) or f"{current} is missing"
        hint = f"the next start goes on from {path.name} ({text}) and keeps what is damaged"
        return Finding(subject="list", text=what, level="problem", hint=hint)
    if damaged:
        hint = "the next start makes the list anew from resume_data and keeps what is damaged"
        return Finding(subject="list", text=" and ".join(damaged), level="problem", hint=hint)
    return Finding(subject="list", text=f"{current} is not there yet")


def _owner(path: Path) -> Finding:
    lock = InstanceLock(path)
    if not lock.is_held():
        return Finding(subject="lock", text="nobody owns the state directory")
    owner = lock.owner()
    who = f"process {owner.pid} on {owner.host}" if owner else "another process"
    return Finding(subject="lock", text=f"{who} owns the state directory")


def _room(subject: str, directory: Path, low: int) -> Finding:
    """Tell how much is free for a directory, by the first of its parents that is there."""
    there = next((path for path in (directory, *directory.parents) if path.is_dir()), directory)
    space = disk.space(str(there))
    if space is None:
        text = f"{there} cannot be asked how much is free"
        return Finding(subject=subject, text=text, level="problem")
    text = f"{rough_size(space.free)} are free for {directory}"
    if space.free < low:
        text += f", less than the {rough_size(low)} of disk.low_water"
        return Finding(subject=subject, text=text, level="notice", hint="make room")
    return Finding(subject=subject, text=text)


def _destination(settings: Settings) -> Iterator[Finding]:
    directory = Path(settings.downloads.directory).expanduser().absolute()
    yield _room("destination", directory, settings.disk.low_bytes)
    if not directory.is_dir():
        text, hint = f"{directory} does not exist", f"mkdir -p '{directory}'"
        yield Finding(subject="destination", text=text, level="problem", hint=hint)
        return
    try:
        reserves = machine.can_preallocate(directory)
    except OSError as error:
        text = f"{directory} cannot be written: {error.strerror}"
        yield Finding(subject="destination", text=text, level="problem")
        return
    if settings.downloads.preallocate and not reserves:
        text = f"{directory} cannot reserve room for files: a full disk shows only once it is full"
        yield Finding(subject="destination", text=text, level="notice")


def _hooks(settings: HookSettings) -> Iterator[Finding]:
    """Tell which of the person's programs cannot run, or could be another's by their next run."""
    for event in HookEvent:
        if not (command := settings.command(event)):
            continue
        name, found = event.hook, program_path(command[0], os.environ)
        if found is None or not os.access(found, os.X_OK):
            text = f"{name} cannot run: {command[0]} is no program"
            hint = "chmod +x makes one of a script, whose first line begins with #!"
            yield Finding(subject="hooks", text=text, level="problem", hint=hint)
        elif reason := weakness(Path(found).stat(), {os.geteuid(), ROOT}):
            text = f"{name} runs {found}, which {reason}"
            yield Finding(subject="hooks", text=text, level="problem", hint=f"chmod go-w '{found}'")
        else:
            yield Finding(subject="hooks", text=f"{name} runs {found}")


def _problem(subject: str, error: WinchError) -> Finding:
    return Finding(subject=subject, text=error.message, level="problem", hint=error.hint)
