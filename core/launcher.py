"""How a front end comes to a service: find the daemon, start it, or be it for a while.

For the screen and the commands. They speak `core.domain` and catch the errors of
`core.rpc.client`; whatever else they need of winch's machinery they have from here. The engine is
loaded only where it runs in this process, so that a short command starts fast.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
from collections.abc import (
    Callable,
    Coroutine,
    Iterable,
    Mapping,
)
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
from core.adapters.system.log_file import open_log
from core.adapters.system.paths import Paths
from core.adapters.system.process import Surroundings
from core.domain.errors import (
    DaemonError,
    ErrorCode,
    ErrorInfo,
    HostError,
    RpcError,
    StateError,
    WinchError,
)
from core.domain.garbage import not_collecting
from core.domain.machines import Host
from core.domain.service import MOST_LOG_LINES
from core.domain.settings import Settings
from core.domain.upkeep import DiskUsage, Finding
from core.embedding import Embedded, embedded
from core.rpc.client import RemoteService, UnreachableError
from core.rpc.codec import Readiness, decode
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

_DAEMON = "tui.cli.daemon_process"
"""The module that is the daemon: by name, as it stands above and puts the commands into it."""
_START_TIMEOUT = 30.0
_LINK_TIMEOUT = 30.0
"""Seconds for a login elsewhere that asks nobody, and for a daemon there to start."""
# While another process holds the lock and does not answer yet: it starts or it ends.
_POLL = 0.05
_POLLS_PER_START = 10


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
        return await _connect_to(host, patience, interactive=interactive, start=start)
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
    return await start_and_open(places)


async def restart_daemon(tell: Callable[[str], None]) -> RemoteService:
    """End the daemon at a checkpoint and start this winch's in its surroundings; return that.

    `tell` gets a sentence for each step. Raises ConfigError, before anything is stopped, where the
    next one would not take its settings, and DaemonError where it does not come up, with the way
    on; what was downloaded is kept in any case.
    """
    from core.handover import restart  # noqa: PLC0415

    return await restart(paths(), tell)


async def start_and_open(places: Paths, surroundings: Surroundings | None = None) -> RemoteService:
    """Start a daemon, or have what is installed for it do so, and connect; raises as `connect`.

    `surroundings` are those of the one before.
    """
    places.prepare()
    try:
        async with asyncio.timeout(_START_TIMEOUT):
            return await _start_and_open(places, surroundings)
    except TimeoutError:
        raise DaemonError("the daemon does not come up", hint=f"see {places.log_file}") from None


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


async def _connect_to(
    host: Host, patience: float | None, *, interactive: bool, start: bool
) -> RemoteService:
    from core.adapters.system.remote_shell import RemoteShell  # noqa: PLC0415
    from core.rpc.link import LinkedService  # noqa: PLC0415

    if patience is None and not interactive:
        patience = _LINK_TIMEOUT
    try:
        # Where a person is asked for a password, they have all the time they need.
        async with asyncio.timeout(patience):
            line = await RemoteShell.open(
                host, interactive=interactive, patience=patience, start=start
            )
            return await LinkedService.over(line, host.name)
    except TimeoutError:
        raise HostError(
            f"{host.name} has not answered for {patience:g} s",
            hint=f"see whether this works: {shlex.join(host.ssh)}",
        ) from None


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


async def _start_and_open(places: Paths, surroundings: Surroundings | None) -> RemoteService:
    is_started = await _start_installed(places)
    while True:
        error = None if is_started else await _start(places, surroundings)
        # What says that it has started it, and has not, is asked once.
        is_started = False
        if error is not None and error.code is not ErrorCode.LOCKED:
            raise error.to_error()
        # Locked: another client was faster and its daemon comes up, or the last one is about to
        # end. Either way the socket will tell, or the lock will be free for the next attempt.
        for _ in range(_POLLS_PER_START):
            with suppress(UnreachableError):
                return await RemoteService.open(places.socket)
            await asyncio.sleep(_POLL)


async def _start_installed(places: Paths) -> bool:
    """Have what is installed for it start the daemon; False where it is not, or does not.

    Else it would end with the login that somebody has started it in. Where it fails, starting it
    here does it, or says why not.
    """
    # Only who finds no daemon needs it.
    from core.adapters.system import autostart  # noqa: PLC0415

    manager = autostart.installed(places, os.environ)
    return manager is not None and await asyncio.to_thread(manager.start)


async def _start(places: Paths, surroundings: Surroundings | None) -> ErrorInfo | None:
    """Start a daemon and return once it serves, or why it does not."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", buffering=0), os.fdopen(writer, "wb", buffering=0) as ready:
        try:
            log = open_log(places.log_file)
        except OSError as error:
            raise DaemonError(
                "the daemon cannot be started: its log"
                f" {places.log_file} cannot be written: {error.strerror}"
            ) from error
        # uvloop knows no such word; only a restart has one, and that has a loop of asyncio.
        umask: dict[str, Any] = {} if surroundings is None else {"umask": surroundings.umask}
        try:
            with os.fdopen(log, "ab", buffering=0) as stderr:
                # -P: a directory called core that lies about must not be taken for ours.
                starter = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-P", "-m", _DAEMON, "--detach", "--ready-fd", str(writer)),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    cwd="/",
                    env=environment_of_daemon()
                    if surroundings is None
                    else surroundings.environment,
                    **umask,
                    pass_fds=(writer,),
                    start_new_session=True,
                )
        except OSError as error:
            raise DaemonError(f"the daemon cannot be started: {error.strerror}") from error
        # From here on only the daemon holds the other end, so that its death ends the pipe.
        ready.close()
        await starter.wait()
        line = await _read_line(reader)
    try:
        readiness: Readiness = decode(line, Readiness)
    except RpcError:
        raise DaemonError(
            "the daemon ended while it started", hint=f"see {places.log_file}"
        ) from None
    return readiness.error


async def _read_line(descriptor: int) -> bytes:
    """Return what is written to a pipe up to a newline or its end."""
    loop = asyncio.get_running_loop()
    data = bytearray()
    while not data.endswith(b"\n"):
        readable = loop.create_future()
        loop.add_reader(descriptor, _resolve, readable)
        try:
            await readable
        finally:
            loop.remove_reader(descriptor)
        chunk = os.read(descriptor, 4096)
        if not chunk:
            break
        data += chunk
    return bytes(data)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def environment_of_daemon() -> dict[str, str]:
    """Return the variables of a daemon that this process starts."""
    environment = dict(os.environ)
    if home := environment.get("WINCH_HOME"):
        # Relative to where this process is; the daemon works in /.
        environment["WINCH_HOME"] = os.path.abspath(os.path.expanduser(home))  # noqa: PTH100, PTH111
    # It is not what a service manager has started: those words are for this process at most.
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        environment.pop(name, None)
    return environment
