"""How a front end comes to a service: find the daemon, start it, or be it for a while.

For the screen and the commands. They speak `core.domain` and catch the errors of
`core.rpc.client`; whatever else they need of winch's machinery they have from here. The engine is
loaded only where it runs in this process, so that a short command starts fast.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from core.adapters.config import config_file
from core.adapters.config.config_file import Configuration, SettingOrigin, SettingValue
from core.adapters.files.named_file import (
    CHUNK,
    COOKIES_BYTES,
    check_named,
    named_chunks,
    read_named,
)
from core.adapters.system.paths import Paths
from core.domain.errors import StateError, WinchError
from core.domain.garbage import not_collecting
from core.domain.machines import Host
from core.domain.service import MOST_LOG_LINES
from core.domain.settings import Settings
from core.domain.upkeep import DiskUsage, Finding
from core.embedding import Embedded, embedded
from core.rpc.client import RemoteService, UnreachableError
from core.rpc.command import CommandCall, Commands, Write
from core.rpc.wire import dial

__all__ = [
    "CHUNK",
    "COOKIES_BYTES",
    "CommandCall",
    "Commands",
    "Configuration",
    "Embedded",
    "Paths",
    "RemoteService",
    "SettingOrigin",
    "SettingValue",
    "Write",
    "be_daemon",
    "change_setting",
    "check_named",
    "connect",
    "embedded",
    "examine",
    "host_named",
    "hosts_named",
    "join_stdio",
    "make_below",
    "named_chunks",
    "paths",
    "place_of",
    "read_configuration",
    "read_named",
    "run_daemon",
    "run_engine",
    "shortcomings",
    "stop_daemon",
    "stored_records",
    "tail_log",
]

T = TypeVar("T")


async def make_below(root: str, directories: Iterable[str]) -> dict[str, WinchError]:
    """Make directories below a destination, following no link; return what is wrong with which.

    Raises DestinationError unless files can be made in the destination itself.
    """
    from core.adapters.files import below, destination  # noqa: PLC0415 - few commands need it

    await destination.check_directory(root)
    return await below.make_below(root, directories)


def paths(environment: Mapping[str, str] | None = None) -> Paths:
    """Return where this process, or one with this environment, and its daemon keep everything."""
    return Paths.discover(os.environ if environment is None else environment)


def read_configuration(environment: Mapping[str, str] | None = None) -> Configuration:
    """Return every setting with its source, as the engine obeys them; raises ConfigError.

    What names keys of the screen is not judged here: `tui.control.configuration` does.
    """
    environment = os.environ if environment is None else environment
    return config_file.load(paths(environment).config_file, environment)


def host_named(text: str, settings: Settings) -> Host:
    """Return a machine by its name in config.toml, or as ssh takes it; raises UsageError."""
    from core.domain import host_names  # noqa: PLC0415 - few commands are for another machine

    return host_names.host_named(text, settings)


def hosts_named(text: str, settings: Settings) -> list[Host]:
    """Return the machines of `-H a,b`, or for `all` those of config.toml; raises UsageError."""
    from core.domain import host_names  # noqa: PLC0415 - as above

    return host_names.hosts_named(text, settings)


def place_of(*names: str) -> str:
    """Return where a setting is written, by the names that lead to it; raises ConfigError."""
    return config_file.place_of(paths().config_file, *names)


def change_setting(section: str, key: str, text: str | None) -> Configuration:
    """Write a setting into config.toml, or with None take it out, and return what holds then.

    `text` is read by the type of the setting. Raises ConfigError; nothing is written then.
    """
    # Only the screen's settings change the file.
    from core.adapters.config import config_edit  # noqa: PLC0415

    value = None if text is None else config_file.value_of(section, key, text)
    return config_edit.write(paths().config_file, os.environ, section, key, value)


def examine() -> list[Finding]:
    """Return what can be seen of settings, places, list and disks without a daemon."""
    # Only `winch doctor` looks so closely.
    from core.adapters.config import examination  # noqa: PLC0415

    try:
        places = paths()
    except StateError as error:
        return [Finding(subject="state", text=error.message, level="problem", hint=error.hint)]
    from core.adapters.state import records  # noqa: PLC0415
    from core.adapters.system import autostart  # noqa: PLC0415

    found = examination.examine(places, os.environ, schema=1 + len(records.DOWNLOADS))
    return [*found, autostart.survival(places, os.environ)]


def stored_records() -> DiskUsage:
    """Return what resume records there are, where no daemon can be asked."""
    from core.adapters.config import examination  # noqa: PLC0415

    with suppress(StateError):
        return examination.stored_records(paths())
    return DiskUsage()


def shortcomings() -> tuple[str, ...]:
    """Return what degrades on this machine, where no daemon can be asked."""
    from core.adapters.system import machine  # noqa: PLC0415

    with suppress(StateError):
        return machine.shortcomings(paths().state_dir)
    return ()


async def connect(
    *,
    start: bool = True,
    host: Host | None = None,
    patience: float | None = None,
    interactive: bool = True,
) -> RemoteService:
    """Return the daemon's service, from a daemon that is started if none runs.

    With a `host` it is the one there; within `patience` seconds, and
    unless `interactive` nothing is asked on the terminal. Raises HostError where it cannot be
    reached. While one hands over to the next, that one is waited for, also unless `start`.

    Raises DaemonError when none runs and `start` is False, when it cannot be started, or when it
    is of another version; raises what keeps it from starting (ConfigError, StateError, …).
    """
    if host is not None:
        # Few commands are for another machine.
        from core import remote  # noqa: PLC0415

        return await remote.connect(host, patience, interactive=interactive, start=start)
    places = paths()
    places.check_places()
    with suppress(UnreachableError):
        return await RemoteService.open(places.socket)
    if places.handover_file.exists():
        # Whoever sees to it starts the next one, with the surroundings of the one before.
        from core.handover import until_done  # noqa: PLC0415

        await until_done(places)
    if not start:
        return await RemoteService.open(places.socket)
    # Mostly one runs.
    from core import starting  # noqa: PLC0415

    return await starting.start(places)


async def restart_daemon(tell: Callable[[str], None]) -> RemoteService:
    """End the daemon at a checkpoint and start this winch's in its surroundings; see there."""
    from core.handover import restart  # noqa: PLC0415

    return await restart(paths(), tell)


