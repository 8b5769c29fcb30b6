"""How a front end starts the daemon: itself, or by what is installed to start it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from typing import Any

from core.adapters.system import autostart
from core.adapters.system.log_file import open_log
from core.adapters.system.paths import Paths
from core.adapters.system.process import Surroundings
from core.domain.errors import DaemonError, ErrorCode, ErrorInfo, RpcError
from core.rpc.client import RemoteService, UnreachableError
from core.rpc.codec import Readiness, decode

_DAEMON = "tui.cli.daemon_process"
"""The module that is the daemon: by name, as it stands above and puts the commands into it."""
_TIMEOUT = 30.0
# While another process holds the lock and does not answer yet: it starts or it ends.
_POLL = 0.05
_POLLS_PER_START = 10


async def start(places: Paths, surroundings: Surroundings | None = None) -> RemoteService:
    """Start a daemon, or have what is installed for it do so, and return its service.

    `surroundings` are those of the one before. Raises DaemonError, and what keeps it from starting
    (ConfigError, StateError, …).
    """
    places.prepare()
    try:
        async with asyncio.timeout(_TIMEOUT):
            return await _started(places, surroundings)
    except TimeoutError:
        raise DaemonError("the daemon does not come up", hint=f"see {places.log_file}") from None


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


async def _started(places: Paths, surroundings: Surroundings | None) -> RemoteService:
    is_started = await _start_installed(places)
    while True:
        error = None if is_started else await _spawn(places, surroundings)
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
    manager = autostart.installed(places, os.environ)
    return manager is not None and await asyncio.to_thread(manager.start)


async def _spawn(places: Paths, surroundings: Surroundings | None) -> ErrorInfo | None:
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