def tail_log(lines: int) -> list[str]:
    """Return the end of the log where no daemon can be asked for it; raises StateError."""
    from core.adapters.system import log_file  # noqa: PLC0415 - seldom does none run

    return log_file.tail(paths().log_file, min(lines, MOST_LOG_LINES))


async def stop_daemon(tell: Callable[[str], None] = lambda _: None) -> bool:
    """End the daemon, whatever its version and state, and return once it is gone.

    False if none ran. Where asking is not enough `tell` gets a sentence for each further step; see
    `core.stopping`. Raises DaemonError where nothing helps.
    """
    # Only `winch daemon stop` ends one.
    from core.stopping import stop  # noqa: PLC0415

    return await stop(paths(), tell)


def run_engine(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that holds an engine, on the loop that moves bytes with the least effort."""
    with not_collecting():
        from core import daemon  # noqa: PLC0415

    return daemon.run_loop(main)


def leave_number_one() -> None:
    """Have a parent that buries orphans where this is process 1; see there."""
    from core.adapters.system import process_one  # noqa: PLC0415

    process_one.leave_number_one()


async def run_daemon(
    on_ready: Callable[[], None] = lambda: None, commands: Commands | None = None
) -> None:
    """Be the daemon in the foreground until SIGTERM, SIGINT or `shutdown`; it does not linger.

    `on_ready` is called once clients can connect, `commands` does whole commands for them. Raises
    LockedError when one runs already.
    """
    from core import daemon  # noqa: PLC0415

    await daemon.run(linger=False, on_ready=on_ready, commands=commands)


def be_daemon(commands: Commands) -> int:
    """Be the daemon that a client starts on demand, and return its exit status."""
    with not_collecting():
        from core import daemon  # noqa: PLC0415

    return daemon.main(commands=commands)


async def join_stdio(*, start: bool = True) -> None:
    """Join stdin and stdout with the daemon, which with `start` is started if none runs.

    What keeps it from that is said to the other end; raises UsageError where they are no pipes, and
    UnreachableError, of which the other end hears by the exit status, where none is to be started.
    """
    from core import stdio_pipe  # noqa: PLC0415

    try:
        async with await connect(start=start):
            # A client until another connection is one: the daemon cannot end in between.
            line = await dial(paths().socket)
    except WinchError as error:
        if start or not isinstance(error, UnreachableError):
            stdio_pipe.refuse(error)
        raise
    await stdio_pipe.join(*line)
